#pragma once
// Speaking to a gate as one of its users, from any machine: an address, an API key, JSON.
#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cli {

// Where the gate is and who asks. --gate, else $PROVISO_GATE, else this machine; --api-key-file, else
// $PROVISO_API_KEY.
struct GateUser {
  std::string gate;
  std::string key_file;
  std::string purpose;
  std::string ca_file;
};
void add_gate_options(CLI::App& command, GateUser& user);

// The gate's JSON answer. An answer that is an error is an Error with the gate's own sentence.
Result<std::string> ask_as_user(const GateUser& user, std::string_view method, std::string_view path,
                                std::string body);

}  // namespace proviso::cli
