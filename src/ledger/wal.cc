#include "ledger/wal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace proviso::ledger {
namespace {

std::unexpected<Error> corrupt(const std::string& path, uint64_t offset, std::string_view why) {
  return fail(Code::kCorrupt, fmt::format("`{}` at byte {}: {}", path, offset, why));
}

}  // namespace

void WalIndex::add(uint64_t first_index, uint64_t offset) {
  if (places_.empty() || first_index >= places_.back().first_index + kIndexStride) {
    places_.push_back({first_index, offset});
  }
}

WalIndex::Place WalIndex::before(uint64_t index) const {
  PV_CHECK(!places_.empty());
  const auto after = std::ranges::upper_bound(places_, index, {}, &Place::first_index);
  PV_CHECK(after != places_.begin());
  return *std::prev(after);
}

Result<WalCursor> WalCursor::open(Io& io, const std::string& path) {
  PV_TRY(auto fd, open_file(io, path, O_RDONLY));
  WalCursor cursor(io, std::move(fd), path);
  std::string head(kFileHeadBytesMax, '\0');
  PV_TRY(const auto got, read_some(io, cursor.fd_.get(), head.data(), head.size(), 0, path));
  const auto parsed = parse_file_head(std::string_view(head).substr(0, got));
  if (!parsed) return corrupt(path, 0, parsed.error().message);
  cursor.origin_ = parsed->origin;
  cursor.offset_ = parsed->bytes;
  return cursor;
}

void WalCursor::seek(WalIndex::Place place, UtcSeconds not_before) {
  offset_ = place.offset;
  next_index_ = place.first_index;
  last_time_ = not_before;
  buffer_.clear();
}

// `count` bytes from offset_ on, fewer only at the end of the file.
Result<std::string_view> WalCursor::need(size_t count) {
  const uint64_t buffered_end = buffer_offset_ + buffer_.size();
  if (offset_ < buffer_offset_ || offset_ + count > buffered_end) {
    const bool keep = offset_ >= buffer_offset_ && offset_ < buffered_end;
    if (keep)
      buffer_.erase(0, static_cast<size_t>(offset_ - buffer_offset_));
    else
      buffer_.clear();
    buffer_offset_ = offset_;
    const size_t have = buffer_.size();
    buffer_.resize(std::max(count, have + read_ahead_));
    PV_TRY(const auto got, read_some(*io_, fd_.get(), buffer_.data() + have, buffer_.size() - have,
                                     static_cast<int64_t>(offset_ + have), path_));
    buffer_.resize(have + got);
  }
  return std::string_view(buffer_).substr(static_cast<size_t>(offset_ - buffer_offset_), count);
}

Result<std::optional<Frame>> WalCursor::parse_buffered() {
  PV_TRY(const auto head_bytes, need(kFrameHeadBytes));
  PV_TRY(const auto head, parse_frame_head(head_bytes));
  if (head.first_index != next_index_) {
    return fail(Code::kCorrupt, fmt::format("a batch begins at entry {} where {} is due",
                                            head.first_index, next_index_));
  }
  if (head.time < last_time_)
    return fail(Code::kCorrupt, "a batch is older than the one before it");
  PV_TRY(const auto bytes, need(head.frame_bytes()));
  if (bytes.size() < head.frame_bytes())
    return fail(Code::kCorrupt, "the file ends within a batch");
  PV_TRY(auto body, parse_frame(head, bytes));
  return Frame{head, offset_, std::move(body)};
}

Result<std::optional<Frame>> WalCursor::next() {
  auto frame = parse_buffered();
  if (!frame && frame.error().code == Code::kCorrupt) {
    // What was read ahead may be older than what a writer has put there since.
    buffer_.clear();
    frame = parse_buffered();
  }
  if (!frame && frame.error().code == Code::kCorrupt) return end_or_damage(frame.error());
  if (!frame) return frame;
  offset_ += (*frame)->head.frame_bytes();
  next_index_ = (*frame)->head.end_index();
  last_time_ = (*frame)->head.time;
  return frame;
}

Result<std::optional<Frame>> WalCursor::end_or_damage(const Error& why) {
  buffer_.clear();
  struct stat found{};
  if (fstat(fd_.get(), &found) != 0) return std::unexpected(io_error("look at", path_, errno));
  const auto file_bytes = std::max(static_cast<uint64_t>(found.st_size), offset_);
  std::string rest(std::min(file_bytes - offset_, kTailBytesMax + 1), '\0');
  PV_TRY(const auto got, read_some(*io_, fd_.get(), rest.data(), rest.size(),
                                   static_cast<int64_t>(offset_), path_));
  rest.resize(got);
  tail_ = got > kTailBytesMax ? Tail::kDamaged : classify_tail(rest, offset_, next_index_);
  if (tail_ == Tail::kDamaged) return corrupt(path_, offset_, why.message);
  return std::optional<Frame>();
}

Result<Frame> read_frame(Io& io, int fd, const std::string& path, WalIndex::Place from,
                         uint64_t index, std::string& bytes) {
  PV_CHECK(from.first_index <= index);
  uint64_t offset = from.offset;
  for (uint64_t first = from.first_index;;) {
    bytes.resize(kFrameHeadBytes);
    PV_TRY(const auto got,
           read_some(io, fd, bytes.data(), bytes.size(), static_cast<int64_t>(offset), path));
    bytes.resize(got);
    const auto head = parse_frame_head(bytes);
    if (!head) return corrupt(path, offset, head.error().message);
    if (head->first_index != first) return corrupt(path, offset, "a batch is out of order");
    if (index >= head->end_index()) {
      first = head->end_index();
      offset += head->frame_bytes();
      continue;
    }
    bytes.resize(head->frame_bytes());
    PV_TRY(const auto whole,
           read_some(io, fd, bytes.data(), bytes.size(), static_cast<int64_t>(offset), path));
    if (whole < bytes.size()) return corrupt(path, offset, "the file ends within a batch");
    auto body = parse_frame(*head, bytes);
    if (!body) return corrupt(path, offset, body.error().message);
    return Frame{*head, offset, std::move(*body)};
  }
}

}  // namespace proviso::ledger
