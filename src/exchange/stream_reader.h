#pragma once
// The two halves of StreamReader, by what upstreams speak: one complete server-sent event in, stream events out.
// Internal to the room.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "exchange/stream.h"
#include "exchange/wire.h"

namespace proviso::exchange {

// Where a half puts what it found. A last event ends the reader.
class Events {
 public:
  explicit Events(std::vector<StreamEvent>& out) : out_(out) {}
  StreamEvent& add(StreamEvent::Kind kind);
  void delta(Channel channel, int32_t choice, int32_t group, std::string_view text);
  void text_end(Channel channel, int32_t choice, int32_t group);
  void tool_call(ToolCall call);
  // Ends the stream; the first end stays.
  void end(StreamEvent::Kind kind, std::string text);
  [[nodiscard]] bool ended() const { return ended_; }
  StreamEvent& last() { return out_.back(); }

 private:
  std::vector<StreamEvent>& out_;
  bool ended_ = false;
};

class OpenAiStream {
 public:
  // kResponse: one choice only, and as much text as a Response may repeat.
  enum class For { kChat, kResponse };
  OpenAiStream() = default;
  explicit OpenAiStream(For client) : for_response_(client == For::kResponse) {}
  void take(std::string_view name, std::string_view data, json::Parser& parser, Events& events);
  Usage usage;

 private:
  struct Choice {
    bool open = false;
    bool finished = false;
    std::string reason;
    bool spoke[3] = {};                 // text, reasoning, refusal
    std::map<int64_t, ToolCall> calls;  // by index
  };
  void chunk(json::Object root, Events& events);
  void choice(json::Object object, Events& events);
  void delta(json::Object object, int32_t index, Events& events);
  void speak(json::Object object, std::string_view name, Channel channel, int32_t index,
             Events& events);
  void tool_delta(json::Element item, int32_t index, Events& events);
  void finish(int32_t index, std::string_view reason, Events& events);
  void done(Events& events);

  bool started_ = false;
  size_t calls_ = 0;
  size_t held_bytes_ = 0;  // arguments of all calls
  size_t text_bytes_ = 0;
  bool for_response_ = false;
  std::vector<Choice> choices_;
};

class AnthropicStream {
 public:
  explicit AnthropicStream(std::vector<std::string> stop_sequences);
  void take(std::string_view name, std::string_view data, json::Parser& parser, Events& events);
  Usage usage;

 private:
  enum class Block { kNone, kText, kThinking, kTool, kRedacted };
  void message_start(json::Object root, Events& events);
  void block_start(json::Object root, Events& events);
  void block_delta(json::Object root, Events& events);
  void block_stop(json::Object root, json::Parser& parser, Events& events);
  void message_delta(json::Object root, Events& events);
  void message_stop(Events& events);
  void tool_start(json::Object block, Events& events);
  void say(Channel channel, std::string_view text, Events& events);
  void enter(Channel channel, Events& events);
  void leave(Events& events);
  [[nodiscard]] bool at_open_block(json::Object root) const;

  Frame frame_;
  Runs runs_;
  bool started_ = false;
  Block block_ = Block::kNone;
  int64_t block_index_ = -1;
  size_t kept_bytes_ = 0;  // of the open block's signature, then of the refusal
  ToolCall call_;
  std::string arguments_;
  std::string input_;  // given whole at the block's start, by some upstreams
  size_t calls_ = 0;
  std::string reason_;
  std::string stop_sequence_;
};

}  // namespace proviso::exchange
