#pragma once
// One MCP request on its way through the corridor: what it says is inspected, `act` is decided and its leaf is
// durable before a tool server hears of it; what the server says, be it a notification, a question or the
// answer, is inspected, `release` is decided and its leaf is durable before the client gets a byte of it.
// Tools are judged by the class that the agreement's registry gives them, other channels of a server
// (resources, prompts, …) as the registry's tool "SERVER/CHANNEL". One walk per request, on its loop.
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/decisive.h"
#include "gate/mcp_desk.h"
#include "gate/mcp_session.h"
#include "gate/mcp_task.h"
#include "gate/request_state.h"
#include "tools/message.h"

namespace proviso::gate {

inline constexpr size_t kInputRoundsMax = 8;           // questions in answer to answers, of one call
inline constexpr std::chrono::seconds kQuestionTimeMax{300};  // a person answers, or the call fails
inline constexpr std::chrono::seconds kReleaseAgeMax{30};     // a decision on a running call is renewed after
inline constexpr size_t kNotificationsHeldMax = 1000;  // of a call that is judged whole
inline constexpr size_t kNotificationsHeldBytesMax = 8 << 20;  // of them together, as of one message
inline constexpr std::chrono::seconds kHoldPulse{5};  // how often a client that waits for a hold hears of it

// Where a walk's messages go.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // A notification or a question, before the response. An error: nobody listens any more.
  virtual http::Task<Status> say(std::string message) = 0;
  // The response; `receipt` is a line for a header, or empty.
  virtual http::Task<void> finish(int status, std::string message, std::string receipt) = 0;
  [[nodiscard]] virtual bool can_say() const = 0;
};

// The outlet of a walk that goes on after its client was answered with a task: only the end is kept.
class TaskOutlet final : public Outlet {
 public:
  TaskOutlet(McpTasks& tasks, std::string id, const audit::Committer& clock)
      : tasks_(tasks), id_(std::move(id)), clock_(clock) {}
  [[nodiscard]] bool can_say() const override { return false; }
  http::Task<Status> say(std::string) override { co_return Status{}; }
  http::Task<void> finish(int status, std::string message, std::string receipt) override;

 private:
  McpTasks& tasks_;
  std::string id_;
  const audit::Committer& clock_;
  json::Parser parser_;
};

// A client's request, checked and its sender known.
struct McpRequest {
  tools::Message message;
  tools::Era era = tools::Era::kLegacy;
  std::string capabilities = "{}";  // what the client declared
  std::string log_level;            // modern era
  std::shared_ptr<McpSession> session;  // legacy: the client's own; modern: the person's, for legacy servers
};

// What it is for.
struct McpTarget {
  std::string tool;    // as the agreement names it
  std::string server;
  std::string definition;  // digest in hex, of a tool
  std::vector<tools::ParamHeader> param_headers;
  bool structured = false;  // it has an output schema
  Holding holding;          // of a tool: what its arguments are held to
};

// The seam for approvals: what came of deciding an `act`.
struct Acted {
  agreement::Outcome outcome = agreement::Outcome::kDeny;
  agreement::Decision decision;
  std::string hold;  // of a held action: what its requester refers to it by
};

// Shared by all loops of a service.
struct McpShared {
  McpShared(std::vector<tools::ServerConfig> servers, tools::Surroundings around)
      : book(std::move(servers)), surroundings(std::move(around)) {}
  // Clients of the modern era have no sessions; what a legacy server keeps for one person stays theirs.
  std::shared_ptr<McpSession> stand_in(const std::string& person);

  ToolBook book;
  McpSessions sessions;
  RequestStates states;
  McpTasks tasks;
  const tools::Surroundings surroundings;  // of servers that run as children
  std::atomic<bool> closing = false;       // streams that only wait for news end

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<McpSession>> stand_ins_;
};

class McpWalk {
 public:
  McpWalk(House& house, Corridor& corridor, McpShared& shared, McpDesk& desk, http::Loop& loop, Passage passage,
          McpRequest request, McpTarget target, Outlet& outlet, std::shared_ptr<http::Cancel> cancel)
      : house_(house), corridor_(corridor), shared_(shared), desk_(desk), loop_(loop),
        passage_(std::move(passage)), request_(std::move(request)), target_(std::move(target)), outlet_(&outlet),
        cancel_(std::move(cancel)) {
    passage_.gone = cancel_.get();
  }

  // Answers whatever happens. True: the answer was a task, and rest() goes on with it.
  http::Task<bool> run();
  // The rest of a walk whose client was answered with a task. Whoever owns the walk keeps it until the end.
  http::Task<void> rest();
  // What stops the rest of the walk, once its client is gone.
  [[nodiscard]] const std::shared_ptr<http::Cancel>& cancel() const { return cancel_; }

 private:
  using Running = std::unique_ptr<tools::Running>;

