// What an amendment needs the custodians of red lines for: each change with and without the signature that the
// agreement in force asks for, whoever the amended one names.
#include <fmt/format.h>

#include <functional>

#include "agreement/custody.h"
#include "agreement/difference.h"
#include "agreement/support.h"
#include "base/sshsig.h"

namespace proviso::agreement {
namespace {

using Keys = std::map<std::string, PrivateKey>;
using Edit = std::function<void(Files&)>;

constexpr const char* kVendor = "Model vendor";

void replace(Files& files, const std::string& file, const std::string& from, const std::string& to) {
  std::string& text = files.at(file);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << file << ": " << from;
  text.replace(at, from.size(), to);
}

// The enclave sample with fresh keys, an amendment of it, and who signs that.
class Custody : public testing::Test {
 protected:
  Custody() {
    before_files_ = folder("agreements/enclave");
    const auto sample = load_or_fail(before_files_);
    for (const Party& party : sample->terms().parties) keys_.emplace(party.name, PrivateKey::generate());
    before_files_ = keyed(before_files_, keys_);
    before_ = load_or_fail(before_files_);
  }

  static Files keyed(const Files& files, const Keys& keys) {
    std::map<std::string, std::string> lines;
    for (const auto& [party, key] : keys) lines[party] = sshsig::format_public_key(key.public_key(), "test");
    const auto out = with_party_keys(files, lines);
    EXPECT_TRUE(out) << (out ? "" : out.error().message);
    return out ? *out : Files();
  }

  Files amended(const Edit& edit) const {
    Files files = before_files_;
    replace(files, "agreement.toml", "revision    = 1", "revision    = 2");
    edit(files);
    return files;
  }

  // Every party of the amended agreement signs with the keys that *it* names, except those left out.
  static Files signed_with(Files files, const Keys& keys, const std::string& but = {}) {
    for (const auto& [party, key] : keys) {
      if (party == but) continue;
      auto out = sign_for_party(std::move(files), party, key);
      EXPECT_TRUE(out) << (out ? "" : out.error().message);
      files = out ? std::move(*out) : Files();
    }
    return files;
  }

  // The paper that custodians sign; only what it is about counts here.
  static Files with_difference(Files files, const Digest& from, const Digest& to) {
    files[std::string(kDifferencePath)] =
        fmt::format(R"({{"format":"{}","from":{{"digest":"{}"}},"to":{{"digest":"{}"}}}})", kDifferenceFormat, from.hex(), to.hex());
    return files;
  }

  // Refused without `party`'s old key, with each of the words in the refusal; accepted with it.
  void expect_guarded(const Files& files, const std::string& party, const std::vector<std::string>& words) const {
    const auto without = load_or_fail(files);
    ASSERT_TRUE(without);
    const Status refused = check_custodians(*before_, *without);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kUnverified);
    for (const std::string& word : words) {
      EXPECT_NE(refused.error().message.find(word), std::string::npos) << word << " in " << refused.error().message;
    }
    // Another's signature in its place is not the custodian's.
    const Files papers = with_difference(files, before_->digest(), without->digest());
    const auto forged = load_or_fail(sign_as_custodian(papers, party, PrivateKey::generate()));
    EXPECT_FALSE(check_custodians(*before_, *forged));
    Files more = papers;
    for (const auto& [name, key] : keys_) more = sign_as_custodian(std::move(more), name, key);
    const auto with = load_or_fail(more);
    const Status accepted = check_custodians(*before_, *with);
    EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error().message);
    Files all_but = papers;
    for (const auto& [name, key] : keys_) {
      if (name != party) all_but = sign_as_custodian(std::move(all_but), name, key);
    }
    EXPECT_FALSE(check_custodians(*before_, *load_or_fail(all_but))) << party << " is needed";
  }

  Files before_files_;
  Keys keys_;
  std::shared_ptr<const Agreement> before_;
};

