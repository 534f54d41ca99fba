#include "ledger/frame.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/check.h"
#include "base/merkle.h"
#include "ledger/layout.h"
#include "ledger/log.h"
#include "ledger/receipt.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kFileMagic{"proviso log.wal\n", 16};
constexpr uint32_t kFileVersion = 1;
constexpr std::string_view kFrameMagic{"pvb\x01", 4};
constexpr std::string_view kFrameEnd{"end\n", 4};
constexpr size_t kFileSumBytes = 8;
constexpr size_t kFrameSumBytes = 7;
constexpr size_t kSectorBytes = 512;

std::string checksum(std::string_view domain, std::string_view bytes, size_t count) {
  return std::string(sha256({domain, bytes}).view().substr(0, count));
}
std::string file_sum(std::string_view bytes) {
  return checksum("proviso/wal-file@v1", bytes, kFileSumBytes);
}
std::string frame_sum(std::string_view bytes) {
  return checksum("proviso/wal-batch@v1", bytes, kFrameSumBytes);
}

// Many megabytes at every start: compares the bytes with themselves, one further.
bool all_zero(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Whether some piece of `bytes`, cut where the file's sectors are cut, holds nothing but zeros.
bool misses_a_sector(std::string_view bytes, uint64_t file_offset) {
  while (!bytes.empty()) {
    const size_t piece = std::min<size_t>(
        bytes.size(), kSectorBytes - static_cast<size_t>(file_offset % kSectorBytes));
    if (all_zero(bytes.substr(0, piece))) return true;
    bytes.remove_prefix(piece);
    file_offset += piece;
  }
  return false;
}

// Whether a later frame's head stands anywhere in `bytes`: then what is before it was complete
// once.
bool holds_later_frame(std::string_view bytes, uint64_t after_index) {
  for (size_t at = bytes.find(kFrameMagic); at != std::string_view::npos;
       at = bytes.find(kFrameMagic, at + 1)) {
    const auto head = parse_frame_head(bytes.substr(at));
    if (head && head->first_index > after_index) return true;
  }
  return false;
}

bool head_may_be_incomplete(std::string_view tail, uint64_t file_offset) {
  return tail.size() < kFrameHeadBytes || all_zero(tail.substr(kFrameHeadBytes)) ||
         misses_a_sector(tail.substr(0, kFrameHeadBytes), file_offset);
}

}  // namespace

std::string encode_file_head(std::string_view origin) {
  PV_CHECK(check_origin(origin).has_value());
  std::string out(kFileMagic);
  put_u32(out, kFileVersion);
  put_u16(out, static_cast<uint16_t>(origin.size()));
  out += origin;
  out += file_sum(out);
  return out;
}

Result<FileHead> parse_file_head(std::string_view bytes) {
  ByteReader reader(bytes);
  PV_TRY(const auto magic, reader.bytes(kFileMagic.size()));
  if (magic != kFileMagic) return fail(Code::kCorrupt, "not a log: the file does not begin as one");
  PV_TRY(const auto version, reader.u32());
  if (version != kFileVersion) {
    return fail(Code::kUnsupported,
                "log format version " + std::to_string(version) + " is unknown");
  }
  PV_TRY(const auto origin_bytes, reader.u16());
  PV_TRY(const auto origin, reader.bytes(origin_bytes));
  const size_t summed = bytes.size() - reader.rest().size();
  PV_TRY(const auto sum, reader.bytes(kFileSumBytes));
  if (sum != file_sum(bytes.substr(0, summed))) {
    return fail(Code::kCorrupt, "the file head's checksum does not hold");
  }
  PV_TRY_VOID(check_origin(origin));
  return FileHead{std::string(origin), summed + kFileSumBytes};
}

