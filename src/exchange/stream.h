#pragma once
// Event streams of the client protocols. A StreamReader turns an upstream's bytes, split anywhere,
// into events; a StreamWriter turns what was decided back into the client's protocol. Between them
// stands the gate: deltas go through inspection, a tool call arrives whole so that its `act` can be
// decided before a byte of it leaves, and anything the reader does not know is an event that must
// be denied, never passed. The writer never repeats an upstream's frame; it makes its own. Pure
// values, not thread-safe, memory bounded by the limits below whatever the length of the stream.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/codec.h"
#include "exchange/form.h"

namespace proviso::exchange {

inline constexpr size_t kEventBytesMax = 4 << 20;       // one event: a tool call in one delta fits
inline constexpr size_t kSignatureBytesMax = 64 << 10;  // held until its thinking block ends
inline constexpr size_t kToolCallsBytesMax = 4 << 20;   // arguments that one stream holds in all
inline constexpr size_t kResponseBytesMax = 4 << 20;  // text of a streamed Response: its end repeats it

struct StreamEvent {
  enum class Kind {
    kStart,    // once, first: upstream_id in `text`, usage.input_tokens if already known
    kDelta,    // channel, choice, group, text (kText, kReasoning, kRefusal; kOther: a thinking
               // signature; kFile with Readable::kNo: redacted thinking, whole in one event)
    kTextEnd,  // the text of this channel and group is over: release what was held back of it
               // before anything later is written. Comes for every text, before kToolCall and kDone
    kToolCall,  // call, whole. OpenAI: when its choice finishes. Anthropic: when its block stops
    kDone,      // the protocol's terminal event: finishes, usage. Nothing follows
    kError,     // the upstream reported an error in mid-stream: text. Nothing follows
    kUnknown,   // something this room cannot describe: text says what. Deny; nothing follows
    kCut,       // the stream ended without its terminal event: text says where. Nothing follows
  };
  Kind kind = Kind::kDelta;
  Channel channel = Channel::kText;
  Readable readable = Readable::kYes;
  int32_t choice = 0;  // for the writer; always 0 for Anthropic
  int32_t group = 0;   // deltas of one channel and group are one text, numbered as Piece::group is
  std::string text;    // kError, kUnknown, kCut: for the record only, it may quote the upstream
  ToolCall call;
  std::vector<Finish> finishes;
  Usage usage;
};

class ResponsesStream;

class StreamReader {
 public:
  // Reads what the upstream of that client protocol speaks: a chat completion for kOpenAiResponses.
  // `frame` gives the stop sequences that the client named.
  StreamReader(Protocol protocol, const Frame& frame);
  ~StreamReader();
  StreamReader(StreamReader&&) noexcept;
  StreamReader& operator=(StreamReader&&) noexcept;

  // Appends what `bytes` completes. After kDone, kError, kUnknown or kCut further bytes are
  // ignored.
  void feed(std::string_view bytes, std::vector<StreamEvent>& out);
  // The upstream closed: appends kCut unless a last event was already given.
  void end(std::vector<StreamEvent>& out);
  [[nodiscard]] bool ended() const;          // a last event was given
  [[nodiscard]] const Usage& usage() const;  // as far as known

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Appends the client's stream to `out`. start() is implied by the first call that needs it. After
// finish(), refuse() or error() nothing more may be written (checked).
class StreamWriter {
 public:
  StreamWriter(Protocol protocol, Frame frame);
  ~StreamWriter();
  StreamWriter(StreamWriter&&) noexcept;
  StreamWriter& operator=(StreamWriter&&) noexcept;

  void start(std::string& out, uint64_t input_tokens = 0);
  // A released piece of a channel. Channels may alternate; Anthropic blocks open and close as
  // needed. kFile (redacted thinking) takes its whole data in one call; it and kOther are
  // Anthropic's only.
  void text(std::string& out, Channel channel, int32_t choice, std::string_view text);
  // On kTextEnd, when all of that text was written: signatures of two blocks must not become one.
  void text_end(std::string& out, Channel channel);
  // A whole call, after its `act` was decided.
  void tool_call(std::string& out, const ToolCall& call);
  // The ordinary ending: finish reasons, usage where the client gets it, the terminal event.
  void finish(std::string& out, const std::vector<Finish>& finishes, const Usage& usage);
  // The protocol's own ending for a refusal in mid-stream: OpenAI `delta.refusal` with the
  // sentence, then finish_reason "content_filter" and [DONE]; Responses a refusal part, then
  // `response.incomplete` for the reason content_filter; Anthropic stop_reason "refusal" with
  // stop_details. `category` is a short word of ours ("policy").
  void refuse(std::string& out, std::string_view sentence, std::string_view category,
              const Usage& usage);
  // An error in mid-stream. `type` and `code` as in error_body(); OpenAI clients raise on it.
  void error(std::string& out, std::string_view type, std::string_view message,
             std::string_view code, std::string_view request_id);
  // A comment line that every client ignores: keeps a connection alive while somebody decides.
  static void comment(std::string& out);

  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  enum class Block { kNone, kText, kThinking };
  void begin(std::string& out);  // start() unless it was called
  void openai_role(std::string& out, int32_t choice);
  // A chunk of one choice: `open` before its delta's members, `close` after them.
  void open_chunk(std::string& out, int32_t choice);
  void close_chunk(std::string& out, std::string_view finish_reason);
  void openai_end(std::string& out, const Usage& usage);
  void anthropic_text(std::string& out, Channel channel, std::string_view text);
  void anthropic_tool(std::string& out, const ToolCall& call);
  void anthropic_end(std::string& out, const Finish& finish, std::string_view category,
                     const Usage& usage);
  void open_block(std::string& out, Block block);
  void close_block(std::string& out);

  Protocol protocol_;
  Frame frame_;
  bool started_ = false;
  bool ended_ = false;
  std::string prefix_;               // OpenAI: a chunk up to its choice index
  std::vector<bool> role_sent_;      // OpenAI: per choice
  std::vector<int32_t> tools_sent_;  // OpenAI: per choice, next tool index
  Block block_ = Block::kNone;       // Anthropic: the open block
  int32_t next_block_ = 0;
  std::string signature_;  // of the open thinking block
  std::string refusal_;    // goes into stop_details
  std::unique_ptr<ResponsesStream> responses_;  // Responses
};

}  // namespace proviso::exchange
