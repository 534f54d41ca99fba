#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace proviso {
namespace {

// Fetching searches the providers under a lock; once per process is enough.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  PV_CHECK(algorithm != nullptr);
  return algorithm;
}

EVP_MD_CTX* new_context() {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  PV_CHECK(context != nullptr);
  return context;
}

struct ThreadContext {
  EVP_MD_CTX* context = new_context();
  const EVP_MD* algorithm = sha256_algorithm();
  ThreadContext() = default;
  ThreadContext(const ThreadContext&) = delete;
  ThreadContext& operator=(const ThreadContext&) = delete;
  ~ThreadContext() { EVP_MD_CTX_free(context); }
};

ThreadContext& thread_context() {
  thread_local ThreadContext context;
  return context;
}

void start(EVP_MD_CTX* context, const EVP_MD* algorithm) {
  PV_CHECK(EVP_DigestInit_ex2(context, algorithm, nullptr) == 1);
}

void feed(EVP_MD_CTX* context, std::string_view bytes) {
  PV_CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

Digest take(EVP_MD_CTX* context) {
  Digest digest;
  unsigned int length = 0;
  PV_CHECK(EVP_DigestFinal_ex(context, digest.bytes.data(), &length) == 1);
  PV_CHECK(length == digest.bytes.size());
  return digest;
}

EVP_MD_CTX* as_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Digest sha256(std::string_view bytes) {
  const ThreadContext& thread = thread_context();
  start(thread.context, thread.algorithm);
  feed(thread.context, bytes);
  return take(thread.context);
}

Digest sha256(std::initializer_list<std::string_view> parts) {
  const ThreadContext& thread = thread_context();
  start(thread.context, thread.algorithm);
  for (const std::string_view part : parts) feed(thread.context, part);
  return take(thread.context);
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

Sha256::Sha256() : context_(new_context()) { start(as_context(context_), sha256_algorithm()); }
Sha256::~Sha256() { EVP_MD_CTX_free(as_context(context_)); }
Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Sha256& Sha256::operator=(Sha256&& other) noexcept {
  if (this != &other) {
    EVP_MD_CTX_free(as_context(context_));
    context_ = std::exchange(other.context_, nullptr);
  }
  return *this;
}
void Sha256::update(std::string_view bytes) { feed(as_context(context_), bytes); }
Digest Sha256::finish() { return take(as_context(context_)); }

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
