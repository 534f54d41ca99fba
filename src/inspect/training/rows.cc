#include "inspect/training/rows.h"

#include <fmt/format.h>

#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

std::string text_of(json::Element row, const char* key) {
  std::string_view value;
  return row[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

// Spans count code points; where each of them begins in the text.
std::vector<size_t> code_point_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < text.size(); i += read_code_point(text.substr(i)).length) offsets.push_back(i);
  offsets.push_back(text.size());
  return offsets;
}

void read_spans(json::Element row, Row& out) {
  json::Array spans;
  if (row["spans"].get(spans) != simdjson::SUCCESS) return;
  const std::vector<size_t> offsets = code_point_offsets(out.text);
  for (json::Element span : spans) {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::string_view type;
    json::Array parts;
    if (span.get(parts) != simdjson::SUCCESS || parts.size() != 3) continue;
    if (parts.at(0).get(begin) != simdjson::SUCCESS || parts.at(1).get(end) != simdjson::SUCCESS) continue;
    if (parts.at(2).get(type) != simdjson::SUCCESS || end >= offsets.size() || begin > end) continue;
    out.spans.push_back({offsets[begin], offsets[end], std::string(type)});
  }
}

}  // namespace

Result<std::vector<Row>> read_rows(std::string_view file) {
  std::vector<Row> rows;
  json::Parser parser;
  size_t number = 0;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    const std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    ++number;
    if (line.empty()) continue;
    Result<json::Element> element = parser.parse(line);
    if (!element) return fail(Code::kInvalid, fmt::format("line {}: {}", number, element.error().message));
    Row row{.label = text_of(*element, "label"), .category = text_of(*element, "category"),
            .lang = text_of(*element, "lang"), .text = text_of(*element, "text"),
            .source = text_of(*element, "source"), .licence = text_of(*element, "licence"),
            .variant = text_of(*element, "variant"), .spans = {}, .expect = {}};
    if (row.label.empty() || row.category.empty() || row.text.empty()) {
      return fail(Code::kInvalid,
                  fmt::format("line {}: a row needs `label`, `category` and `text`", number));
    }
    read_spans(*element, row);
    json::Element expect;
    if ((*element)["expect"].get(expect) == simdjson::SUCCESS) {
      PV_TRY(row.expect, json::canonical(expect));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace proviso::inspect
