#include "base/sshsig.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/data.h"
#include "base/file.h"

namespace proviso::sshsig {
namespace {

using namespace std::string_literals;

bool have_ssh_keygen() {
  if (std::system("command -v ssh-keygen >/dev/null 2>&1") == 0) return true;
  std::printf("skipped: interop with ssh-keygen (no ssh-keygen)\n");
  return false;
}

int run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); }

void put(const std::string& path, std::string_view bytes) {
  ASSERT_TRUE(write_file_durable(path, bytes, FileMode::kPrivate));
}

TEST(SshsigInterop, OurSignaturesVerifyWithSshKeygen) {
  if (!have_ssh_keygen()) return;
  const test::TempDir dir;
  const PrivateKey key = PrivateKey::generate();
  put(dir.file("allowed"),
      "party@example namespaces=\"agreement\" " + format_public_key(key.public_key(), ""));
  test::Tally tally("sshsig made here, checked by ssh-keygen");
  for (const std::string& message :
       {"the manifest digest\n"s, ""s, "\0binary\xff"s, std::string(100'000, 'x')}) {
    put(dir.file("message"), message);
    put(dir.file("sig"), sign(key, "agreement", message));
    const auto verify_as = [&](const std::string& name_space) {
      return run("ssh-keygen -Y verify -f " + dir.file("allowed") + " -I party@example -n " +
                 name_space + " -s " + dir.file("sig") + " < " + dir.file("message"));
    };
    EXPECT_TRUE(tally.count(verify_as("agreement") == 0));
    EXPECT_TRUE(tally.count(verify_as("other") != 0));
    put(dir.file("message"), message + "x");
    EXPECT_TRUE(tally.count(verify_as("agreement") != 0));
  }
}

TEST(SshsigInterop, SignaturesOfSshKeygenVerifyHere) {
  if (!have_ssh_keygen()) return;
  const test::TempDir dir;
  ASSERT_EQ(run("ssh-keygen -q -t ed25519 -N '' -C 'someone@example' -f " + dir.file("id")), 0);
  const PublicKey key = parse_public_key(test::slurp(dir.file("id.pub"))).value();
  // The private key that ssh-keygen wrote is ours to read, and ours is for it.
  const PrivateKey secret = parse_private_key(test::slurp(dir.file("id"))).value();
  EXPECT_EQ(secret.public_key(), key);
  put(dir.file("ours"), format_private_key(secret, "a longer comment"));
  ASSERT_EQ(run("ssh-keygen -y -P '' -f " + dir.file("ours") + " > " + dir.file("ours.pub")), 0);
  test::Tally tally("sshsig made by ssh-keygen, checked here");
  for (const std::string algorithm : {"sha512", "sha256"}) {
    for (const std::string file : {"id", "ours"}) {
      put(dir.file("message"), "clause 4, as signed\n");
      ASSERT_EQ(run("rm -f " + dir.file("message.sig") + "; ssh-keygen -Y sign -O hashalg=" +
                    algorithm + " -n agreement -f " + dir.file(file) + " " + dir.file("message")),
                0);
      const std::string sig = test::slurp(dir.file("message.sig"));
      EXPECT_TRUE(tally.count(verify(key, "agreement", "clause 4, as signed\n", sig).has_value()));
      EXPECT_TRUE(tally.count(!verify(key, "file", "clause 4, as signed\n", sig)));
      EXPECT_TRUE(tally.count(!verify(key, "agreement", "clause 5, as signed\n", sig)));
      EXPECT_EQ(signer(sig).value(), key);
    }
  }
}

TEST(SshsigInterop, OtherKeyTypesAreRefusedByName) {
  if (!have_ssh_keygen()) return;
  const test::TempDir dir;
  ASSERT_EQ(run("ssh-keygen -q -t ecdsa -N '' -f " + dir.file("id")), 0);
  put(dir.file("message"), "m");
  ASSERT_EQ(run("ssh-keygen -Y sign -n agreement -f " + dir.file("id") + " " + dir.file("message")),
            0);
  const PublicKey any = PrivateKey::generate().public_key();
  const auto status = verify(any, "agreement", "m", test::slurp(dir.file("message.sig")));
  EXPECT_EQ(status.error().code, Code::kUnsupported);
  EXPECT_EQ(parse_public_key(test::slurp(dir.file("id.pub"))).error().code, Code::kUnsupported);
  EXPECT_FALSE(parse_private_key(test::slurp(dir.file("id"))));
}

TEST(SshsigInterop, EncryptedPrivateKeysAreRefusedByName) {
  if (!have_ssh_keygen()) return;
  const test::TempDir dir;
  ASSERT_EQ(run("ssh-keygen -q -t ed25519 -N 'a passphrase' -f " + dir.file("id")), 0);
  const auto key = parse_private_key(test::slurp(dir.file("id")));
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Code::kUnsupported);
}

TEST(Sshsig, AnyFlippedBitIsRefused) {
  const PrivateKey key = PrivateKey::create(std::string(32, 'k')).value();
  const std::string sig = sign(key, "agreement", "message");
  ASSERT_TRUE(verify(key.public_key(), "agreement", "message", sig));
  // The reserved field is ignored but signed as empty; every other byte is signed or is structure.
  for (size_t i = 0; i < sig.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string tampered = sig;
      tampered[i] = static_cast<char>(tampered[i] ^ 1 << bit);
      EXPECT_FALSE(verify(key.public_key(), "agreement", "message", tampered)) << i;
    }
  }
  for (size_t length = 0; length + 1 < sig.size(); ++length) {
    EXPECT_FALSE(verify(key.public_key(), "agreement", "message", sig.substr(0, length)));
  }
  EXPECT_EQ(verify(PrivateKey::generate().public_key(), "agreement", "message", sig).error().code,
            Code::kUnverified);
  EXPECT_EQ(verify(key.public_key(), "agreement2", "message", sig).error().code, Code::kUnverified);
}

TEST(Sshsig, KeysRoundTrip) {
  for (const std::string comment : {"", "x", "comment of another length"}) {
    const PrivateKey key = PrivateKey::generate();
    EXPECT_EQ(parse_public_key(format_public_key(key.public_key(), comment)).value(),
              key.public_key());
    EXPECT_EQ(parse_private_key(format_private_key(key, comment)).value().seed(), key.seed());
  }
  for (const char* bad :
       {"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", "ssh-ed25519 !!!!", "a\nb c"}) {
    EXPECT_FALSE(parse_public_key(bad)) << bad;
  }
}

}  // namespace
}  // namespace proviso::sshsig
