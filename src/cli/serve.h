#pragma once
// Starting a gate, as `serve` and `tour` do it.
#include <memory>
#include <string>
#include <vector>

#include "gate/privileges.h"
#include "gate/sample.h"
#include "gate/service.h"

namespace proviso::cli {

struct ServeOptions {
  std::string state;
  std::string config;   // empty: STATE/proviso.toml if it is there
  std::string listen;   // empty: as configured
  std::string sample;   // folder of a sample agreement for a first start
  std::string model;    // GGUF file; empty: as configured
  std::string worker;   // llama-server; empty: as configured
  std::string encoder;  // the encoder's file; empty: as configured
  bool no_worker = false;
};

struct Started {
  gate::Pinned pinned;  // outlives the service, which executes what it holds open
  std::unique_ptr<gate::Service> service;
  std::vector<gate::SampleKey> keys;
  gate::Config config;
};

// First start, privileges, service. On success the gate listens; the model may still be loading.
Result<Started> start_gate(const ServeOptions& options);

}  // namespace proviso::cli