std::string encode_frame(uint64_t first_index, UtcSeconds time,
                         std::span<const std::string> entries, const Digest& root) {
  size_t body = 0;
  for (const auto& entry : entries) body += 2 + entry.size();
  PV_CHECK(!entries.empty() && entries.size() <= kBatchEntriesMax && body <= kBatchBytesMax);
  std::string out;
  out.reserve(kFrameHeadBytes + body + kFrameTailBytes);
  out += kFrameMagic;
  put_u64(out, first_index);
  put_u32(out, static_cast<uint32_t>(entries.size()));
  put_u64(out, static_cast<uint64_t>(time.value));
  put_u32(out, static_cast<uint32_t>(body));
  out += frame_sum(out);
  out += '\n';
  for (const auto& entry : entries) put_entry(out, entry);
  out += root.view();
  out += kFrameEnd;
  return out;
}

Result<FrameHead> parse_frame_head(std::string_view bytes) {
  if (bytes.size() < kFrameHeadBytes) return fail(Code::kCorrupt, "a batch's head is cut short");
  ByteReader reader(bytes.substr(0, kFrameHeadBytes));
  if (reader.bytes(kFrameMagic.size()).value() != kFrameMagic) {
    return fail(Code::kCorrupt, "no batch begins here");
  }
  FrameHead head;
  head.first_index = reader.u64().value();
  head.count = reader.u32().value();
  head.time.value = static_cast<int64_t>(reader.u64().value());
  head.body_bytes = reader.u32().value();
  const size_t summed = kFrameHeadBytes - kFrameSumBytes - 1;
  if (reader.bytes(kFrameSumBytes).value() != frame_sum(bytes.substr(0, summed)) ||
      reader.u8().value() != '\n') {
    return fail(Code::kCorrupt, "the checksum of a batch's head does not hold");
  }
  if (head.count == 0 || head.count > kBatchEntriesMax || head.body_bytes > kBatchBytesMax ||
      head.body_bytes < 2 * head.count || head.time.value < 0 ||
      head.first_index > UINT64_MAX / 2) {
    return fail(Code::kCorrupt, "a batch's head says what no log writes");
  }
  return head;
}

Result<FrameBody> parse_frame(const FrameHead& head, std::string_view frame) {
  PV_CHECK(frame.size() == head.frame_bytes());
  FrameBody body;
  PV_TRY(body.entries, split_bundle(frame.substr(kFrameHeadBytes, head.body_bytes), head.count));
  body.leaf_hashes.reserve(body.entries.size());
  for (const auto entry : body.entries) body.leaf_hashes.push_back(merkle::leaf_hash(entry));
  body.root = merkle::root(body.leaf_hashes);
  const auto tail = frame.substr(kFrameHeadBytes + head.body_bytes);
  if (tail.substr(0, 32) != body.root.view()) {
    return fail(Code::kCorrupt, "the entries of a batch do not give the root written behind them");
  }
  if (tail.substr(32) != kFrameEnd)
    return fail(Code::kCorrupt, "a batch does not end where it should");
  return body;
}

Tail classify_tail(std::string_view tail, uint64_t file_offset, uint64_t next_index) {
  if (all_zero(tail)) return Tail::kEmpty;
  const auto head = parse_frame_head(tail);
  if (!head) {
    const bool incomplete = head_may_be_incomplete(tail, file_offset);
    return incomplete && !holds_later_frame(tail, next_index) ? Tail::kIncomplete : Tail::kDamaged;
  }
  if (head->first_index != next_index) return Tail::kDamaged;
  if (head->frame_bytes() > tail.size()) return Tail::kIncomplete;
  const auto frame = tail.substr(0, head->frame_bytes());
  if (parse_frame(*head, frame)) return Tail::kDamaged;  // complete: then it is not the tail
  // The frame's last byte is never zero, so a zero there never arrived.
  const bool incomplete = frame.back() == '\0' || misses_a_sector(frame, file_offset);
  const bool followed = !all_zero(tail.substr(frame.size()));
  return incomplete && !followed ? Tail::kIncomplete : Tail::kDamaged;
}

}  // namespace proviso::ledger
