#include "base/visible.h"

#include <gtest/gtest.h>

namespace proviso {
namespace {

TEST(Visible, LeavesWhatPeopleSee) {
  EXPECT_EQ(visible("plain \xc3\xbc\n\t\xf0\x9f\x8c\x8d"), "plain \xc3\xbc\n\t\xf0\x9f\x8c\x8d");
  EXPECT_EQ(visible(""), "");
}

TEST(Visible, WritesOutWhatHidesOrMovesText) {
  EXPECT_EQ(visible("a\x1b[31mb\x7f"), "a\\u{1b}[31mb\\u{7f}");
  EXPECT_EQ(visible("a\xe2\x80\xae" "b\xe2\x80\x8b" "c\xf3\xa0\x81\x81"), "a\\u{202e}b\\u{200b}c\\u{e0041}");
  EXPECT_EQ(visible("\xd8\x9c\xef\xb8\x8f\xc2\xad"), "\\u{61c}\\u{fe0f}\\u{ad}");
}

TEST(Visible, ACellStaysOnItsLine) {
  EXPECT_EQ(visible_line("open\nh_1 \tconsumed"), "open\\u{a}h_1 \\u{9}consumed");
  EXPECT_EQ(visible_line("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(Visible, SaysWhereTheFirstHiddenCharacterIs) {
  EXPECT_EQ(find_hidden("caf\xc3\xa9\n\t"), std::nullopt);
  EXPECT_EQ(find_hidden("\xc3\xa9 \xe2\x80\xae \xe2\x80\x8b"), 3u);
}

TEST(Visible, ReadsNoFurtherThanTheText) {
  EXPECT_EQ(visible(std::string_view("\xf0\x9f\x8c\x8d", 2)).size(), 2u);
}

}  // namespace
}  // namespace proviso
