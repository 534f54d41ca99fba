#pragma once
// OpenSSH detached signatures (PROTOCOL.sshsig) with ssh-ed25519 keys, the form that parties sign
// with `ssh-keygen -Y sign`. Other key types are kUnsupported, never accepted. Pure.
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

}  // namespace proviso::sshsig
