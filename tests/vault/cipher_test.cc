#include "vault/cipher.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "vault/names.h"

namespace proviso::vault {
namespace {

TEST(Cipher, RecordsRoundTripAtEverySize) {
  const Key wrapping = Key::random();
  for (const size_t size : {0u, 1u, 15u, 16u, 17u, 2500u, 100'000u}) {
    const std::string plain(size, 'p');
    const std::string bytes = encrypt_record(wrapping, "default/2026-11", plain);
    EXPECT_EQ(bytes.size(), size + kRecordOverhead);
    EXPECT_EQ(decrypt_record(wrapping, "default/2026-11", bytes).value(), plain);
  }
  EXPECT_NE(encrypt_record(wrapping, "default/2026-11", "same"),
            encrypt_record(wrapping, "default/2026-11", "same"));
}

TEST(Cipher, AnyFlippedBitOfARecordIsFound) {
  const Key wrapping = Key::random();
  const std::string bytes = encrypt_record(wrapping, "default/2026-11", "what the leaf commits to");
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string tampered = bytes;
      tampered[i] = static_cast<char>(tampered[i] ^ 1 << bit);
      const auto opened = decrypt_record(wrapping, "default/2026-11", tampered);
      ASSERT_FALSE(opened) << i;
      EXPECT_EQ(opened.error().code, Code::kCorrupt);
    }
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decrypt_record(wrapping, "default/2026-11", bytes.substr(0, length)));
  }
  EXPECT_FALSE(decrypt_record(wrapping, "default/2026-12", bytes))
      << "a record moved to another segment";
  EXPECT_FALSE(decrypt_record(Key::random(), "default/2026-11", bytes));
}

TEST(Cipher, WrappingKeysAreBoundToRootAndSegment) {
  const Key root = Key::random();
  const Key wrapping = Key::random();
  const std::string bytes = encrypt_key(root, "default/2026-11", wrapping);
  EXPECT_EQ(decrypt_key(root, "default/2026-11", bytes).value().view(), wrapping.view());
  EXPECT_EQ(decrypt_key(root, "default/2026-12", bytes).error().code, Code::kCorrupt);
  EXPECT_EQ(decrypt_key(Key::random(), "default/2026-11", bytes).error().code, Code::kCorrupt);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string tampered = bytes;
    tampered[i] = static_cast<char>(tampered[i] ^ 1);
    EXPECT_FALSE(decrypt_key(root, "default/2026-11", tampered)) << i;
  }
}

TEST(Names, PeriodsAreMonthsInUtc) {
  const std::pair<const char*, const char*> cases[] = {{"2026-11-30T23:59:59Z", "default/2026-11"},
                                                       {"2026-12-01T00:00:00Z", "default/2026-12"},
                                                       {"1970-01-01T00:00:00Z", "default/1970-01"}};
  for (const auto& [time, name] : cases)
    EXPECT_EQ(segment_name("default", parse_time(time).value()).value(), name);
  EXPECT_FALSE(segment_name("default", UtcSeconds{-1}));
  EXPECT_FALSE(segment_name("default", UtcSeconds{253402300800}));
}

TEST(Names, NothingButANameReachesAPath) {
  for (const char* bad : {"", "Default", "a/b", "..", ".", "a b", "-a", "a-", "a_b", "\xc3\xbc"}) {
    EXPECT_EQ(segment_name(bad, UtcSeconds{0}).error().code, Code::kInvalid) << bad;
  }
  EXPECT_TRUE(segment_name(std::string(63, 'a'), UtcSeconds{0}));
  EXPECT_FALSE(segment_name(std::string(64, 'a'), UtcSeconds{0}));
  for (const char* bad :
       {"default", "default/2026", "default/2026-13", "default/2026-1", "/2026-11", "../2026-11",
        "a/b/2026-11", "default/2026-11/", "default-2026-11"}) {
    EXPECT_FALSE(check_segment_name(bad)) << bad;
  }
  for (const char* name : {"default/2026-11", "a-b-2026/2026-01"}) {
    EXPECT_EQ(segment_of_stem(file_stem(name)).value(), name);
  }
  EXPECT_FALSE(segment_of_stem("2026-11"));
  EXPECT_FALSE(segment_of_stem("default/2026-11"));
}

}  // namespace
}  // namespace proviso::vault
