#include "tools/upstream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace proviso::tools {

std::string ServerConfig::where() const {
  return url.empty() ? fmt::format("{}", fmt::join(command, " ")) : url;
}

Result<std::unique_ptr<Link>> connect(http::Loop& loop, const ServerConfig& config,
                                      const Surroundings& surroundings) {
  if (config.url.empty()) return connect_stdio(loop, config, surroundings);
  return connect_http(loop, config);
}

std::string modern_params(std::string_view params, std::string_view capabilities, std::string_view log_level,
                          json::Parser& parser) {
  const auto document = parser.parse(params);
  json::Object object;
  std::string meta = "{}";
  if (document && document->get(object) == simdjson::SUCCESS) {
    json::Object none;
    const auto there = object_member(object, "_meta");
    std::optional<std::string> level;
    if (!log_level.empty()) level = json::quoted(log_level);
    const std::vector<Change> changes = {
        {"io.modelcontextprotocol/protocolVersion", json::quoted(kModernVersion)},
        {"io.modelcontextprotocol/clientInfo", std::string(kClientInfo)},
        {"io.modelcontextprotocol/clientCapabilities", std::string(capabilities)},
        {"io.modelcontextprotocol/logLevel", level},
    };
    if (there) {
      meta = changed(*there, changes);
    } else {
      json::Parser empty;
      meta = changed_text("{}", empty, changes);
    }
    return changed(object, {{"_meta", meta}});
  }
  return std::string(params);
}

http::Task<Result<Message>> ask_once(Link& link, Ask ask) {
  Result<std::unique_ptr<Running>> running = co_await link.start(std::move(ask));
  if (!running) co_return std::unexpected(std::move(running.error()));
  while (true) {
    Result<Message> said = co_await (*running)->next();
    if (!said || said->is_response()) co_return std::move(said);
    if (said->kind != Message::Kind::kRequest) continue;
    const Status answered =
        co_await (*running)->answer(error_text(said->id, kMethodNotFound, "nobody is here to ask"));
    if (!answered) co_return std::unexpected(answered.error());
  }
}

}  // namespace proviso::tools
