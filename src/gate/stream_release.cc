#include "gate/stream_release.h"

#include "gate/decisive.h"

#include <fmt/format.h>

#include <utility>

namespace proviso::gate {
namespace {

constexpr std::string_view kClientGone = "client_gone";
constexpr std::string_view kComplete = "complete";

using exchange::ErrorKind;
using exchange::StreamEvent;
using exchange::Verb;

http::Headers stream_headers(const Passage& passage) {
  http::Headers headers;
  headers.add("Content-Type", "text/event-stream; charset=utf-8");
  headers.add("Cache-Control", "no-cache");
  headers.add("X-Accel-Buffering", "no");
  headers.add("Proviso-Exchange", passage.id);
  headers.add("x-request-id", passage.id);
  headers.add("request-id", passage.id);
  put_redacted(headers, passage.redacted, {});
  return headers;
}

Content content_of(const Judged& part) {
  Content content;
  content.add(part);
  content.bytes = part.segment.text.size();
  return content;
}

Turned client_gone() {
  return Turned{ErrorKind::kInternal, "the client went away", std::string(kClientGone)};
}

}  // namespace

// Comments keep the client of a stream waiting; one whose answer is judged whole hears nothing yet.
class StreamRelease::StreamPatience final : public Patience {
 public:
  explicit StreamPatience(StreamRelease& stream)
      : Patience(http::Loop::now() +
                     std::chrono::seconds(stream.corridor_.house_.config.oversight.stream_wait_seconds),
                 &stream.call_.gone()),
        stream_(stream) {}

  http::Task<bool> keep_alive(const std::string& hold) override {
    (void)hold;
    if (!stream_.call_.responded()) co_return true;
    exchange::StreamWriter::comment(stream_.out_);
    co_return co_await stream_.flush();
  }

