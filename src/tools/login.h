#pragma once
// Logging in at a tool server, once, by a person at a terminal: metadata, registration, the browser's way there
// and back, the token. What comes of it is kept in files that the gate reads; the gate itself never asks a
// person. Everything that a server names on the way is https, or on this machine where the server is too.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/loop.h"
#include "http/server.h"
#include "http/task.h"
#include "tools/oauth.h"
#include "tools/server_config.h"

namespace proviso::tools {

inline constexpr size_t kMetadataBytesMax = 256 * 1024;  // of one document of an issuer's
inline constexpr std::chrono::seconds kLoginMax{600};    // for the person in the browser

struct Grant {
  Registration registration;
  std::string resource;
  std::string access_token, refresh_token, scope;
  [[nodiscard]] std::string text() const;  // JSON
  static Result<Grant> parse(std::string_view text);
};

// Where the person comes back to: a page of ours on this machine, on a free port.
class Callback {
 public:
  // Made and destroyed off the loops.
  static Result<std::unique_ptr<Callback>> listen(http::Loops& loops);
  ~Callback();
  [[nodiscard]] std::string uri() const;
  // The query that the person came back with; kTimeout. On the first loop.
  http::Task<Result<std::string>> query(http::Time deadline);

 private:
  explicit Callback(http::Loop& loop) : came_(loop) {}
  http::Task<void> take(http::Call& call);
  http::Event came_;
  std::string query_;
  std::unique_ptr<http::Server> server_;
};

struct LoginPlan {
  ServerConfig server;
  std::string challenge;        // WWW-Authenticate, as the gate got it; may be empty
  std::optional<Grant> before;  // what an earlier login gave
  std::string client_secret;    // of a client that was registered beforehand
  std::function<void(const std::string& url)> show;  // tells the person where to go
};

// kUnverified where something does not match what it must; kUnavailable, kTimeout, kUnsupported.
// On `loop`, the first of those that `callback` listens on.
http::Task<Result<Grant>> log_in(http::Loop& loop, Callback& callback, LoginPlan plan);

}  // namespace proviso::tools
