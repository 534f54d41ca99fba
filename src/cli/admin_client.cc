#include "cli/admin_client.h"

#include <sys/stat.h>

#include <chrono>

#include "base/json.h"
#include "gate/layout.h"
#include "http/client.h"

namespace proviso::cli {
namespace {

constexpr std::chrono::seconds kAnswerMax{30};
constexpr uint64_t kAnswerBytesMax = 16 << 20;

struct Answer {
  int status = 0;
  std::string body;
};

http::Task<Result<Answer>> ask(http::Loop& loop, http::ClientConfig config,
                               http::RequestSpec spec) {
  Result<std::unique_ptr<http::Client>> client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  Result<http::Reply> reply = co_await (*client)->send(std::move(spec));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await reply->read_all(kAnswerBytesMax);
  if (!body) co_return std::unexpected(std::move(body.error()));
  co_return Answer{reply->status(), std::move(*body)};
}

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
  PV_TRY(auto loops, http::Loops::create({.count = 1}));
  http::ClientConfig config;
  config.endpoint.kind = http::Endpoint::Kind::kUnix;
  config.endpoint.unix_path = socket;
  http::RequestSpec spec;
  spec.method = std::string(method);
  spec.target = std::string(path);
  spec.body = std::move(body);
  spec.deadline = http::Loop::now() + kAnswerMax;
  http::Loop& loop = loops->at(0);
  Result<Answer> answer = http::block_on(loop, ask(loop, std::move(config), std::move(spec)));
  // A socket that a killed gate left behind answers nobody; the lock tells whether one runs.
  if (!answer) return std::optional<std::string>{};
  if (answer->status == 200) return std::optional<std::string>(std::move(answer->body));
  json::Parser parser;
  std::string message = "the gate answered with status " + std::to_string(answer->status);
  if (auto parsed = parser.parse(answer->body)) {
    std::string_view text;
    if (parsed->at_key("error").get(text) == simdjson::SUCCESS) message = std::string(text);
  }
  return fail(code_of(answer->status), std::move(message));
}

}  // namespace proviso::cli
