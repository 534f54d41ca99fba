#include "cedar/source.h"

#include <algorithm>

namespace proviso::cedar {

namespace {

constexpr size_t kMarkBytes = 256;  // a place is found by reading so many at most

// Where one stands after `text`, having stood at `at` before it.
Position after(std::string_view text, Position at) {
  for (char c : text) {
    if (c == '\n') {
      at = {at.line + 1, 1};
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++at.column;
    }
  }
  return at;
}

}  // namespace

Source::Source(std::string file_name, std::string whole, uint32_t first)
    : file(std::move(file_name)), text(std::move(whole)), first_line(first) {
  marks_.reserve(text.size() / kMarkBytes + 1);
  marks_.emplace_back();
  for (size_t at = 0; at + kMarkBytes <= text.size(); at += kMarkBytes) {
    marks_.push_back(after(std::string_view(text).substr(at, kMarkBytes), marks_.back()));
  }
}

Position Source::position(uint32_t offset) const {
  size_t end = std::min<size_t>(offset, text.size());
  size_t mark = end / kMarkBytes;
  size_t begin = mark * kMarkBytes;
  Position at = after(std::string_view(text).substr(begin, end - begin), marks_[mark]);
  return {first_line + at.line - 1, at.column};
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
