#include "base/ed25519.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/digest.h"

namespace proviso {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
EVP_PKEY* as_key(const std::shared_ptr<void>& handle) {
  return static_cast<EVP_PKEY*>(handle.get());
}

// OpenSSL wipes a private key's seed when the key is freed.
std::shared_ptr<void> own(EVP_PKEY* key) {
  return {key, [](void* handle) { EVP_PKEY_free(static_cast<EVP_PKEY*>(handle)); }};
}

struct Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  Context() { PV_CHECK(handle != nullptr); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(handle); }
};

}  // namespace

PublicKey::PublicKey(std::string raw) : raw_(std::move(raw)) {
  EVP_PKEY* key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, as_bytes(raw_), raw_.size());
  PV_CHECK(key != nullptr);
  handle_ = own(key);
}

Result<PublicKey> PublicKey::create(std::string_view raw) {
  if (raw.size() != kKeyBytes)
    return fail(Code::kInvalid, "an Ed25519 public key is 32 bytes long");
  return PublicKey(std::string(raw));
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  if (signature.size() != kSignatureBytes) return false;
  const Context context;
  if (EVP_DigestVerifyInit(context.handle, nullptr, nullptr, nullptr, as_key(handle_)) != 1)
    return false;
  return EVP_DigestVerify(context.handle, as_bytes(signature), signature.size(), as_bytes(message),
                          message.size()) == 1;
}

PrivateKey::PrivateKey(std::shared_ptr<void> handle, PublicKey public_key)
    : handle_(std::move(handle)), public_(std::move(public_key)) {}

PrivateKey PrivateKey::generate() {
  std::string seed = random_bytes(kKeyBytes);
  Result<PrivateKey> key = create(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  PV_CHECK(key.has_value());
  return *std::move(key);
}

Result<PrivateKey> PrivateKey::create(std::string_view seed) {
  if (seed.size() != kKeyBytes) return fail(Code::kInvalid, "an Ed25519 seed is 32 bytes long");
  EVP_PKEY* key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, as_bytes(seed), seed.size());
  if (key == nullptr)
    return fail(Code::kInternal, "the cryptographic library refused an Ed25519 seed");
  std::shared_ptr<void> handle = own(key);
  std::string raw(kKeyBytes, '\0');
  size_t length = raw.size();
  PV_CHECK(
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &length) == 1);
  PV_TRY(PublicKey public_key, PublicKey::create(raw));
  return PrivateKey(std::move(handle), std::move(public_key));
}

std::string PrivateKey::seed() const {
  std::string raw(kKeyBytes, '\0');
  size_t length = raw.size();
  PV_CHECK(EVP_PKEY_get_raw_private_key(
               as_key(handle_), reinterpret_cast<unsigned char*>(raw.data()), &length) == 1);
  return raw;
}

std::string PrivateKey::sign(std::string_view message) const {
  const Context context;
  PV_CHECK(EVP_DigestSignInit(context.handle, nullptr, nullptr, nullptr, as_key(handle_)) == 1);
  std::string signature(kSignatureBytes, '\0');
  size_t length = signature.size();
  PV_CHECK(EVP_DigestSign(context.handle, reinterpret_cast<unsigned char*>(signature.data()),
                          &length, as_bytes(message), message.size()) == 1);
  PV_CHECK(length == kSignatureBytes);
  return signature;
}

}  // namespace proviso
