#pragma once
// One client's connection and, one after the other, its calls. Inside http only.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/frame.h"
#include "http/parse.h"
#include "http/server.h"
#include "http/wire.h"

namespace proviso::http {

class Connection;

// What all loops of one server share.
struct ServerShared {
  Handler handler;
  ServerLimits limits;
  std::mutex mutex;
  std::condition_variable changed;
  size_t live = 0;  // connections and listeners, under the mutex
  std::atomic<size_t> connections{0};
  std::atomic<uint64_t> refused{0};
};

// One loop's part of a server; touched on that loop.
struct Shard {
  Shard(Loop& on, ServerShared& with) : loop(on), shared(with) {}
  Loop& loop;
  ServerShared& shared;
  Connection* first = nullptr;
  bool stopping = false;
};

class Connection final : public Call, private Wire::Watcher {
 public:
  // Starts it on the shard's loop; it frees itself. `ssl` may be null.
  static void start(Shard& shard, Wire::Ptr wire, std::string peer);

  [[nodiscard]] const RequestHead& head() const override { return head_; }
  [[nodiscard]] Loop& loop() override { return shard_.loop; }
  [[nodiscard]] const std::string& peer() const override { return peer_; }
  Task<Result<std::string>> read_body() override;
  Task<Status> respond(Response response) override;
  Task<Status> begin_stream(int status, Headers headers) override;
  Task<Status> write(std::string_view bytes) override;
  Task<Status> end_stream() override;
  [[nodiscard]] bool responded() const override { return framer_.begun(); }
  [[nodiscard]] Cancel& gone() override { return *gone_; }

  // The server stops: closes now if no call runs.
  void close_if_idle();
  // The grace is over.
  void abort();
  [[nodiscard]] Connection* next() const { return next_; }

 private:
  Connection(Shard& shard, Wire::Ptr wire, std::string peer);
  ~Connection() override;
  static Task<void> run(Connection* self);
  Task<void> serve();
  Task<bool> next_head();
  Task<bool> serve_call();
  Task<void> refuse(int status, std::string sentence);
  Task<void> linger();
  Task<Result<std::string>> collect_body();
  Task<Status> continue_expected();
  void begin_call();
  Status write_outcome(size_t taken, size_t wanted);
  // The request was read to its end, so that what follows is the next one.
  [[nodiscard]] bool body_taken() const { return parser_.complete() && !body_failed_; }
  [[nodiscard]] AnswerShape shape(std::optional<uint64_t> length) const;
  void on_bytes() override;
  void on_closed() override;

  Shard& shard_;
  Wire::Ptr wire_;
  std::string peer_;
  Connection* next_ = nullptr;
  Connection* prev_ = nullptr;
  HeadScanner scanner_;
  MessageParser parser_;
  ResponseFramer framer_;
  RequestHead head_;
  std::string out_;
  std::optional<Cancel> gone_;
  bool idle_ = true, body_read_ = false, body_failed_ = false, in_call_ = false, linger_ = false;
};

}  // namespace proviso::http
