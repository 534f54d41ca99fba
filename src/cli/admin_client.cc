#include "cli/admin_client.h"

#include <sys/stat.h>

#include <chrono>

#include "cli/answer.h"
#include "gate/layout.h"

namespace proviso::cli {
namespace {

constexpr std::chrono::seconds kAnswerMax{30};
Code code_of(int status) {
  switch (status) {
    case 400: return Code::kInvalid;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    default: return Code::kUnavailable;
  }
}

}  // namespace

Result<std::optional<std::string>> ask_gate(const std::string& state, std::string_view method,
                                            std::string_view path, std::string body) {
  const std::string socket = gate::Layout{state}.admin_socket();
  struct stat info {};
  if (::stat(socket.c_str(), &info) != 0) return std::optional<std::string>{};
  http::ClientConfig config;
  config.endpoint.kind = http::Endpoint::Kind::kUnix;
  config.endpoint.unix_path = socket;
  http::RequestSpec spec;
  spec.method = std::string(method);
  spec.target = std::string(path);
  spec.body = std::move(body);
  spec.deadline = http::Loop::now() + kAnswerMax;
  const Result<Answer> answer = fetch(std::move(config), std::move(spec));
  // A socket that a killed gate left behind answers nobody; the lock tells whether one runs.
  if (!answer) return std::optional<std::string>{};
  if (answer->status == 200) return std::optional<std::string>(answer->body);
  json::Parser parser;
  std::string message = "the gate answered with status " + std::to_string(answer->status);
  if (auto parsed = parser.parse(answer->body)) {
    std::string_view text;
    if (parsed->at_key("error").get(text) == simdjson::SUCCESS) message = std::string(text);
  }
  return fail(code_of(answer->status), std::move(message));
}

}  // namespace proviso::cli
