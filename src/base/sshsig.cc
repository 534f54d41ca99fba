#include "base/sshsig.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"

namespace proviso::sshsig {
namespace {

constexpr std::string_view kKeyType = "ssh-ed25519";
constexpr std::string_view kSecurityKeyType = "sk-ssh-ed25519@openssh.com";
constexpr size_t kApplicationBytesMax = 256;  // a name such as "ssh:"
constexpr unsigned kUserPresent = 0x01;       // PROTOCOL.u2f, flags of a signature
constexpr unsigned kUserVerified = 0x04;
constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kSignatureBegin = "-----BEGIN SSH SIGNATURE-----\n";
constexpr std::string_view kSignatureEnd = "-----END SSH SIGNATURE-----";
constexpr std::string_view kPrivateBegin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view kPrivateEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kPrivateMagic{"openssh-key-v1\0", 15};
constexpr size_t kPrivateBlock = 8;  // the padding block of cipher "none"

void put_string(std::string& out, std::string_view text) {
  put_u32(out, static_cast<uint32_t>(text.size()));
  out += text;
}

Result<std::string_view> take_string(ByteReader& reader) {
  PV_TRY(const uint32_t length, reader.u32());
  return reader.bytes(length);
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("malformed {}", what));
}

std::string key_blob(const PublicKey& key) {
  std::string blob;
  put_string(blob, kKeyType);
  put_string(blob, key.raw());
  return blob;
}

Result<PublicKey> read_key_blob(std::string_view blob) {
  ByteReader reader(blob);
  const Result<std::string_view> type = take_string(reader);
  if (!type) return malformed("ssh public key");
  if (*type != kKeyType) {
    return fail(
        Code::kUnsupported,
        fmt::format("ssh key type `{}` is not supported: use ssh-ed25519", type->substr(0, 64)));
  }
  const Result<std::string_view> raw = take_string(reader);
  if (!raw || raw->size() != 32 || !reader.rest().empty())
    return malformed("ssh-ed25519 public key");
  return PublicKey::create(*raw);
}

std::string person_key_blob(const PersonKey& key) {
  if (key.application.empty()) return key_blob(key.key);
  std::string blob;
  put_string(blob, kSecurityKeyType);
  put_string(blob, key.key.raw());
  put_string(blob, key.application);
  return blob;
}

Result<PersonKey> read_person_key_blob(std::string_view blob) {
  ByteReader reader(blob);
  const Result<std::string_view> type = take_string(reader);
  if (!type || *type != kSecurityKeyType) {
    PV_TRY(PublicKey key, read_key_blob(blob));
    return PersonKey{std::move(key), ""};
  }
  const Result<std::string_view> raw = take_string(reader);
  const Result<std::string_view> application = raw ? take_string(reader) : raw;
  if (!application || raw->size() != 32 || application->empty() ||
      application->size() > kApplicationBytesMax || !reader.rest().empty()) {
    return malformed("security key");
  }
  PV_TRY(PublicKey key, PublicKey::create(*raw));
  return PersonKey{std::move(key), std::string(*application)};
}

std::string armor(std::string_view begin, std::string_view end, std::string_view bytes) {
  constexpr size_t kColumns = 70;  // as ssh-keygen wraps
  const std::string text = base64_encode(bytes);
  std::string out(begin);
  for (size_t at = 0; at < text.size(); at += kColumns) {
    out.append(text, at, kColumns);
    out.push_back('\n');
  }
  out += end;
  out.push_back('\n');
  return out;
}

// The bytes between the two lines; nothing but one line feed may follow the last.
Result<std::string> dearmor(std::string_view begin, std::string_view end, std::string_view text,
                            std::string_view what) {
  if (!text.starts_with(begin)) return malformed(what);
  text.remove_prefix(begin.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.ends_with(end)) return malformed(what);
  text.remove_suffix(end.size());
  if (!text.ends_with('\n')) return malformed(what);
  std::string digits;
  digits.reserve(text.size());
  for (const char c : text) {
    if (c != '\n') digits.push_back(c);
  }
  Result<std::string> bytes = base64_decode(digits);
  if (!bytes) return malformed(what);
  return bytes;
}

std::string hash(const EVP_MD* algorithm, std::string_view message) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(algorithm)), '\0');
  PV_CHECK(EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(out.data()),
                      nullptr, algorithm, nullptr) == 1);
  return out;
}

