#include "gate/config.h"

#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <functional>
#include <map>

namespace proviso::gate {
namespace {

// Reads one table key by key; what was not asked for is a fault.
class Section {
 public:
  Section(std::string_view file, std::string name, std::vector<std::string>& faults)
      : file_(file), name_(std::move(name)), faults_(faults) {}

  void text(std::string key, std::string& into) {
    readers_[std::move(key)] = [this, &into](const toml::node& node) {
      if (const auto value = node.value_exact<std::string>()) {
        into = *value;
      } else {
        fault(node, "must be a string");
      }
    };
  }
  void texts(std::string key, std::vector<std::string>& into) {
    readers_[std::move(key)] = [this, &into](const toml::node& node) {
      const toml::array* list = node.as_array();
      if (list == nullptr) {
        fault(node, "must be a list of strings");
        return;
      }
      for (const toml::node& item : *list) {
        if (const auto value = item.value_exact<std::string>()) {
          into.push_back(*value);
        } else {
          fault(item, "must be a list of strings");
        }
      }
    };
  }
  void integer(std::string key, int64_t& into, int64_t least, int64_t most) {
    readers_[std::move(key)] = [this, &into, least, most](const toml::node& node) {
      const auto value = node.value_exact<int64_t>();
      if (!value || *value < least || *value > most) {
        fault(node, fmt::format("must be an integer from {} to {}", least, most));
        return;
      }
      into = *value;
    };
  }
  void read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      current_ = std::string(key.str());
      const auto reader = readers_.find(current_);
      if (reader == readers_.end()) {
        fault(node, fmt::format("is not a key of [{}]; known: {}", name_, known()));
      } else {
        reader->second(node);
      }
    }
  }

 private:
  void fault(const toml::node& node, std::string_view what) {
    faults_.push_back(
        fmt::format("{}:{}: `{}` {}", file_, node.source().begin.line, current_, what));
  }
  std::string known() const {
    std::string out;
    for (const auto& [key, reader] : readers_) out += (out.empty() ? "" : ", ") + key;
    return out;
  }

  std::string_view file_;
  std::string name_;
  std::vector<std::string>& faults_;
  std::map<std::string, std::function<void(const toml::node&)>> readers_;
  std::string current_;
};

