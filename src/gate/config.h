#pragma once
// proviso.toml, read strictly: an unknown key is an error with file and line. Everything has a default
// that works on one machine without the internet; the file at the top of the repository explains each
// key. A value; no I/O but what the caller hands in.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/server_config.h"

namespace proviso::gate {

// How to reach a model that the agreement names. Without an entry, a model whose agreement says
// `local = true` is served by the worker, and one with an endpoint by that endpoint.
struct ModelRoute {
  std::string id;             // as the agreement names it
  std::string endpoint;       // "worker", "unix:/path", "https://host/base", "http://127.0.0.1:port"
  std::string upstream_name;  // what the upstream calls it; empty: the same
  std::string api_key_file;   // private file; empty: none sent
  std::string ca_file;        // PEM; empty: the system's
};

struct WorkerConfig {
  std::string binary;  // llama-server; empty: no local worker
  std::string model;   // GGUF file
  int64_t threads = 2;
  int64_t slots = 4;
  int64_t context = 8192;
};

// What the detectors are helped by.
struct InspectConfig {
  std::string encoder;       // the encoder's file (inspect/encoder.h); empty: classifiers decide alone
  std::string encoder_name;  // the same as it was given, for messages; empty: the file's own
};

// Who outside must have seen the log. Without a policy nobody is asked.
struct WitnessConfig {
  std::string policy;                   // a C2SP tlog-policy with the witnesses' URLs
  int64_t interval_seconds = 10;        // between two rounds
  int64_t grace_seconds = 60;           // how long the quorum may be missing
  std::string without_quorum = "serve"; // after that: "serve" and say so, or "refuse"
};

// How long what the agreement holds may wait, and for whom.
struct OversightConfig {
  int64_t hold_seconds = 3600;         // until a hold expires: silence denies
  int64_t wait_seconds = 45;           // a client without a stream is kept waiting
  int64_t stream_wait_seconds = 300;   // one with a stream, which comments keep open
  int64_t open_per_person_max = 16;    // a flood of holds is refused
  std::string webhook;                 // told of each hold, without its content; empty: nobody
  std::string webhook_secret_file;     // private file; signs what is told
};

// The MCP endpoint, as browsers and OAuth clients see it.
struct McpConfig {
  std::string resource;                            // its URL from outside; empty: by the Host header
  std::vector<std::string> origins;                // pages that may call, beside those of this machine
  std::vector<std::string> authorization_servers;  // named in the RFC 9728 metadata
};

struct Config {
  std::string listen = "127.0.0.1:8484";
  std::string node = "node-1";
  std::string origin;  // log origin; empty: "proviso.local/<node>"
  int64_t loops = 1;
  int64_t heartbeat_seconds = 3600;  // after so long without a leaf there is one; 0: never
  // After a start nothing is erased for so long, and the journal says what will be: a clock that is wrong
  // shows before it costs anything.
  int64_t retention_wait_seconds = 3600;
  std::string user;  // dropped to when started as root; empty: "proviso" if it exists, else "nobody"
  std::string tls_certificate;
  std::string tls_key;
  int64_t body_bytes_max = 8 << 20;
  int64_t answer_bytes_max = 16 << 20;
  int64_t idle_seconds = 75;
  int64_t commit_deadline_seconds = 10;
  int64_t model_deadline_seconds = 600;
  int64_t drain_seconds = 30;
  std::string log_level = "info";  // "debug", "info", "warn", "error"
  WorkerConfig worker;
  InspectConfig inspect;
  WitnessConfig witness;
  OversightConfig oversight;
  McpConfig mcp;
  std::vector<ModelRoute> routes;
  std::vector<tools::ServerConfig> tool_servers;
};

// `text` as read from `file` (used in messages only). kInvalid: one fault a line, "file:line: sentence".
Result<Config> parse_config(std::string_view text, std::string_view file);

}  // namespace proviso::gate