// What is signed: PROTOCOL.sshsig section 3.
std::string signed_bytes(std::string_view name_space, std::string_view algorithm,
                         std::string_view digest) {
  std::string out(kMagic);
  put_string(out, name_space);
  put_string(out, "");
  put_string(out, algorithm);
  put_string(out, digest);
  return out;
}

struct Parts {
  std::string_view key;
  std::string_view name_space;
  std::string_view algorithm;
  std::string_view signature;
};

Result<Parts> split(std::string_view blob) {
  ByteReader reader(blob);
  PV_TRY(const std::string_view magic, reader.bytes(kMagic.size()));
  PV_TRY(const uint32_t version, reader.u32());
  if (magic != kMagic || version != 1) return malformed("ssh signature");
  Parts parts;
  PV_TRY(parts.key, take_string(reader));
  PV_TRY(parts.name_space, take_string(reader));
  PV_TRY(const std::string_view reserved, take_string(reader));
  static_cast<void>(reserved);  // SPEC PROTOCOL.sshsig: implementations MUST ignore it.
  PV_TRY(parts.algorithm, take_string(reader));
  PV_TRY(parts.signature, take_string(reader));
  if (!reader.rest().empty()) return malformed("ssh signature");
  return parts;
}

Result<Parts> parts_of(std::string_view blob) {
  Result<Parts> parts = split(blob);
  if (!parts) return malformed("ssh signature");
  return parts;
}

// The signature's own bytes, and what a security key adds to them.
struct RawSignature {
  std::string_view bytes;
  uint8_t flags = 0;
  uint32_t counter = 0;
};

Result<RawSignature> read_raw_signature(bool security_key, std::string_view blob) {
  ByteReader reader(blob);
  RawSignature raw;
  PV_TRY(const std::string_view type, take_string(reader));
  PV_TRY(raw.bytes, take_string(reader));
  if (security_key) {
    PV_TRY(raw.flags, reader.u8());
    PV_TRY(raw.counter, reader.u32());
  }
  const bool whole = type == (security_key ? kSecurityKeyType : kKeyType) && raw.bytes.size() == 64 &&
                     reader.rest().empty();
  if (!whole) return malformed("ssh signature");
  return raw;
}

Result<RawSignature> raw_signature(const PersonKey& key, std::string_view blob) {
  Result<RawSignature> raw = read_raw_signature(!key.application.empty(), blob);
  if (!raw) return malformed("ssh signature");
  return raw;
}

// What a security key signs in place of the message: PROTOCOL.u2f, "SSH U2F signatures".
std::string through_security_key(const PersonKey& key, const RawSignature& raw, std::string_view message) {
  std::string out = hash(EVP_sha256(), key.application);
  put_u8(out, raw.flags);
  put_u32(out, raw.counter);
  out += hash(EVP_sha256(), message);
  return out;
}

Result<std::string> open_armor(std::string_view armored) {
  return dearmor(kSignatureBegin, kSignatureEnd, armored, "ssh signature");
}

Result<PrivateKey> read_private_section(std::string_view section) {
  ByteReader reader(section);
  PV_TRY(const uint32_t check, reader.u32());
  PV_TRY(const uint32_t again, reader.u32());
  PV_TRY(const std::string_view type, take_string(reader));
  PV_TRY(const std::string_view raw_public, take_string(reader));
  PV_TRY(const std::string_view raw_private, take_string(reader));
  PV_TRY(const std::string_view comment, take_string(reader));
  static_cast<void>(comment);
  if (check != again || type != kKeyType || raw_private.size() != 64) return malformed("section");
  const std::string_view padding = reader.rest();
  if (padding.size() >= kPrivateBlock) return malformed("padding");
  for (size_t i = 0; i < padding.size(); ++i) {
    if (static_cast<size_t>(padding[i]) != i + 1) return malformed("padding");
  }
  PV_TRY(PrivateKey key, PrivateKey::create(raw_private.substr(0, 32)));
  if (key.public_key().raw() != raw_public || raw_private.substr(32) != raw_public) {
    return malformed("key pair");
  }
  return key;
}

