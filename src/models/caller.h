#pragma once
// Calls models. One Caller per loop, with a connection pool per model; nothing is shared between loops. A
// request is sent once, never retried: whether it may be sent again is the corridor's to decide. Of the
// client's headers only those in CallHeaders travel, and no content coding is accepted. What an upstream says in an error is not passed on;
// the sentence here is ours.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "exchange/codec.h"
#include "http/loop.h"
#include "http/task.h"
#include "models/catalog.h"

namespace proviso::models {

class Worker;

// Where an endpoint is on an upstream: "/v1/chat/completions".
std::string_view endpoint_path(exchange::Endpoint endpoint);

inline constexpr uint64_t kErrorBodyBytesMax = 64 * 1024;  // of an upstream's error, read for its type

// The only headers of a client that reach an upstream, and only where it speaks Anthropic's protocol.
struct CallHeaders {
  std::string anthropic_version;  // empty: 2023-06-01
  std::string anthropic_beta;
};

struct Call {
  std::string model;      // a catalogue id
  exchange::Endpoint endpoint = exchange::Endpoint::kChat;  // the upstream's, so never kResponses
  std::string body;       // exchange::upstream_body(request, catalog model's upstream_name)
  bool prepared = false;  // the body is what will be sent: prepare() made it so
  std::string pass;       // Pass::text(), for a model that demands a receipt
  CallHeaders headers;
  http::Time deadline = http::kNever;  // for the head of the answer, if sooner than the model's own
  http::Cancel* cancel = nullptr;      // outlives the Upstream
};

// A successful answer, read piece by piece. Dropping it before its end closes the connection, which makes
// the upstream stop generating. Belongs to the Caller's loop.
class Upstream {
 public:
  Upstream(http::Reply reply, const Model& model);
  [[nodiscard]] int status() const { return reply_.status(); }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] bool event_stream() const;  // Content-Type: text/event-stream
  // The next bytes (never empty), nothing at the end; the view lives until the next read. Errors as below.
  http::Task<Result<std::optional<std::string_view>>> next_bytes();
  // The rest; kLimit above `bytes_max`.
  http::Task<Result<std::string>> read_all(uint64_t bytes_max);

 private:
  http::Reply reply_;
  std::string model_;
  bool worker_;
};

class Caller {
 public:
  // Made, used and destroyed on `loop`, destroyed after every Upstream of it. `catalog` is shared by all
  // loops; `worker` may be null and outlives the Caller. kInvalid: a CA file that cannot be used.
  static Result<std::unique_ptr<Caller>> create(http::Loop& loop, std::shared_ptr<const Catalog> catalog,
                                                const Worker* worker);
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Makes call.body the bytes that are sent, the worker's in its own dialect; call() does it where it was not
  // done before. kNotFound and kUnsupported as below; kInvalid: a tool choice without its tool.
  Status prepare(Call& call);
  // True if this model takes no prompt without a pass.
  [[nodiscard]] bool demands_receipt(std::string_view model) const;

  // Sends, and gives the answer once its head says success. Errors, with what a client should be told:
  //   kNotFound     no such model here                                        (404)
  //   kUnsupported  the model does not speak the endpoint's protocol         (400)
  //   kInvalid      the upstream refused the request itself: 400, 413, 422    (400)
  //   kLimit        the upstream is at a limit: 429, 529                      (429)
  //   kUnavailable  it cannot be reached, refused our key, failed or broke off; or the local worker is
  //                 starting, restarting or crashed meanwhile                 (502)
  //   kTimeout      deadline, 408, 504                                        (504)
  http::Task<Result<Upstream>> call(Call call);

 private:
  struct Impl;
  explicit Caller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace proviso::models
