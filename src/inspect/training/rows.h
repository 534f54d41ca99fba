#pragma once
// Labelled rows as the training program and `proviso eval` read them: one JSON object a line with `label`,
// `category`, `lang`, `text` and, where they apply, `source`, `licence`, `variant`, `spans`, `expect`.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace proviso::inspect {

struct RowSpan {
  size_t begin = 0;  // in bytes of the text
  size_t end = 0;
  std::string type;  // "PERSON", "US_SSN"
};

struct Row {
  std::string label;
  std::string category;
  std::string lang;
  std::string text;
  std::string source;
  std::string licence;
  std::string variant;  // the encoding used, empty: none
  std::vector<RowSpan> spans;
  std::string expect;  // canonical JSON of the attributes behind a marking; empty: not said
};

// kInvalid with the line's number: not an object, or without `label`, `category` or `text`.
Result<std::vector<Row>> read_rows(std::string_view file);

}  // namespace proviso::inspect
