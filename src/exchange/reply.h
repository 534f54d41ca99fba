#pragma once
// What the gate says in its own name: errors, denials in the form of an answer, the list of models.
// Bodies only; statuses come with them as numbers, headers are the gate's. Pure functions.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "exchange/codec.h"
#include "exchange/form.h"

namespace proviso::exchange {

enum class ErrorKind {
  kInvalidRequest,  // 400
  kAuthentication,  // 401
  kDenied,          // 403, also for a hold that cannot wait
  kNotFound,        // 404
  kTooLarge,        // 413
  kRateLimit,       // 429
  kInternal,        // 500
  kUpstream,        // 502: the model failed
  kUnavailable,     // 503: the ledger cannot write
  kTimeout,         // 504
};
int error_status(ErrorKind kind);
// The protocol's own word: OpenAI "invalid_request_error", Anthropic "permission_error", ...
const char* error_type(Protocol protocol, ErrorKind kind);
// Whether an SDK that would try again should: false where a retry cannot help (`x-should-retry`).
bool error_retryable(ErrorKind kind);

// OpenAI {"error":{message,type,param,code}}; Anthropic {"type":"error","error":{type,message},
// "request_id"}. `code` is a short word of ours ("clause_denied") or empty; `param` a field path.
std::string error_body(Protocol protocol, ErrorKind kind, std::string_view message,
                       std::string_view code, std::string_view request_id,
                       std::string_view param = {});

// In front of every denial that takes the form of an answer: the words that programs look for where
// an answer begins (bench/attack), then the mark, so that nobody mistakes it for the model.
inline constexpr std::string_view kDenialPrefix = "I cannot assist with this. [proviso] Refused: ";

// denial_form = "message": an ordinary 200 answer, finish_reason "content_filter", a Response that is
// incomplete for that reason, or stop_reason "refusal"; whole or as a complete event stream.
std::string denial_message(Protocol protocol, const Frame& frame, std::string_view sentence);
std::string denial_stream(Protocol protocol, const Frame& frame, std::string_view sentence);

struct ModelEntry {
  std::string id;
  std::string owned_by;            // vendor
  int64_t created = 0;             // Unix seconds
  std::optional<int64_t> retires;  // announced in shutdown_date and retires_at
};
// GET /v1/models: an OpenAI list that Anthropic's SDK accepts too.
std::string models_list(std::span<const ModelEntry> entries);
// GET /v1/models/{id}
std::string model_body(const ModelEntry& entry);

}  // namespace proviso::exchange
