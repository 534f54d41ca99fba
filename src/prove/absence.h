#pragma once
// Whether arguments that a tool's pinned input schema admits can carry a kind of thing, decided on the schema alone.
// The schema is read generously: of alternatives each is taken, `not` and what makes several alternatives exclude
// each other is left out. So "cannot" is about more than the schema admits, and is true of what it admits. Pure.
#include <string>
#include <vector>

#include "agreement/absence.h"
#include "arguments/schema.h"

namespace proviso::prove {

inline constexpr size_t kAbsenceStepsMax = 20'000;  // combinations of subschemas at places; real schemas take hundreds

enum class Carries : uint8_t {
  kNo,      // no value at any place is of the kind
  kYes,     // an example shows it
  kTooOpen  // a value could be anything, or the schema is more than is looked at
};

struct Absence {
  Carries carries = Carries::kTooOpen;
  std::string place;    // "/arguments/target"; empty for kNo
  std::string why;      // "is any string"
  std::string example;  // arguments as JSON that the validator admits and that carry it; empty if none was found
};

Absence can_carry(const arguments::InputSchema& schema, const agreement::Kind& kind);

}  // namespace proviso::prove
