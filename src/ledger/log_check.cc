#include "ledger/log_check.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/file.h"
#include "base/note.h"
#include "ledger/layout.h"
#include "ledger/tile_store.h"

namespace proviso::ledger {
namespace {

constexpr size_t kFaultsMax = 100;  // enough to see what happened; a wrong disk has millions
constexpr uint64_t kFileBytesMax = kTileWidth * (2 + kEntryBytesMax);

class Check {
 public:
  Check(const LogReader& reader, std::string dir) : reader_(reader), dir_(std::move(dir)) {}
  std::vector<Error> run(std::string_view log_key);

 private:
  void fault(Code code, std::string message) {
    if (faults_.size() < kFaultsMax) faults_.push_back({code, std::move(message)});
  }
  void read_checkpoint(std::string_view log_key);
  void check_entries();
  void see_size(uint64_t size);
  void check_full(const TilePath& path, std::string_view bytes, std::span<const uint32_t> ends);
  void check_partials(const TilePath& full, std::string_view bytes, std::span<const uint32_t> ends);
  void check_incomplete();
  void check_present(uint8_t level, TilePath::Kind kind);
  void check_names();
  void check_mark();
  bool exists(const TilePath& path) const;

  const LogReader& reader_;
  std::string dir_;
  std::optional<note::Checkpoint> checkpoint_;
  TileTree tree_;
  std::string bundle_;
  std::vector<uint32_t> bundle_ends_;
  std::vector<Error> faults_;
};

bool Check::exists(const TilePath& path) const {
  std::error_code ec;
  return std::filesystem::is_regular_file(dir_ + "/" + path.text(), ec);
}

void Check::read_checkpoint(std::string_view log_key) {
  const std::string path = "`" + dir_ + "/checkpoint`";
  const auto bytes = reader_.checkpoint();
  if (!bytes && bytes.error().code == Code::kNotFound) return;  // a log that never published
  if (!bytes) return fault(bytes.error().code, bytes.error().message);
  const auto key = note::VerifierKey::parse(log_key);
  if (!key) return fault(Code::kInvalid, "the log's verifier key: " + key.error().message);
  const auto note = note::open(*bytes, std::span(&*key, 1));
  if (!note) return fault(Code::kUnverified, path + ": " + note.error().message);
  auto checkpoint = note::Checkpoint::parse(note->text);
  if (!checkpoint) return fault(Code::kCorrupt, path + ": " + checkpoint.error().message);
  if (checkpoint->origin != reader_.origin()) {
    return fault(Code::kCorrupt, fmt::format("{} is of `{}`, the log is `{}`", path,
                                             checkpoint->origin, reader_.origin()));
  }
  if (checkpoint->size > reader_.size()) {
    fault(Code::kCorrupt, fmt::format("{} covers {} entries, the log holds only {}", path,
                                      checkpoint->size, reader_.size()));
  }
  checkpoint_ = std::move(*checkpoint);
}

void Check::see_size(uint64_t size) {
  if (!checkpoint_ || checkpoint_->size != size || checkpoint_->root == tree_.root()) return;
  fault(Code::kCorrupt,
        fmt::format("`{}/checkpoint`: its root is not that of the first {} entries", dir_, size));
}

void Check::check_partials(const TilePath& full, std::string_view bytes,
                           std::span<const uint32_t> ends) {
  std::error_code ec;
  for (const auto& file :
       std::filesystem::directory_iterator(dir_ + "/" + full.text() + ".p", ec)) {
    const auto width = parse_u64(file.path().filename().string());
    if (!width || *width == 0 || *width > ends.size()) continue;  // check_names() says so
    const auto stored = read_file(file.path().string(), kFileBytesMax);
    if (!stored || *stored != bytes.substr(0, ends[*width - 1])) {
      fault(Code::kCorrupt, fmt::format("`{}` is not what the entries give", file.path().string()));
    }
  }
}

void Check::check_full(const TilePath& path, std::string_view bytes,
                       std::span<const uint32_t> ends) {
  const std::string file = dir_ + "/" + path.text();
  const auto stored = read_file(file, kFileBytesMax);
  if (!stored && stored.error().code != Code::kNotFound)
    fault(stored.error().code, stored.error().message);
  if (stored && *stored != bytes)
    fault(Code::kCorrupt, fmt::format("`{}` is not what the entries give", file));
  check_partials(path, bytes, ends);
}

std::vector<uint32_t> hash_ends(size_t count) {
  std::vector<uint32_t> ends;
  for (size_t i = 1; i <= count; ++i) ends.push_back(static_cast<uint32_t>(32 * i));
  return ends;
}

void Check::check_entries() {
  see_size(0);
  std::vector<TileTree::FullTile> full;
  const auto scanned = reader_.scan(0, [&](uint64_t, std::string_view entry) -> Status {
    tree_.append(merkle::leaf_hash(entry), full);
    put_entry(bundle_, entry);
    bundle_ends_.push_back(static_cast<uint32_t>(bundle_.size()));
    see_size(tree_.size());
    if (full.empty()) return {};
    check_full({TilePath::Kind::kEntries, 0, full.front().index, kTileWidth}, bundle_,
               bundle_ends_);
    for (const auto& tile : full) {
      check_full({TilePath::Kind::kHash, tile.level, tile.index, kTileWidth},
                 tile_bytes(tile.hashes), hash_ends(kTileWidth));
    }
    bundle_.clear();
    bundle_ends_.clear();
    full.clear();
    return {};
  });
  if (!scanned) fault(scanned.error().code, scanned.error().message);
}

void Check::check_incomplete() {
  const auto& levels = tree_.partial();
  for (size_t level = 0; level < levels.size(); ++level) {
    const auto at = tiles_at(static_cast<uint8_t>(level), tree_.size());
    check_partials({TilePath::Kind::kHash, static_cast<uint8_t>(level), at.full, kTileWidth},
                   tile_bytes(levels[level]), hash_ends(levels[level].size()));
  }
  check_partials({TilePath::Kind::kEntries, 0, tree_.size() / kTileWidth, kTileWidth}, bundle_,
                 bundle_ends_);
}

// SPEC tlog-tiles: the tiles of a published checkpoint MUST be there, a partial one or its full
// one.
void Check::check_present(uint8_t level, TilePath::Kind kind) {
  const auto at = tiles_at(level, checkpoint_->size);
  const auto missing = [&](const TilePath& path) {
    fault(Code::kNotFound, fmt::format("`{}/{}` is missing", dir_, path.text()));
  };
  for (uint64_t i = 0; i < at.full; ++i) {
    const TilePath path{kind, level, i, kTileWidth};
    if (!exists(path)) missing(path);
  }
  const TilePath partial{kind, level, at.full, at.partial};
  if (at.partial != 0 && !exists(partial) && !exists({kind, level, at.full, kTileWidth})) {
    missing(partial);
  }
}

void Check::check_names() {
  std::error_code ec;
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir_ + "/tile", ec)) {
    if (file.is_directory(ec)) continue;
    const auto name = std::filesystem::relative(file.path(), dir_, ec).generic_string();
    const auto path = TilePath::parse(name);
    if (!path) {
      fault(Code::kInvalid,
            fmt::format("`{}/{}` is not a tile: {}", dir_, name, path.error().message));
      continue;
    }
    const auto at = tiles_at(path->level, tree_.size());
    const bool within =
        path->index < at.full ||
        (path->index == at.full && path->width != kTileWidth && path->width <= at.partial);
    if (!within) {
      fault(Code::kCorrupt,
            fmt::format("`{}/{}` covers entries that the log does not hold", dir_, name));
    }
  }
}

void Check::check_mark() {
  const auto mark = read_file(dir_ + "/tiles.durable", 64);
  if (!mark && mark.error().code == Code::kNotFound) return;
  const auto leaves = mark && mark->ends_with('\n')
                          ? parse_u64(std::string_view(*mark).substr(0, mark->size() - 1))
                          : fail(Code::kInvalid, "no number");
  if (!leaves || *leaves > tree_.size() || *leaves % kTileWidth != 0) {
    fault(Code::kCorrupt,
          fmt::format("`{}/tiles.durable` does not say a number of synced leaves", dir_));
  }
}

std::vector<Error> Check::run(std::string_view log_key) {
  read_checkpoint(log_key);
  check_entries();
  check_incomplete();
  if (checkpoint_) {
    check_present(0, TilePath::Kind::kEntries);
    for (uint8_t level = 0; level <= kTileLevelMax; ++level)
      check_present(level, TilePath::Kind::kHash);
  }
  check_names();
  check_mark();
  return std::move(faults_);
}

}  // namespace

std::vector<Error> check_log(const LogReader& reader, const std::string& dir,
                             std::string_view log_key) {
  return Check(reader, dir).run(log_key);
}

}  // namespace proviso::ledger
