#pragma once
// Telling approvers that something waits: a signed POST without content to one address. It carries the
// hold's id, the roles that it waits for and when it expires; whoever wants to know more asks the gate as
// themselves. Best effort: what cannot be delivered is logged, and the hold waits all the same.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "http/client.h"
#include "oversight/hold.h"

namespace proviso::gate {

inline constexpr size_t kWebhookQueueMax = 1024;  // tellings that wait; more says the same: go and look
inline constexpr int kWebhookTriesMax = 5;        // over about half a minute
inline constexpr std::chrono::seconds kWebhookAnswerMax{10};  // of one try

class Webhook {
 public:
  // `secret` signs: header `Proviso-Signature: t=UNIX,v1=HEX`, HMAC-SHA256 over "UNIX.BODY".
  static Result<std::unique_ptr<Webhook>> create(std::string_view url, std::string secret);
  ~Webhook();  // drops what waits

  // Never blocks. Thread-safe.
  void tell(const oversight::Hold& hold);

 private:
  Webhook(http::Endpoint endpoint, std::string secret, std::unique_ptr<http::Loops> loops);
  void run();
  // Why it did not arrive, or empty.
  std::string deliver(const std::string& body);
  bool pause(std::chrono::milliseconds time);  // false: stopping

  const http::Endpoint endpoint_;
  const std::string secret_;
  std::unique_ptr<http::Loops> loops_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace proviso::gate
