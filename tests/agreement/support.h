#pragma once
// What the tests of this room share: folders as files, facts from JSON.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "agreement/agreement.h"
#include "base/file.h"
#include "base/json.h"

namespace proviso::agreement {

inline std::string source_path(const std::string& path) {
  return std::string(PV_SOURCE_DIR) + "/" + path;
}

inline Files folder(const std::string& path) {
  auto files = read_tree(source_path(path));
  EXPECT_TRUE(files.has_value()) << (files ? "" : files.error().message);
  return files ? *files : Files();
}

inline std::shared_ptr<const Agreement> load_or_fail(const Files& files) {
  auto loaded = Agreement::load(files);
  EXPECT_TRUE(loaded.has_value()) << (loaded ? "" : loaded.error().message);
  return loaded ? *loaded : nullptr;
}

// Facts that every sample allows for `ask` on the local model but for roles and purpose.
inline exchange::Facts facts_of(const std::string& role, const std::string& purpose) {
  exchange::Facts facts;
  facts.set("principal.id", std::string("p-1"));
  facts.set("principal.roles", std::vector<std::string>{role});
  facts.set("principal.clearance", int64_t{2});
  facts.set("principal.nationality", std::string("own"));
  facts.set("principal.training_until", int64_t{1'830'000'000});
  facts.set("resource.type", std::string("Model"));
  facts.set("resource.id", std::string("local"));
  facts.set("context.moment.purpose", purpose);
  facts.set("context.moment.now", int64_t{1'780'000'000});
  facts.set("context.moment.break_glass", false);
  facts.set("context.content.labels", std::vector<std::string>());
  facts.set("context.content.top_score", int64_t{0});
  facts.set("context.content.marking", int64_t{0});
  facts.set("context.content.unreadable_parts", int64_t{0});
  facts.set("context.content.bytes", int64_t{2048});
  facts.set("context.tools_offered", int64_t{0});
  return facts;
}

inline exchange::Facts without(const exchange::Facts& facts, std::string_view path) {
  exchange::Facts out;
  for (const auto& [name, value] : facts.items()) {
    if (name != path) out.set(name, value);
  }
  return out;
}

}  // namespace proviso::agreement
