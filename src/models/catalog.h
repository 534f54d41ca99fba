#pragma once
// Which models there are and where each one answers. Built once from the gate's configuration; immutable
// and shared by all loops. It knows nothing of agreements: the corridor has already decided.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exchange/form.h"

namespace proviso::models {

inline constexpr size_t kModelsMax = 256;  // a catalogue is a registry that people read

// One model as the configuration says it.
struct ModelConfig {
  std::string id;                              // the name that clients use
  std::vector<exchange::Protocol> protocols;   // that its upstream speaks
  // "worker" (the local llama-server), "unix:/path/x.sock", "https://host[:port][/base]", or
  // "http://127.0.0.1:port[/base]" and the like, to this machine only.
  std::string endpoint;
  std::string upstream_name;                   // the model's name there; empty: the same as id
  std::string api_key_file;                    // a private file, read once; empty: no key
  std::string ca_file;                         // PEM; empty: the system's; https only
  int64_t connect_ms_max = 5'000;
  int64_t total_ms_max = 600'000;              // from the first byte sent to the last received
};

enum class Transport { kUnix, kTls, kLoopback };

struct Model {
  std::string id;
  std::vector<exchange::Protocol> protocols;
  std::string upstream_name;
  Transport transport = Transport::kUnix;
  bool worker = false;       // the supervised one: a refusal to connect means that it is starting
  std::string socket_path;   // kUnix
  std::string host;          // kTls, kLoopback
  uint16_t port = 0;
  std::string base_path;     // "" or "/v1-like/prefix", no trailing slash
  std::string api_key;       // sent, never logged
  std::string ca_file;
  int64_t connect_ms_max = 0;
  int64_t total_ms_max = 0;

  [[nodiscard]] bool speaks(exchange::Protocol protocol) const;
};

class Catalog {
 public:
  // `worker_socket` is where the endpoint "worker" listens. kInvalid names the model and what is wrong:
  // a duplicate id, an unknown scheme, plain http to another machine, a key file that others can read.
  static Result<Catalog> create(const std::vector<ModelConfig>& models,
                                const std::string& worker_socket);
  [[nodiscard]] const Model* find(std::string_view id) const;
  [[nodiscard]] const std::map<std::string, Model, std::less<>>& models() const { return models_; }

 private:
  std::map<std::string, Model, std::less<>> models_;
};

}  // namespace proviso::models
