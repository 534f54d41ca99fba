#pragma once
// A tool server as a confined child that speaks on its standard streams, one message a line (MCP, transports,
// "stdio"). It runs on a thread of its own, which starts it, lets it go only when its sandbox holds, carries
// lines both ways and reaps it. Internal to the room.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "sandbox/sandbox.h"
#include "tools/upstream.h"

namespace proviso::tools {

class StdioChild {
 public:
  struct Hooks {
    std::function<void(std::string line)> on_line;      // on the child's thread
    std::function<void(std::string why)> on_end;        // on the child's thread, once
  };
  StdioChild(const ServerConfig& config, const Surroundings& surroundings, Hooks hooks);
  ~StdioChild();  // kills it and joins
  StdioChild(const StdioChild&) = delete;
  StdioChild& operator=(const StdioChild&) = delete;

  // Queues a line for the child. Any thread. False when too much waits already.
  bool write(std::string line);

 private:
  void run();
  Result<sandbox::Child> start();
  std::string carry(sandbox::Child& child);
  bool read_some(int fd, std::string& why);
  bool write_some(int fd, std::string& why);
  void wake() const;

  const ServerConfig config_;
  const Surroundings surroundings_;
  const Hooks hooks_;
  Fd wake_fd_;
  std::string partial_;  // the child's thread only
  std::mutex mutex_;
  std::string waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace proviso::tools