void read_gate(Section& section, Config& config) {
  section.text("listen", config.listen);
  section.text("node", config.node);
  section.text("origin", config.origin);
  section.integer("loops", config.loops, 1, 256);
  section.integer("heartbeat_seconds", config.heartbeat_seconds, 0, 86'400);
  section.integer("retention_wait_seconds", config.retention_wait_seconds, 0, 30 * 86'400);
  section.text("user", config.user);
  section.text("log_level", config.log_level);
}

void read_limits(Section& section, Config& config) {
  section.integer("body_bytes_max", config.body_bytes_max, 1024, 64 << 20);
  section.integer("answer_bytes_max", config.answer_bytes_max, 1024, 64 << 20);
  section.integer("idle_seconds", config.idle_seconds, 1, 3600);
  section.integer("commit_deadline_seconds", config.commit_deadline_seconds, 1, 600);
  section.integer("model_deadline_seconds", config.model_deadline_seconds, 1, 24 * 3600);
  section.integer("drain_seconds", config.drain_seconds, 0, 3600);
}

void read_worker(Section& section, Config& config) {
  section.text("binary", config.worker.binary);
  section.text("model", config.worker.model);
  section.integer("threads", config.worker.threads, 1, 1024);
  section.integer("slots", config.worker.slots, 1, 256);
  section.integer("context", config.worker.context, 256, 1 << 22);
}

void read_inspect(Section& section, Config& config) { section.text("encoder", config.inspect.encoder); }

void read_oversight(Section& section, Config& config) {
  section.integer("hold_seconds", config.oversight.hold_seconds, 1, 30 * 86'400);
  section.integer("wait_seconds", config.oversight.wait_seconds, 0, 3600);
  section.integer("stream_wait_seconds", config.oversight.stream_wait_seconds, 0, 3600);
  section.integer("open_per_person_max", config.oversight.open_per_person_max, 1, 100'000);
  section.text("webhook", config.oversight.webhook);
  section.text("webhook_secret_file", config.oversight.webhook_secret_file);
}

void read_witness(Section& section, Config& config) {
  section.text("policy", config.witness.policy);
  section.integer("interval_seconds", config.witness.interval_seconds, 1, 3600);
  section.integer("grace_seconds", config.witness.grace_seconds, 0, 86'400);
  section.text("without_quorum", config.witness.without_quorum);
}

void read_mcp(Section& section, Config& config) {
  section.text("resource", config.mcp.resource);
  section.texts("origins", config.mcp.origins);
  section.texts("authorization_servers", config.mcp.authorization_servers);
}

void read_tool_servers(const toml::node& node, std::string_view file, Config& config,
                       std::vector<std::string>& faults) {
  const toml::array* servers = node.as_array();
  if (servers == nullptr || !servers->is_homogeneous(toml::node_type::table)) {
    faults.push_back(fmt::format("{}:{}: write tool servers as [[tool_server]] tables", file,
                                 node.source().begin.line));
    return;
  }
  for (const toml::node& item : *servers) {
    tools::ServerConfig server;
    Section section(file, "[tool_server]", faults);
    section.text("id", server.id);
    section.text("url", server.url);
    section.texts("command", server.command);
    section.texts("read", server.read);
    section.texts("write", server.write);
    section.text("era", server.era);
    section.text("token_file", server.token_file);
    section.text("client_id", server.client_id);
    section.text("client_secret_file", server.client_secret_file);
    section.text("ca_file", server.ca_file);
    section.read(*item.as_table());
    const int line = static_cast<int>(item.source().begin.line);
    if (server.id.empty() || server.url.empty() == server.command.empty()) {
      faults.push_back(fmt::format("{}:{}: a [[tool_server]] needs `id` and one of `url` and `command`", file, line));
    }
    if (!server.era.empty() && server.era != "legacy" && server.era != "modern") {
      faults.push_back(fmt::format("{}:{}: `era` is \"legacy\" or \"modern\"", file, line));
    }
    if (server.id.find('/') != std::string::npos) {
      faults.push_back(fmt::format("{}:{}: the id of a tool server holds no `/`", file, line));
    }
    for (const tools::ServerConfig& other : config.tool_servers) {
      if (other.id == server.id) faults.push_back(fmt::format("{}:{}: tool server `{}` is there twice", file, line, server.id));
    }
    config.tool_servers.push_back(std::move(server));
  }
  if (config.tool_servers.size() > tools::kServersMax) {
    faults.push_back(fmt::format("{}: at most {} tool servers", file, tools::kServersMax));
  }
}

void read_models(const toml::node& node, std::string_view file, Config& config,
                 std::vector<std::string>& faults) {
  const toml::array* models = node.as_array();
  if (models == nullptr || !models->is_homogeneous(toml::node_type::table)) {
    faults.push_back(fmt::format("{}:{}: write models as [[model]] tables", file,
                                 node.source().begin.line));
    return;
  }
  for (const toml::node& item : *models) {
    ModelRoute route;
    Section section(file, "[model]", faults);
    section.text("id", route.id);
    section.text("endpoint", route.endpoint);
    section.text("upstream_name", route.upstream_name);
    section.text("api_key_file", route.api_key_file);
    section.text("ca_file", route.ca_file);
    section.read(*item.as_table());
    if (route.id.empty() || route.endpoint.empty()) {
      faults.push_back(fmt::format("{}:{}: a [[model]] needs `id` and `endpoint`", file,
                                   item.source().begin.line));
    }
    config.routes.push_back(std::move(route));
  }
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Code::kInvalid, fmt::format("{}:{}: {}", file, error.source().begin.line,
                                            error.description()));
  }
  Config config;
  std::vector<std::string> faults;
  using Reader = void (*)(Section&, Config&);
  const std::map<std::string_view, Reader> sections = {
      {"gate", read_gate},
      {"limits", read_limits},
      {"worker", read_worker},
      {"inspect", read_inspect},
      {"witness", read_witness},
      {"oversight", read_oversight},
      {"mcp", read_mcp},
      {"tls",
       [](Section& section, Config& into) {
         section.text("certificate", into.tls_certificate);
         section.text("key", into.tls_key);
       }},
  };
  for (const auto& [key, node] : parsed.table()) {
    if (key.str() == "model") {
      read_models(node, file, config, faults);
      continue;
    }
    if (key.str() == "tool_server") {
      read_tool_servers(node, file, config, faults);
      continue;
    }
    const auto reader = sections.find(key.str());
    if (reader == sections.end() || !node.is_table()) {
      faults.push_back(fmt::format("{}:{}: `{}` is not a section; known: [gate], [limits], "
                                   "[worker], [inspect], [witness], [oversight], [mcp], [tls], [[model]], [[tool_server]]",
                                   file, node.source().begin.line, key.str()));
      continue;
    }
    Section section(file, std::string(key.str()), faults);
    reader->second(section, config);
    section.read(*node.as_table());
  }
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    faults.push_back(fmt::format("{}: [tls] needs both `certificate` and `key`", file));
  }
  if (config.oversight.webhook.empty() != config.oversight.webhook_secret_file.empty()) {
    faults.push_back(fmt::format("{}: [oversight] `webhook` and `webhook_secret_file` go together", file));
  }
  if (config.witness.without_quorum != "serve" && config.witness.without_quorum != "refuse") {
    faults.push_back(fmt::format("{}: [witness] `without_quorum` is \"serve\" or \"refuse\"", file));
  }
  if (!faults.empty()) return fail(Code::kInvalid, fmt::format("{}", fmt::join(faults, "\n")));
  return config;
}

}  // namespace proviso::gate
