#pragma once
// The corridor: the one way from a client's request to a model's answer and back. Identify, parse,
// inspect, decide, write, do, inspect, decide, write, answer; in that order, each step waiting for the
// one before. No byte of a model and no decision leaves before its leaf is durable and signed. One
// Corridor per loop, used on that loop only.
#include <expected>
#include <memory>
#include <string>

#include "base/json.h"
#include "exchange/reply.h"
#include "gate/commit_port.h"
#include "gate/passage.h"
#include "http/server.h"
#include "models/caller.h"

namespace proviso::gate {

// Why an exchange goes no further, as its client hears it.
struct Turned {
  exchange::ErrorKind kind = exchange::ErrorKind::kInternal;
  std::string message;
  std::string code;       // a short word of ours: "clause_denied", "hold", …
  bool decided = false;   // a denial or hold with a leaf: `denial_form` applies
  std::string receipt = {};  // of that leaf
  std::string hold = {};     // the hold that people can still approve
};
template <class T = void>
using Step = std::expected<T, Turned>;

// Texts from this size on are inspected beside the loop: at some 100 µs a kilobyte, and a hundred times that where they
// are made to be slow, the loop's other exchanges would notice.
inline constexpr size_t kAsideBytesMin = size_t{8} << 10;
inline constexpr int kHoldRetrySeconds = 60;  // people take minutes; asking sooner only asks again

class Patience;

class Corridor {
 public:
  static Result<std::unique_ptr<Corridor>> create(House& house, http::Loop& loop,
                                                  std::shared_ptr<const models::Catalog> catalog,
                                                  const models::Worker* worker);

  // Answers `call` whatever happens.
  http::Task<void> exchange(http::Call& call, exchange::Protocol protocol,
                            exchange::Endpoint endpoint);

  // Closes the connections to models; nothing is exchanged afterwards. On its loop.
  void close() { caller_.reset(); }

  // The person behind a call's key, for every endpoint that needs one.
  Step<identity::Principal> identify(const http::Call& call) const;
  // The error body of `protocol`, with the headers that every refusal carries.
  http::Task<void> turn_away(http::Call& call, exchange::Protocol protocol, std::string exchange_id,
                             Turned turned);

 private:
  friend class StreamRelease;
  friend class Decisive;
  friend class OversightRoutes;
  friend class McpWalk;
  friend class AskMatter;
  friend class AnswerMatter;
  Corridor(House& house, http::Loop& loop, std::unique_ptr<models::Caller> caller)
      : house_(house), port_(loop, house.committer), caller_(std::move(caller)) {}

  http::Task<Step<>> enter(http::Call& call, Passage& passage);
  // The body of the passage, with other texts in the places of some. Every way in reads it so.
  Result<exchange::Request> read(const Passage& passage, const exchange::Replacements* replacements);
  // The request as it will be sent.
  Step<> prepare(Passage& passage) const;
  http::Task<Step<>> ask(http::Call& call, Passage& passage);
  // How long a client without a stream is kept waiting for approvals.
  Patience patience_of(http::Call& call) const;
  http::Task<Step<models::Upstream>> dispatch(http::Call& call, Passage& passage);
  http::Task<Step<>> release_number(Passage& passage);
  // Writes that an exchange ends here without an answer, and gives the reason.
  http::Task<Step<>> abandon(Passage& passage, Turned turned);
  http::Task<Step<>> release_count(http::Call& call, Passage& passage, models::Upstream upstream);
  http::Task<Step<>> release_whole(http::Call& call, Passage& passage, models::Upstream upstream);
  http::Task<Step<>> act_all(Passage& passage, const std::vector<exchange::ToolCall>& tool_calls, Patience& patience);
  // For a call of an answer that is refused already: the record shows what it would have been.
  http::Task<Step<>> record_act(Passage& passage, const exchange::ToolCall& tool_call, Content content);
  // Turned if a call of an answer does not conform to its tool's pinned input schema: it is not decided at all.
  [[nodiscard]] Step<> held_to_schema(const Passage& passage, const exchange::ToolCall& tool_call) const;
  http::Task<Step<>> act(Passage& passage, const exchange::ToolCall& tool_call, Content content,
                         Patience& patience);
  http::Task<void> refuse(http::Call& call, Passage& passage, Turned turned);
  // Seals and commits; the passage keeps the receipt.
  http::Task<Step<>> write(Passage& passage, audit::Record record);
  // A new moment: time, agreement and the person's standing as they are now. Turned if the key no
  // longer stands.
  Step<> renew(Passage& passage) const;
  // Detectors for the labels that the agreement in force can name.
  [[nodiscard]] inspect::Inspector inspector_for(const Passage& passage) const;
  [[nodiscard]] static bool takes_long(const inspect::Inspector& inspector, size_t bytes);
  // Runs `fn`, which looks into `bytes` of text with `inspector`: beside the loop where that can take long, and afterwards the
  // passage has a new moment. Turned if the key no longer stands then, another agreement is in force, or nobody waits.
  http::Task<Step<>> inspecting(Passage& passage, const inspect::Inspector& inspector, size_t bytes,
                                std::move_only_function<void()> fn) const;
  // The same without a new moment; false if it did not run because nobody waits.
  http::Task<bool> looked_into(const Passage& passage, const inspect::Inspector& inspector, size_t bytes,
                               std::move_only_function<void()> fn) const;
  http::Task<Step<Content>> inspected(Passage& passage, const std::vector<exchange::Piece>& pieces) const;
  http::Task<Step<Content>> arguments_of(Passage& passage, const exchange::ToolCall& tool_call) const;
  // The model failed after the ask was recorded: writes the outcome, gives the error.
  http::Task<Step<>> failed(Passage& passage, Error error);

  House& house_;
  CommitPort port_;
  std::unique_ptr<models::Caller> caller_;
  json::Parser parser_;
};

}  // namespace proviso::gate
