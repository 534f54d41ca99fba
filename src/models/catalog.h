#pragma once
// Which models there are and where each one answers. Built once from the gate's configuration; immutable
// and shared by all loops. It knows nothing of agreements: the corridor has already decided.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exchange/codec.h"
#include "http/client.h"

namespace proviso::models {

inline constexpr size_t kModelsMax = 256;  // a catalogue is a registry that people read

// One model as the configuration says it.
struct ModelConfig {
  std::string id;                             // the name that clients use
  std::vector<exchange::Protocol> protocols;  // that its upstream speaks
  // "worker" (the local llama-server), or what http::Endpoint::parse takes: "unix:/path",
  // "https://host[:port][/base]", "http://127.0.0.1:port[/base]". A base may end in "/v1" or not.
  std::string endpoint;
  std::string upstream_name;                  // the model's name there; empty: the same as id
  std::string api_key_file;                   // a private file, read once; empty: no key
  std::string ca_file;                        // PEM; empty: the system's own; https only
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds head_timeout{600'000};  // from the request to the head of its answer
  std::chrono::milliseconds body_timeout{120'000};  // without a byte of the answer's body
};

struct Model {
  std::string id;
  std::vector<exchange::Protocol> protocols;
  std::string upstream_name;
  bool worker = false;  // the supervised one
  http::Endpoint endpoint;
  std::string api_key;  // sent, never logged
  std::chrono::milliseconds connect_timeout{0};
  std::chrono::milliseconds head_timeout{0};
  std::chrono::milliseconds body_timeout{0};

  [[nodiscard]] bool speaks(exchange::Protocol protocol) const;
};

class Catalog {
 public:
  // `worker_socket` is where the endpoint "worker" listens. kInvalid names the model and what is wrong: a
  // duplicate id, an unknown scheme, plain http to another machine, a key file that others can read.
  static Result<Catalog> create(const std::vector<ModelConfig>& models,
                                const std::string& worker_socket);
  [[nodiscard]] const Model* find(std::string_view id) const;
  [[nodiscard]] const std::map<std::string, Model, std::less<>>& models() const { return models_; }

 private:
  std::map<std::string, Model, std::less<>> models_;
};

}  // namespace proviso::models
