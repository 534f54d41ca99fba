#include "cli/answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/visible.h"

namespace proviso::cli {
namespace {

constexpr uint64_t kAnswerBytesMax = 16 << 20;

http::Task<Result<Answer>> ask(http::Loop& loop, http::ClientConfig config, http::RequestSpec spec) {
  Result<std::unique_ptr<http::Client>> client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  Result<http::Reply> reply = co_await (*client)->send(std::move(spec));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> body = co_await reply->read_all(kAnswerBytesMax);
  if (!body) co_return std::unexpected(std::move(body.error()));
  co_return Answer{reply->status(), std::move(*body)};
}

}  // namespace

Result<Answer> fetch(http::ClientConfig config, http::RequestSpec spec) {
  PV_TRY(auto loops, http::Loops::create({.count = 1}));
  http::Loop& loop = loops->at(0);
  return http::block_on(loop, ask(loop, std::move(config), std::move(spec)));
}

std::string text_of(json::Element object, std::string_view name) {
  std::string_view text;
  return object.at_key(name).get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::vector<std::string> texts_of(json::Element object, std::string_view name) {
  std::vector<std::string> out;
  json::Array array;
  if (object.at_key(name).get(array) != simdjson::SUCCESS) return out;
  for (const json::Element item : array) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) out.emplace_back(text);
  }
  return out;
}

std::string cell_of(json::Element object, std::string_view name) { return visible_line(text_of(object, name)); }

std::string cells_of(json::Element object, std::string_view name) {
  return visible_line(fmt::format("{}", fmt::join(texts_of(object, name), ", ")));
}

}  // namespace proviso::cli