Result<PrivateKey> read_private_blob(std::string_view blob) {
  ByteReader reader(blob);
  PV_TRY(const std::string_view magic, reader.bytes(kPrivateMagic.size()));
  if (magic != kPrivateMagic) return malformed("magic");
  PV_TRY(const std::string_view cipher, take_string(reader));
  PV_TRY(const std::string_view kdf, take_string(reader));
  PV_TRY(const std::string_view kdf_options, take_string(reader));
  if (cipher != "none" || kdf != "none" || !kdf_options.empty()) {
    return fail(Code::kUnsupported,
                "the OpenSSH private key is encrypted: remove its passphrase first");
  }
  PV_TRY(const uint32_t count, reader.u32());
  if (count != 1) return malformed("count");
  PV_TRY(const std::string_view public_blob, take_string(reader));
  PV_TRY(const PublicKey public_key, read_key_blob(public_blob));
  PV_TRY(const std::string_view section, take_string(reader));
  if (!reader.rest().empty()) return malformed("tail");
  PV_TRY(PrivateKey key, read_private_section(section));
  if (!(key.public_key() == public_key)) return malformed("key pair");
  return key;
}

}  // namespace

Result<PublicKey> parse_public_key(std::string_view line) {
  PV_TRY(PersonKey key, parse_person_key(line));
  if (key.application.empty()) return std::move(key.key);
  return fail(Code::kUnsupported,
              fmt::format("ssh key type `{}` is not supported: use ssh-ed25519", kSecurityKeyType));
}

Result<PersonKey> parse_person_key(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  if (line.find('\n') != std::string_view::npos)
    return malformed("ssh public key: more than one line");
  const size_t first = line.find(' ');
  if (first == std::string_view::npos)
    return malformed("ssh public key: want `ssh-ed25519 AAAA… comment`");
  const std::string_view type = line.substr(0, first);
  if (type != kKeyType && type != kSecurityKeyType) {
    return fail(
        Code::kUnsupported,
        fmt::format("ssh key type `{}` is not supported: use ssh-ed25519", type.substr(0, 64)));
  }
  std::string_view rest = line.substr(first + 1);
  const Result<std::string> blob = base64_decode(rest.substr(0, rest.find(' ')));
  if (!blob) return malformed("ssh public key: its second word is not base64");
  PV_TRY(PersonKey key, read_person_key_blob(*blob));
  if (key.application.empty() != (type == kKeyType)) {
    return malformed("ssh public key: its first word is another type than its bytes");
  }
  return key;
}

std::string format_person_key(const PersonKey& key, std::string_view comment) {
  std::string out = fmt::format("{} {}", key.application.empty() ? kKeyType : kSecurityKeyType,
                                base64_encode(person_key_blob(key)));
  if (!comment.empty()) out.append(" ").append(comment);
  out.push_back('\n');
  return out;
}

std::string format_public_key(const PublicKey& key, std::string_view comment) {
  return format_person_key(PersonKey{key, ""}, comment);
}

Result<PrivateKey> parse_private_key(std::string_view pem) {
  PV_TRY(std::string blob, dearmor(kPrivateBegin, kPrivateEnd, pem, "OpenSSH private key"));
  Result<PrivateKey> key = read_private_blob(blob);
  OPENSSL_cleanse(blob.data(), blob.size());
  if (!key && key.error().code != Code::kUnsupported) return malformed("OpenSSH private key");
  return key;
}

