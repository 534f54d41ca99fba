#include "oversight/emergencies.h"

#include <fmt/format.h>

#include <algorithm>

namespace proviso::oversight {

bool Emergencies::stands(std::string_view purpose, UtcSeconds now) const {
  return std::any_of(all_.begin(), all_.end(), [&](const Emergency& one) {
    return one.purpose == purpose && one.since <= now && now < one.until;
  });
}

const Emergency* Emergencies::overdue(UtcSeconds now) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Emergency& one) { return now >= one.review_due; });
  return found == all_.end() ? nullptr : &*found;
}

const Emergency* Emergencies::find(uint64_t leaf) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Emergency& one) { return one.leaf == leaf; });
  return found == all_.end() ? nullptr : &*found;
}

Status Emergencies::room_for(std::string_view purpose, UtcSeconds now) const {
  if (stands(purpose, now)) return fail(Code::kConflict, fmt::format("an emergency stands for `{}` already", purpose));
  if (all_.size() >= kEmergenciesMax) return fail(Code::kLimit, "too many emergencies wait for their review");
  return {};
}

Emergencies Emergencies::with(Emergency emergency) const {
  Emergencies next = *this;
  if (find(emergency.leaf) == nullptr) next.all_.push_back(std::move(emergency));
  return next;
}

Emergencies Emergencies::without(uint64_t leaf) const {
  Emergencies next = *this;
  std::erase_if(next.all_, [&](const Emergency& one) { return one.leaf == leaf; });
  return next;
}

}  // namespace proviso::oversight
