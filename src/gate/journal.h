#pragma once
// The gate's own log: what happened, never what was said. Lines go to stderr. Thread-safe.
#include <string>
#include <string_view>

namespace proviso::gate::journal {

// "debug", "info", "warn", "error"; anything else is "info".
void set_level(std::string_view level);
void debug(std::string_view line);
void info(std::string_view line);
void warn(std::string_view line);
void error(std::string_view line);

}  // namespace proviso::gate::journal
