#include "vault/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/digest.h"

namespace proviso::vault {
namespace {

constexpr char kRecordVersion = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kWrappedBytes = 40;
constexpr size_t kTagBytes = 16;
constexpr std::string_view kRecordDomain = "proviso/vault/record/1\n";
constexpr std::string_view kKeyDomain = "proviso/vault/key/1\n";
constexpr std::string_view kKeyMagic = "PVKEY001";

const unsigned char* in(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* out(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

struct Algorithms {
  EVP_CIPHER* gcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_CIPHER* wrap = EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr);
};
const Algorithms& algorithms() {
  static const Algorithms all;
  PV_CHECK(all.gcm != nullptr && all.wrap != nullptr);
  return all;
}

// One context per thread, use and direction: changing any of them rebuilds OpenSSL's state.
struct Context {
  EVP_CIPHER_CTX* handle = EVP_CIPHER_CTX_new();
  Context() {
    PV_CHECK(handle != nullptr);
    EVP_CIPHER_CTX_set_flags(handle, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_CIPHER_CTX_free(handle); }
};
struct Contexts {
  Context gcm_encrypt;
  Context gcm_decrypt;
  Context wrap;
  Context unwrap;
};
Contexts& contexts() {
  thread_local Contexts all;
  return all;
}

// `result` has room for plaintext and tag.
void gcm_encrypt(const Key& key, std::string_view nonce, std::string_view domain, std::string_view segment,
                 std::string_view plaintext, char* result) {
  EVP_CIPHER_CTX* context = contexts().gcm_encrypt.handle;
  int length = 0;
  PV_CHECK(EVP_EncryptInit_ex2(context, algorithms().gcm, in(key.view()), in(nonce), nullptr) == 1);
  for (const std::string_view aad : {domain, segment}) {
    PV_CHECK(EVP_EncryptUpdate(context, nullptr, &length, in(aad), static_cast<int>(aad.size())) == 1);
  }
  PV_CHECK(EVP_EncryptUpdate(context, out(result), &length, in(plaintext), static_cast<int>(plaintext.size())) == 1);
  PV_CHECK(static_cast<size_t>(length) == plaintext.size());
  PV_CHECK(EVP_EncryptFinal_ex(context, out(result) + length, &length) == 1);
  PV_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, result + plaintext.size()) == 1);
}

bool gcm_decrypt(const Key& key, std::string_view nonce, std::string_view domain, std::string_view segment,
                 std::string_view ciphertext, std::string_view tag, char* result) {
  EVP_CIPHER_CTX* context = contexts().gcm_decrypt.handle;
  int length = 0;
  PV_CHECK(EVP_DecryptInit_ex2(context, algorithms().gcm, in(key.view()), in(nonce), nullptr) == 1);
  for (const std::string_view aad : {domain, segment}) {
    PV_CHECK(EVP_DecryptUpdate(context, nullptr, &length, in(aad), static_cast<int>(aad.size())) == 1);
  }
  if (EVP_DecryptUpdate(context, out(result), &length, in(ciphertext), static_cast<int>(ciphertext.size())) != 1) {
    return false;
  }
  std::string expected(tag);
  PV_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected.data()) == 1);
  return EVP_DecryptFinal_ex(context, out(result) + length, &length) == 1;
}

void wrap_key(const Key& wrapping, const Key& key, char* result) {
  EVP_CIPHER_CTX* context = contexts().wrap.handle;
  int length = 0;
  PV_CHECK(EVP_EncryptInit_ex2(context, algorithms().wrap, in(wrapping.view()), nullptr, nullptr) == 1);
  PV_CHECK(EVP_EncryptUpdate(context, out(result), &length, in(key.view()), static_cast<int>(key.view().size())) == 1);
  PV_CHECK(static_cast<size_t>(length) == kWrappedBytes);
}

Result<Key> unwrap_key(const Key& wrapping, std::string_view wrapped) {
  EVP_CIPHER_CTX* context = contexts().unwrap.handle;
  int length = 0;
  char bytes[kWrappedBytes];
  PV_CHECK(EVP_DecryptInit_ex2(context, algorithms().wrap, in(wrapping.view()), nullptr, nullptr) == 1);
  if (EVP_DecryptUpdate(context, out(bytes), &length, in(wrapped), static_cast<int>(wrapped.size())) != 1) {
    return fail(Code::kCorrupt, "its wrapped key does not open");
  }
  Result<Key> key = Key::create({bytes, static_cast<size_t>(length)});
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
  if (bytes.size() != key.bytes_.size()) return fail(Code::kInvalid, "a vault key is 32 bytes long");
  bytes.copy(key.bytes_.data(), bytes.size());
  return key;
}

std::string encrypt_record(const Key& wrapping, std::string_view segment, std::string_view plaintext) {
  // One system call for key and nonce: it costs more than sealing the key.
  std::string fresh = random_bytes(32 + kNonceBytes);
  const Key key = *Key::create(std::string_view(fresh).substr(0, 32));
  std::string bytes(kRecordOverhead + plaintext.size(), '\0');
  char* at = bytes.data();
  *at++ = kRecordVersion;
  fresh.copy(at, kNonceBytes, 32);
  const std::string_view nonce(at, kNonceBytes);
  at += kNonceBytes;
  wrap_key(wrapping, key, at);
  at += kWrappedBytes;
  gcm_encrypt(key, nonce, kRecordDomain, segment, plaintext, at);
  OPENSSL_cleanse(fresh.data(), fresh.size());
  return bytes;
}

Result<std::string> decrypt_record(const Key& wrapping, std::string_view segment, std::string_view bytes) {
  if (bytes.size() < kRecordOverhead || bytes[0] != kRecordVersion) {
    return fail(Code::kCorrupt, "it is no vault record of version 1");
  }
  const std::string_view nonce = bytes.substr(1, kNonceBytes);
  const std::string_view wrapped = bytes.substr(1 + kNonceBytes, kWrappedBytes);
  const std::string_view ciphertext = bytes.substr(1 + kNonceBytes + kWrappedBytes, bytes.size() - kRecordOverhead);
  const std::string_view tag = bytes.substr(bytes.size() - kTagBytes);
  PV_TRY(const Key key, unwrap_key(wrapping, wrapped));
  std::string plaintext(ciphertext.size(), '\0');
  if (!gcm_decrypt(key, nonce, kRecordDomain, segment, ciphertext, tag, plaintext.data())) {
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
  bytes.resize(start + wrapping.view().size() + kTagBytes);
  gcm_encrypt(root, nonce, kKeyDomain, segment, wrapping.view(), bytes.data() + start);
  return bytes;
}

Result<Key> decrypt_key(const Key& root, std::string_view segment, std::string_view bytes) {
  if (bytes.size() != kKeyMagic.size() + kNonceBytes + 32 + kTagBytes || !bytes.starts_with(kKeyMagic)) {
    return fail(Code::kCorrupt, "it is no vault key");
  }
  const std::string_view nonce = bytes.substr(kKeyMagic.size(), kNonceBytes);
  const std::string_view ciphertext = bytes.substr(kKeyMagic.size() + kNonceBytes, 32);
  std::string plain(32, '\0');
  const bool holds = gcm_decrypt(root, nonce, kKeyDomain, segment, ciphertext,
                                 bytes.substr(bytes.size() - kTagBytes), plain.data());
  Result<Key> key = holds ? Key::create(plain)
                          : fail(Code::kCorrupt, "it does not open with this root key");
  OPENSSL_cleanse(plain.data(), plain.size());
  return key;
}

}  // namespace proviso::vault
