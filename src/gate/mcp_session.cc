#include "gate/mcp_session.h"

#include <algorithm>

#include "base/digest.h"
#include "base/json.h"

namespace proviso::gate {

std::optional<tools::Session> McpSession::upstream(std::string_view server) const {
  const std::lock_guard lock(mutex_);
  const auto found = upstream_.find(server);
  if (found == upstream_.end()) return std::nullopt;
  return found->second;
}

void McpSession::put_upstream(std::string_view server, tools::Session session) {
  const std::lock_guard lock(mutex_);
  upstream_.insert_or_assign(std::string(server), std::move(session));
}

void McpSession::drop_upstream(std::string_view server) {
  const std::lock_guard lock(mutex_);
  if (const auto found = upstream_.find(server); found != upstream_.end()) upstream_.erase(found);
}

std::map<std::string, tools::Session, std::less<>> McpSession::upstreams() const {
  const std::lock_guard lock(mutex_);
  return upstream_;
}

std::string McpSession::log_level() const {
  const std::lock_guard lock(mutex_);
  return log_level_;
}

void McpSession::set_log_level(std::string level) {
  const std::lock_guard lock(mutex_);
  log_level_ = std::move(level);
}

Result<std::string> McpSession::ask(std::shared_ptr<Question> question) {
  const std::lock_guard lock(mutex_);
  if (questions_.size() >= kMcpQuestionsMax) {
    return fail(Code::kLimit, "too many questions of servers wait for this client");
  }
  const std::string id = json::quoted("q" + std::to_string(next_question_++));
  questions_.emplace(id, std::move(question));
  return id;
}

void McpSession::forget(const std::string& question_id) {
  const std::lock_guard lock(mutex_);
  questions_.erase(question_id);
}

bool McpSession::answer(tools::Message message) {
  std::shared_ptr<Question> question;
  {
    const std::lock_guard lock(mutex_);
    const auto found = questions_.find(message.id);
    if (found == questions_.end()) return false;
    question = std::move(found->second);
    questions_.erase(found);
  }
  http::Loop& loop = question->loop;
  loop.post([question = std::move(question), message = std::move(message)]() mutable {
    question->answer = std::move(message);
    question->answered.set();
  });
  return true;
}

void McpSession::running(const std::string& request_id, http::Loop& loop, std::weak_ptr<http::Cancel> cancel) {
  const std::lock_guard lock(mutex_);
  runs_.insert_or_assign(request_id, Run{&loop, std::move(cancel)});
}

void McpSession::ended(const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  runs_.erase(request_id);
}

void McpSession::cancel(const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(request_id);
  if (found == runs_.end()) return;
  found->second.loop->post([weak = found->second.cancel] {
    if (const auto cancel = weak.lock()) cancel->request();
  });
}

std::shared_ptr<McpSession> McpSessions::open(std::string person, std::string version,
                                              std::string capabilities) {
  auto session = std::make_shared<McpSession>(hex_encode(random_bytes(16)), std::move(person),
                                              std::move(version), std::move(capabilities));
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= kMcpSessionsMax) {
    sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
      return a.second->used_ < b.second->used_;
    }));
  }
  sessions_.emplace(session->id(), session);
  return session;
}

std::shared_ptr<McpSession> McpSessions::find(std::string_view id, std::string_view person) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->person() != person) return nullptr;
  const http::Time now = http::Loop::now();
  if (now - found->second->used_ > kMcpSessionIdleMax) {
    sessions_.erase(found);
    return nullptr;
  }
  found->second->used_ = now;
  return found->second;
}

bool McpSessions::end(std::string_view id, std::string_view person) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->person() != person) return false;
  sessions_.erase(found);
  return true;
}

}  // namespace proviso::gate
