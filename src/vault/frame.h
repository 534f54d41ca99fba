#pragma once
// How a record stands in a segment file: a header of 64 bytes that vouches for itself (it ends in a
// hash of what is before), then the record's bytes, whose digest the header holds. So a scan can
// step from header to header without reading payloads, and find its way again behind damage. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace proviso::vault {

inline constexpr std::string_view kSegmentMagic =
    "proviso-vault 1\n";  // the first 16 bytes of a file
inline constexpr std::string_view kFrameMagic = "PVR1";
inline constexpr size_t kFrameHeaderBytes = 64;

struct FrameHeader {
  uint64_t index = 0;   // of the leaf
  uint32_t length = 0;  // of the record's bytes behind the header
  Digest digest;        // SHA-256 of those bytes
};

std::string encode_header(const FrameHeader& header);
// Nothing unless `bytes` starts with a header that vouches for itself.
std::optional<FrameHeader> decode_header(std::string_view bytes);

}  // namespace proviso::vault
