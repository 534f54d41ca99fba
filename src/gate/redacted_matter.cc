#include "gate/redacted_matter.h"

#include <utility>

#include "gate/redaction.h"
#include "models/doorkeeper.h"

namespace proviso::gate {
namespace {

// The version of Anthropic's protocol where it is not the usual one: it changes what a request means.
std::string special_version(const Passage& passage) {
  if (passage.protocol != exchange::Protocol::kAnthropicMessages) return {};
  const std::string_view name = exchange::anthropic_version_name(passage.request.anthropic_version);
  return name == kUsualVersion ? std::string() : std::string(name);
}

}  // namespace

http::Task<Step<Matter>> AskMatter::first() {
  Step<Content> content = co_await corridor_.inspected(passage_, passage_.request.pieces);
  if (!content) co_return std::unexpected(std::move(content.error()));
  co_return made(passage_.body, std::move(*content));
}

Matter AskMatter::made(std::string_view body, Content content) {
  Matter matter;
  matter.verb = exchange::Verb::kAsk;
  matter.resource_type = "Model";
  matter.resource_id = passage_.request.model;
  matter.content = std::move(content);
  const std::string version = special_version(passage_);
  asked_ = audit::request_arguments(body, version, passage_.beta);
  matter.arguments = asked_;
  matter.record.set("exchange.inspector", corridor_.house_.inspector.version());
  if (!passage_.beta.empty()) matter.record.set("exchange.anthropic_beta", passage_.beta);
  if (!version.empty()) matter.record.set("exchange.anthropic_version", version);
  if (!passage_.redacted.empty()) matter.record.set("exchange.redacted", passage_.redacted);
  if (passage_.outgoing.prepared) {
    const std::string_view path = models::endpoint_path(passage_.outgoing.endpoint);
    matter.record.set(models::kPromptFact, models::prompt_digest(path, passage_.outgoing.body).hex());
    matter.opened = models::kPromptFact;
  }
  matter.payloads.emplace_back("request", body);
  return matter;
}

// Read again with other texts in their places: what comes of it is inspected as any request is.
http::Task<Step<Matter>> AskMatter::without(std::vector<std::string> labels) {
  const inspect::Inspector inspector = corridor_.inspector_for(passage_);
  Redacted less;
  Step<> seen = co_await corridor_.inspecting(
      passage_, inspector, passage_.body.size(), [&] { less = redact(inspector, passage_.request.pieces, std::move(labels)); });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  if (less.texts.empty()) co_return co_await first();
  auto request = corridor_.read(passage_, &less.texts);
  if (!request) co_return co_await first();
  exchange::Request before = std::exchange(passage_.request, std::move(*request));
  models::Call outgoing = std::exchange(passage_.outgoing, {});
  if (!corridor_.prepare(passage_)) {
    passage_.request = std::move(before);
    passage_.outgoing = std::move(outgoing);
    co_return co_await first();
  }
  passage_.redacted = std::move(less.taken);
  seen = co_await corridor_.inspecting(passage_, inspector, passage_.body.size(), [&] {
    Content again;
    add_fresh(Judge::segments_of(inspector, passage_.request.pieces, again), less.content);
  });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  co_return made(passage_.request.upstream_body, std::move(less.content));
}

AnswerMatter::AnswerMatter(Corridor& corridor, Passage& passage, std::string_view body,
                           const exchange::Frame& frame, exchange::Answer& answer)
    : corridor_(corridor), passage_(passage), body_(body), frame_(frame), answer_(answer) {}

http::Task<Step<Matter>> AnswerMatter::first(bool acted) {
  Step<Content> content = co_await corridor_.inspected(passage_, answer_.pieces);
  if (!content) co_return std::unexpected(std::move(content.error()));
  if (Step<> added = co_await add_calls(*content); !added) co_return std::unexpected(std::move(added.error()));
  Matter matter = made(std::move(*content));
  if (!acted) matter.if_allowed = matter.if_held = "refused";
  matter.if_redacted = acted ? "open" : "refused";
  co_return matter;
}

http::Task<Step<Matter>> AnswerMatter::without(std::vector<std::string> labels) {
  const inspect::Inspector inspector = corridor_.inspector_for(passage_);
  Redacted less;
  Step<> seen = co_await corridor_.inspecting(
      passage_, inspector, body_.size(), [&] { less = redact(inspector, answer_.pieces, std::move(labels)); });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  auto answer = exchange::read_answer(passage_.protocol, body_, corridor_.parser_, frame_, &less.texts);
  if (!answer) {  // it was read before; what cannot be taken out of it is refused with it
    Step<Matter> as_it_is = co_await first(true);
    if (as_it_is) as_it_is->if_redacted = "refused";
    co_return as_it_is;
  }
  answer_ = std::move(*answer);
  taken_ = std::move(less.taken);
  seen = co_await corridor_.inspecting(passage_, inspector, body_.size(), [&] {
    Content again;
    add_fresh(Judge::segments_of(inspector, answer_.pieces, again), less.content);
  });
  if (seen) seen = co_await add_calls(less.content);
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  Matter matter = made(std::move(less.content));
  if (!taken_.empty()) matter.record.set("exchange.redacted", taken_);
  matter.if_redacted = "refused";
  co_return matter;
}

Matter AnswerMatter::made(Content content) const {
  Matter matter;
  matter.verb = exchange::Verb::kRelease;
  matter.resource_type = "Model";
  matter.resource_id = passage_.request.model;
  matter.content = std::move(content);
  matter.arguments = answer_.body;
  matter.record.set("exchange.answer_digest", sha256(answer_.body).hex());
  matter.payloads.emplace_back("answer", answer_.body);
  matter.if_allowed = "complete";
  matter.if_denied = "refused";
  matter.if_held = "open";
  return matter;
}

http::Task<Step<>> AnswerMatter::add_calls(Content& content) const {
  for (const exchange::ToolCall& tool_call : answer_.tool_calls) {
    Step<Content> arguments = co_await corridor_.arguments_of(passage_, tool_call);
    if (!arguments) co_return std::unexpected(std::move(arguments.error()));
    content.add(*arguments);
  }
  co_return Step<>{};
}

}  // namespace proviso::gate
