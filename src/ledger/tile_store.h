#pragma once
// The files that C2SP tlog-tiles publishes, derived from log.wal and never the other way round.
// Full tiles are synced in groups and remembered in `tiles.durable`; what a crash loses behind that
// mark is written again at the next start, from the log.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/merkle.h"
#include "ledger/io.h"
#include "ledger/layout.h"

namespace proviso::ledger {

inline constexpr size_t kTilesUnsyncedMax = 256;  // full tiles written but not yet synced

// The hash tiles of a growing tree: the incomplete one of each level, and what became full.
class TileTree {
 public:
  struct FullTile {
    uint8_t level = 0;
    uint64_t index = 0;
    std::vector<Digest> hashes;
  };
  // Appends one leaf; tiles that it completes are added to `full`, lowest level first.
  void append(const Digest& leaf_hash, std::vector<FullTile>& full);
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] Digest root() const;
  // By level, the hashes of the incomplete tile; may be empty.
  [[nodiscard]] const std::vector<std::vector<Digest>>& partial() const { return levels_; }

 private:
  void push(uint8_t level, const Digest& hash, std::vector<FullTile>& full);
  uint64_t size_ = 0;
  std::vector<std::vector<Digest>> levels_;
};

std::string tile_bytes(std::span<const Digest> hashes);

// Writes tiles and bundles for entries fed in order. One thread at a time.
class TileStore {
 public:
  // Reads the durable mark. Tiles that end at or before it are not written again.
  TileStore(Io& io, std::string dir);
  // Feeds the next entry and writes what it completes.
  Status feed(std::string_view entry, const Digest& leaf_hash);
  // After the whole log was fed at start: writes the partial files of earlier checkpoints again,
  // which a crash may have left empty.
  Status restore_partials();
  // Writes the partial tiles and the partial bundle for the present size.
  Status write_partials();
  // Syncs full tiles, moves the mark, removes the partial ones that they replace.
  Status sync();
  [[nodiscard]] uint64_t size() const { return tree_.size(); }
  [[nodiscard]] Digest root() const { return tree_.root(); }

 private:
  Status write(const TilePath& path, std::string_view bytes);
  Status write_full(const TilePath& path, std::string_view bytes, uint64_t end);
  Status restore_partials_of(const TilePath& full, uint32_t width_now, const std::string& bytes);

  Io& io_;
  std::string dir_;
  uint64_t durable_ = 0;   // leaves whose full tiles are synced
  uint64_t complete_ = 0;  // leaves whose full level-0 tiles are written
  TileTree tree_;
  std::string bundle_;                 // the incomplete entry bundle
  std::vector<uint32_t> bundle_ends_;  // where each of its entries ends
  std::vector<TilePath> unsynced_;     // full tiles since the last sync()
};

}  // namespace proviso::ledger
