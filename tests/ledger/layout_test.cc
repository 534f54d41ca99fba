#include "ledger/layout.h"

#include <cstdio>

#include "base/bytes.h"
#include "base/data.h"
#include "base/json.h"
#include "ledger/tile_store.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

std::string text_of(json::Element element, std::string_view name) {
  std::string_view text;
  return element[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}
uint64_t number_of(json::Element element, std::string_view name) {
  return parse_u64(text_of(element, name)).value_or(UINT64_MAX);
}

bool path_case_holds(json::Element one) {
  const std::string path = text_of(one, "path");
  bool valid = false;
  (void)one["valid"].get(valid);
  const auto parsed = TilePath::parse(path);
  if (!valid) return !parsed;
  const std::string kind = text_of(one, "kind");
  if (kind == "entries-for-log-index") {
    return bundle_of(number_of(one, "log_index"), number_of(one, "log_size")).text() == path;
  }
  uint64_t level = 0;
  uint64_t partial = 0;
  (void)one["level"].get(level);
  (void)one["partial"].get(partial);
  const TilePath wanted{kind == "hash" ? TilePath::Kind::kHash : TilePath::Kind::kEntries,
                        static_cast<uint8_t>(level), number_of(one, "index"),
                        partial == 0 ? 256u : static_cast<uint32_t>(partial)};
  return parsed && *parsed == wanted && wanted.text() == path;
}

TEST(Layout, AgreesWithThePublishedPaths) {
  const auto path = test::data_path("tile paths", "tlog-vectors/tile-paths.json");
  if (!path) return;
  json::Parser parser;
  const auto document = parser.parse(test::slurp(*path));
  ASSERT_OK(document);
  size_t total = 0;
  size_t passed = 0;
  for (const auto one : (*document)["cases"].get_array().value()) {
    ++total;
    if (path_case_holds(one))
      ++passed;
    else
      ADD_FAILURE() << text_of(one, "id") << " " << text_of(one, "path");
  }
  std::printf("ledger: tile-paths %zu/%zu\n", passed, total);
}

TEST(Layout, AgreesWithThePublishedGeometry) {
  const auto path = test::data_path("tile geometry", "tlog-vectors/tile-geometry.json");
  if (!path) return;
  json::Parser parser;
  const auto document = parser.parse(test::slurp(*path));
  ASSERT_OK(document);
  size_t total = 0;
  size_t passed = 0;
  for (const auto one : (*document)["cases"].get_array().value()) {
    const uint64_t size = number_of(one, "size");
    bool holds = true;
    for (uint8_t level = 0; level < 4; ++level) {
      const auto at = tiles_at(level, size);
      uint64_t full = 0;
      uint64_t partial = 0;
      (void)one["full"][std::to_string(level)].get(full);
      (void)one["partial"][std::to_string(level)].get(partial);
      holds = holds && at.full == full && at.partial == partial;
    }
    ++total;
    if (holds)
      ++passed;
    else
      ADD_FAILURE() << size;
  }
  std::printf("ledger: tile-geometry %zu/%zu\n", passed, total);
}

TEST(TileTree, HasTheRootOfTheTreeAtEverySize) {
  TileTree tiles;
  merkle::Frontier frontier;
  std::vector<TileTree::FullTile> full;
  EXPECT_EQ(tiles.root(), merkle::empty_root());
  for (int i = 0; i < 66'000; ++i) {
    const auto leaf = merkle::leaf_hash(std::to_string(i));
    tiles.append(leaf, full);
    frontier.append(leaf);
    if (i < 1100 || i % 255 == 0 || i > 65'500) ASSERT_EQ(tiles.root(), frontier.root()) << i;
  }
  EXPECT_EQ(full.size(), 257u + 1u);
  EXPECT_EQ(full.back().level, 0);
}

TEST(Bundle, IsExactlyItsEntries) {
  std::string bundle;
  put_entry(bundle, "");
  put_entry(bundle, "ab");
  EXPECT_EQ(split_bundle(bundle, 2)->at(1), "ab");
  EXPECT_FALSE(split_bundle(bundle, 1));
  EXPECT_FALSE(split_bundle(bundle, 3));
  EXPECT_FALSE(split_bundle(bundle.substr(0, bundle.size() - 1), 2));
}

}  // namespace
}  // namespace proviso::ledger::testing
