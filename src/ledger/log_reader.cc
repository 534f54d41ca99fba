#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/note.h"
#include "ledger/layout.h"
#include "ledger/log.h"
#include "ledger/log_check.h"
#include "ledger/receipt.h"
#include "ledger/wal.h"

namespace proviso::ledger {
namespace {

constexpr uint64_t kTileFileBytesMax = kTileWidth * (2 + kEntryBytesMax);
constexpr size_t kTilesCachedMax = 64;  // 16 KiB each; all of the upper levels of sixteen million leaves

using Nodes = std::shared_ptr<const IntervalTree>;

bool exists(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0;
}

class ReaderImpl final : public LogReader {
 public:
  explicit ReaderImpl(std::string dir)
      : dir_(std::move(dir)), wal_path_(dir_ + "/" + std::string(kWalName)) {}
  Status start();
  Status start_from_tiles();

  [[nodiscard]] const std::string& origin() const override { return origin_; }
  [[nodiscard]] uint64_t size() const override { return size_; }
  Result<std::string> entry(uint64_t index) const override;
  Result<Digest> leaf_hash(uint64_t index) const override;
  Result<Digest> subtree(uint64_t start, uint64_t end) const override;
  Result<std::string> checkpoint() const override;
  Status scan(uint64_t from, const Visit& visit) const override;
  std::vector<Error> check(std::string_view log_key) const override {
    return check_log(*this, dir_, log_key);
  }

 private:
  Status start_from_wal();
  Result<note::Checkpoint> parsed_checkpoint() const;
  Status scan_wal(uint64_t from, const Visit& visit) const;
  Status scan_bundles(uint64_t from, const Visit& visit) const;
  Result<std::string> read_tile(const TilePath& path) const;
  Result<Digest> perfect(uint64_t start, uint64_t leaves) const;
  Result<Digest> halves(uint64_t start, uint64_t leaves) const;
  Result<Nodes> nodes_of(uint8_t level, uint64_t tile, uint32_t width) const;
  Result<Digest> stored_node(uint8_t level, uint64_t first, uint64_t count) const;

  std::string dir_;
  std::string wal_path_;
  std::string origin_;
  uint64_t size_ = 0;
  uint64_t published_ = 0;  // the checkpoint's size when this was opened
  Fd wal_;                  // invalid: only what tlog-tiles publishes is here
  WalIndex index_;

