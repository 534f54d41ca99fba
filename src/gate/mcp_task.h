#pragma once
// Tasks: what a client of the modern era that declared the extension gets in place of an answer that must wait
// (io.modelcontextprotocol/tasks, SEP-2663). A task belongs to one person and holds its walk's last message.
// Shared by all loops; thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/loop.h"

namespace proviso::gate {

inline constexpr std::string_view kTasksExtension = "io.modelcontextprotocol/tasks";
inline constexpr size_t kMcpTasksMax = 10'000;           // as open holds; the oldest that ended makes room
inline constexpr int64_t kMcpTaskSecondsMax = 24 * 3600;  // after its end or its last change; holds end sooner
inline constexpr int64_t kMcpTaskPollMs = 2000;

enum class TaskStatus { kWorking, kCompleted, kFailed, kCancelled };

class McpTasks {
 public:
  // The new task's id, or empty when there is no room. `cancel` stops its walk, on `loop`.
  std::string open(std::string person, std::string words, UtcSeconds now, http::Loop& loop,
                   std::weak_ptr<http::Cancel> cancel);
  // Its walk ended: with a result object, or with an error object.
  void end(const std::string& id, bool failed, std::string body, UtcSeconds now);
  // What `tasks/get` answers, as the members of a result; empty for an id that is unknown or another person's.
  [[nodiscard]] std::string get(std::string_view id, std::string_view person);
  bool cancel(std::string_view id, std::string_view person, UtcSeconds now);
  // The members of the result that says that a task was made.
  [[nodiscard]] std::string created(std::string_view id);

 private:
  struct Task {
    std::string person, words, body;
    TaskStatus status = TaskStatus::kWorking;
    UtcSeconds created, changed;
    http::Loop* loop = nullptr;
    std::weak_ptr<http::Cancel> cancel;
  };
  void make_room(UtcSeconds now);
  static std::string members(std::string_view id, const Task& task);

  std::mutex mutex_;
  std::map<std::string, Task, std::less<>> tasks_;
};

}  // namespace proviso::gate
