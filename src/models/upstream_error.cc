#include "models/upstream_error.h"

#include <array>
#include <string>

#include "base/json.h"

namespace proviso::models {
namespace {

enum class Meaning { kTooLong, kBadRequest, kOurKey, kNotThere, kAtLimit, kNoReceipt, kFailed };

struct KnownType {
  std::string_view name;
  Meaning meaning;
};

constexpr std::array<KnownType, 19> kTypes = {{
    {"exceed_context_size_error", Meaning::kTooLong},  // llama-server
    {"context_length_exceeded", Meaning::kTooLong},    // OpenAI, in `code`
    {"request_too_large", Meaning::kTooLong},          // Anthropic
    {"invalid_request_error", Meaning::kBadRequest},
    {"unsupported_parameter", Meaning::kBadRequest},
    {"unsupported_value", Meaning::kBadRequest},
    {"not_supported_error", Meaning::kBadRequest},
    {"authentication_error", Meaning::kOurKey},
    {"invalid_api_key", Meaning::kOurKey},
    {"permission_error", Meaning::kOurKey},
    {"billing_error", Meaning::kOurKey},
    {"insufficient_quota", Meaning::kAtLimit},
    {"rate_limit_error", Meaning::kAtLimit},
    {"rate_limit_exceeded", Meaning::kAtLimit},
    {"overloaded_error", Meaning::kAtLimit},
    {"not_found_error", Meaning::kNotThere},
    {"model_not_found", Meaning::kNotThere},
    {"unavailable_error", Meaning::kFailed},
    {"receipt_error", Meaning::kNoReceipt},  // proviso-doorkeeper
}};

const KnownType* find_type(std::string_view name) {
  for (const auto& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// `code` is the finer word where both are given.
const KnownType* type_in(std::string_view body) {
  json::Parser parser;
  const auto parsed = parser.parse(body);
  if (!parsed) return nullptr;
  json::Element error;
  if ((*parsed)["error"].get(error) != simdjson::SUCCESS) return nullptr;
  for (const char* member : {"code", "type"}) {
    std::string_view name;
    if (error[member].get(name) != simdjson::SUCCESS) continue;
    if (const auto* type = find_type(name)) return type;
  }
  return nullptr;
}

Meaning by_status(int status) {
  switch (status) {
    case 400:
    case 422: return Meaning::kBadRequest;
    case 413: return Meaning::kTooLong;
    case 401:
    case 402:
    case 403: return Meaning::kOurKey;
    case 404: return Meaning::kNotThere;
    case 429:
    case 529: return Meaning::kAtLimit;
    default: return Meaning::kFailed;
  }
}

}  // namespace

std::string_view known_error_type(std::string_view body) {
  const auto* type = type_in(body);
  return type == nullptr ? std::string_view() : type->name;
}

Error upstream_error(std::string_view model, int status, std::string_view body) {
  const auto* type = type_in(body);
  std::string who = "the upstream of model `" + std::string(model) + "`";
  std::string how = " (status " + std::to_string(status);
  if (type != nullptr) how += ", " + std::string(type->name);
  how += ")";
  if (status == 408 || status == 504) return {Code::kTimeout, who + " did not answer in time" + how};
  // A type refines a client error; it does not turn a failure of the upstream into the client's fault.
  const bool refine = type != nullptr && status >= 400 && status < 500;
  switch (refine ? type->meaning : by_status(status)) {
    case Meaning::kTooLong:
      return {Code::kInvalid, "the request is longer than model `" + std::string(model) + "` can take" + how};
    case Meaning::kBadRequest: return {Code::kInvalid, who + " refused the request as invalid" + how};
    case Meaning::kOurKey: return {Code::kUnavailable, who + " refused the key of this gate" + how};
    case Meaning::kNotThere: return {Code::kUnavailable, who + " does not offer it" + how};
    case Meaning::kAtLimit: return {Code::kLimit, who + " is at its limit; try again later" + how};
    case Meaning::kNoReceipt:
      return {Code::kUnavailable, who + " did not take the receipt of this gate" + how};
    case Meaning::kFailed: break;
  }
  return {Code::kUnavailable, who + " failed" + how};
}

}  // namespace proviso::models
