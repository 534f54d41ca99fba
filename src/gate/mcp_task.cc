#include "gate/mcp_task.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/json.h"

namespace proviso::gate {
namespace {

const char* status_name(TaskStatus status) {
  switch (status) {
    case TaskStatus::kWorking: return "working";
    case TaskStatus::kCompleted: return "completed";
    case TaskStatus::kFailed: return "failed";
    case TaskStatus::kCancelled: return "cancelled";
  }
  return "failed";
}

}  // namespace

void McpTasks::make_room(UtcSeconds now) {
  std::erase_if(tasks_, [now](const auto& entry) {
    return entry.second.status != TaskStatus::kWorking &&
           now.value - entry.second.changed.value > kMcpTaskSecondsMax;
  });
  if (tasks_.size() < kMcpTasksMax) return;
  auto oldest = tasks_.end();
  for (auto at = tasks_.begin(); at != tasks_.end(); ++at) {
    const bool ended = at->second.status != TaskStatus::kWorking;
    if (ended && (oldest == tasks_.end() || at->second.changed < oldest->second.changed)) oldest = at;
  }
  if (oldest != tasks_.end()) tasks_.erase(oldest);
}

std::string McpTasks::open(std::string person, std::string words, UtcSeconds now, http::Loop& loop,
                           std::weak_ptr<http::Cancel> cancel) {
  const std::lock_guard lock(mutex_);
  make_room(now);
  if (tasks_.size() >= kMcpTasksMax) return {};
  std::string id = "task_" + hex_encode(random_bytes(16));
  Task task;
  task.person = std::move(person);
  task.words = std::move(words);
  task.created = task.changed = now;
  task.loop = &loop;
  task.cancel = std::move(cancel);
  tasks_.emplace(id, std::move(task));
  return id;
}

void McpTasks::end(const std::string& id, bool failed, std::string body, UtcSeconds now) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.status != TaskStatus::kWorking) return;
  found->second.status = failed ? TaskStatus::kFailed : TaskStatus::kCompleted;
  found->second.body = std::move(body);
  found->second.changed = now;
}

std::string McpTasks::members(std::string_view id, const Task& task) {
  std::string out = fmt::format(
      R"("taskId":{},"status":"{}","createdAt":"{}","lastUpdatedAt":"{}","ttlMs":{},"pollIntervalMs":{})",
      json::quoted(id), status_name(task.status), format_time(task.created), format_time(task.changed),
      kMcpTaskSecondsMax * 1000, kMcpTaskPollMs);
  if (!task.words.empty()) out += ",\"statusMessage\":" + json::quoted(task.words);
  if (task.status == TaskStatus::kCompleted) out += ",\"result\":" + task.body;
  if (task.status == TaskStatus::kFailed) out += ",\"error\":" + task.body;
  return out;
}

std::string McpTasks::get(std::string_view id, std::string_view person) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.person != person) return {};
  return members(id, found->second);
}

std::string McpTasks::created(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? std::string() : members(id, found->second);
}

bool McpTasks::cancel(std::string_view id, std::string_view person, UtcSeconds now) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second.person != person) return false;
  Task& task = found->second;
  if (task.status != TaskStatus::kWorking) return true;
  task.status = TaskStatus::kCancelled;
  task.changed = now;
  task.loop->post([weak = task.cancel] {
    if (const auto cancel = weak.lock()) cancel->request();
  });
  return true;
}

}  // namespace proviso::gate