// The control for all that follows: what only tightens elsewhere needs nobody.
TEST_F(Custody, AClauseThatTightensNeedsNoCustodian) {
  const Files files = amended([](Files& all) {
    all.at("clauses/6-secrets.md") += "\n```cedar\n@clause(\"6.9\")\nforbid (principal, action == Action::\"ask\", resource)\n"
                                      "when { context.tools_offered > 900 };\n```\n";
  });
  const auto next = load_or_fail(files);
  ASSERT_TRUE(next);
  EXPECT_TRUE(touched_lines(*before_, *next).empty());
  EXPECT_TRUE(check_custodians(*before_, *next));
  EXPECT_TRUE(wider_terms(*before_, *next).empty());
}

// What custodians sign is the difference between exactly these two, byte for byte.
TEST_F(Custody, ASignedDifferenceIsAboutTheseBytes) {
  const Files files = amended([](Files& all) {
    replace(all, "agreement.toml", "id    = \"fire_plan\"\nclass = \"force\"", "id    = \"fire_plan\"\nclass = \"write\"");
  });
  const Digest next = load_or_fail(files)->digest();
  const auto signed_by_all = [&](Files papers) {
    for (const auto& [name, key] : keys_) papers = sign_as_custodian(std::move(papers), name, key);
    return papers;
  };
  const Files right = signed_by_all(with_difference(files, before_->digest(), next));
  EXPECT_TRUE(check_custodians(*before_, *load_or_fail(right)));
  // About another agreement in force, or another amendment.
  const Digest other = sha256("another");
  for (const auto& [from, to] : {std::pair{other, next}, std::pair{before_->digest(), other}}) {
    const Status refused = check_custodians(*before_, *load_or_fail(signed_by_all(with_difference(files, from, to))));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("write it anew"), std::string::npos) << refused.error().message;
  }
  // Changed after it was signed, taken away after it was signed, never there, not what it should be.
  Files changed = right;
  changed.at(std::string(kDifferencePath)) += " ";
  EXPECT_FALSE(check_custodians(*before_, *load_or_fail(changed)));
  Files gone = right;
  gone.erase(std::string(kDifferencePath));
  EXPECT_FALSE(check_custodians(*before_, *load_or_fail(gone)));
  EXPECT_FALSE(check_custodians(*before_, *load_or_fail(signed_by_all(files))));
  Files nonsense = files;
  nonsense[std::string(kDifferencePath)] = "{}";
  EXPECT_FALSE(check_custodians(*before_, *load_or_fail(signed_by_all(nonsense))));
}

TEST_F(Custody, AToolInAMilderClass) {
  const Files files = amended([](Files& all) {
    replace(all, "agreement.toml", "id    = \"fire_plan\"\nclass = \"force\"", "id    = \"fire_plan\"\nclass = \"write\"");
  });
  expect_guarded(signed_with(files, keys_, kVendor), kVendor, {"R1", "Model vendor", "`fire_plan`"});
  const auto wider = wider_terms(*before_, *load_or_fail(files));
  ASSERT_EQ(wider.size(), 1u);
  EXPECT_EQ(wider[0], "tool `fire_plan` moves from class `force` to `write`");
}

// Who signs an amendment is told when the agreement stops waiting for witnesses, or waits later.
TEST_F(Custody, FewerWitnesses) {
  const auto with = [&](const char* lines) {
    return load_or_fail(amended([&](Files& all) {
      replace(all, "agreement.toml", "without_quorum = \"serve\" ", "without_quorum = \"refuse\" ");
      replace(all, "agreement.toml", "grace_seconds  = 60 ", lines);
    }));
  };
  const auto strict = with("grace_seconds  = 60 ");
  const auto later = with("grace_seconds  = 61 ");
  EXPECT_TRUE(wider_terms(*before_, *strict).empty());
  EXPECT_TRUE(wider_terms(*later, *strict).empty());
  EXPECT_EQ(wider_terms(*strict, *before_), std::vector<std::string>{"it answers where witnesses are missing"});
  EXPECT_EQ(wider_terms(*strict, *later), std::vector<std::string>{"witnesses may be missing for 61 s instead of 60"});
}

