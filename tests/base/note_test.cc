#include "base/note.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/data.h"
#include "base/json.h"

namespace proviso::note {
namespace {

using test::Tally;

std::string text_of(json::Element value) { return std::string(value.get_string().value()); }

std::optional<std::string> vectors(const std::string& name) {
  return test::data_path("notes: " + name, "tlog-vectors/" + name);
}

TEST(NoteVectors, Notes) {
  const auto path = vectors("notes.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  Tally tally("notes");
  size_t other_types = 0;
  for (const json::Element item : file["cases"].get_array().value()) {
    std::vector<VerifierKey> keys;
    bool only_ed25519 = true;
    for (const json::Element key : item["trusted_vkeys"].get_array().value()) {
      keys.push_back(VerifierKey::parse(text_of(key)).value());
      only_ed25519 = only_ed25519 && keys.back().type == 0x01;
    }
    std::vector<std::string> verified;
    const auto note = open(hex_decode(text_of(item["note_hex"].value())).value(), keys, &verified);
    const std::string want = text_of(item["result"].value());
    bool good;
    if (want == "accept" && only_ed25519) {
      good = note && verified.size() == item["verified"].get_uint64().value();
    } else if (want == "accept") {
      // Signed by keys of other types alone: read past, so nobody whom we can check signed it.
      good = !note && note.error().code == Code::kUnverified;
      ++other_types;
    } else if (want == "malformed" || want == "ambiguous-key") {
      good = !note && note.error().code == Code::kInvalid;
    } else {
      good = !note && note.error().code == Code::kUnverified;
    }
    EXPECT_TRUE(tally.count(good)) << text_of(item["id"].value());
  }
  std::printf("base: notes of other types read past: %zu\n", other_types);
}

TEST(NoteVectors, VerifierKeys) {
  const auto path = vectors("vkeys.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  Tally tally("vkeys");
  for (const json::Element item : file["cases"].get_array().value()) {
    const std::string text = text_of(item["vkey"].value());
    const auto key = VerifierKey::parse(text);
    EXPECT_TRUE(tally.count(key.has_value() == item["valid"].get_bool().value())) << text;
    if (key) EXPECT_EQ(key->text(), text);
  }
}

TEST(NoteVectors, Checkpoints) {
  const auto path = vectors("checkpoints.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  Tally tally("checkpoints");
  for (const json::Element item : file["cases"].get_array().value()) {
    const std::string body = hex_decode(text_of(item["body_hex"].value())).value();
    const auto checkpoint = Checkpoint::parse(body);
    bool good = checkpoint.has_value() == item["valid"].get_bool().value();
    if (good && checkpoint) {
      good = checkpoint->text() == body;
      if (!item["origin"].error()) {
        good = good && checkpoint->origin == text_of(item["origin"].value()) &&
               std::to_string(checkpoint->size) == text_of(item["size"].value()) &&
               base64_encode(checkpoint->root.view()) == text_of(item["root_b64"].value());
      }
    }
    EXPECT_TRUE(tally.count(good)) << text_of(item["id"].value());
  }
}

TEST(NoteVectors, RealLogOfTessera) {
  const auto path = vectors("tessera-testdata-log");
  if (!path) return;
  std::string vkey = test::slurp(*path + "/vkey");
  while (!vkey.empty() && vkey.back() == '\n') vkey.pop_back();
  const VerifierKey key = VerifierKey::parse(vkey).value();
  Tally tally("tessera checkpoints");
  for (uint64_t size = 0; size <= 10; ++size) {
    const auto note = open(test::slurp(*path + "/checkpoint." + std::to_string(size)), {&key, 1});
    const auto checkpoint = note ? Checkpoint::parse(note->text) : fail(Code::kInvalid, "");
    EXPECT_TRUE(tally.count(checkpoint && checkpoint->size == size)) << size;
  }
}

class Signed : public testing::Test {
 protected:
  const PrivateKey key_ = PrivateKey::create(std::string(32, 's')).value();
  const VerifierKey known_ = VerifierKey::ed25519("gate.example/log", key_.public_key()).value();
  const Checkpoint body_{"gate.example/log", 7, sha256("root"), {}};
  const std::string note_ = sign(body_.text(), "gate.example/log", key_).value();
};

TEST_F(Signed, RoundTrips) {
  std::vector<std::string> verified;
  const auto note = open(note_, {&known_, 1}, &verified);
  ASSERT_TRUE(note);
  EXPECT_EQ(verified, std::vector<std::string>{"gate.example/log"});
  EXPECT_EQ(Checkpoint::parse(note->text).value().text(), body_.text());
  EXPECT_EQ(VerifierKey::parse(known_.text()).value().key, key_.public_key().raw());
}

TEST_F(Signed, AnyFlippedBitIsRefused) {
  for (size_t i = 0; i < note_.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string tampered = note_;
      tampered[i] = static_cast<char>(tampered[i] ^ 1 << bit);
      EXPECT_FALSE(open(tampered, {&known_, 1})) << i;
    }
  }
}

TEST_F(Signed, EveryTruncationIsRefused) {
  for (size_t length = 0; length < note_.size(); ++length) {
    EXPECT_FALSE(open(note_.substr(0, length), {&known_, 1})) << length;
  }
}

TEST_F(Signed, LinesOfOthersAreReadPastUpToTheLimit) {
  const std::string line = "\xE2\x80\x94 witness.example AAAAAAAA\n";
  std::string many = note_;
  for (size_t i = 1; i < kSignaturesMax; ++i) many += line;
  EXPECT_TRUE(open(many, {&known_, 1}));
  EXPECT_EQ(open(many + line, {&known_, 1}).error().code, Code::kLimit);
  EXPECT_EQ(parse(std::string(kNoteBytesMax + 1, 'x')).error().code, Code::kLimit);
  const VerifierKey same_name_other_key =
      VerifierKey::ed25519("gate.example/log", PrivateKey::generate().public_key()).value();
  EXPECT_EQ(open(note_, {&same_name_other_key, 1}).error().code, Code::kUnverified);
}

TEST_F(Signed, RefusesToSignWhatCouldNotBeReadBack) {
  for (const std::string& text :
       {std::string(), std::string("no end"), std::string("tab\t\n"), std::string("\xff\n")}) {
    EXPECT_EQ(sign(text, "a", key_).error().code, Code::kInvalid);
  }
  for (const char* name : {"", "a b", "a+b", "a\xC2\xA0z", "a\xE2\x80\x89z", "a\nb"}) {
    EXPECT_EQ(sign("text\n", name, key_).error().code, Code::kInvalid) << name;
    EXPECT_FALSE(VerifierKey::ed25519(name, key_.public_key()));
  }
}

}  // namespace
}  // namespace proviso::note
