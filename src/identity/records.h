#pragma once
// How people and keys stand in the store: one JSON object each, strictly read, because a field that
// is misread here is a person with other rights. And the names that identity admits. Pure.
#include <string>
#include <string_view>

#include "base/digest.h"
#include "identity/identity.h"

namespace proviso::identity {

struct StoredKey {
  KeyInfo info;
  Digest digest;  // SHA-256 of the key
};

std::string encode_person(const Person& person);
std::string encode_key(const StoredKey& key);
std::string encode_approver_key(const ApproverKey& key);
// kCorrupt unless encode_…() made the text for that id.
Result<Person> decode_person(std::string_view id, std::string_view text);
Result<StoredKey> decode_key(std::string_view id, std::string_view text);
Result<ApproverKey> decode_approver_key(std::string_view fingerprint, std::string_view text);

// kInvalid unless 1 to kNameBytesMax letters, digits and "._@-" that start with a letter or digit.
// `what` stands in the sentence: "role `…`".
Status check_name(std::string_view what, std::string_view name);
// A line of a .pub file for `person`, with its fingerprint and without anything after its comment; kInvalid,
// kUnsupported.
Result<ApproverKey> read_approver_key(std::string_view person, std::string_view line);
// Names, limits and the order of roles.
Status check_person(const Person& person);

}  // namespace proviso::identity
