#pragma once
// A tool server as the gate speaks to it: over HTTP or over the pipes of a sandboxed child, in the era that it
// has. One Link per loop and server; nothing is shared between loops but what the caller hands in. A request
// is sent once. The gate is the client here: it sends its own credential and never a client's.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/loop.h"
#include "http/task.h"
#include "sandbox/probe.h"
#include "tools/message.h"
#include "tools/mirror.h"
#include "tools/server_config.h"

namespace proviso::tools {

inline constexpr size_t kUpstreamMessageBytesMax = 8 << 20;  // a result with a picture; held whole until decided
inline constexpr size_t kResumesMax = 8;                // of one answer whose stream broke off
inline constexpr size_t kStdioTurnsMax = 256;           // requests that wait for a child to be free
inline constexpr size_t kStdioLinesMax = 4096;          // messages of a child that wait to be read
inline constexpr size_t kStdioWaitingBytesMax = 16 << 20;  // bytes that wait for a child to read them
inline constexpr int kResumeWaitMsMax = 10'000;         // a server that asks for more waits in vain

// What a server on standard streams runs in.
struct Surroundings {
  std::string launcher;  // proviso-launch
  std::string run_dir;   // a folder of ours; each child has a scratch folder below it
  // Called with each start's report before the server runs, on a thread of its own; an error keeps it from
  // running.
  std::function<Status(const std::string& server, const sandbox::ProbeReport& report)> on_probe;
};

struct Eras {
  bool legacy = false;
  bool modern = false;
  [[nodiscard]] bool has(Era era) const { return era == Era::kLegacy ? legacy : modern; }
};

// What a server says of itself when it is first met.
struct Greeting {
  Eras eras;
  std::string capabilities = "{}";  // JSON object, of its newest era
  std::string legacy_capabilities = "{}";
  std::string server_info = "{}";
  std::string instructions;
};

// A legacy session with a server. A value: loops may share it under the caller's lock.
struct Session {
  std::string id;  // empty: the server keeps none
  std::string version;
  Greeting greeting;
};

struct Ask {
  Era era = Era::kModern;
  std::string method;
  std::string params = "{}";        // as the server shall read them; `_meta` of the modern era is put here
  std::string capabilities = "{}";  // what the client can do, for the modern era
  std::string log_level;            // modern era: a word of MCP's, or empty
  std::vector<ParamHeader> param_headers;
  Session session;                  // legacy era
  http::Time deadline = http::kNever;
  http::Cancel* cancel = nullptr;   // outlives the Running
};

// One request under way. Dropping it before its response stops the server where the transport can say so.
class Running {
 public:
  virtual ~Running() = default;
  // What the server says next: notifications, requests of its own (legacy era only), and at last the response
  // to the request, after which nothing is asked. kUnavailable, kTimeout, kInvalid (it does not speak MCP),
  // kLimit, kConflict (it no longer knows the session).
  virtual http::Task<Result<Message>> next() = 0;
  // Answers a request of the server's: a whole response message.
  virtual http::Task<Status> answer(std::string response) = 0;
};

class Link {
 public:
  virtual ~Link() = default;
  // Which eras the server speaks, and what it says of itself. Codes as Running::next().
  virtual http::Task<Result<Greeting>> greet() = 0;
  // Opens a legacy session for a client with these capabilities.
  virtual http::Task<Result<Session>> open(std::string capabilities) = 0;
  virtual http::Task<Status> close(Session session) = 0;
  virtual http::Task<Result<std::unique_ptr<Running>>> start(Ask ask) = 0;
  // It works on something else, so that a further request would wait.
  [[nodiscard]] virtual bool busy() const { return false; }
  // The WWW-Authenticate of its newest refusal, printable; empty while it takes our token.
  [[nodiscard]] virtual std::string challenge() const { return {}; }
};

// Made and destroyed on `loop`, destroyed after every Running of it. kInvalid: a URL, CA or token file that
// cannot be used.
Result<std::unique_ptr<Link>> connect(http::Loop& loop, const ServerConfig& config,
                                      const Surroundings& surroundings);
Result<std::unique_ptr<Link>> connect_http(http::Loop& loop, const ServerConfig& config);

Result<std::unique_ptr<Link>> connect_stdio(http::Loop& loop, const ServerConfig& config,
                                            const Surroundings& surroundings);

// Sends one request and waits for its response; what the server says meanwhile is dropped, and what it asks is
// refused. For lists, which take no part of a client's.
http::Task<Result<Message>> ask_once(Link& link, Ask ask);

// The `_meta` of a modern request, put into `params`.
std::string modern_params(std::string_view params, std::string_view capabilities, std::string_view log_level,
                          json::Parser& parser);

inline constexpr std::string_view kClientInfo = R"({"name":"proviso","version":"0.1.0"})";

}  // namespace proviso::tools
