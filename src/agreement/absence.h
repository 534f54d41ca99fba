#pragma once
// Kinds of thing that arguments of tools must not carry, and what a line of redlines.md says about them. A value is of
// a kind if its name says so, or if it is text or a number in which one could stand. docs/proofs.md has the built-in
// kinds and what the rule does not see.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::agreement {

inline constexpr size_t kKindWordsMax = 200;       // of one kind: a list that people read
inline constexpr int64_t kKindTextMax = 1'000;     // characters of text in which one could stand
inline constexpr int64_t kKindDigitsMax = 15;      // what a double holds exactly

struct Kind {
  std::string id;                  // "person"
  std::vector<std::string> words;  // of property names: lower-case letters and digits, parts joined by `_`
  int64_t text = 1;                // free text of so many characters could carry one
  int64_t digits = 1;              // a number that may have so many digits could carry one, and so could any fraction
  std::string example;             // one, as text
};

// "person", "coordinate"; null for another id.
const Kind* built_in_kind(std::string_view id);

// True if a property of that name says that it is of the kind. `targetLat`, `target_lat` and `LAT` have the word
// `lat`; `plate` has not. The parts of a name are told by capitals, digits, `_`, `-`, `.` and spaces.
bool names_kind(std::string_view property, const Kind& kind);
// True for names in which words are looked for: printable ASCII. What else looks like a letter is not judged.
bool is_plain_name(std::string_view property);

// "no KIND in …": of which tools.
struct Absent {
  std::string kind;
  std::vector<std::string> classes;  // ToolClass::"…"
  std::vector<std::string> tools;    // Tool::"…"
  bool all = false;                  // any tool
  [[nodiscard]] bool covers(std::string_view tool, std::string_view tool_class) const;
};

}  // namespace proviso::agreement
