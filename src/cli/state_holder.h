#pragma once
// Commands that write the ledger: through the running gate, or, if none runs, with its lock.
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cli {

// An act of gate/ledger_acts.h; its JSON answer.
Result<std::string> act_on_ledger(const std::string& state, std::string_view path,
                                  const std::string& body);
// A list ("GET") or change ("POST") of gate/register.h; its JSON answer.
Result<std::string> act_on_register(const std::string& state, std::string_view method,
                                    std::string_view path, const std::string& body);

}  // namespace proviso::cli