  // What is decided, and written before anything follows from it (mcp_walk.cc).
  http::Task<Step<Acted>> act(std::string tool, std::string content);
  http::Task<Step<Acted>> wait(Acted held, http::Time until);
  http::Task<Step<Acted>> approval(Acted held, http::Time until);
  [[nodiscard]] std::string what_is_done(std::string_view tool, std::string_view content);
  http::Task<void> pulse(std::string hold);
  http::Task<bool> become_task(Acted held);
  [[nodiscard]] Status conforms();
  // A line says what calls of this tool cannot carry: then they carry arguments and nothing beside them.
  [[nodiscard]] bool guarded() const { return passage_.in_force->agreement->guarded(target_.tool); }
  http::Task<void> after(Step<Acted> acted);
  http::Task<Step<agreement::Decision>> release(std::string tool, std::string content, std::string outcome,
                                                std::string if_redacted = "refused");
  http::Task<Step<>> moment(bool own);
  http::Task<Turned> given_up(Turned turned, bool own);
  http::Task<Step<agreement::Decision>> decide_release(std::string tool, std::string content, std::string outcome,
                                                       std::string if_redacted);
  // The release of a result, which is changed where the agreement says to redact.
  http::Task<Step<agreement::Decision>> release_result(std::string& body);
  http::Task<Step<std::string>> without(std::string body, std::vector<std::string> labels);
  http::Task<Step<>> abandon(std::string outcome);

  // What is done (mcp_walk.cc).
  Step<> take_state();
  http::Task<void> carry_out();
  http::Task<Step<tools::Ask>> ask_for();
  [[nodiscard]] bool still_pinned() const;
  http::Task<Step<tools::Message>> call(tools::Ask ask);
  http::Task<Step<tools::Message>> listen(Running running);
  http::Task<void> fall_through(Turned turned);

  // What a server says before its answer (mcp_channels.cc).
  http::Task<Step<>> pass_on(tools::Message notification);
  Step<> hold_back(std::string message);
  http::Task<Status> question(tools::Running& running, tools::Message asked);
  http::Task<Result<std::string>> consult(std::string method, std::string params);
  http::Task<Result<tools::Message>> put_to_client(std::string method, std::string params);
  http::Task<Result<std::string>> inputs(std::string asked);
  http::Task<Step<>> questions_released(std::string result);
  [[nodiscard]] bool declared(std::string_view capability);
  [[nodiscard]] std::string filtered_capabilities();

  // What the client hears (mcp_answer.cc).
  http::Task<void> deliver(tools::Message said);
  http::Task<void> deny(agreement::Decision decision);
  http::Task<void> misfit(std::string why);
  http::Task<void> held(Acted acted);
  http::Task<void> turn(Turned turned);
  http::Task<void> fail_with(int code, std::string message);
  http::Task<void> finish(int status, std::string message);
  [[nodiscard]] std::string refusal_result(std::string_view sentence, bool is_error, std::string_view meta) const;
  [[nodiscard]] std::string meta(std::string_view decision, const std::vector<agreement::ClauseRef>& clauses,
                                 std::string_view hold) const;
  std::string dressed(std::string_view result);

  [[nodiscard]] bool modern() const { return request_.era == tools::Era::kModern; }
  [[nodiscard]] StateOwner owner() const;
  [[nodiscard]] std::string progress_token() const;
  http::Task<Step<Content>> inspected(exchange::Channel channel, std::string_view json_text);
  bool input_required(const tools::Message& said);

  House& house_;
  Corridor& corridor_;
  McpShared& shared_;
  McpDesk& desk_;
  http::Loop& loop_;
  Passage passage_;
  McpRequest request_;
  McpTarget target_;
  Outlet* outlet_;
  std::shared_ptr<http::Cancel> cancel_;
  json::Parser parser_;
  std::unique_ptr<TaskOutlet> task_outlet_;
  std::optional<Acted> waiting_;    // of a task
  std::string done_;                // what is decided about, exactly
  Matter matter_;
  int64_t pulses_ = 0;
  bool ended_ = false;              // the outcome is written

  tools::Era upstream_era_ = tools::Era::kModern;
  std::string client_token_;        // the client's progressToken as JSON text, or empty
  std::string request_digest_;
  std::string sealed_state_;        // a `requestState` as the client brought it back
  std::optional<agreement::Decision> refused_;  // why a running call was stopped
  Content said_;                    // what the server said so far
  std::vector<std::string> redacted_;  // labels that were taken out of the result
  bool whole_ = false;              // nothing leaves before the last verdict
  std::vector<std::string> held_back_;
  size_t held_back_bytes_ = 0;
  // Under what the newest `release` of this walk was decided: what changes none of it needs no new leaf.
  std::shared_ptr<const InForce> released_under_;
  http::Time released_ = {};
  Content released_content_;
};

}  // namespace proviso::gate
