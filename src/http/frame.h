#pragma once
// Messages to bytes: the only place that writes a head, a chunk or the end of a body. Inside http only.
// Pure. A response desync is a security hole, so framing is decided once, by the head, and what follows
// can only agree with it.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace proviso::http {

struct AnswerShape {
  Version version = Version::k11;  // of the request
  bool to_head = false;            // the request was a HEAD
  bool keep_alive = true;          // what the request and the server would like
  std::optional<uint64_t> length;  // of a whole body; absent: streamed
};

class ResponseFramer {
 public:
  enum class Kind { kNone, kLength, kChunked, kUntilClose };

  // Appends the head to `out` and fixes the framing. kConflict on a second head; kInvalid for a status
  // outside 200..599 or poisoned headers. Framing and connection fields among `headers` are dropped.
  Status begin(std::string& out, int status, const Headers& headers, const AnswerShape& shape,
               std::string_view date);
  // What to send for these body bytes, in order. Empty bytes, and a body that must not be sent, give
  // nothing. kConflict before begin() or after end(); kInvalid beyond the announced length.
  using Parts = std::array<std::string_view, 3>;
  Result<Parts> data(std::string_view bytes);
  // What ends the body: once. kInvalid if the announced length was not reached.
  Result<std::string_view> end();

  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }  // after begin()
  void reset() { *this = ResponseFramer(); }

 private:
  Kind kind_ = Kind::kNone;
  bool begun_ = false, ended_ = false, keep_alive_ = false, mute_ = false;
  uint64_t left_ = 0;
  std::array<char, 24> size_line_{};
};

// Appends a request head. kInvalid for a method, target or headers that cannot be sent. `host` is put
// unless headers have one; a Content-Length when there is a body or the method usually has one.
Status frame_request(std::string& out, std::string_view method, std::string_view target,
                     std::string_view host, const Headers& headers, uint64_t body_bytes);

}  // namespace proviso::http
