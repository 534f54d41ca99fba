// Signatures of parties: made here, made by ssh-keygen, and every way in which they fail.
#include <cstdlib>
#include <filesystem>

#include "agreement/support.h"
#include "base/sshsig.h"

namespace proviso::agreement {
namespace {

std::map<std::string, PrivateKey> keys_for(const Files& files) {
  std::map<std::string, PrivateKey> keys;
  const auto agreement = load_or_fail(files);
  if (!agreement) return keys;
  for (const Party& party : agreement->terms().parties) keys.emplace(party.name, PrivateKey::generate());
  return keys;
}

Files keyed(const Files& files, const std::map<std::string, PrivateKey>& keys) {
  std::map<std::string, std::string> lines;
  for (const auto& [party, key] : keys) {
    lines[party] = sshsig::format_public_key(key.public_key(), "sample");
  }
  const auto out = with_party_keys(files, lines);
  EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message);
  return out ? *out : Files();
}

Files signed_by_all(Files files, const std::map<std::string, PrivateKey>& keys) {
  for (const auto& [party, key] : keys) {
    auto out = sign_for_party(std::move(files), party, key);
    EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message);
    files = out ? std::move(*out) : Files();
  }
  return files;
}

TEST(Signing, AllPartiesSignAndEverythingHolds) {
  for (const char* name : {"agreements/enclave", "agreements/hospital"}) {
    const Files files = folder(name);
    const auto keys = keys_for(files);
    const auto agreement = load_or_fail(signed_by_all(keyed(files, keys), keys));
    ASSERT_TRUE(agreement);
    const Status status = agreement->check_signatures();
    EXPECT_TRUE(status.has_value()) << (status ? "" : status.error().message);
  }
}

TEST(Signing, KeysAreReplacedAndNothingElse) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  Files changed = keyed(files, keys);
  EXPECT_NE(changed["agreement.toml"], files.at("agreement.toml"));
  for (const auto& [path, bytes] : files) {
    if (path != "agreement.toml") {
      EXPECT_EQ(changed[path], bytes) << path;
    }
  }
  const auto before = load_or_fail(files);
  std::map<std::string, std::string> back;
  for (const Party& party : before->terms().parties) back[party.name] = party.key;
  EXPECT_EQ(with_party_keys(changed, back)->at("agreement.toml"), files.at("agreement.toml"));
}

TEST(Signing, KeysStandAfterOtherThanAsciiText) {
  Files files = folder("tests/agreement/base");
  std::string& toml = files["agreement.toml"];
  toml.replace(toml.find("key  = "), 7, "\"key\" = ");
  std::string fresh = sshsig::format_public_key(PrivateKey::generate().public_key(), "né");
  if (fresh.ends_with('\n')) fresh.pop_back();
  const auto once = with_party_keys(files, {{"Operator", fresh}});
  ASSERT_TRUE(once.has_value());
  const auto twice = with_party_keys(*once, {{"Operator", fresh}});
  ASSERT_TRUE(twice.has_value());
  EXPECT_EQ(*once, *twice);
  const auto agreement = load_or_fail(*twice);
  ASSERT_TRUE(agreement);
  EXPECT_EQ(agreement->terms().parties[0].key, fresh);
}

TEST(Signing, AMissingSignatureNamesPartyAndFile) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  Files signed_files = signed_by_all(keyed(files, keys), keys);
  ASSERT_EQ(signed_files.erase("signatures/model-vendor.sig"), 1U);
  const Status status = load_or_fail(signed_files)->check_signatures();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kUnverified);
  EXPECT_TRUE(status.error().message.starts_with(
      "party `Model vendor` has not signed this agreement: signatures/model-vendor.sig: "))
      << status.error().message;
}

TEST(Signing, AnyChangedByteVoidsEverySignature) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  const Files signed_files = signed_by_all(keyed(files, keys), keys);
  for (const auto& [path, bytes] : files) {
    Files tampered = signed_files;
    tampered[path] += "\n";
    const auto agreement = Agreement::load(tampered);
    ASSERT_TRUE(agreement.has_value()) << path << ": " << agreement.error().message;
    EXPECT_FALSE((*agreement)->check_signatures().has_value()) << path;
  }
  Files renamed = signed_files;
  renamed["clauses/6-other.md"] = renamed["clauses/6-secrets.md"];
  renamed.erase("clauses/6-secrets.md");
  EXPECT_FALSE(load_or_fail(renamed)->check_signatures().has_value());
}

TEST(Signing, AnotherPartysSignatureOrNamespaceDoesNotCount) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  Files signed_files = signed_by_all(keyed(files, keys), keys);
  Files swapped = signed_files;
  swapped["signatures/operator.sig"] = swapped["signatures/model-vendor.sig"];
  EXPECT_FALSE(load_or_fail(swapped)->check_signatures().has_value());

  Files elsewhere = signed_files;
  elsewhere["signatures/operator.sig"] =
      sshsig::sign(keys.at("Operator"), "file", manifest_of(signed_files));
  EXPECT_FALSE(load_or_fail(elsewhere)->check_signatures().has_value());

  Files broken = signed_files;
  broken["signatures/operator.sig"] = "not a signature";
  EXPECT_FALSE(load_or_fail(broken)->check_signatures().has_value());
}

