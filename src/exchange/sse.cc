#include "exchange/sse.h"

#include <cstring>

#include "base/bytes.h"

namespace proviso::exchange {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void SseParser::feed(std::string_view bytes) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    scanned_ -= at_;
    at_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<std::string_view> SseParser::line(bool at_end) {
  const std::string_view rest = std::string_view(buffer_).substr(scanned_);
  const size_t feed_at = rest.find('\n');
  const size_t return_at = rest.substr(0, feed_at).find('\r');
  const size_t end = return_at != std::string_view::npos ? return_at : feed_at;
  // A CR at the very end may be half of a CRLF: wait for what follows.
  const bool open = end == std::string_view::npos ||
                    (rest[end] == '\r' && scanned_ + end + 1 == buffer_.size() && !at_end);
  if (open) {
    if (!at_end) {
      scanned_ = end == std::string_view::npos ? buffer_.size() : scanned_ + end;
      if (buffer_.size() - at_ > kEventBytesMax) too_long_ = true;
      return std::nullopt;
    }
    if (at_ == buffer_.size()) return std::nullopt;
    const std::string_view tail = std::string_view(buffer_).substr(at_);
    at_ = scanned_ = buffer_.size();
    return tail;
  }
  const size_t stop = scanned_ + end;
  const std::string_view found = std::string_view(buffer_).substr(at_, stop - at_);
  const bool pair = buffer_[stop] == '\r' && stop + 1 < buffer_.size() && buffer_[stop + 1] == '\n';
  at_ = scanned_ = stop + (pair ? 2 : 1);
  return found;
}

bool SseParser::take_line(std::string_view line) {
  if (first_line_) {
    first_line_ = false;
    if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) return any_data_ || !name_.empty();
  const size_t colon = line.find(':');
  if (colon == 0) return false;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (any_data_) data_ += '\n';
    any_data_ = true;
    data_.append(value);
  } else if (field == "event") {
    name_.assign(value);
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    last_id_.assign(value);
  } else if (field == "retry") {
    if (const auto wait = parse_u64(value)) retry_ms_ = *wait;
  }
  if (data_.size() + name_.size() + last_id_.size() > kEventBytesMax) too_long_ = true;
  return false;
}

void SseParser::clear_event() {
  name_.clear();
  data_.clear();
  any_data_ = false;
  given_ = false;
}

std::optional<SseParser::Event> SseParser::next() {
  if (given_) clear_event();
  while (!too_long_) {
    const std::optional<std::string_view> found = line(false);
    if (!found) return std::nullopt;
    if (!take_line(*found)) continue;
    given_ = true;
    return Event{.name = name_, .data = data_};
  }
  return std::nullopt;
}

std::optional<SseParser::Event> SseParser::last() {
  if (given_) clear_event();
  bool complete = false;
  while (!too_long_ && !complete) {
    const std::optional<std::string_view> found = line(true);
    if (!found) break;
    complete = take_line(*found);
  }
  if (too_long_ || (!any_data_ && name_.empty())) return std::nullopt;
  given_ = true;
  return Event{.name = name_, .data = data_, .complete = complete};
}

}  // namespace proviso::exchange
