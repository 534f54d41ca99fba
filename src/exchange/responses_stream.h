#pragma once
// The event stream of the Responses protocol, half of StreamWriter: items of `output` open and close as
// the channel of what was decided changes, each event has its number, and the last one holds the whole
// Response object. For that the writer keeps what it wrote; the reader bounds how much that can be
// (kResponseBytesMax). Internal to the room.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/responses.h"

namespace proviso::exchange {

class ResponsesStream {
 public:
  void start(std::string& out, const Frame& frame);
  void text(std::string& out, const Frame& frame, Channel channel, std::string_view text);
  void tool_call(std::string& out, const Frame& frame, const ToolCall& call);
  void finish(std::string& out, const Frame& frame, std::string_view finish_reason,
              const Usage& usage);
  void refuse(std::string& out, const Frame& frame, std::string_view sentence, const Usage& usage);
  // `response.failed`, then the `error` event on which SDKs raise.
  void error(std::string& out, const Frame& frame, std::string_view message, std::string_view type,
             std::string_view code);

 private:
  json::Writer open(std::string& out, std::string_view type);
  // An event of the open item: its id and place.
  json::Writer open_in_item(std::string& out, std::string_view type);
  // The same with the place of the open part.
  json::Writer open_in_part(std::string& out, std::string_view type);
  static void close(std::string& out, json::Writer& writer);
  void response_event(std::string& out, const Frame& frame, std::string_view type,
                      const ResponseState& state, const Usage* usage);
  void item_event(std::string& out, std::string_view type, std::string_view item);
  void part_event(std::string& out, std::string_view type, std::string_view text);
  void open_part(std::string& out, const Frame& frame, Channel channel);
  void close_part(std::string& out);
  void close_item(std::string& out, std::string_view status);
  void end(std::string& out, const Frame& frame, std::string_view type, const ResponseState& state,
           const Usage* usage);

  uint64_t sequence_ = 0;
  std::string output_;  // finished items, JSON texts with commas between
  size_t items_ = 0;    // finished ones
  std::optional<Channel> item_;  // open: kText (a message) or kReasoning
  std::string id_;               // of the open item
  std::string parts_;            // finished parts of the open item
  size_t parts_done_ = 0;
  std::optional<Channel> part_;  // open
  std::string text_;             // of the open part
};

}  // namespace proviso::exchange
