#pragma once
// Commands that write the ledger: through the running gate, or, if none runs, with its lock.
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gate/engine.h"

namespace proviso::cli {

// An act of gate/ledger_acts.h; its JSON answer.
Result<std::string> act_on_ledger(const std::string& state, std::string_view path,
                                  const std::string& body);
// A list ("GET") or change ("POST") of gate/register.h; its JSON answer.
Result<std::string> act_on_register(const std::string& state, std::string_view method,
                                    std::string_view path, const std::string& body);

// Runs `act` with what an engine of this state needs and the digest of its agreement. kConflict while a gate
// runs on it.
Status with_state(const std::string& state,
                  const std::function<Status(const gate::EngineOptions&, const Digest& agreement)>& act);

}  // namespace proviso::cli
