#include "cli/gate_client.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "base/file.h"
#include "cli/answer.h"

namespace proviso::cli {
namespace {

constexpr std::chrono::minutes kAnswerMax{10};  // a held command waits for people
constexpr size_t kKeyFileBytesMax = 4096;

std::string from_environment(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == 0 ? std::move(otherwise) : std::string(value);
}

Result<std::string> api_key(const GateUser& user) {
  std::string key = from_environment("PROVISO_API_KEY", "");
  if (!user.key_file.empty()) {
    PV_TRY(key, read_file(user.key_file, kKeyFileBytesMax));
  }
  while (!key.empty() && (key.back() == '\n' || key.back() == ' ')) key.pop_back();
  if (!key.empty()) return key;
  return fail(Code::kInvalid, "who asks? give --api-key-file FILE or set PROVISO_API_KEY");
}

Code code_of(int status) {
  switch (status) {
    case 401:
    case 403: return Code::kUnverified;
    case 404: return Code::kNotFound;
    case 400: return Code::kInvalid;
    case 429: return Code::kLimit;
    default: return Code::kUnavailable;
  }
}

Error error_of(const Answer& answer) {
  std::string message = fmt::format("the gate answered with status {}", answer.status);
  json::Parser parser;
  if (auto parsed = parser.parse(answer.body)) {
    std::string_view text;
    if (parsed->at_pointer("/error/message").get(text) == simdjson::SUCCESS) message = std::string(text);
  }
  return {code_of(answer.status), std::move(message)};
}

}  // namespace

void add_gate_options(CLI::App& command, GateUser& user) {
  command.add_option("--gate", user.gate, "the gate's address [$PROVISO_GATE, else http://127.0.0.1:8484]");
  command.add_option("--api-key-file", user.key_file, "a file with your API key [$PROVISO_API_KEY]");
  command.add_option("--purpose", user.purpose, "for which purpose [the key's own]");
  command.add_option("--ca", user.ca_file, "certificates to trust, PEM [the system's]");
}

Result<std::string> ask_as_user(const GateUser& user, std::string_view method, std::string_view path,
                                std::string body) {
  PV_TRY(const std::string key, api_key(user));
  const std::string gate =
      user.gate.empty() ? from_environment("PROVISO_GATE", "http://127.0.0.1:8484") : user.gate;
  http::ClientConfig config;
  PV_TRY(config.endpoint, http::Endpoint::parse(gate));
  config.endpoint.ca_file = user.ca_file;
  http::RequestSpec spec;
  spec.method = std::string(method);
  spec.target = config.endpoint.base_path + std::string(path);
  spec.headers.add("Authorization", "Bearer " + key);
  spec.headers.add("Content-Type", "application/json");
  if (!user.purpose.empty()) spec.headers.add("Proviso-Purpose", user.purpose);
  spec.body = std::move(body);
  spec.deadline = http::Loop::now() + kAnswerMax;
  Result<Answer> answer = fetch(std::move(config), std::move(spec));
  if (!answer) return fail_at("`" + gate + "`", answer.error());
  if (answer->status != 200) return std::unexpected(error_of(*answer));
  while (answer->body.ends_with('\n')) answer->body.pop_back();
  return std::move(answer->body);
}

}  // namespace proviso::cli
