#pragma once
// Speaking to a running gate over its admin socket.
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cli {

// The gate's JSON answer, or nothing if no gate runs on this state. A refusal is an Error with the
// gate's own sentence.
Result<std::optional<std::string>> ask_gate(const std::string& state, std::string_view method,
                                            std::string_view path, std::string body);

}  // namespace proviso::cli