  struct Cached {
    std::pair<uint8_t, uint64_t> key;  // level and tile
    Nodes nodes;
  };
  mutable std::mutex cache_mutex_;
  mutable std::vector<Cached> cache_;  // newest first
};

Result<note::Checkpoint> ReaderImpl::parsed_checkpoint() const {
  PV_TRY(const auto bytes, checkpoint());
  PV_TRY(const auto note, note::parse(bytes));
  return note::Checkpoint::parse(note.text);
}

Status ReaderImpl::start() {
  const auto published = parsed_checkpoint();
  if (published) published_ = published->size;
  if (exists(wal_path_)) return start_from_wal();
  if (!published) return fail_at("`" + dir_ + "` is not a log", published.error());
  return start_from_tiles();
}

Status ReaderImpl::start_from_tiles() {
  PV_TRY(const auto published, parsed_checkpoint());
  origin_ = published.origin;
  size_ = published_ = published.size;
  return {};
}

// Walks the heads only; whether the last batch is complete is then looked at whole. Every other
// body is checked when it is read.
Status ReaderImpl::start_from_wal() {
  Io& io = Io::system();
  PV_TRY(auto cursor, WalCursor::open(io, wal_path_));
  origin_ = cursor.origin();
  PV_TRY(wal_, open_file(io, wal_path_, O_RDONLY));
  WalIndex::Place last{0, cursor.offset()};
  WalIndex::Place at = last;
  std::string bytes(kFrameHeadBytes, '\0');
  for (;;) {
    PV_TRY(const auto got, read_some(io, wal_.get(), bytes.data(), bytes.size(),
                                     static_cast<int64_t>(at.offset), wal_path_));
    const auto head = parse_frame_head(std::string_view(bytes).substr(0, got));
    if (!head || head->first_index != at.first_index) break;
    index_.add(at.first_index, at.offset);
    last = at;
    at = {head->end_index(), at.offset + head->frame_bytes()};
  }
  cursor.seek(last, {});
  for (;;) {
    PV_TRY(const auto frame, cursor.next());
    if (!frame) break;
    index_.add(frame->head.first_index, frame->offset);
  }
  size_ = cursor.next_index();
  return {};
}

Result<std::string> ReaderImpl::checkpoint() const {
  return read_file(dir_ + "/checkpoint", note::kNoteBytesMax);
}

Status ReaderImpl::scan(uint64_t from, const Visit& visit) const {
  if (from >= size_) return {};
  return wal_.valid() ? scan_wal(from, visit) : scan_bundles(from, visit);
}

Status ReaderImpl::scan_wal(uint64_t from, const Visit& visit) const {
  PV_TRY(auto cursor, WalCursor::open(Io::system(), wal_path_));
  cursor.seek(index_.before(from), {});
  while (cursor.next_index() < size_) {
    PV_TRY(const auto frame, cursor.next());
    if (!frame) {
      return fail(Code::kCorrupt, fmt::format("`{}` at byte {}: the batch that was here is gone",
                                              wal_path_, cursor.offset()));
    }
    for (size_t i = 0; i < frame->body.entries.size(); ++i) {
      const uint64_t index = frame->head.first_index + i;
      if (index >= from) PV_TRY_VOID(visit(index, frame->body.entries[i]));
    }
  }
  return {};
}

Status ReaderImpl::scan_bundles(uint64_t from, const Visit& visit) const {
  for (uint64_t tile = from / kTileWidth; tile * kTileWidth < size_; ++tile) {
    const TilePath path = bundle_of(tile * kTileWidth, size_);
    PV_TRY(const auto bytes, read_tile(path));
    const auto entries = split_bundle(bytes, path.width);
    if (!entries) return fail_at("`" + dir_ + "/" + path.text() + "`", entries.error());
    for (uint64_t i = 0; i < path.width; ++i) {
      const uint64_t index = tile * kTileWidth + i;
      if (index >= from) PV_TRY_VOID(visit(index, (*entries)[i]));
    }
  }
  return {};
}

// A partial tile is the beginning of the full one: an entry bundle is cut to the width asked for,
// hash tiles are read by place and need not be.
Result<std::string> ReaderImpl::read_tile(const TilePath& path) const {
  auto bytes = read_file(dir_ + "/" + path.text(), kTileFileBytesMax);
  if (bytes || path.width == kTileWidth) return bytes;
  // SPEC tlog-tiles: clients fall back to the full tile where a partial one is gone.
  const TilePath full{path.kind, path.level, path.index, kTileWidth};
  PV_TRY(auto whole, read_file(dir_ + "/" + full.text(), kTileFileBytesMax));
  if (path.kind == TilePath::Kind::kHash) return whole;
  PV_TRY(const auto entries, split_bundle(whole, kTileWidth));
  std::string cut;
  for (uint32_t i = 0; i < path.width; ++i) put_entry(cut, entries[i]);
  return cut;
}

Result<std::string> ReaderImpl::entry(uint64_t index) const {
  if (index >= size_) return fail(Code::kNotFound, fmt::format("there is no entry {}", index));
  if (wal_.valid()) {
    std::string bytes;
    PV_TRY(const auto frame,
           read_frame(Io::system(), wal_.get(), wal_path_, index_.before(index), index, bytes));
    return std::string(frame.body.entries[index - frame.head.first_index]);
  }
  const TilePath path = bundle_of(index, size_);
  PV_TRY(const auto bytes, read_tile(path));
  PV_TRY(const auto entries, split_bundle(bytes, path.width));
  return std::string(entries[index % kTileWidth]);
}

Result<Digest> ReaderImpl::leaf_hash(uint64_t index) const {
  PV_TRY(const auto bytes, entry(index));
  return merkle::leaf_hash(bytes);
}

// The nodes over a published tile, computed once: a path asks the same tile for its hashes level by level,
// and the tiles further up for every path.
Result<Nodes> ReaderImpl::nodes_of(uint8_t level, uint64_t tile, uint32_t width) const {
  const auto key = std::pair(level, tile);
  const std::lock_guard lock(cache_mutex_);
  const auto found = std::ranges::find(cache_, key, &Cached::key);
  if (found != cache_.end()) {
    std::rotate(cache_.begin(), found, found + 1);  // the newest in front
    return cache_.front().nodes;
  }
  PV_TRY(const auto bytes, read_tile({TilePath::Kind::kHash, level, tile, width}));
  if (bytes.size() < size_t{width} * 32) {
    return fail(Code::kCorrupt, fmt::format("tile {} of level {} is cut short", tile, level));
  }
  std::vector<Digest> hashes(width);
  for (size_t i = 0; i < width; ++i) {
    std::memcpy(hashes[i].bytes.data(), bytes.data() + i * 32, 32);
  }
  if (cache_.size() == kTilesCachedMax) cache_.pop_back();
  cache_.insert(cache_.begin(), {key, std::make_shared<const IntervalTree>(std::move(hashes))});
  return cache_.front().nodes;
}

// The node over `count` hashes of a level, a power of two, from `first`, a multiple of it: they lie in one
// tile. kNotFound if no published tile holds them all.
Result<Digest> ReaderImpl::stored_node(uint8_t level, uint64_t first, uint64_t count) const {
  const uint64_t tile = first / kTileWidth;
  const auto at = tiles_at(level, published_);
  const uint32_t width = tile < at.full ? kTileWidth : tile == at.full ? at.partial : 0;
  if (first % kTileWidth + count > width)
    return fail(Code::kNotFound, "no published tile holds this hash");
  PV_TRY(const Nodes nodes, nodes_of(level, tile, width));
  return nodes->node(static_cast<size_t>(std::countr_zero(count)), first % kTileWidth / count);
}

// The root over `leaves`, a power of two, from `start`, a multiple of it. From tiles where they
// reach, from the entries where they do not.
Result<Digest> ReaderImpl::perfect(uint64_t start, uint64_t leaves) const {
  const auto level = static_cast<uint8_t>(std::countr_zero(leaves) / 8);
  const uint64_t span = uint64_t{1} << (8 * level);
  const auto node = stored_node(level, start / span, leaves / span);
  if (node || node.error().code != Code::kNotFound) return node;
  return leaves == 1 ? leaf_hash(start) : halves(start, leaves);
}

Result<Digest> ReaderImpl::halves(uint64_t start, uint64_t leaves) const {
  PV_TRY(const auto left, perfect(start, leaves / 2));
  PV_TRY(const auto right, perfect(start + leaves / 2, leaves / 2));
  return merkle::node_hash(left, right);
}

Result<Digest> ReaderImpl::subtree(uint64_t start, uint64_t end) const {
  if (start >= end || end > size_) return fail(Code::kInvalid, "no such subtree in this log");
  const uint64_t leaves = end - start;
  if (std::has_single_bit(leaves) && start % leaves == 0) return perfect(start, leaves);
  const uint64_t middle = start + std::bit_floor(leaves - 1);
  PV_TRY(const auto left, subtree(start, middle));
  PV_TRY(const auto right, subtree(middle, end));
  return merkle::node_hash(left, right);
}

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::open(const std::string& dir) {
  auto reader = std::make_unique<ReaderImpl>(dir);
  PV_TRY_VOID(reader->start());
  return std::unique_ptr<LogReader>(std::move(reader));
}

Result<std::unique_ptr<LogReader>> LogReader::open_published(const std::string& dir) {
  auto reader = std::make_unique<ReaderImpl>(dir);
  PV_TRY_VOID(reader->start_from_tiles());
  return std::unique_ptr<LogReader>(std::move(reader));
}

}  // namespace proviso::ledger
