#pragma once
// How log.wal is framed (docs/formats.md, "log.wal"). A batch ends with the Merkle root over its
// own entries, so the bytes that receipts sign are also the ones that guard the frame. Pure.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace proviso::ledger {

inline constexpr size_t kFrameHeadBytes = 36;
inline constexpr size_t kFrameTailBytes = 36;
inline constexpr size_t kFileHeadBytesMax = 512;  // magic, version, origin, checksum

std::string encode_file_head(std::string_view origin);
struct FileHead {
  std::string origin;
  size_t bytes = 0;
};
Result<FileHead> parse_file_head(std::string_view bytes);

struct FrameHead {
  uint64_t first_index = 0;
  uint32_t count = 0;
  UtcSeconds time;
  uint32_t body_bytes = 0;
  [[nodiscard]] size_t frame_bytes() const {
    return kFrameHeadBytes + body_bytes + kFrameTailBytes;
  }
  [[nodiscard]] uint64_t end_index() const { return first_index + count; }
};

// The whole frame. `root` is the RFC 6962 root over the entries' leaf hashes.
std::string encode_frame(uint64_t first_index, UtcSeconds time,
                         std::span<const std::string> entries, const Digest& root);
// kCorrupt unless magic, limits and checksum hold. Looks at the first kFrameHeadBytes only.
Result<FrameHead> parse_frame_head(std::string_view bytes);
// A frame's entries, checked against the root in its tail, with their leaf hashes.
struct FrameBody {
  std::vector<std::string_view> entries;  // borrow from the frame
  std::vector<Digest> leaf_hashes;
  Digest root;
};
// `frame` is exactly head.frame_bytes() long. kCorrupt says what is wrong.
Result<FrameBody> parse_frame(const FrameHead& head, std::string_view frame);

// Whether the bytes at the end of a file, from a place where a frame should begin, can be a batch
// that was being written when the machine stopped: bytes that never arrived read as zero, in whole
// 512-byte sectors or from some byte to the end. A complete frame with wrong bytes in it is not
// that. `file_offset` is where `tail` begins, `next_index` the index that the frame would have.
enum class Tail { kEmpty, kIncomplete, kDamaged };
Tail classify_tail(std::string_view tail, uint64_t file_offset, uint64_t next_index);

}  // namespace proviso::ledger
