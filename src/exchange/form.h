#pragma once
// The internal form of a request and of an answer: one shape for every client protocol, parsed
// once. Everything textual that could carry content has a Channel, so that inspection can visit all
// of it without knowing protocols. Text that came from outside is UntrustedText; only inspect reads
// it, and codecs write it back. Pure values.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proviso::exchange {

// kMcp is no codec of this room: its messages are the room tools'.
enum class Protocol { kOpenAiChat, kOpenAiResponses, kAnthropicMessages, kMcp };
// "openai.chat", "openai.responses", "anthropic.messages", "mcp"
const char* protocol_name(Protocol protocol);
// The protocol that a client's is spoken in to an upstream: no upstream of ours speaks Responses.
Protocol upstream_protocol(Protocol protocol);

// The `anthropic-version` header. The newer one refuses what gateways.md §0.5 lists.
enum class AnthropicVersion { k20230601, k20261021 };
const char* anthropic_version_name(AnthropicVersion version);  // "2023-06-01"
std::optional<AnthropicVersion> parse_anthropic_version(std::string_view header);

// Bytes from a client, a model or a tool. Not printable, not comparable: what looks inside is
// inspect.
class UntrustedText {
 public:
  UntrustedText() = default;
  explicit UntrustedText(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] size_t size() const { return text_.size(); }
  void append(std::string_view more) { text_.append(more); }
  // Named so that a reader sees it: for inspect and for the codecs' writers only.
  [[nodiscard]] const std::string& open_for_inspection() const { return text_; }

 private:
  std::string text_;
};

enum class Channel {
  kSystem,
  kText,
  kReasoning,
  kRefusal,
  kToolArguments,
  kToolResult,
  kToolDefinition,
  kFile,
  kOther
};
const char* channel_name(Channel channel);

enum class Readable { kYes, kNo };  // kNo: an image or file that no detector here can read

// kJson: the text is JSON (tool arguments, schemas); read its string escapes decoded too.
enum class Syntax { kPlain, kJson };

// One inspectable piece of a request or a whole answer.
struct Piece {
  Channel channel = Channel::kText;
  Readable readable = Readable::kYes;
  UntrustedText text;
  // Pieces of one channel and one group are one text, read on across pieces in their order.
  int32_t group = 0;
  Syntax syntax = Syntax::kPlain;
  // Which text of its body this is, counted as the body is read; -1 for what a body does not say so (a
  // second reading of another piece, a header). Texts of one body keep their numbers when it is read again.
  int32_t source = -1;
  bool again = false;  // a second reading: its bytes are counted already
};

// What to read in the place of some texts of a body, by Piece::source: how a body is written again without
// what was found in it. A text that is JSON in its body stays JSON.
using Replacements = std::map<int32_t, std::string>;

// What the corridor needs to know of a request. The protocol's own body is kept parsed and is
// written back for the upstream by the codec that read it.
struct Request {
  Protocol protocol = Protocol::kOpenAiChat;
  std::string model;  // at most kModelNameBytesMax
  bool stream = false;
  bool include_usage = false;  // OpenAI stream_options.include_usage, as the client asked
  uint32_t choices = 1;        // OpenAI n, as the client asked; an upstream may answer with fewer
  uint32_t tools_offered = 0;
  bool count_only = false;  // Anthropic count_tokens
  AnthropicVersion anthropic_version =
      AnthropicVersion::k20230601;  // to send on, for that protocol
  std::vector<Piece> pieces;        // everything textual, in reading order
  uint32_t unreadable = 0;          // how many of the pieces no detector can read
  std::string upstream_body;  // re-serialised for the upstream, model name as the client gave it
  std::string settings;       // Responses: members that the answer repeats, see Frame
  std::vector<std::string> passed_through;  // fields that only the agreement's passthrough admitted
  std::vector<std::string>
      stop_sequences;  // what an answer may name as the sequence that stopped it
};

struct ToolCall {
  std::string id;
  std::string name;
  UntrustedText arguments;  // JSON text as the model wrote it
  int32_t choice = 0;
};

struct Usage {
  uint64_t input_tokens =
      0;  // OpenAI: all of the prompt; Anthropic: what no cache supplied or took
  uint64_t output_tokens = 0;
  uint64_t cache_read_tokens = 0;
  uint64_t cache_write_tokens = 0;  // Anthropic only
  uint64_t reasoning_tokens = 0;    // OpenAI only
  friend bool operator==(const Usage&, const Usage&) = default;
};

// Why one choice ended: a word of the protocol's closed set, as the upstream said it.
struct Finish {
  int32_t choice = 0;
  std::string reason;
  std::string stop_sequence;  // Anthropic; kept only if the client named it
  friend bool operator==(const Finish&, const Finish&) = default;
};

// A whole answer, as read from the upstream.
struct Answer {
  // Text, reasoning, refusals. group: OpenAI the choice; Anthropic counts runs of blocks of one
  // channel, because a text ends where a block of another kind begins.
  std::vector<Piece> pieces;
  std::vector<ToolCall> tool_calls;
  std::vector<Finish> finishes;
  std::string body;         // re-serialised for the client
  std::string upstream_id;  // the upstream's own id, for the record; never sent to the client
  Usage usage;
  uint64_t input_tokens = 0;   // = usage.input_tokens
  uint64_t output_tokens = 0;  // = usage.output_tokens
};

}  // namespace proviso::exchange
