#pragma once
// Does this value look like a secret, or like something that only sits where one could be? Pure
// functions over short values; no allocation.
#include <string_view>

#include "inspect/rules.h"

namespace proviso::inspect {

// Shannon entropy in thousandths of a bit per byte.
int entropy_millibits(std::string_view value);

struct Kinds {
  int digits = 0;
  int lower = 0;
  int upper = 0;
  int other = 0;
};
Kinds count_kinds(std::string_view value);

bool is_uuid(std::string_view value);
// Hexadecimal of a digest's length: 32, 40, 56, 64, 96, 128.
bool is_digest_hex(std::string_view value);
// "changeme", "xxxxxxxx", "your_key_here", "AKIAIOSFODNN7EXAMPLE": stands for a value, is none.
bool is_placeholder(std::string_view value);
// The last six characters of a GitHub or npm token are the CRC-32 of the rest, in base 62.
bool github_checksum_holds(std::string_view token);

// The value of an assignment to a name of this strength; 0 if it is no secret, else the score.
int64_t score_assigned(std::string_view value, Strength strength);
// Whether a token's text (literal and body) meets its rule's check; 0 or the score.
int64_t score_token(std::string_view token, std::string_view body, Check check);

}  // namespace proviso::inspect