std::string format_private_key(const PrivateKey& key, std::string_view comment) {
  const std::string check = random_bytes(4);
  std::string pair = key.seed();
  pair += key.public_key().raw();
  std::string section = check + check;
  put_string(section, kKeyType);
  put_string(section, key.public_key().raw());
  put_string(section, pair);
  put_string(section, comment);
  for (uint8_t pad = 1; section.size() % kPrivateBlock != 0; ++pad) put_u8(section, pad);
  std::string blob(kPrivateMagic);
  put_string(blob, "none");
  put_string(blob, "none");
  put_string(blob, "");
  put_u32(blob, 1);
  put_string(blob, key_blob(key.public_key()));
  put_string(blob, section);
  std::string out = armor(kPrivateBegin, kPrivateEnd, blob);
  for (std::string* secret : {&pair, &section, &blob})
    OPENSSL_cleanse(secret->data(), secret->size());
  return out;
}

std::string sign(const PrivateKey& key, std::string_view name_space, std::string_view message) {
  const std::string digest = hash(EVP_sha512(), message);
  std::string signature;
  put_string(signature, kKeyType);
  put_string(signature, key.sign(signed_bytes(name_space, "sha512", digest)));
  std::string blob(kMagic);
  put_u32(blob, 1);
  put_string(blob, key_blob(key.public_key()));
  put_string(blob, name_space);
  put_string(blob, "");
  put_string(blob, "sha512");
  put_string(blob, signature);
  return armor(kSignatureBegin, kSignatureEnd, blob);
}

Status verify(const PublicKey& key, std::string_view name_space, std::string_view message,
              std::string_view armored) {
  auto presence = verify(PersonKey{key, ""}, name_space, message, armored);
  if (!presence) return std::unexpected(std::move(presence.error()));
  return {};
}

Result<Presence> verify(const PersonKey& key, std::string_view name_space, std::string_view message,
                        std::string_view armored) {
  PV_TRY(const std::string blob, open_armor(armored));
  PV_TRY(const Parts parts, parts_of(blob));
  PV_TRY(const PersonKey named, read_person_key_blob(parts.key));
  if (!(named == key)) return fail(Code::kUnverified, "the ssh signature is by another key");
  if (parts.name_space != name_space) {
    return fail(Code::kUnverified, fmt::format("the ssh signature is for namespace `{}`, not `{}`",
                                               parts.name_space.substr(0, 100), name_space));
  }
  // SPEC PROTOCOL.sshsig: hash_algorithm MUST be one of sha256 and sha512.
  if (parts.algorithm != "sha512" && parts.algorithm != "sha256") return malformed("ssh signature");
  const std::string digest =
      hash(parts.algorithm == "sha512" ? EVP_sha512() : EVP_sha256(), message);
  const std::string signed_text = signed_bytes(name_space, parts.algorithm, digest);
  const Result<RawSignature> raw = raw_signature(key, parts.signature);
  if (!raw) return std::unexpected(raw.error());
  if (!key.key.verify(key.application.empty() ? signed_text : through_security_key(key, *raw, signed_text),
                      raw->bytes)) {
    return fail(Code::kUnverified, "the ssh signature does not hold over this message");
  }
  return Presence{(raw->flags & kUserPresent) != 0, (raw->flags & kUserVerified) != 0};
}

Result<PublicKey> signer(std::string_view armored) {
  PV_TRY(const std::string blob, open_armor(armored));
  PV_TRY(const Parts parts, parts_of(blob));
  return read_key_blob(parts.key);
}

Result<PersonKey> person_signer(std::string_view armored) {
  PV_TRY(const std::string blob, open_armor(armored));
  PV_TRY(const Parts parts, parts_of(blob));
  return read_person_key_blob(parts.key);
}

std::string PersonKey::fingerprint() const {
  std::string text = "SHA256:" + base64_encode(sha256(person_key_blob(*this)).view());
  while (text.ends_with('=')) text.pop_back();
  return text;
}

}  // namespace proviso::sshsig
