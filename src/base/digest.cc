#include "base/digest.h"

// OpenSSL's own SHA-256 rather than its EVP face: a leaf needs some 150 digests of one or two blocks,
// and EVP's dispatch costs more than such a block.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace proviso {
namespace {

void start(SHA256_CTX& context) { PV_CHECK(SHA256_Init(&context) == 1); }

void feed(SHA256_CTX& context, std::string_view bytes) {
  PV_CHECK(SHA256_Update(&context, bytes.data(), bytes.size()) == 1);
}

Digest take(SHA256_CTX& context) {
  Digest digest;
  PV_CHECK(SHA256_Final(digest.bytes.data(), &context) == 1);
  return digest;
}

}  // namespace

Digest sha256(std::string_view bytes) {
  SHA256_CTX context;
  start(context);
  feed(context, bytes);
  return take(context);
}

Digest sha256(std::initializer_list<std::string_view> parts) {
  SHA256_CTX context;
  start(context);
  for (const std::string_view part : parts) feed(context, part);
  return take(context);
}

Digest hmac_sha256(std::string_view key, std::string_view message) {
  constexpr size_t kBlock = 64;
  Digest hashed;
  if (key.size() > kBlock) {
    hashed = sha256(key);
    key = hashed.view();
  }
  std::array<char, kBlock> inner_pad;
  std::array<char, kBlock> outer_pad;
  for (size_t i = 0; i < kBlock; ++i) {
    const char k = i < key.size() ? key[i] : '\0';
    inner_pad[i] = static_cast<char>(k ^ 0x36);
    outer_pad[i] = static_cast<char>(k ^ 0x5c);
  }
  const Digest inner = sha256({std::string_view(inner_pad.data(), kBlock), message});
  const Digest outer = sha256({std::string_view(outer_pad.data(), kBlock), inner.view()});
  OPENSSL_cleanse(inner_pad.data(), kBlock);
  OPENSSL_cleanse(outer_pad.data(), kBlock);
  return outer;
}

Result<Digest> digest_from_bytes(std::string_view bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) return fail(Code::kInvalid, "a digest is 32 bytes long");
  for (size_t i = 0; i < bytes.size(); ++i) digest.bytes[i] = static_cast<uint8_t>(bytes[i]);
  return digest;
}

Result<Digest> digest_from_hex(std::string_view hex) {
  PV_TRY(const std::string bytes, hex_decode(hex));
  return digest_from_bytes(bytes);
}

Sha256::Sha256() : context_(std::make_unique<SHA256_CTX>()) { start(*context_); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::string_view bytes) { feed(*context_, bytes); }
Digest Sha256::finish() { return take(*context_); }

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = getrandom(out.data() + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    PV_CHECK(got > 0);
    filled += static_cast<size_t>(got);
  }
  return out;
}

}  // namespace proviso
