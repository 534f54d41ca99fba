#include "vault/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/digest.h"

namespace proviso::vault {
namespace {

constexpr char kRecordVersion = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kKeyBytes = 32;
constexpr size_t kTagBytes = 16;
constexpr size_t kWrappedBytes = kKeyBytes + kTagBytes;
constexpr std::string_view kRecordDomain = "proviso/vault/record/1\n";
constexpr std::string_view kKeyDomain = "proviso/vault/key/1\n";
constexpr std::string_view kKeyMagic = "PVKEY001";

const unsigned char* in(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* out(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* const gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  PV_CHECK(gcm != nullptr);
  return gcm;
}

// One context per thread and direction: changing direction rebuilds OpenSSL's state.
struct Context {
  EVP_CIPHER_CTX* handle = EVP_CIPHER_CTX_new();
  Context() { PV_CHECK(handle != nullptr); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_CIPHER_CTX_free(handle); }
};

// `result` gets ciphertext and tag.
void encrypt(const Key& key, std::string_view nonce, std::string_view aad,
             std::string_view plaintext, char* result) {
  thread_local const Context context;
  int length = 0;
  PV_CHECK(EVP_EncryptInit_ex2(context.handle, algorithm(), in(key.view()), in(nonce), nullptr) ==
           1);
  if (!aad.empty()) {
    PV_CHECK(EVP_EncryptUpdate(context.handle, nullptr, &length, in(aad),
                               static_cast<int>(aad.size())) == 1);
  }
  PV_CHECK(EVP_EncryptUpdate(context.handle, out(result), &length, in(plaintext),
                             static_cast<int>(plaintext.size())) == 1);
  PV_CHECK(static_cast<size_t>(length) == plaintext.size());
  PV_CHECK(EVP_EncryptFinal_ex(context.handle, out(result) + length, &length) == 1);
  PV_CHECK(EVP_CIPHER_CTX_ctrl(context.handle, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                               result + plaintext.size()) == 1);
}

// `sealed` is ciphertext and tag; `result` has room for the plaintext. False if the tag does not
// hold.
bool decrypt(const Key& key, std::string_view nonce, std::string_view aad, std::string_view sealed,
             char* result) {
  thread_local const Context context;
  const std::string_view ciphertext = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(ciphertext.size()));
  int length = 0;
  PV_CHECK(EVP_DecryptInit_ex2(context.handle, algorithm(), in(key.view()), in(nonce), nullptr) ==
           1);
  if (!aad.empty()) {
    PV_CHECK(EVP_DecryptUpdate(context.handle, nullptr, &length, in(aad),
                               static_cast<int>(aad.size())) == 1);
  }
  PV_CHECK(EVP_DecryptUpdate(context.handle, out(result), &length, in(ciphertext),
                             static_cast<int>(ciphertext.size())) == 1);
  PV_CHECK(EVP_CIPHER_CTX_ctrl(context.handle, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  return EVP_DecryptFinal_ex(context.handle, out(result) + length, &length) == 1;
}

// The name of what is wrapped and of its segment: a wrapped key opens nowhere else.
std::string bound_to(std::string_view domain, std::string_view segment) {
  std::string aad;
  aad.reserve(domain.size() + segment.size());
  return aad.append(domain).append(segment);
}

Result<Key> unwrap(const Key& wrapping, std::string_view nonce, std::string_view aad,
                   std::string_view wrapped) {
  char bytes[kKeyBytes];
  const bool holds = decrypt(wrapping, nonce, aad, wrapped, bytes);
  Result<Key> key = holds ? Key::create({bytes, kKeyBytes})
                          : fail(Code::kCorrupt, "its wrapped key does not open");
  OPENSSL_cleanse(bytes, sizeof bytes);
  return key;
}

}  // namespace

Key::~Key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Key Key::random() {
  std::string bytes = random_bytes(32);
  Result<Key> key = create(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return *key;
}

Result<Key> Key::create(std::string_view bytes) {
  Key key;
  if (bytes.size() != key.bytes_.size())
    return fail(Code::kInvalid, "a vault key is 32 bytes long");
  bytes.copy(key.bytes_.data(), bytes.size());
  return key;
}

std::string encrypt_record(const Key& wrapping, std::string_view segment,
                           std::string_view plaintext) {
  // One system call for key and nonce: it costs as much as wrapping the key. Key and segment key
  // share the nonce; under each of the two it is fresh.
  std::string fresh = random_bytes(kKeyBytes + kNonceBytes);
  const Key key = *Key::create(std::string_view(fresh).substr(0, kKeyBytes));
  std::string bytes(kRecordOverhead + plaintext.size(), '\0');
  char* at = bytes.data();
  *at++ = kRecordVersion;
  fresh.copy(at, kNonceBytes, kKeyBytes);
  const std::string_view nonce(at, kNonceBytes);
  at += kNonceBytes;
  encrypt(wrapping, nonce, bound_to(kRecordDomain, segment), key.view(), at);
  encrypt(key, nonce, {}, plaintext, at + kWrappedBytes);
  OPENSSL_cleanse(fresh.data(), fresh.size());
  return bytes;
}

Result<std::string> decrypt_record(const Key& wrapping, std::string_view segment,
                                   std::string_view bytes) {
  if (bytes.size() < kRecordOverhead || bytes[0] != kRecordVersion) {
    return fail(Code::kCorrupt, "it is no vault record of version 1");
  }
  const std::string_view nonce = bytes.substr(1, kNonceBytes);
  const std::string_view wrapped = bytes.substr(1 + kNonceBytes, kWrappedBytes);
  PV_TRY(const Key key, unwrap(wrapping, nonce, bound_to(kRecordDomain, segment), wrapped));
  std::string plaintext(bytes.size() - kRecordOverhead, '\0');
  if (!decrypt(key, nonce, {}, bytes.substr(1 + kNonceBytes + kWrappedBytes), plaintext.data())) {
    OPENSSL_cleanse(plaintext.data(), plaintext.size());
    return fail(Code::kCorrupt, "its authentication tag does not hold");
  }
  return plaintext;
}

std::string encrypt_key(const Key& root, std::string_view segment, const Key& wrapping) {
  const std::string nonce = random_bytes(kNonceBytes);
  std::string bytes(kKeyMagic);
  bytes += nonce;
  const size_t start = bytes.size();
  bytes.resize(start + kWrappedBytes);
  encrypt(root, nonce, bound_to(kKeyDomain, segment), wrapping.view(), bytes.data() + start);
  return bytes;
}

Result<Key> decrypt_key(const Key& root, std::string_view segment, std::string_view bytes) {
  if (bytes.size() != kKeyMagic.size() + kNonceBytes + kWrappedBytes ||
      !bytes.starts_with(kKeyMagic)) {
    return fail(Code::kCorrupt, "it is no vault key");
  }
  const std::string_view nonce = bytes.substr(kKeyMagic.size(), kNonceBytes);
  Result<Key> key = unwrap(root, nonce, bound_to(kKeyDomain, segment),
                           bytes.substr(kKeyMagic.size() + kNonceBytes));
  if (!key) return fail(Code::kCorrupt, "it does not open with this root key");
  return key;
}

}  // namespace proviso::vault
