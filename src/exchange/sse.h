#pragma once
// Server-sent events, the framing alone (WHATWG HTML, section 9.2.6): bytes in any split to events.
// Tolerates LF, CRLF and CR, a missing space after the colon, comments and unknown fields.
// For the codecs here and for the room tools.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exchange/stream.h"

namespace proviso::exchange {

class SseParser {
 public:
  struct Event {
    std::string_view name;  // empty where the stream gave none
    std::string_view data;  // lines joined with LF; may be empty for a named event
    bool complete = true;   // its blank line came
  };

  // Takes bytes; call next() until it gives nothing before the next feed().
  void feed(std::string_view bytes);
  // The next complete event. Its views live until the next call of any member.
  std::optional<Event> next();
  // At the end of the stream: an event whose blank line never came.
  std::optional<Event> last();
  [[nodiscard]] bool too_long() const { return too_long_; }  // an event passed kEventBytesMax
  // The newest `id` and `retry` (milliseconds) that the stream gave: where and when to ask again.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  [[nodiscard]] std::optional<uint64_t> retry_ms() const { return retry_ms_; }

 private:
  std::optional<std::string_view> line(bool at_end);
  bool take_line(std::string_view line);  // true: the event is complete
  void clear_event();

  std::string buffer_;
  size_t at_ = 0;       // start of the first unread line
  size_t scanned_ = 0;  // no line end stands before this offset
  std::string name_;
  std::string data_;
  std::string last_id_;
  std::optional<uint64_t> retry_ms_;
  bool any_data_ = false;
  bool given_ = false;
  bool first_line_ = true;
  bool too_long_ = false;
};

}  // namespace proviso::exchange
