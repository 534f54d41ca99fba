#pragma once
// Every label by its bit. Not a face: all_labels() is.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "inspect/classifier.h"
#include "inspect/identifiers.h"
#include "inspect/inspector.h"
#include "inspect/markings.h"
#include "inspect/person_tagger.h"

namespace proviso::inspect {

// The classes first, so that a class's bit is its number.
inline constexpr std::string_view kLabels[] = {
    kClassLabels[0], kClassLabels[1], kClassLabels[2], kClassLabels[3],
    kClassLabels[4], kClassLabels[5], kClassLabels[6], kClassLabels[7],
    kLabelIdentifier, kLabelContact, kLabelMarking, kLabelMarkingFault, kLabelSecret,
    kLabelName, kLabelAddress};
inline constexpr uint32_t kClassBits = (1u << kClasses) - 1;
inline constexpr uint32_t kAllBits = (1u << std::size(kLabels)) - 1;

constexpr uint32_t bit_of(std::string_view label) {
  const auto* const at = std::ranges::find(kLabels, label);
  return at == std::end(kLabels) ? 0 : 1u << (at - std::begin(kLabels));
}
inline constexpr uint32_t kAlwaysBits = bit_of(kLabelSecret);
inline constexpr uint32_t kPersonalBits = bit_of(kLabelIdentifier) | bit_of(kLabelContact);
inline constexpr uint32_t kPersonBits = bit_of(kLabelName) | bit_of(kLabelAddress);

}  // namespace proviso::inspect
