#include "identity/records.h"

#include <gtest/gtest.h>

namespace proviso::identity {
namespace {

const Person kPerson{"ana.ruiz", {"analyst", "commander"}, 2, "ES", {1795651200}};
const StoredKey kKey{{"k_0123456789abcdef", "ana.ruiz", "logistics", {1}, {1795651200}, {0}},
                     sha256("key")};

TEST(Records, RoundTrip) {
  const std::string person = encode_person(kPerson);
  EXPECT_EQ(
      person,
      R"({"clearance":2,"nationality":"ES","roles":["analyst","commander"],"training_until":1795651200})");
  EXPECT_EQ(encode_person(decode_person("ana.ruiz", person).value()), person);
  const std::string key = encode_key(kKey);
  EXPECT_EQ(encode_key(decode_key(kKey.info.id, key).value()), key);
  EXPECT_EQ(decode_key(kKey.info.id, key).value().digest, sha256("key"));
}

TEST(Records, AnyChangedByteThatStillReadsReadsAsWritten) {
  const std::string person = encode_person(kPerson);
  for (size_t i = 0; i < person.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = person;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      const auto read = decode_person("ana.ruiz", changed);
      if (read)
        EXPECT_EQ(encode_person(*read), changed);
      else
        EXPECT_EQ(read.error().code, Code::kCorrupt);
    }
  }
}

TEST(Records, RefusesWhatIsNotExactlyAPersonOrAKey) {
  const std::string person = encode_person(kPerson);
  const std::string key = encode_key(kKey);
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), person + " ", key}) {
    EXPECT_EQ(decode_person("ana.ruiz", text).error().code, Code::kCorrupt) << text;
  }
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("7"), key + " ", person}) {
    EXPECT_EQ(decode_key(kKey.info.id, text).error().code, Code::kCorrupt) << text;
  }
  EXPECT_FALSE(decode_person("not a name", person));
}

TEST(Records, Names) {
  for (const char* good : {"a", "A9", "ana.ruiz@unit-7.example", "k_0123456789abcdef", "9"}) {
    EXPECT_TRUE(check_name("name", good)) << good;
  }
  for (const char* bad : {"", ".a", "-a", "_a", "a b", "a/b", "a\n", "\xc3\xbc", "a\"b", "a`b"}) {
    EXPECT_EQ(check_name("name", bad).error().code, Code::kInvalid) << bad;
  }
  EXPECT_TRUE(check_name("name", std::string(kNameBytesMax, 'a')));
  EXPECT_FALSE(check_name("name", std::string(kNameBytesMax + 1, 'a')));
}

TEST(Records, PeopleHaveSortedRolesAndLimits) {
  Person person = kPerson;
  person.roles = {"b", "a"};
  EXPECT_EQ(check_person(person).error().code, Code::kInvalid);
  person.roles = {"a", "a"};
  EXPECT_EQ(check_person(person).error().code, Code::kInvalid);
  person.roles.clear();
  EXPECT_TRUE(check_person(person));
  for (size_t i = 0; i <= kRolesMax; ++i) person.roles.push_back("r" + std::to_string(100 + i));
  EXPECT_EQ(check_person(person).error().code, Code::kLimit);
  person = kPerson;
  person.clearance = -1;
  EXPECT_EQ(check_person(person).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace proviso::identity
