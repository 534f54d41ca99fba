#include "cedar/pattern.h"

#include <cstring>

#include "cedar/text.h"

namespace proviso::cedar {
namespace {

// glibc bounds its work by a small multiple of the text, whatever the piece; string_view::find does not.
size_t find_piece(std::string_view text, std::string_view piece) {
  const void* at = memmem(text.data(), text.size(), piece.data(), piece.size());
  if (at == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

}  // namespace

void Pattern::add_literal(char32_t scalar) { append_utf8(pieces_.back(), scalar); }

void Pattern::add_wildcard() { pieces_.emplace_back(); }

bool Pattern::matches(std::string_view text) const {
  if (pieces_.size() == 1) return text == pieces_[0];
  const std::string& first = pieces_.front();
  const std::string& last = pieces_.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
    if (pieces_[i].empty()) continue;
    size_t at = find_piece(text, pieces_[i]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces_[i].size());
  }
  return true;
}

}  // namespace proviso::cedar
