#include "gate/mcp_desk.h"

#include <fmt/format.h>

#include "gate/journal.h"

namespace proviso::gate {
namespace {

constexpr std::chrono::seconds kListDeadline{10};

// Reads one page of tools/list into `listing`; gives the next cursor, empty at the end.
Result<std::string> read_page(const std::string& body, std::string_view server, std::string_view identity,
                              json::Parser& parser, Listing& listing) {
  PV_TRY(const json::Element document, parser.parse(body));
  json::Object result;
  json::Array tools;
  if (document.get(result) != simdjson::SUCCESS || result.at_key("tools").get(tools) != simdjson::SUCCESS) {
    return fail(Code::kUnavailable, fmt::format("the tool server `{}` answers `tools/list` without `tools`", server));
  }
  for (const json::Element value : tools) {
    if (listing.tools.size() >= tools::kToolsMax) {
      return fail(Code::kLimit, fmt::format("the tool server `{}` lists more than {} tools", server, tools::kToolsMax));
    }
    auto definition = tools::read_definition(value, server, identity);
    if (!definition) {
      listing.faults.push_back(definition.error().message);
      continue;
    }
    const std::string name = definition->name;
    if (!listing.tools.emplace(name, std::move(*definition)).second) {
      return fail(Code::kUnavailable, fmt::format("the tool server `{}` lists `{}` twice", server, name));
    }
  }
  return std::string(tools::text_member(result, "nextCursor").value_or(""));
}

bool offers(const std::string& capabilities, std::string_view name, json::Parser& parser) {
  const auto document = parser.parse(capabilities);
  json::Object object;
  return document && document->get(object) == simdjson::SUCCESS &&
         tools::object_member(object, name).has_value();
}

}  // namespace

Result<std::unique_ptr<McpDesk>> McpDesk::create(http::Loop& loop, ToolBook& book,
                                                 const tools::Surroundings& surroundings) {
  auto desk = std::unique_ptr<McpDesk>(new McpDesk(book));
  for (const tools::ServerConfig& server : book.servers()) {
    auto link = tools::connect(loop, server, surroundings);
    if (!link) return fail_at(fmt::format("tool server `{}`", server.id), std::move(link.error()));
    desk->links_.emplace(server.id, std::move(*link));
  }
  return desk;
}

tools::Link* McpDesk::link(std::string_view server) const {
  const auto found = links_.find(server);
  return found == links_.end() ? nullptr : found->second.get();
}

http::Task<Result<std::shared_ptr<const Listing>>> McpDesk::listing(std::string server) {
  std::shared_ptr<const Listing> known = book_.listing(server);
  const bool fresh = known != nullptr && !known->stale && http::Loop::now() - known->taken < kListAgeMax;
  // A child that works on a long call cannot say its list meanwhile, nor can it change who it is.
  const tools::Link* const asked = link(server);
  if (fresh || (known != nullptr && asked != nullptr && asked->busy())) co_return known;
  Result<std::shared_ptr<const Listing>> fetched = co_await fetch(server);
  if (asked != nullptr) book_.put_challenge(server, asked->challenge());
  if (!fetched) {
    journal::warn(fetched.error().message);
    book_.put(server, nullptr);
  }
  co_return fetched;
}

http::Task<void> McpDesk::refresh_all() {
  for (const tools::ServerConfig& server : book_.servers()) {
    const auto asked = co_await listing(server.id);
    (void)asked;
  }
}

http::Task<Result<std::string>> McpDesk::page(tools::Link& link, tools::Era era, tools::Session session,
                                              std::string params) {
  tools::Ask ask;
  ask.era = era;
  ask.method = "tools/list";
  ask.params = std::move(params);
  ask.session = std::move(session);
  ask.deadline = http::Loop::now() + kListDeadline;
  Result<tools::Message> said = co_await tools::ask_once(link, std::move(ask));
  if (!said) co_return std::unexpected(std::move(said.error()));
  if (said->kind != tools::Message::Kind::kResult) {
    co_return fail(Code::kUnavailable, "a tool server refuses to list its tools");
  }
  co_return std::move(said->body);
}

http::Task<Result<std::shared_ptr<const Listing>>> McpDesk::fetch(std::string server) {
  tools::Link* const link = this->link(server);
  const tools::ServerConfig* const config = book_.server(server);
  if (link == nullptr || config == nullptr) {
    co_return fail(Code::kNotFound, fmt::format("there is no tool server `{}` here", server));
  }
  auto listing = std::make_shared<Listing>();
  const auto known = book_.listing(server);
  if (known != nullptr) {
    listing->greeting = known->greeting;
  } else {
    Result<tools::Greeting> greeting = co_await link->greet();
    if (!greeting) co_return std::unexpected(std::move(greeting.error()));
    listing->greeting = std::move(*greeting);
  }
  listing->taken = http::Loop::now();
  const tools::Era era = listing->greeting.eras.modern ? tools::Era::kModern : tools::Era::kLegacy;
  if (!offers(listing->greeting.capabilities, "tools", parser_)) co_return keep(server, std::move(listing));
  tools::Session session;
  if (era == tools::Era::kLegacy) {
    Result<tools::Session> opened = co_await link->open("{}");
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    session = std::move(*opened);
  }
  const std::string identity = book_.identity(*config);
  std::string params = "{}";
  Status read;
  for (size_t pages = 0; read && !params.empty(); ++pages) {
    Result<std::string> body = co_await page(*link, era, session, params);
    if (!body) {
      read = std::unexpected(std::move(body.error()));
      break;
    }
    auto cursor = read_page(*body, server, identity, parser_, *listing);
    if (!cursor) {
      read = std::unexpected(std::move(cursor.error()));
    } else if (!cursor->empty() && pages + 1 >= tools::kListPagesMax) {
      read = fail(Code::kLimit, fmt::format("the tool server `{}` lists without end", server));
    } else {
      params = cursor->empty() ? "" : fmt::format(R"({{"cursor":{}}})", json::quoted(*cursor));
    }
  }
  if (era == tools::Era::kLegacy) {
    const Status closed = co_await link->close(std::move(session));
    (void)closed;
  }
  if (!read) co_return std::unexpected(std::move(read.error()));
  co_return keep(server, std::move(listing));
}

// A list that changed is said once, where the operator looks: who renames a tool hides it from everybody.
std::shared_ptr<const Listing> McpDesk::keep(const std::string& server, std::shared_ptr<Listing> listing) {
  if (const auto before = book_.listing(server)) {
    for (const auto& [name, definition] : listing->tools) {
      const auto known = before->tools.find(name);
      if (known == before->tools.end()) {
        journal::warn(fmt::format("the tool server `{}` lists a new tool `{}`", server, name));
      } else if (known->second.digest != definition.digest) {
        journal::warn(fmt::format("the tool server `{}` changed its tool `{}`", server, name));
      }
    }
  }
  book_.put(server, listing);
  return listing;
}

http::Task<Result<tools::Session>> McpDesk::session(std::shared_ptr<McpSession> client, std::string server,
                                                    std::string capabilities) {
  if (auto known = client->upstream(server)) co_return std::move(*known);
  tools::Link* const link = this->link(server);
  if (link == nullptr) co_return fail(Code::kNotFound, fmt::format("there is no tool server `{}` here", server));
  Result<tools::Session> opened = co_await link->open(std::move(capabilities));
  if (opened) client->put_upstream(server, *opened);
  co_return opened;
}

}  // namespace proviso::gate
