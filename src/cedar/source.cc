#include "cedar/source.h"

#include <algorithm>

namespace proviso::cedar {

Position Source::position(uint32_t offset) const {
  std::string_view before = std::string_view(text).substr(0, std::min<size_t>(offset, text.size()));
  auto lines = static_cast<uint32_t>(std::ranges::count(before, '\n'));
  size_t start = before.rfind('\n');
  std::string_view line = before.substr(start == std::string_view::npos ? 0 : start + 1);
  auto columns = std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
  return {first_line + lines, static_cast<uint32_t>(columns) + 1};
}

std::string_view Source::slice(Span span) const {
  if (span.begin >= text.size() || span.end < span.begin) return {};
  return std::string_view(text).substr(span.begin, span.end - span.begin);
}

std::string Source::place(uint32_t offset) const {
  Position at = position(offset);
  return file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
}

Excerpt excerpt(const Source& source, Span span) {
  return {source.file, source.position(span.begin), source.position(span.end),
          std::string(source.slice(span))};
}

std::string Diagnostic::to_string() const {
  std::string out =
      file + ':' + std::to_string(line) + ':' + std::to_string(column) + ": " + message;
  if (!help.empty()) out += " (" + help + ')';
  return out;
}

}  // namespace proviso::cedar
