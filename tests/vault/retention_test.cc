#include "vault/retention.h"

#include <gtest/gtest.h>

namespace proviso::vault {
namespace {

TEST(Retention, IsDueWhenTheYoungestRecordIsOldEnough) {
  const struct {
    const char* segment;
    int64_t months;
    const char* due;
  } cases[] = {
      {"default/2026-11", 0, "2026-12-01T00:00:00Z"},  {"default/2026-11", 1, "2027-01-01T00:00:00Z"},
      {"default/2026-12", 0, "2027-01-01T00:00:00Z"},  {"a-b/2024-01", 1, "2024-03-01T00:00:00Z"},
      {"default/2026-01", 24, "2028-02-01T00:00:00Z"}, {"default/2026-06", 120, "2036-07-01T00:00:00Z"},
  };
  for (const auto& c : cases) {
    const auto due = erasure_due(c.segment, c.months);
    ASSERT_TRUE(due.has_value()) << due.error().message;
    EXPECT_EQ(format_time(*due), c.due) << c.segment << " " << c.months;
  }
  EXPECT_FALSE(erasure_due("default/2026-13", 1).has_value());
  EXPECT_FALSE(erasure_due("default", 1).has_value());
  EXPECT_FALSE(erasure_due("default/2026-11", -1).has_value());
  EXPECT_EQ(class_of("a-b/2024-01"), "a-b");
}

}  // namespace
}  // namespace proviso::vault
