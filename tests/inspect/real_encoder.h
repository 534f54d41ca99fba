#pragma once
// The encoder's file as tools/fetch_sources.sh leaves it, if it was fetched.
#include <cstdlib>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "inspect/encoder.h"

namespace proviso::inspect {

inline std::string real_encoder_file() {
  if (const char* named = std::getenv("PROVISO_ENCODER_FILE")) return named;
  const char* cache = std::getenv("PROVISO_CACHE");
  const char* home = std::getenv("HOME");
  const std::string folder = cache != nullptr ? cache : std::string(home != nullptr ? home : "") + "/.cache/proviso";
  return folder + "/models/multilingual-e5-small-q4.bin";
}

inline std::optional<Encoder> real_encoder() {
  auto file = read_file(real_encoder_file(), kEncoderFileBytesMax);
  if (!file) return std::nullopt;
  auto encoder = Encoder::read(*std::move(file));
  PV_CHECK(encoder.has_value());  // it is there and cannot be read: no reason to skip
  return *std::move(encoder);
}

}  // namespace proviso::inspect