// The operator names a key of its own for the vendor and signs with it: the new agreement is signed by every party
// that it names, and still not by the vendor.
TEST_F(Custody, AnotherKeyForAParty) {
  Keys swapped = keys_;
  swapped.erase(kVendor);
  swapped.emplace(kVendor, PrivateKey::generate());
  const Files files = signed_with(amended([&](Files& all) { all = keyed(all, swapped); }), swapped);
  const auto next = load_or_fail(files);
  EXPECT_TRUE(next->check_signatures()) << "the guard alone must refuse it";
  expect_guarded(files, kVendor, {"R1", "name or key of `Model vendor`"});
}

TEST_F(Custody, ARedLineStruck) {
  const Files files = amended([](Files& all) {
    replace(all, "redlines.md", "| R6 | overseer | ask, release, act | no secret passes, in an emergency neither |\n", "");
    replace(all, "redlines.md", "R6: ask, release, act => !context.content.labels.contains(\"secret\")\n", "");
  });
  expect_guarded(signed_with(files, keys_, "Inspectorate"), "Inspectorate", {"R6", "the line is struck"});
}

TEST_F(Custody, ALabelDropped) {
  const Files files = amended([](Files& all) {
    replace(all, "agreement.toml", "  \"bulk_person_analysis\",\n", "");
    replace(all, "redlines.md", ", \"bulk_person_analysis\"", "");
    for (auto& [path, text] : all) {
      for (size_t at; (at = text.find("\"bulk_person_analysis\", ")) != std::string::npos;) text.erase(at, 24);
      for (size_t at; (at = text.find(", \"bulk_person_analysis\"")) != std::string::npos;) text.erase(at, 24);
    }
    // Its examples go with it.
    for (auto& [path, text] : all) {
      for (size_t at; (at = text.find("bulk_person_analysis")) != std::string::npos;) {
        const size_t begin = text.rfind('\n', at) + 1;
        text.erase(begin, text.find('\n', at) + 1 - begin);
      }
    }
  });
  expect_guarded(signed_with(files, keys_, kVendor), kVendor, {"R3", "the list of labels changes"});
}

TEST_F(Custody, ACustodianRenamed) {
  // Another role is named as custodian of the line.
  const Files other = amended([](Files& all) { replace(all, "redlines.md", "| R1 | vendor |", "| R1 | operator |"); });
  expect_guarded(signed_with(other, keys_, kVendor), kVendor, {"R1", "the line itself changes"});
  // The party gets another name, with a key of the operator's.
  Keys renamed = keys_;
  renamed.erase(kVendor);
  renamed.emplace("Vendor of models", PrivateKey::generate());
  const Files files = signed_with(amended([&](Files& all) {
    replace(all, "agreement.toml", "name = \"Model vendor\"", "name = \"Vendor of models\"");
    all = keyed(all, renamed);
  }), renamed);
  expect_guarded(files, kVendor, {"R1", "`Vendor of models`"});
}

TEST_F(Custody, RolesSchemaAndPinnedDetectors) {
  const Files role = amended([](Files& all) { replace(all, "agreement.toml", "[purposes]", "clerk = \"files papers\"\n\n[purposes]"); });
  expect_guarded(signed_with(role, keys_, kVendor), kVendor, {"R5", "the roles `clerk` change"});
  const Files schema = amended([](Files& all) { all["schema.cedarschema"] = "entity Ward;\n"; });
  expect_guarded(signed_with(schema, keys_, kVendor), kVendor, {"the schema changes"});
  const Files pinned = amended([](Files& all) {
    replace(all, "agreement.toml", "[labels]\n", "[labels]\ndetectors = \"" + std::string(64, 'a') + "\"\n");
  });
  expect_guarded(signed_with(pinned, keys_, kVendor), kVendor, {"R2", "the pinned detectors change"});
}

TEST_F(Custody, AnOldRevisionDoesNotFollow) {
  const auto next = load_or_fail(amended([](Files&) {}));
  EXPECT_TRUE(check_follows(*before_, *next));
  EXPECT_EQ(check_follows(*next, *before_).error().code, Code::kConflict);
  EXPECT_EQ(check_follows(*before_, *before_).error().code, Code::kConflict);
}

}  // namespace
}  // namespace proviso::agreement
