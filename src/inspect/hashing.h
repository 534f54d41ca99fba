#pragma once
// Hashes that stand in weights: features are numbered by them, so a change here is another model. Not a face.
#include <cstdint>

namespace proviso::inspect {

constexpr uint32_t mix(uint32_t hash, uint32_t value) { return (hash ^ value) * 0x01000193u + (hash >> 15); }

constexpr uint32_t spread(uint32_t hash) {
  hash ^= hash >> 16;
  hash *= 0x7feb352du;
  hash ^= hash >> 15;
  hash *= 0x846ca68bu;
  hash ^= hash >> 16;
  return hash;
}

}  // namespace proviso::inspect
