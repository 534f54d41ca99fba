#pragma once
// Break-glass: emergencies that people declared for a purpose, for minutes, and that somebody else has not
// reviewed yet. An immutable snapshot; a decision reads it once.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace proviso::oversight {

inline constexpr size_t kEmergenciesMax = 64;  // that wait for their review; with more, nobody reviews

struct Emergency {
  std::string purpose;
  std::string person;  // who declared it
  std::string reason;
  UtcSeconds since;
  UtcSeconds until;       // from here on it stands no more
  UtcSeconds review_due;  // from here on it is overdue and blocks the next
  uint64_t leaf = 0;
};

class Emergencies {
 public:
  [[nodiscard]] const std::vector<Emergency>& all() const { return all_; }  // oldest first
  [[nodiscard]] bool stands(std::string_view purpose, UtcSeconds now) const;
  // The oldest whose review is overdue, or null.
  [[nodiscard]] const Emergency* overdue(UtcSeconds now) const;
  [[nodiscard]] const Emergency* find(uint64_t leaf) const;
  // Whether one more may be declared for `purpose`. kConflict: one stands for it; kLimit: too many wait.
  [[nodiscard]] Status room_for(std::string_view purpose, UtcSeconds now) const;
  [[nodiscard]] Emergencies with(Emergency emergency) const;
  // Without one that was reviewed, which ends it too.
  [[nodiscard]] Emergencies without(uint64_t leaf) const;

 private:
  std::vector<Emergency> all_;
};

}  // namespace proviso::oversight
