#pragma once
// What is stopped: vendors, models, tools and purposes that somebody entitled has halted. An immutable
// snapshot; a decision reads it once.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace proviso::oversight {

inline constexpr size_t kStopsMax = 1024;  // looked through for every decision while any stands

struct Stop {
  std::string type;  // "Vendor", "Model", "Tool", "Purpose"
  std::string id;
  std::string person;
  std::string reason;
  UtcSeconds since;
  uint64_t leaf = 0;
};

class Stops {
 public:
  [[nodiscard]] const std::vector<Stop>& all() const { return all_; }
  [[nodiscard]] const Stop* find(std::string_view type, std::string_view id) const;
  // A snapshot with or without one. A stop that stands keeps its first leaf.
  [[nodiscard]] Stops with(Stop stop) const;
  [[nodiscard]] Stops without(std::string_view type, std::string_view id) const;

 private:
  std::vector<Stop> all_;
};

}  // namespace proviso::oversight
