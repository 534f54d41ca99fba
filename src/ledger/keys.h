#pragma once
// The log's key files. A private key is one line `PRIVATE+KEY+name+hash+base64(0x01 || seed)`, as
// the Go note tools write it, in a file of mode 0600; a public one is a verifier key line. The
// log's key is named after the origin, the receipt key after the origin with `/receipts` behind.
#include <string>
#include <string_view>

#include "base/ed25519.h"
#include "base/note.h"
#include "base/result.h"

namespace proviso::ledger {

struct NamedKey {
  std::string name;
  PrivateKey key;
};

std::string receipt_key_name(std::string_view origin);
std::string format_private_key(const NamedKey& key);
// kInvalid if malformed or if the hash is not the one that name and key give.
Result<NamedKey> parse_private_key(std::string_view line);

// Makes log.key, receipt.key (0600), log.vkey and receipt.pub in `dir`, durable. kConflict if one
// of them is there already: a log's keys are never made twice.
Status create_keys(const std::string& dir, std::string_view origin);
Result<NamedKey> read_private_key(const std::string& path);
// A verifier key file's one line, trimmed of its line feed and parsed.
Result<note::VerifierKey> read_verifier_key(const std::string& path);
// The Ed25519 key in a verifier key; kUnsupported for other types.
Result<PublicKey> ed25519_key(const note::VerifierKey& key);

}  // namespace proviso::ledger
