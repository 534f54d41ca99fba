#include "ledger/tile_store.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"

namespace proviso::ledger {
namespace {

constexpr const char* kDurableName = "tiles.durable";

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The leaf behind the last one that a full tile covers, or the largest number if it is beyond all.
uint64_t end_of(const TilePath& path) {
  uint64_t end = path.index + 1;
  for (int level = 0; level <= path.level; ++level) {
    if (end > UINT64_MAX / kTileWidth) return UINT64_MAX;
    end *= kTileWidth;
  }
  return end;
}

TilePath hash_tile(uint8_t level, uint64_t index, uint32_t width) {
  return {TilePath::Kind::kHash, level, index, width};
}
TilePath bundle_at(uint64_t index, uint32_t width) {
  return {TilePath::Kind::kEntries, 0, index, width};
}

}  // namespace

void TileTree::push(uint8_t level, const Digest& hash, std::vector<FullTile>& full) {
  if (levels_.size() <= level) levels_.resize(level + size_t{1});
  auto& tile = levels_[level];
  tile.push_back(hash);
  if (tile.size() < kTileWidth) return;
  uint64_t index = size_;
  for (int i = 0; i <= level; ++i) index /= kTileWidth;
  const Digest up = merkle::root(tile);
  full.push_back({level, index - 1, std::move(tile)});
  levels_[level].clear();
  push(static_cast<uint8_t>(level + 1), up, full);
}

void TileTree::append(const Digest& leaf_hash, std::vector<FullTile>& full) {
  ++size_;
  push(0, leaf_hash, full);
}

Digest TileTree::root() const {
  // Full tiles stand for themselves one level up, so the tree of each level is its incomplete tile
  // with the root of everything below behind it.
  std::vector<Digest> below;
  for (const auto& tile : levels_) {
    std::vector<Digest> hashes = tile;
    if (!below.empty()) hashes.push_back(merkle::root(below));
    if (!hashes.empty()) below = std::move(hashes);
  }
  return below.empty() ? merkle::empty_root() : merkle::root(below);
}

std::string tile_bytes(std::span<const Digest> hashes) {
  std::string out;
  out.reserve(hashes.size() * 32);
  for (const auto& hash : hashes) out += hash.view();
  return out;
}

TileStore::TileStore(Io& io, std::string dir) : io_(io), dir_(std::move(dir)) {
  std::error_code ec;
  if (!std::filesystem::is_directory(dir_ + "/tile", ec)) return;
  auto mark = read_file(dir_ + "/" + kDurableName, 64);
  if (!mark || !mark->ends_with('\n')) return;
  mark->pop_back();
  durable_ = parse_u64(*mark).value_or(0);
}

Status TileStore::write(const TilePath& path, std::string_view bytes) {
  const std::string target = dir_ + "/" + path.text();
  const std::string temporary = dir_ + "/tile.new";
  {
    PV_TRY(const Fd fd, open_file(io_, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    PV_TRY_VOID(write_all(io_, fd.get(), bytes, 0, temporary));
  }
  if (io_.rename(temporary.c_str(), target.c_str()) == 0) return {};
  if (errno != ENOENT) return std::unexpected(io_error("rename", target, errno));
  PV_TRY_VOID(make_dirs(parent_of(target)));
  if (io_.rename(temporary.c_str(), target.c_str()) == 0) return {};
  return std::unexpected(io_error("rename", target, errno));
}

Status TileStore::write_full(const TilePath& path, std::string_view bytes, uint64_t end) {
  if (end <= durable_) return {};
  PV_TRY_VOID(write(path, bytes));
  unsynced_.push_back(path);
  return {};
}

Status TileStore::feed(std::string_view entry, const Digest& leaf_hash) {
  std::vector<TileTree::FullTile> full;
  tree_.append(leaf_hash, full);
  put_entry(bundle_, entry);
  bundle_ends_.push_back(static_cast<uint32_t>(bundle_.size()));
  if (full.empty()) return {};
  const auto bundle = bundle_at(tree_.size() / kTileWidth - 1, kTileWidth);
  PV_TRY_VOID(write_full(bundle, bundle_, end_of(bundle)));
  bundle_.clear();
  bundle_ends_.clear();
  for (const auto& tile : full) {
    const auto path = hash_tile(tile.level, tile.index, kTileWidth);
    PV_TRY_VOID(write_full(path, tile_bytes(tile.hashes), end_of(path)));
  }
  complete_ = tree_.size();
  return unsynced_.size() < kTilesUnsyncedMax ? Status() : sync();
}

Status TileStore::write_partials() {
  const auto& levels = tree_.partial();
  for (size_t level = 0; level < levels.size(); ++level) {
    const auto at = tiles_at(static_cast<uint8_t>(level), tree_.size());
    PV_CHECK(at.partial == levels[level].size());
    // SPEC tlog-tiles: a partial tile of width 0 MUST NOT exist.
    if (at.partial == 0) continue;
    PV_TRY_VOID(write(hash_tile(static_cast<uint8_t>(level), at.full, at.partial),
                      tile_bytes(levels[level])));
  }
  if (bundle_ends_.empty()) return {};
  return write(bundle_at(tree_.size() / kTileWidth, static_cast<uint32_t>(bundle_ends_.size())),
               bundle_);
}

// A narrower partial file is the beginning of the present one.
Status TileStore::restore_partials_of(const TilePath& full, uint32_t width_now,
                                      const std::string& bytes) {
  std::error_code ec;
  std::vector<TilePath> found;
  for (const auto& file :
       std::filesystem::directory_iterator(dir_ + "/" + full.text() + ".p", ec)) {
    TilePath path = full;
    path.width = static_cast<uint32_t>(parse_u64(file.path().filename().string()).value_or(0));
    if (path.width != 0 && path.width <= width_now) found.push_back(path);
  }
  for (const auto& path : found) {
    const size_t end = full.kind == TilePath::Kind::kEntries ? bundle_ends_[path.width - 1]
                                                             : size_t{path.width} * 32;
    PV_TRY_VOID(write(path, std::string_view(bytes).substr(0, end)));
  }
  return {};
}

Status TileStore::restore_partials() {
  const auto& levels = tree_.partial();
  for (size_t level = 0; level < levels.size(); ++level) {
    const auto at = tiles_at(static_cast<uint8_t>(level), tree_.size());
    PV_TRY_VOID(restore_partials_of(hash_tile(static_cast<uint8_t>(level), at.full, kTileWidth),
                                    at.partial, tile_bytes(levels[level])));
  }
  return restore_partials_of(bundle_at(tree_.size() / kTileWidth, kTileWidth),
                             static_cast<uint32_t>(bundle_ends_.size()), bundle_);
}

Status TileStore::sync() {
  if (unsynced_.empty()) return {};
  std::set<std::string> dirs;
  for (const auto& path : unsynced_) {
    const std::string file = dir_ + "/" + path.text();
    PV_TRY_VOID(fsync_path(io_, file));
    for (std::string dir = parent_of(file); dir.size() >= dir_.size(); dir = parent_of(dir)) {
      if (!dirs.insert(dir).second) break;
    }
  }
  for (const auto& dir : dirs) PV_TRY_VOID(fsync_path(io_, dir));
  PV_TRY_VOID(replace_file(io_, dir_ + "/" + kDurableName, std::to_string(complete_) + "\n",
                           FileMode::kShared));
  durable_ = complete_;
  for (const auto& path : unsynced_) {
    // SPEC tlog-tiles: a partial tile MAY be deleted once the full tile is there.
    std::error_code ec;
    std::filesystem::remove_all(dir_ + "/" + path.text() + ".p", ec);
  }
  unsynced_.clear();
  return {};
}

}  // namespace proviso::ledger