TEST(Signing, OnlyThePartysOwnKeySigns) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  const Files ready = keyed(files, keys);
  EXPECT_EQ(sign_for_party(ready, "Operator", PrivateKey::generate()).error().code, Code::kUnverified);
  EXPECT_EQ(sign_for_party(ready, "Nobody", keys.at("Operator")).error().code, Code::kNotFound);
  EXPECT_EQ(with_party_keys(ready, {{"Nobody", "ssh-ed25519 x"}}).error().code, Code::kNotFound);
  EXPECT_FALSE(with_party_keys(ready, {{"Operator", "ssh-rsa AAAA"}}).has_value());
}

// toml++ asserts on a control character in a table's name.
TEST(Signing, ControlCharactersInTheTermsAreAFaultNotAStop) {
  Files files = folder("tests/agreement/base");
  files["agreement.toml"] += "[\x14\x14[party]]\nn";
  const auto keyed_files = with_party_keys(files, {});
  ASSERT_FALSE(keyed_files.has_value());
  EXPECT_EQ(keyed_files.error().message, "agreement.toml:25: control character 0x14; remove it");
  EXPECT_FALSE(Agreement::load(files).has_value());
}

TEST(Signing, FreshKeysDropOldSignatures) {
  const Files files = folder("agreements/enclave");
  const auto keys = keys_for(files);
  const Files signed_files = signed_by_all(keyed(files, keys), keys);
  for (const auto& [path, bytes] : keyed(signed_files, keys)) {
    EXPECT_FALSE(path.starts_with("signatures/")) << path;
  }
}

TEST(Signing, TheManifestIsWhatSha256sumPrints) {
  const Files files = {{"b.md", "two"}, {"a/c.md", "one"}, {"signatures/x.sig", "three"}};
  EXPECT_EQ(manifest_of(files),
            "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a/c.md\n"
            "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  b.md\n");
}

TEST(Signing, SlugsAreFileNames) {
  EXPECT_EQ(slug("Vendor of the local model"), "vendor-of-the-local-model");
  EXPECT_EQ(slug("  ../Etc/Passwd  "), "etc-passwd");
  EXPECT_EQ(slug("…"), "");
  EXPECT_EQ(signature_path("Patients' council"), "signatures/patients-council.sig");
}

// The command that docs/agreement.md shows, run as it stands there.
TEST(Signing, SshKeygenSignsTheManifest) {
  if (std::system("command -v ssh-keygen >/dev/null 2>&1") != 0) {
    std::printf("skipped: ssh-keygen (not installed)\n");
    return;
  }
  std::string pattern = "/tmp/proviso-agreement-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string dir = pattern;
  const auto run = [&](const std::string& command) {
    return std::system(("cd " + dir + " && " + command + " >/dev/null 2>&1").c_str());
  };
  ASSERT_EQ(run("ssh-keygen -q -t ed25519 -N '' -C operator -f key"), 0);
  std::string line = *read_file(dir + "/key.pub");
  line.pop_back();
  Files files = *with_party_keys(folder("tests/agreement/base"), {{"Operator", line}});
  ASSERT_TRUE(write_file_durable(dir + "/manifest", manifest_of(files), FileMode::kShared).has_value());
  ASSERT_EQ(run("ssh-keygen -Y sign -n proviso-agreement-v1 -f key manifest"), 0);
  files["signatures/operator.sig"] = *read_file(dir + "/manifest.sig");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  const Status status = agreement->check_signatures();
  EXPECT_TRUE(status.has_value()) << status.error().message;

  // And the reverse: ssh-keygen accepts what sign_for_party() makes.
  const auto key = sshsig::parse_private_key(*read_file(dir + "/key"));
  ASSERT_TRUE(key.has_value()) << key.error().message;
  const Files ours = *sign_for_party(files, "Operator", *key);
  ASSERT_TRUE(write_file_durable(dir + "/ours.sig", ours.at("signatures/operator.sig"),
                                 FileMode::kShared).has_value());
  ASSERT_TRUE(write_file_durable(dir + "/allowed", "operator " + line + "\n", FileMode::kShared)
                  .has_value());
  EXPECT_EQ(run("ssh-keygen -Y verify -f allowed -I operator -n proviso-agreement-v1 -s ours.sig "
                "< manifest"), 0);
  EXPECT_NE(run("ssh-keygen -Y verify -f allowed -I operator -n file -s ours.sig < manifest"), 0);
  std::filesystem::remove_all(dir);
}

TEST(Period, HoldsFromTheFirstToTheLastSecond) {
  const auto agreement = load_or_fail(folder("tests/agreement/base"));
  ASSERT_TRUE(agreement);
  const auto at = [&](const char* time) { return agreement->check_period(*parse_time(time)).has_value(); };
  EXPECT_FALSE(at("2025-12-31T23:59:59Z"));
  EXPECT_TRUE(at("2026-01-01T00:00:00Z"));
  EXPECT_TRUE(at("2026-12-31T23:59:59Z"));
  EXPECT_FALSE(at("2027-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace proviso::agreement
