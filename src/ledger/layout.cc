#include "ledger/layout.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "ledger/log.h"

namespace proviso::ledger {
namespace {

// tlog-tiles: the index in groups of three digits, all but the last with an x in front.
std::string index_path(uint64_t index) {
  std::string out = fmt::format("{:03}", index % 1000);
  while (index >= 1000) {
    index /= 1000;
    out.insert(0, fmt::format("x{:03}/", index % 1000));
  }
  return out;
}

Result<uint64_t> parse_index_path(std::string_view text) {
  const auto bad = [] { return fail(Code::kInvalid, "a tile's index is malformed"); };
  uint64_t index = 0;
  for (int group = 0; group < 7; ++group) {
    const bool more = text.starts_with('x');
    if (more) text.remove_prefix(1);
    if (text.size() < 3) return bad();
    for (const char c : text.substr(0, 3)) {
      if (c < '0' || c > '9') return bad();
      const auto digit = static_cast<uint64_t>(c - '0');
      if (index > (UINT64_MAX - digit) / 10) return bad();
      index = index * 10 + digit;
    }
    text.remove_prefix(3);
    if (!more) return text.empty() ? Result<uint64_t>(index) : bad();
    if (!text.starts_with('/')) return bad();
    text.remove_prefix(1);
  }
  return bad();
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string TilePath::text() const {
  std::string out = kind == Kind::kEntries ? "tile/entries/" : fmt::format("tile/{}/", level);
  out += index_path(index);
  if (width != kTileWidth) out += fmt::format(".p/{}", width);
  return out;
}

Result<TilePath> TilePath::parse(std::string_view text) {
  TilePath path;
  std::string_view rest = text;
  if (!take_prefix(rest, "tile/")) return fail(Code::kInvalid, "a tile's path begins with `tile/`");
  if (take_prefix(rest, "entries/")) {
    path.kind = Kind::kEntries;
  } else {
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return fail(Code::kInvalid, "a tile's path has no index");
    PV_TRY(const auto level, parse_u64(rest.substr(0, slash)));
    if (level > kTileLevelMax) return fail(Code::kInvalid, "a tile's level is at most 63");
    path.level = static_cast<uint8_t>(level);
    rest.remove_prefix(slash + 1);
  }
  if (const auto dot = rest.find(".p/"); dot != std::string_view::npos) {
    PV_TRY(const auto width, parse_u64(rest.substr(dot + 3)));
    // SPEC tlog-tiles: <W> is the width of the tile, between 1 and 255.
    if (width == 0 || width >= kTileWidth) {
      return fail(Code::kInvalid, "a partial tile is 1 to 255 wide");
    }
    path.width = static_cast<uint32_t>(width);
    rest = rest.substr(0, dot);
  }
  PV_TRY(path.index, parse_index_path(rest));
  if (path.text() != text) return fail(Code::kInvalid, "a tile's path is not in its one spelling");
  return path;
}

TileCount tiles_at(uint8_t level, uint64_t size) {
  // SPEC tlog-tiles: the partial tile at level l is floor(s / 256**l) mod 256 wide.
  for (uint8_t i = 0; i < level && size > 0; ++i) size /= kTileWidth;
  return {size / kTileWidth, static_cast<uint32_t>(size % kTileWidth)};
}

TilePath bundle_of(uint64_t index, uint64_t size) {
  PV_CHECK(index < size);
  const auto at = tiles_at(0, size);
  const uint64_t tile = index / kTileWidth;
  const auto width = tile < at.full ? static_cast<uint32_t>(kTileWidth) : at.partial;
  return {TilePath::Kind::kEntries, 0, tile, width};
}

void put_entry(std::string& bundle, std::string_view entry) {
  PV_CHECK(entry.size() <= kEntryBytesMax);
  put_u16(bundle, static_cast<uint16_t>(entry.size()));
  bundle += entry;
}

Result<std::vector<std::string_view>> split_bundle(std::string_view bundle, size_t count) {
  std::vector<std::string_view> entries;
  entries.reserve(count);
  ByteReader reader(bundle);
  for (size_t i = 0; i < count; ++i) {
    const auto length = reader.u16();
    const auto entry = length ? reader.bytes(*length) : std::unexpected(length.error());
    if (!entry) return fail(Code::kCorrupt, fmt::format("entry {} of {} is cut short", i, count));
    entries.push_back(*entry);
  }
  if (!reader.rest().empty()) return fail(Code::kCorrupt, "bytes stand behind the last entry");
  return entries;
}

}  // namespace proviso::ledger
