#pragma once
// agreement.toml, read strictly: an unknown key or section is a fault, and every reference between
// its sections resolves. Not a face: only this room includes it.
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/faults.h"

namespace proviso::agreement {

inline constexpr std::string_view kTermsFile = "agreement.toml";
inline constexpr size_t kEntriesMax = 1000;      // per section; a registry beyond that is a database
inline constexpr size_t kIdBytesMax = 128;       // ids are names that people type
inline constexpr size_t kTextBytesMax = 4096;    // descriptions are sentences
inline constexpr int64_t kRetentionMonthsMax = 1200;  // a hundred years; who wants longer names no period
inline constexpr int64_t kBreakGlassMinutesMax = 240;    // what lasts longer is a state to be agreed upon
inline constexpr int64_t kBreakGlassReviewHoursMax = 168;  // a week; later nobody remembers
inline constexpr int64_t kWitnessGraceSMax = 86'400;       // a day without outside eyes is no grace any more
inline constexpr size_t kClassBytesMax = 63;             // a retention class stands in file names
inline constexpr int64_t kMarkingMax = 1'000'000;  // markings are small ranks

// Adds to `faults` what is wrong; the result is usable for further checks either way. The caller has
// run check_text(): toml++ stops the program on some control characters.
Terms parse_terms(std::string_view toml, Faults& faults);

// Where a party's key stands in the bytes of agreement.toml, quotes included.
struct PartyKeySpan {
  std::string party;
  std::string key;
  size_t begin = 0;
  size_t end = 0;
};
// kInvalid if it is not TOML or a party lacks its name or key. Keys themselves are not checked: this
// is how placeholders get replaced.
Result<std::vector<PartyKeySpan>> party_key_spans(std::string_view toml);

// True for a label, purpose or class id: lower-case letters, digits, `_` and `-`, a letter in front.
bool is_word(std::string_view text);
// True for a model, vendor or tool id: printable ASCII without space, quote or backslash.
bool is_id(std::string_view text);
// True if a Cedar record may have an attribute of that name without quotes.
bool is_identifier(std::string_view text);

}  // namespace proviso::agreement
