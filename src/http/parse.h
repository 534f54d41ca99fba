#pragma once
// Bytes to messages: the checks that stand before llhttp, and llhttp. Inside http only. Pure: no sockets,
// no time. A head is scanned as it arrives, checked and parsed once it is whole; a body is decoded in
// place, piece by piece.
#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace proviso::http {

// Beyond the body's own bytes: chunk sizes, extensions and trailers. A one-byte chunk costs six bytes.
inline constexpr uint64_t kFramingBytesMax = 16 * 1024;
inline constexpr uint64_t kFramingPerByteMax = 8;

// Finds the end of a head while it arrives. Judges line by line, so that a broken head is refused when its
// line ends and not when it times out.
class HeadScanner {
 public:
  enum class State { kMore, kComplete, kMalformed };
  // `bytes` starts with the head and only grows between calls.
  State scan(std::string_view bytes);
  [[nodiscard]] size_t size() const { return line_at_; }  // of a complete head, with its empty line
  [[nodiscard]] size_t lines() const { return lines_; }
  [[nodiscard]] const char* fault() const { return fault_; }
  void reset() { *this = HeadScanner(); }

 private:
  size_t line_at_ = 0;
  size_t scanned_ = 0;
  size_t lines_ = 0;
  const char* fault_ = "";
};

// What llhttp lets pass: control bytes, and a CR that ends no line. `head` as the scanner found it.
Status check_head_bytes(std::string_view head, size_t lines);

class MessageParser {
 public:
  MessageParser();
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  // `head` is whole, through its empty line. kInvalid says what is wrong; kUnsupported: CONNECT; kLimit:
  // more than `fields_max` header fields.
  Status parse_request(std::string_view head, size_t lines, size_t fields_max, RequestHead& out);
  // `to_head`: the answer to a HEAD has no body whatever its head says.
  Status parse_response(std::string_view head, size_t lines, bool to_head, ResponseHead& out);

  // After a head.
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  [[nodiscard]] bool until_close() const { return until_close_; }

  struct Piece {
    size_t consumed = 0;     // of the input; the rest belongs to the next message
    std::string_view bytes;  // decoded; lives as long as the input, until the next call
  };
  // kInvalid when the framing is broken or costs more than the limits above.
  Result<Piece> body(std::string_view input);
  // The peer closed: true if that ends the message, false if it cuts it.
  bool at_close();

 private:
  struct Callbacks;
  Status run_head(std::string_view head, size_t lines, llhttp_type_t type);
  Status check_fields(bool request);

  llhttp_t llhttp_;
  Headers* fields_ = nullptr;
  std::string_view head_;
  std::string_view name_, value_, url_;
  std::string_view piece_;
  std::string spill_;
  uint64_t raw_bytes_ = 0;
  uint64_t body_bytes_ = 0;
  bool in_head_ = false, have_name_ = false, head_done_ = false, no_body_ = false;
  bool complete_ = false, keep_alive_ = false, until_close_ = false;
};

}  // namespace proviso::http
