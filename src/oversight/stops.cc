#include "oversight/stops.h"

#include <algorithm>

namespace proviso::oversight {

const Stop* Stops::find(std::string_view type, std::string_view id) const {
  for (const Stop& stop : all_) {
    if (stop.type == type && stop.id == id) return &stop;
  }
  return nullptr;
}

Stops Stops::with(Stop stop) const {
  Stops next = *this;
  if (find(stop.type, stop.id) == nullptr) next.all_.push_back(std::move(stop));
  return next;
}

Stops Stops::without(std::string_view type, std::string_view id) const {
  Stops next = *this;
  std::erase_if(next.all_, [&](const Stop& stop) { return stop.type == type && stop.id == id; });
  return next;
}

}  // namespace proviso::oversight
