#pragma once
// Facts: the small typed truths that a decision is taken on, and the only ones. A fact has a path
// ("context.content.labels") and a value; paths sort bytewise, and that order is the order of the
// leaves under a fact root. Facts whose path starts with "exchange." describe the exchange for the
// record and never reach a policy. Values are integers, strings, booleans and sets of strings, so
// that canonical JSON needs no floats. Pure values.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace proviso::exchange {

inline constexpr size_t kFactsMax = 256;            // a leaf's fact tree stays shallow
inline constexpr size_t kFactPathBytesMax = 256;    // paths are ours, never a client's text
inline constexpr size_t kFactValueBytesMax = 4096;  // facts are small; payloads live in the vault

// A set of strings is kept sorted and without duplicates.
using FactValue = std::variant<bool, int64_t, std::string, std::vector<std::string>>;

class Facts {
 public:
  using Item = std::pair<std::string, FactValue>;
  // Inserts or replaces. Sets are sorted here. Paths and their number are ours, so breaking their
  // limits is a bug and stops the program; values are checked by within_limits().
  void set(std::string_view path, FactValue value);
  [[nodiscard]] const FactValue* find(std::string_view path) const;
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }  // in path order
  // Merges `other` over this.
  void merge(const Facts& other);
  // kInvalid, naming the path, when a text is not UTF-8: it could not be read again. kLimit when a value is longer than kFactValueBytesMax: text of a client's (a
  // model name, a purpose) can be, so ask before the facts become a leaf.
  [[nodiscard]] Status within_limits() const;
  friend bool operator==(const Facts&, const Facts&) = default;

 private:
  std::vector<Item> items_;
};

// Canonical JSON of one value: true, 7, "x", ["a","b"].
std::string canonical_value(const FactValue& value);
// The reverse; kInvalid for anything that canonical_value() cannot have made.
Result<FactValue> parse_value(std::string_view canonical_json);

// The verbs that the corridor decides, as Cedar actions.
enum class Verb { kAsk, kRelease, kAct, kTrain, kDisclose, kAmend, kAdmit, kStop, kDeclare };
inline constexpr size_t kVerbCount = 9;
const char* verb_name(Verb verb);  // "ask"
std::optional<Verb> parse_verb(std::string_view name);

// Rounds up to a power of two (0 stays 0): sizes as facts must not fingerprint content.
int64_t rounded_size(uint64_t bytes);

}  // namespace proviso::exchange