 private:
  StreamRelease& stream_;
};

StreamRelease::StreamRelease(Corridor& corridor, http::Call& call, Passage& passage,
                             models::Upstream upstream)
    : corridor_(corridor),
      call_(call),
      passage_(passage),
      upstream_(std::move(upstream)),
      reader_(passage.protocol, exchange::frame_for(passage.request, passage.id,
                                                    corridor.house_.committer.now().value)),
      writer_(passage.protocol, exchange::frame_for(passage.request, passage.id,
                                                    corridor.house_.committer.now().value)),
      inspector_(corridor.inspector_for(passage)),
      judge_(inspector_),
      redacts_(passage.in_force->agreement->redacts()),
      judge_again_(inspector_),
      labels_(passage.in_force->agreement->terms().labels) {}

http::Task<Step<>> StreamRelease::run() {
  Step<> ended = co_await open();
  if (ended) ended = co_await pump();
  if (ended) co_return Step<>{};
  Turned turned = std::move(ended.error());
  Step<> recorded = co_await record_end(turned);
  if (!recorded) turned = std::move(recorded.error());
  if (!call_.responded()) co_return std::unexpected(std::move(turned));
  co_await say_end(std::move(turned));
  co_return Step<>{};
}

// The opening release, under the facts so far; a first byte of status leaves only after it.
http::Task<Step<>> StreamRelease::open() {
  if (Step<> renewed = renew(); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  Step<> decided = co_await decide(seen_, "open", true);
  if (decided && redacting_) decided = co_await decide(content_, "open", false);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  whole_ = decision_.whole;
  if (whole_) co_return Step<>{};
  const Status begun = co_await call_.begin_stream(200, stream_headers(passage_));
  if (!begun) co_return std::unexpected(Turned{ErrorKind::kInternal, begun.error().message, ""});
  co_return Step<>{};
}

http::Task<Step<>> StreamRelease::pump() {
  while (!done_) {
    Result<std::optional<std::string_view>> bytes = co_await upstream_.next_bytes();
    if (!bytes) {
      if (call_.client_gone()) co_return std::unexpected(client_gone());
      const ErrorKind kind =
          bytes.error().code == Code::kTimeout ? ErrorKind::kTimeout : ErrorKind::kUpstream;
      co_return std::unexpected(Turned{kind, std::move(bytes.error().message), "model_failed"});
    }
    Events events;
    if (*bytes) {
      reader_.feed(**bytes, events);
    } else {
      reader_.end(events);
    }
    if (events.empty() && moment_passed()) {
      // Comments keep a stream open; they do not keep a decision fresh.
      Step<> admitted = co_await admit(Content{});
      if (!admitted) co_return std::unexpected(std::move(admitted.error()));
    }
    for (StreamEvent& event : events) {
      Step<> taken = co_await take(std::move(event));
      if (!taken) co_return std::unexpected(std::move(taken.error()));
    }
    const bool sent = co_await flush();
    if (!sent) co_return std::unexpected(client_gone());
  }
  co_return Step<>{};
}

http::Task<Step<>> StreamRelease::take(StreamEvent event) {
  switch (event.kind) {
    case StreamEvent::Kind::kStart:
      // A start says only what the upstream counted; it is written with the first released text.
      if (!whole_) writer_.start(out_, event.usage.input_tokens);
      co_return Step<>{};
    case StreamEvent::Kind::kDelta: co_return co_await take_delta(event);
    case StreamEvent::Kind::kTextEnd: co_return co_await end_text(event);
    case StreamEvent::Kind::kToolCall: co_return co_await take_call(event.call);
    case StreamEvent::Kind::kDone: co_return co_await take_end(event);
    case StreamEvent::Kind::kUnknown:
      co_return std::unexpected(Turned{
          ErrorKind::kUpstream, "the model sent something that cannot be inspected", "unreadable"});
    case StreamEvent::Kind::kError:
      co_return std::unexpected(
          Turned{ErrorKind::kUpstream, "the model reported an error", "model_failed"});
    case StreamEvent::Kind::kCut:
      co_return std::unexpected(Turned{
          ErrorKind::kUpstream, "the model broke off before its answer ended", "model_failed"});
  }
  co_return Step<>{};
}

http::Task<Step<>> StreamRelease::take_delta(const StreamEvent& event) {
  if (event.readable == exchange::Readable::kNo) {
    Content more;
    more.unreadable_parts = 1;
    Step<> admitted = co_await admit(std::move(more));
    if (!admitted) co_return std::unexpected(std::move(admitted.error()));
    co_return say({Kept::What::kText, event.channel, event.choice, event.text, {}});
  }
  std::vector<Judged> judged;
  const bool seen = co_await corridor_.looked_into(passage_, inspector_, event.text.size(), [&] {
    judge_.push(event.channel, event.group, exchange::Syntax::kPlain, event.text, judged);
  });
  if (!seen) co_return std::unexpected(client_gone());
  co_return co_await let_go(std::move(judged), event.choice);
}

http::Task<Step<>> StreamRelease::end_text(const StreamEvent& event) {
  std::vector<Judged> rest;
  bool seen =
      co_await corridor_.looked_into(passage_, inspector_, 0, [&] { judge_.end(event.channel, event.group, rest); });
  if (!seen) co_return std::unexpected(client_gone());
  Step<> gone = co_await let_go(std::move(rest), event.choice);
  if (!gone) co_return std::unexpected(std::move(gone.error()));
  Kept run;
  std::vector<Judged> last;
  seen = co_await corridor_.looked_into(passage_, inspector_, 0, [&] { judge_again_.end(event.channel, event.group, last); });
  if (!seen) co_return std::unexpected(client_gone());
  gone = co_await let_go_again(std::move(last), event.choice, run);
  if (!gone) co_return std::unexpected(std::move(gone.error()));
  if (!run.text.empty()) {
    if (Step<> said = say(std::move(run)); !said) co_return std::unexpected(std::move(said.error()));
  }
  co_return say({Kept::What::kTextEnd, event.channel, event.choice, {}, {}});
}

http::Task<Step<>> StreamRelease::let_go(std::vector<Judged> judged, int32_t choice) {
  // Segments of one channel under the same facts leave as one event: they came as one, most often.
  Kept run;
  for (Judged& part : judged) {
    const Content more = content_of(part);
    if (!run.text.empty() && (part.text.channel != run.channel || !covers(more))) {
      Step<> said = say(std::exchange(run, {}));
      if (!said) co_return std::unexpected(std::move(said.error()));
    }
    Step<> admitted = co_await admit(more, &part);
    if (!admitted) co_return std::unexpected(std::move(admitted.error()));
    Step<> passed = co_await pass_on(std::move(part), choice, run);
    if (!passed) co_return std::unexpected(std::move(passed.error()));
  }
  if (run.text.empty()) co_return Step<>{};
  co_return say(std::move(run));
}

http::Task<Step<>> StreamRelease::pass_on(Judged part, int32_t choice, Kept& run) {
  if (!redacts_) {
    run.channel = part.text.channel;
    run.choice = choice;
    run.text += part.segment.text;
    co_return Step<>{};
  }
  if (whole_) {
    const exchange::Channel channel = part.text.channel;
    co_return say({Kept::What::kText, channel, choice, {}, {}, std::move(part)});
  }
  std::vector<Judged> again;
  const bool seen = co_await corridor_.looked_into(passage_, inspector_, part.segment.text.size(), [&] {
    judge_again_.push(part.text.channel, part.text.group, part.text.syntax, part.segment.text, again);
  });
  if (!seen) co_return std::unexpected(client_gone());
  co_return co_await let_go_again(std::move(again), choice, run);
}

http::Task<Step<>> StreamRelease::let_go_again(std::vector<Judged> judged, int32_t choice, Kept& run) {
  for (Judged& part : judged) {
    Content more = content_of(part);
    more.bytes = 0;  // they are counted
    if (!run.text.empty() && (part.text.channel != run.channel || !more.labels.empty())) {
      Step<> said = say(std::exchange(run, {}));
      if (!said) co_return std::unexpected(std::move(said.error()));
    }
    Step<> admitted = co_await admit_left(more, false);
    if (!admitted) co_return std::unexpected(std::move(admitted.error()));
    run.channel = part.text.channel;
    run.choice = choice;
    run.text += part.segment.text;
  }
  co_return Step<>{};
}

// The segments of a whole answer, cut as those of an answer that came whole, and what is left read again.
http::Task<Step<>> StreamRelease::redact_kept() {
  Content left = beside_;
  const inspect::Inspector inspector = corridor_.inspector_for(passage_);
  Judge again(inspector);
  std::vector<Judged> fresh;
  for (Kept& kept : kept_) {
    if (!kept.segment) continue;
    if (redacting_) {
      if (Step<> taken = take_out(*kept.segment); !taken) co_return std::unexpected(std::move(taken.error()));
      const TextKey& text = kept.segment->text;
      const bool seen = co_await corridor_.looked_into(passage_, inspector, kept.segment->segment.text.size(), [&] {
        again.push(text.channel, text.group, text.syntax, kept.segment->segment.text, fresh);
      });
      if (!seen) co_return std::unexpected(client_gone());
    }
    add_fresh({*kept.segment}, left);
    kept.text = std::move(kept.segment->segment.text);
    kept.segment.reset();
  }
  if (!redacting_) co_return Step<>{};
  const bool seen = co_await corridor_.looked_into(passage_, inspector, 0, [&] { again.finish(fresh); });
  if (!seen) co_return std::unexpected(client_gone());
  add_fresh(fresh, left);
  left.bytes = seen_.bytes;
  Step<> decided = co_await decide_left(left);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  content_ = std::move(left);
  co_return Step<>{};
}

// Only what the decision about the whole was about may be decided without it.
http::Task<Step<>> StreamRelease::decide_left(const Content& left) {
  if (Step<> renewed = renew(); !renewed) co_return renewed;
  if (passage_.in_force->version != decided_under_) co_return std::unexpected(changed_meanwhile());
  co_return co_await decide(left, "open", false);
}

Step<> StreamRelease::say(Kept part) {
  if (!whole_) {
    write_out(part);
    return {};
  }
  kept_bytes_ += sizeof(Kept) + part.text.size() + part.call.arguments.size();
  if (part.segment) kept_bytes_ += part.segment->segment.text.size();
  kept_.push_back(std::move(part));
  if (kept_bytes_ <= static_cast<size_t>(corridor_.house_.config.answer_bytes_max)) return {};
  return std::unexpected(Turned{ErrorKind::kUpstream,
                                "the answer is longer than this gate judges whole", "answer_too_long",
                                false});
}

void StreamRelease::write_out(const Kept& part) {
  switch (part.what) {
    case Kept::What::kText: writer_.text(out_, part.channel, part.choice, part.text); break;
    case Kept::What::kTextEnd: writer_.text_end(out_, part.channel); break;
    case Kept::What::kCall: writer_.tool_call(out_, part.call); break;
  }
  if (!whole_) note_released(part);
}

void StreamRelease::note_released(const Kept& part) {
  for (const std::string* text : {&part.text, &part.call.arguments.open_for_inspection()}) {
    released_.update(*text);
    released_bytes_ += text->size();
  }
}

// What was inspected for other labels than the agreement now knows cannot be judged under it.
Step<> StreamRelease::renew() {
  if (Step<> renewed = corridor_.renew(passage_); !renewed) return renewed;
  if (passage_.in_force->agreement->terms().labels == labels_) return {};
  return std::unexpected(Turned{ErrorKind::kUpstream,
                                "the agreement changed and looks for other things now: ask again",
                                "agreement_changed"});
}

// Measured from the newest `release`, not from an `act` between: that one decided about a tool call only.
bool StreamRelease::moment_passed() const {
  const House& house = corridor_.house_;
  return house.committer.now().value - decided_at_.value >= kStreamRenewMax.count() ||
         house.in_force()->version != decided_under_ ||
         !house.people.current(passage_.principal.key_id, passage_.time);
}

bool StreamRelease::covers(const Content& more) const {
  Content next = seen_;
  next.add(more);
  return next.same_facts(seen_) && !moment_passed();
}

http::Task<Step<>> StreamRelease::admit(Content more, Judged* part) {
  const bool anew = !covers(more);
  seen_.add(more);
  if (part == nullptr) beside_.add(more);
  if (anew) {
    // What was released under the facts before goes out while this decision is written.
    const bool sent = co_await flush();
    if (!sent) co_return std::unexpected(client_gone());
    if (Step<> renewed = renew(); !renewed) co_return std::unexpected(std::move(renewed.error()));
    Step<> decided = co_await decide(seen_, "open", true);
    if (!decided) co_return std::unexpected(std::move(decided.error()));
  }
  if (redacting_ && !redacts_) co_return std::unexpected(changed_meanwhile());
  if (redacting_ && !whole_ && part != nullptr) {
    if (Step<> taken = take_out(*part); !taken) co_return std::unexpected(std::move(taken.error()));
    const uint64_t bytes = more.bytes;  // sizes are those of what the model said, streamed or whole
    more = content_of(*part);
    more.bytes = bytes;
  }
  co_return co_await admit_left(more, anew);
}

http::Task<Step<>> StreamRelease::admit_left(const Content& more, bool anew) {
  Content left = content_;
  left.add(more);
  if (redacting_ && !whole_ && (anew || !left.same_facts(content_))) {
    Step<> decided = co_await decide_left(left);
    if (!decided) co_return std::unexpected(std::move(decided.error()));
  }
  content_ = std::move(left);
  co_return Step<>{};
}

Step<> StreamRelease::take_out(Judged& part) {
  std::string was = json::quoted(part.segment.text);
  if (!redactor_.take_out(part)) return {};
  originals_.append(was).push_back('\n');
  if (originals_.size() <= kRedactedBytesMax) return {};
  return std::unexpected(Turned{ErrorKind::kUpstream, "the answer has more to redact than this gate keeps for its record",
                                "redacted_too_much"});
}

http::Task<Step<>> StreamRelease::decide(const Content& next, std::string_view outcome, bool redactable) {
  facts_ = facts_for(passage_, Verb::kRelease, "Model", passage_.request.model, next);
  decision_ = passage_.in_force->agreement->decide(Verb::kRelease, facts_);
  if (redactable) {
    decided_at_ = passage_.time;
    decided_under_ = passage_.in_force->version;
    redacting_ = decision_.outcome == agreement::Outcome::kRedact;
    if (redacting_) redactor_.look_for(decision_.redacts);
  }
  corridor_.house_.metrics.decision("release", agreement::outcome_name(decision_.outcome));
  const bool goes_on = decision_.outcome == agreement::Outcome::kAllow || (redactable && redacting_);
  exchange::Facts facts = facts_;
  if (!goes_on) put_released(facts);
  audit::Record record =
      record_for(passage_, corridor_.house_.node, Verb::kRelease, decision_, std::move(facts),
                 goes_on ? outcome : std::string_view("refused"));
  if (!goes_on) put_originals(record);
  Step<> written = co_await corridor_.write(passage_, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (goes_on) co_return Step<>{};
  end_recorded_ = true;
  co_return std::unexpected(refusal());
}

// What left, for the last leaf.
void StreamRelease::put_released(exchange::Facts& facts) {
  facts.set("exchange.released_bytes", static_cast<int64_t>(released_bytes_));
  facts.set("exchange.released_digest", std::exchange(released_, Sha256()).finish().hex());
  if (!redactor_.taken().empty()) facts.set("exchange.redacted", redactor_.taken());
}

void StreamRelease::put_originals(audit::Record& record) {
  if (!originals_.empty()) record.payloads.emplace_back("redacted", std::move(originals_));
}

http::Task<Step<>> StreamRelease::take_call(const exchange::ToolCall& call) {
  if (Step<> renewed = renew(); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  const Step<Content> seen = co_await corridor_.arguments_of(passage_, call);
  if (!seen) co_return std::unexpected(seen.error());
  const Content& arguments = *seen;
  // What was admitted before the call goes out now: it may wait for people.
  const bool sent = co_await flush();
  if (!sent) co_return std::unexpected(client_gone());
  StreamPatience patience(*this);
  Step<> acted = co_await corridor_.act(passage_, call, arguments, patience);
  if (!acted) co_return std::unexpected(std::move(acted.error()));
  Step<> admitted = co_await admit(arguments);
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  co_return say({Kept::What::kCall, exchange::Channel::kToolArguments, call.choice, {}, call});
}

http::Task<Step<>> StreamRelease::take_end(const StreamEvent& event) {
  // Every text has ended by now (kTextEnd): nothing is held back.
  const bool sent = co_await flush();
  if (!sent) co_return std::unexpected(client_gone());
  if (whole_ && redacts_) {
    Step<> cut = co_await redact_kept();
    if (!cut) co_return std::unexpected(std::move(cut.error()));
  }
  Step<> closed = co_await close(kComplete);
  if (!closed) co_return std::unexpected(std::move(closed.error()));
  if (whole_) {
    const Status begun = co_await call_.begin_stream(200, stream_headers(passage_));
    if (!begun) co_return Step<>{};
    for (const Kept& part : kept_) write_out(part);
  }
  writer_.finish(out_, event.finishes, event.usage);
  done_ = true;
  const bool finished = co_await flush();
  if (finished) {
    const Status ended = co_await call_.end_stream();
    (void)ended;
  }
  corridor_.house_.metrics.exchange(exchange::protocol_name(passage_.protocol), "complete");
  co_return Step<>{};
}

http::Task<bool> StreamRelease::flush() {
  if (out_.empty() || !call_.responded()) co_return true;
  corridor_.house_.metrics.bytes("out", out_.size());
  const Status sent = co_await call_.write(out_);
  out_.clear();
  co_return sent.has_value();
}

http::Task<Step<>> StreamRelease::close(std::string_view outcome) {
  const bool complete = outcome == kComplete;
  if (whole_ && complete) {
    for (const Kept& part : kept_) note_released(part);
  }
  if (complete) {
    Step<> renewed = renew();
    if (!renewed) co_return std::unexpected(std::move(renewed.error()));
  } else {
    passage_.time = corridor_.house_.committer.now();
  }
  exchange::Facts facts = facts_for(passage_, Verb::kRelease, "Model", passage_.request.model, content_);
  decision_ = passage_.in_force->agreement->decide(Verb::kRelease, facts);
  // The end is released too: a moment that no longer allows it ends the stream as a refusal.
  const bool refused = complete && decision_.outcome != agreement::Outcome::kAllow;
  put_released(facts);
  audit::Record record = record_for(passage_, corridor_.house_.node, Verb::kRelease, decision_,
                                    std::move(facts), refused ? "refused" : outcome);
  put_originals(record);
  Step<> written = co_await corridor_.write(passage_, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  end_recorded_ = true;
  if (refused) co_return std::unexpected(refusal());
  co_return Step<>{};
}

// Text that people must approve cannot wait in a stream, for what they would sign is not whole yet.
Turned StreamRelease::refusal() const {
  Turned turned = refusal_of(decision_);
  if (decision_.outcome == agreement::Outcome::kHold) {
    turned.message += "; a stream cannot wait for that: ask without `stream`";
  }
  return turned;
}

// The outcome of a stream that must not go on, unless the decision that stopped it is its outcome.
http::Task<Step<>> StreamRelease::record_end(Turned turned) {
  if (end_recorded_ || turned.code == "record_failed") co_return Step<>{};
  const std::string outcome = turned.code == kClientGone ? turned.code
                              : turned.decided           ? "refused"
                                                         : "failed:" + turned.code;
  co_return co_await close(outcome);
}

// The protocol's own ending for a stream that has begun.
http::Task<void> StreamRelease::say_end(Turned turned) {
  const std::string_view protocol = exchange::protocol_name(passage_.protocol);
  if (turned.code == kClientGone) {
    corridor_.house_.metrics.exchange(protocol, "cancelled");
    co_return;
  }
  if (turned.decided) {
    writer_.refuse(out_, turned.message, "policy", reader_.usage());
    corridor_.house_.metrics.exchange(protocol, "denied");
  } else {
    writer_.error(out_, exchange::error_type(passage_.protocol, turned.kind), turned.message,
                  turned.code, passage_.id);
    corridor_.house_.metrics.exchange(protocol, "failed");
  }
  const bool sent = co_await flush();
  if (!sent) co_return;
  const Status ended = co_await call_.end_stream();
  (void)ended;  // nobody is left to tell
}

}  // namespace proviso::gate
