#pragma once
// OpenSSH detached signatures (PROTOCOL.sshsig), the form that parties and approvers sign with
// `ssh-keygen -Y sign`: ssh-ed25519 keys, and sk-ssh-ed25519@openssh.com keys, which live in a security key
// (PROTOCOL.u2f). Other key types are kUnsupported, never accepted. Pure.
#include <string>
#include <string_view>

#include "base/ed25519.h"

namespace proviso::sshsig {

// "ssh-ed25519 AAAA… comment" -> key; kInvalid, kUnsupported.
Result<PublicKey> parse_public_key(std::string_view line);
std::string format_public_key(const PublicKey& key, std::string_view comment);

// OpenSSH private key file, unencrypted ed25519 ("openssh-key-v1"); kUnsupported if encrypted.
Result<PrivateKey> parse_private_key(std::string_view pem);
std::string format_private_key(const PrivateKey& key, std::string_view comment);

// Armored "-----BEGIN SSH SIGNATURE-----" over message in `name_space`, sha512.
std::string sign(const PrivateKey& key, std::string_view name_space, std::string_view message);
// kUnverified unless `armored` is by `key`, in `name_space`, over `message`; kInvalid if malformed.
Status verify(const PublicKey& key, std::string_view name_space, std::string_view message,
              std::string_view armored);
// The key that the signature names (not yet a proof of anything).
Result<PublicKey> signer(std::string_view armored);

// A key that a person signs with, in a file or in a security key.
struct PersonKey {
  PublicKey key;
  std::string application;  // of a security key, "ssh:" as a rule; empty for one in a file
  [[nodiscard]] std::string fingerprint() const;  // "SHA256:…", as `ssh-keygen -l` prints it
  friend bool operator==(const PersonKey&, const PersonKey&) = default;
};
// A line of either type; kInvalid, kUnsupported.
Result<PersonKey> parse_person_key(std::string_view line);
std::string format_person_key(const PersonKey& key, std::string_view comment);

// What a security key says of the moment of signing; neither for a key in a file.
struct Presence {
  bool touched = false;   // somebody was there (flag 0x01)
  bool verified = false;  // and gave a PIN or a finger (flag 0x04)
};
// As verify() above.
Result<Presence> verify(const PersonKey& key, std::string_view name_space, std::string_view message,
                        std::string_view armored);
Result<PersonKey> person_signer(std::string_view armored);

}  // namespace proviso::sshsig
