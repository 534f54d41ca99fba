#include "models/catalog.h"

#include <algorithm>

#include "base/file.h"

namespace proviso::models {
namespace {

bool is_model_id(std::string_view id) {
  constexpr size_t kIdBytesMax = exchange::kModelNameBytesMax;
  if (id.empty() || id.size() > kIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '`'; });
}

// One line of printable ASCII: a key that holds anything else was pasted wrong, and would not make a
// header.
Result<std::string> read_key(const std::string& path) {
  PV_TRY(std::string key, read_private_file(path));
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (key.empty()) return fail(Code::kInvalid, "`" + path + "` holds no key");
  if (!std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    return fail(Code::kInvalid, "`" + path + "` must hold one key on one line");
  }
  return key;
}

Result<http::Endpoint> parse_endpoint(const ModelConfig& config, const std::string& worker_socket) {
  const bool worker = config.endpoint == "worker";
  PV_TRY(auto endpoint, http::Endpoint::parse(worker ? "unix:" + worker_socket : config.endpoint));
  if (config.endpoint.starts_with("unix:") && !config.endpoint.starts_with("unix:/")) {
    return fail(Code::kInvalid, "the path of a socket must be absolute");
  }
  if (!config.ca_file.empty() && endpoint.kind != http::Endpoint::Kind::kTls) {
    return fail(Code::kInvalid, "a CA file is for https only");
  }
  endpoint.ca_file = config.ca_file;
  // Both ways of naming an OpenAI base are common.
  if (endpoint.base_path.ends_with("/v1")) endpoint.base_path.resize(endpoint.base_path.size() - 3);
  return endpoint;
}

Result<Model> make_model(const ModelConfig& config, const std::string& worker_socket) {
  using std::chrono::milliseconds;
  if (config.protocols.empty()) return fail(Code::kInvalid, "no protocol is named");
  Model model;
  model.id = config.id;
  model.protocols = config.protocols;
  model.upstream_name = config.upstream_name.empty() ? config.id : config.upstream_name;
  model.worker = config.endpoint == "worker";
  PV_TRY(model.endpoint, parse_endpoint(config, worker_socket));
  if (!config.api_key_file.empty()) {
    PV_TRY(model.api_key, read_key(config.api_key_file));
  }
  for (const auto timeout : {config.connect_timeout, config.head_timeout, config.body_timeout}) {
    if (timeout <= milliseconds(0)) return fail(Code::kInvalid, "a timeout must be more than 0");
  }
  model.connect_timeout = config.connect_timeout;
  model.head_timeout = config.head_timeout;
  model.body_timeout = config.body_timeout;
  return model;
}

}  // namespace

bool Model::speaks(exchange::Protocol protocol) const {
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
}

Result<Catalog> Catalog::create(const std::vector<ModelConfig>& models, const std::string& worker_socket) {
  if (models.size() > kModelsMax) {
    return fail(Code::kLimit, "there are more than " + std::to_string(kModelsMax) + " models");
  }
  Catalog catalog;
  for (const auto& config : models) {
    if (!is_model_id(config.id)) {
      return fail(Code::kInvalid, "a model's id must be printable text without spaces, at most " +
                                      std::to_string(exchange::kModelNameBytesMax) + " bytes");
    }
    auto model = make_model(config, worker_socket);
    if (!model) return fail_at("model `" + config.id + "`", std::move(model).error());
    if (!catalog.models_.emplace(config.id, std::move(*model)).second) {
      return fail(Code::kInvalid, "model `" + config.id + "` is named twice");
    }
  }
  return catalog;
}

const Model* Catalog::find(std::string_view id) const {
  const auto it = models_.find(id);
  return it == models_.end() ? nullptr : &it->second;
}

}  // namespace proviso::models
