#pragma once
// Sessions of MCP's legacy era (2025-11-25, transports, "Session Management"): what a client declared when it
// opened one, the sessions with servers that were opened for it, and the questions of servers that it has not
// answered yet. A session belongs to one person. Thread-safe.
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/loop.h"
#include "tools/upstream.h"

namespace proviso::gate {

inline constexpr size_t kMcpSessionsMax = 10'000;  // as connections; the one idle for longest makes room
inline constexpr std::chrono::minutes kMcpSessionIdleMax{60};
inline constexpr size_t kMcpQuestionsMax = 64;     // of servers, open at once in one session

// A question that waits for its client, on the loop of the call that it belongs to.
struct Question {
  explicit Question(http::Loop& on) : loop(on), answered(on) {}
  http::Loop& loop;
  http::Event answered;
  std::optional<tools::Message> answer;
};

class McpSession {
 public:
  McpSession(std::string id, std::string person, std::string version, std::string capabilities)
      : id_(std::move(id)), person_(std::move(person)), version_(std::move(version)),
        capabilities_(std::move(capabilities)) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& person() const { return person_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::string& capabilities() const { return capabilities_; }

  [[nodiscard]] std::optional<tools::Session> upstream(std::string_view server) const;
  void put_upstream(std::string_view server, tools::Session session);
  void drop_upstream(std::string_view server);
  [[nodiscard]] std::map<std::string, tools::Session, std::less<>> upstreams() const;

  [[nodiscard]] std::string log_level() const;
  void set_log_level(std::string level);

  // kLimit when too many are open.
  Result<std::string> ask(std::shared_ptr<Question> question);
  void forget(const std::string& question_id);
  // Wakes the call that asked. False if nobody waits for that id.
  bool answer(tools::Message message);

  // Calls that run, by the client's request id, so that it can cancel them.
  void running(const std::string& request_id, http::Loop& loop, std::weak_ptr<http::Cancel> cancel);
  void ended(const std::string& request_id);
  void cancel(const std::string& request_id);

 private:
  friend class McpSessions;
  struct Run {
    http::Loop* loop;
    std::weak_ptr<http::Cancel> cancel;
  };
  const std::string id_, person_, version_, capabilities_;
  mutable std::mutex mutex_;
  std::map<std::string, tools::Session, std::less<>> upstream_;
  std::map<std::string, std::shared_ptr<Question>> questions_;
  std::map<std::string, Run> runs_;
  uint64_t next_question_ = 1;
  std::string log_level_;
  http::Time used_ = http::Loop::now();
};

class McpSessions {
 public:
  std::shared_ptr<McpSession> open(std::string person, std::string version, std::string capabilities);
  // Nothing for an id that is unknown, ended, idle for too long, or another person's.
  std::shared_ptr<McpSession> find(std::string_view id, std::string_view person);
  bool end(std::string_view id, std::string_view person);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<McpSession>, std::less<>> sessions_;
};

}  // namespace proviso::gate
