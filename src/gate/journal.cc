#include "gate/journal.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace proviso::gate::journal {
namespace {

spdlog::logger& logger() {
  static const auto made = [] {
    auto fresh = spdlog::stderr_color_mt("proviso");
    fresh->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    return fresh;
  }();
  return *made;
}

}  // namespace

void set_level(std::string_view level) {
  logger().set_level(level == "debug"   ? spdlog::level::debug
                     : level == "warn"  ? spdlog::level::warn
                     : level == "error" ? spdlog::level::err
                                        : spdlog::level::info);
}
void debug(std::string_view line) { logger().debug("{}", line); }
void info(std::string_view line) { logger().info("{}", line); }
void warn(std::string_view line) { logger().warn("{}", line); }
void error(std::string_view line) { logger().error("{}", line); }

}  // namespace proviso::gate::journal
