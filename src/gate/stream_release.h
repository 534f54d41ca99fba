#pragma once
// The second half of the corridor for a streamed answer. Text is released segment by segment: a segment
// waits for its verdict, and where it changes the facts for a decision under them and its leaf. What
// stood before an offending segment was delivered; the segment and all after it are not, and the stream
// ends in the protocol's own words. The end itself waits for the closing leaf.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "exchange/stream.h"
#include "gate/corridor.h"
#include "gate/redaction.h"

namespace proviso::gate {

inline constexpr std::chrono::seconds kStreamRenewMax{30};  // a decision's time is never older than this

class StreamRelease {
 public:
  // All of these outlive run().
  StreamRelease(Corridor& corridor, http::Call& call, Passage& passage, models::Upstream upstream);

  // Turned only while nothing has been sent yet: the caller answers it as an error.
  http::Task<Step<>> run();

 private:
  class StreamPatience;
  using Events = std::vector<exchange::StreamEvent>;
  // A part of the answer that was admitted.
  struct Kept {
    enum class What { kText, kTextEnd, kCall };
    What what = What::kText;
    exchange::Channel channel = exchange::Channel::kText;
    int32_t choice = 0;
    std::string text;
    exchange::ToolCall call;
    std::optional<Judged> segment = {};  // of a text that may have to be cut before it leaves
  };

  http::Task<Step<>> open();
  http::Task<Step<>> pump();
  http::Task<Step<>> take(exchange::StreamEvent event);
  http::Task<Step<>> take_delta(const exchange::StreamEvent& event);
  http::Task<Step<>> take_call(const exchange::ToolCall& call);
  http::Task<Step<>> take_end(const exchange::StreamEvent& event);
  // Lets judged segments go, deciding again where they change the facts.
  http::Task<Step<>> let_go(std::vector<Judged> judged, int32_t choice);
  // What comes next, `part` of it where it is text that can be redacted. Two decisions cover what is said: one
  // about all that the model said, and if that is to redact, one about what is left of it. Each is taken again,
  // with its leaf, where its facts or the moment change; Turned if one does not allow. An answer that is judged
  // whole is cut, and decided about, at its end (redact_kept()).
  http::Task<Step<>> admit(Content more, Judged* part = nullptr);
  http::Task<Step<>> admit_left(const Content& more, bool anew);
  // Text that was admitted, on its way out: what is left of it is read again where it may be cut, for a cut makes
  // new words, and leaves when that lets it go.
  http::Task<Step<>> pass_on(Judged part, int32_t choice, Kept& run);
  http::Task<Step<>> let_go_again(std::vector<Judged> judged, int32_t choice, Kept& run);
  http::Task<Step<>> end_text(const exchange::StreamEvent& event);
  http::Task<Step<>> redact_kept();
  http::Task<Step<>> decide_left(const Content& left);
  // Cuts the part, and keeps what it was for the vault.
  Step<> take_out(Judged& part);
  // Corridor::renew(), which also turns a stream whose texts were inspected for other labels than the
  // agreement in force now knows.
  Step<> renew();
  [[nodiscard]] bool moment_passed() const;
  // The newest decision covers `more` too.
  [[nodiscard]] bool covers(const Content& more) const;
  // Turned unless it allows, or says to redact and `redactable`.
  http::Task<Step<>> decide(const Content& next, std::string_view outcome, bool redactable);
  // Writes, or keeps under `whole_`, what was admitted. Turned when an answer judged whole is too long.
  Step<> say(Kept part);
  void write_out(const Kept& part);
  // Sends what the writer has made.
  http::Task<bool> flush();
  // The closing leaf, with the digest of what left.
  http::Task<Step<>> close(std::string_view outcome);
  http::Task<Step<>> record_end(Turned turned);
  http::Task<void> say_end(Turned turned);
  void note_released(const Kept& part);
  void put_released(exchange::Facts& facts);
  void put_originals(audit::Record& record);
  [[nodiscard]] Turned refusal() const;

  Corridor& corridor_;
  http::Call& call_;
  Passage& passage_;
  models::Upstream upstream_;
  exchange::StreamReader reader_;
  exchange::StreamWriter writer_;
  inspect::Inspector inspector_;
  Judge judge_;
  const bool redacts_;     // the agreement may say to cut: then what is left is read again
  Judge judge_again_;
  const std::vector<std::string> labels_;  // that the judge looks for
  Content seen_;           // all that the model said
  Content content_;        // what was let go of it: the same, if nothing was redacted
  Content beside_;         // of it all that is no text
  exchange::Facts facts_;  // of the newest decision
  agreement::Decision decision_;
  UtcSeconds decided_at_;       // of the newest `release` about seen_
  uint64_t decided_under_ = 0;  // version of the agreement then in force
  bool whole_ = false;     // the agreement asks to judge the whole before any of it leaves
  std::vector<Kept> kept_;  // what an answer judged whole will say, in its order
  size_t kept_bytes_ = 0;
  bool redacting_ = false;  // the newest decision about seen_ said so
  Redactor redactor_;
  std::string originals_;   // segments as they were before they were cut, one JSON string a line
  std::string out_;
  Sha256 released_;
  uint64_t released_bytes_ = 0;
  bool done_ = false;
  bool end_recorded_ = false;  // the newest leaf is the outcome already
};

}  // namespace proviso::gate
