#pragma once
// C2SP tlog-tiles: where a hash or an entry lies, and the names of those files. Pure.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::ledger {

inline constexpr uint64_t kTileWidth = 256;
inline constexpr uint8_t kTileLevelMax = 63;

struct TilePath {
  enum class Kind { kHash, kEntries };
  Kind kind = Kind::kHash;
  uint8_t level = 0;  // hash tiles only
  uint64_t index = 0;
  uint32_t width = kTileWidth;  // 1 to 255 for a partial one

  // "tile/0/x001/234.p/5", "tile/entries/000", relative to the log's folder.
  [[nodiscard]] std::string text() const;
  // kInvalid unless text() gives the same bytes back.
  static Result<TilePath> parse(std::string_view text);
  friend auto operator<=>(const TilePath&, const TilePath&) = default;
};

// Number of full tiles, and width of the partial one (0: none), at `level` of a tree of `size`.
struct TileCount {
  uint64_t full = 0;
  uint32_t partial = 0;
};
TileCount tiles_at(uint8_t level, uint64_t size);

// The bundle that holds entry `index` of a log of `size` entries, as wide as it is there.
TilePath bundle_of(uint64_t index, uint64_t size);

// An entry bundle is u16 length || entry, again and again.
void put_entry(std::string& bundle, std::string_view entry);
// kCorrupt unless `bundle` is exactly `count` entries. The views borrow from it.
Result<std::vector<std::string_view>> split_bundle(std::string_view bundle, size_t count);

}  // namespace proviso::ledger
