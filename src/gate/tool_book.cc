#include "gate/tool_book.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "gate/judge.h"

namespace proviso::gate {
namespace {

constexpr std::array<std::string_view, 6> kChannels = {"resources",   "prompts", "completions",
                                                       "elicitation", "sampling", "roots"};

std::string entry_for(std::string_view id, std::string_view server, const std::string& digest,
                      std::string_view tool_class) {
  return fmt::format("[[tool]]\nid         = \"{}\"\nclass      = \"{}\"\nserver     = \"{}\"\n"
                     "definition = \"{}\"\n",
                     id, tool_class, server, digest);
}

struct Row {
  std::string id, server, digest, state, entry;
  std::vector<std::string> labels;
  std::string challenge = {};
  std::string arguments = {};  // what its calls are held to
  std::string paper = {};      // the definition as parties keep it
};

void write_row(json::Writer& writer, const Row& row) {
  writer.begin_object();
  writer.key("id").string(row.id);
  writer.key("server").string(row.server);
  writer.key("digest").string(row.digest);
  writer.key("state").string(row.state);
  writer.key("arguments").string(row.arguments);
  writer.key("labels").begin_array();
  for (const std::string& label : row.labels) writer.string(label);
  writer.end_array();
  writer.key("entry").string(row.entry);
  if (!row.paper.empty()) writer.key("paper").string(row.paper);
  if (!row.challenge.empty()) writer.key("challenge").string(row.challenge);
  writer.end_object();
}

}  // namespace

const char* standing_name(Standing standing) {
  switch (standing) {
    case Standing::kAdmitted: return "admitted";
    case Standing::kChanged: return "changed";
    case Standing::kUnregistered: return "unregistered";
    case Standing::kMissing: return "missing";
  }
  return "unregistered";
}

ToolBook::ToolBook(std::vector<tools::ServerConfig> servers) : servers_(std::move(servers)) {}

const tools::ServerConfig* ToolBook::server(std::string_view id) const {
  const auto found = std::find_if(servers_.begin(), servers_.end(),
                                  [id](const tools::ServerConfig& server) { return server.id == id; });
  return found == servers_.end() ? nullptr : &*found;
}

std::string ToolBook::identity(const tools::ServerConfig& server) const {
  return tools::server_identity(server.id, server.where());
}

std::shared_ptr<const Listing> ToolBook::listing(std::string_view server) const {
  const std::lock_guard lock(mutex_);
  const auto found = listings_.find(server);
  return found == listings_.end() ? nullptr : found->second;
}

void ToolBook::put(std::string_view server, std::shared_ptr<const Listing> listing) {
  const std::lock_guard lock(mutex_);
  listings_.insert_or_assign(std::string(server), std::move(listing));
}

void ToolBook::mark_stale(std::string_view server) {
  const std::lock_guard lock(mutex_);
  const auto found = listings_.find(server);
  if (found == listings_.end() || found->second->stale) return;
  auto stale = std::make_shared<Listing>(*found->second);
  stale->stale = true;
  found->second = std::move(stale);
}

void ToolBook::put_challenge(std::string_view server, std::string challenge) {
  const std::lock_guard lock(mutex_);
  challenges_.insert_or_assign(std::string(server), std::move(challenge));
}

Offer ToolBook::find(const agreement::Agreement& agreement, std::string_view name) const {
  Offer offer;
  offer.registered = agreement.tool(name);
  if (offer.registered == nullptr || offer.registered->server.empty()) {
    offer.registered = nullptr;
    return offer;
  }
  offer.listing = listing(offer.registered->server);
  if (offer.listing == nullptr) {
    offer.standing = Standing::kMissing;
    return offer;
  }
  const auto listed = offer.listing->tools.find(name);
  if (listed == offer.listing->tools.end()) {
    offer.standing = Standing::kMissing;
    return offer;
  }
  offer.definition = &listed->second;
  const bool pinned = offer.registered->definition == listed->second.digest.hex();
  offer.standing = pinned ? Standing::kAdmitted : Standing::kChanged;
  return offer;
}

const agreement::Tool* ToolBook::channel(const agreement::Agreement& agreement, std::string_view server,
                                         std::string_view channel) const {
  const tools::ServerConfig* config = this->server(server);
  const agreement::Tool* tool = agreement.tool(tools::channel_tool(server, channel));
  if (config == nullptr || tool == nullptr || tool->server != server) return nullptr;
  return tool->definition == tools::channel_digest(channel, identity(*config)).hex() ? tool : nullptr;
}

Status Holding::check(std::string_view arguments_json) const {
  if (!pinned) return {};
  if (!known) return fail(Code::kUnverified, "its pinned definition is not known here: its server does not list it as pinned");
  if (held.schema == nullptr) return {};
  return held.schema->check_text(arguments_json);
}

Holding ToolBook::holding(const agreement::Agreement& agreement, std::string_view name) const {
  const agreement::Tool* const tool = agreement.tool(name);
  if (tool == nullptr || tool->definition.empty() || tool->id.find('/') != std::string::npos) return {};
  if (const arguments::Paper* const paper = agreement.paper(name)) return {true, true, paper->held};
  const Offer offer = find(agreement, name);
  if (offer.standing != Standing::kAdmitted) return {true, false, {}};
  return {true, true, offer.definition->held};
}

std::vector<Offer> ToolBook::admitted(const agreement::Agreement& agreement) const {
  std::vector<Offer> offers;
  for (const agreement::Tool& tool : agreement.terms().tools) {
    if (tool.server.empty()) continue;
    Offer offer = find(agreement, tool.id);
    if (offer.standing == Standing::kAdmitted) offers.push_back(std::move(offer));
  }
  return offers;
}

std::string ToolBook::report(const agreement::Agreement& agreement, const inspect::Inspector& inspector) const {
  std::vector<Row> rows;
  json::Parser parser;
  for (const tools::ServerConfig& server : servers_) {
    const auto list = listing(server.id);
    std::string challenge;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = challenges_.find(server.id); found != challenges_.end()) challenge = found->second;
    }
    if (!challenge.empty()) rows.push_back({"", server.id, "", "wants a login", "", {}, challenge});
    if (list == nullptr) {
      if (challenge.empty()) rows.push_back({"", server.id, "", "not reached", "", {}});
      continue;
    }
    for (const auto& [name, definition] : list->tools) {
      const Offer offer = find(agreement, name);
      const bool here = offer.registered != nullptr && offer.registered->server == server.id;
      Row row{name, server.id, definition.digest.hex(),
              standing_name(here ? offer.standing : Standing::kUnregistered), "", {}};
      row.entry = entry_for(name, server.id, row.digest, here ? offer.registered->tool_class : "client");
      row.arguments = definition.held.schema != nullptr ? "held to its schema" : definition.held.why;
      row.paper = arguments::paper_text(server.id, server.where(), definition.json);
      // A description is text from outside: whoever admits it sees what stands in it.
      if (const auto document = parser.parse(definition.json)) {
        row.labels =
            Judge::content_of(inspector, tools::pieces_of_json(exchange::Channel::kToolDefinition, *document)).labels;
      }
      rows.push_back(std::move(row));
    }
    for (const std::string_view channel : kChannels) {
      const std::string id = tools::channel_tool(server.id, channel);
      const std::string digest = tools::channel_digest(channel, identity(server)).hex();
      const agreement::Tool* tool = agreement.tool(id);
      const Standing standing = this->channel(agreement, server.id, channel) != nullptr ? Standing::kAdmitted
                                : tool != nullptr                                        ? Standing::kChanged
                                                                                         : Standing::kUnregistered;
      rows.push_back({id, server.id, digest, standing_name(standing),
                      entry_for(id, server.id, digest, tool == nullptr ? "client" : tool->tool_class), {}});
    }
    for (const std::string& fault : list->faults) rows.push_back({"", server.id, "", fault, "", {}});
  }
  // Registered, but no server lists it: renamed, withdrawn, or not reached.
  for (const agreement::Tool& tool : agreement.terms().tools) {
    if (tool.server.empty() || tool.id.find('/') != std::string::npos) continue;
    if (find(agreement, tool.id).standing != Standing::kMissing) continue;
    rows.push_back({tool.id, tool.server, tool.definition, standing_name(Standing::kMissing), "", {}});
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_array();
  for (const Row& row : rows) write_row(writer, row);
  writer.end_array();
  return out;
}

}  // namespace proviso::gate
