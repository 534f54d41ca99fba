// Faults as data: each case changes the base agreement and lists every line that load() must answer.
// An expected line that ends in … is a prefix; a line `*` allows more lines.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agreement/support.h"

namespace proviso::agreement {
namespace {

struct Section {
  std::string header;
  std::string body;
};

std::vector<Section> sections_of(const std::string& text) {
  std::vector<Section> sections;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("--- ")) {
      sections.push_back({line.substr(4), ""});
    } else if (!sections.empty()) {
      sections.back().body += line + "\n";
    }
  }
  return sections;
}

void apply(const Section& section, Files& files) {
  const size_t space = section.header.find(' ');
  const std::string path = section.header.substr(space + 1);
  if (section.header.starts_with("file ")) {
    files[path] = section.body;
  } else if (section.header.starts_with("delete ")) {
    ASSERT_EQ(files.erase(path), 1U) << path;
  } else {
    ASSERT_TRUE(section.header.starts_with("replace ")) << section.header;
    const size_t bar = section.body.find("\n===\n");
    ASSERT_NE(bar, std::string::npos) << section.header;
    const std::string old_text = section.body.substr(0, bar);
    std::string new_text = section.body.substr(bar + 5);
    if (new_text.ends_with('\n')) new_text.pop_back();
    const size_t at = files[path].find(old_text);
    ASSERT_NE(at, std::string::npos) << "`" << old_text << "` is not in " << path;
    files[path].replace(at, old_text.size(), new_text);
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool matches(const std::string& expected, const std::string& got) {
  constexpr std::string_view kRest = "…";
  if (!expected.ends_with(kRest)) return expected == got;
  return got.starts_with(expected.substr(0, expected.size() - kRest.size()));
}

void expect_faults(std::vector<std::string> expected, const std::string& message) {
  const auto star = std::find(expected.begin(), expected.end(), "*");
  const bool more = star != expected.end();
  if (more) expected.erase(star);
  const std::vector<std::string> got = lines_of(message);
  for (const std::string& line : expected) {
    EXPECT_TRUE(std::any_of(got.begin(), got.end(),
                            [&](const std::string& one) { return matches(line, one); }))
        << "expected: " << line << "\ngot:\n" << message;
  }
  if (!more) {
    EXPECT_EQ(got.size(), expected.size()) << message;
  }
}

TEST(Cases, EveryFaultIsNamedWithFileAndLine) {
  size_t passed = 0;
  size_t total = 0;
  const Files base = folder("tests/agreement/base");
  for (const auto& entry :
       std::filesystem::directory_iterator(source_path("tests/agreement/cases"))) {
    ++total;
    SCOPED_TRACE(entry.path().filename().string());
    const auto text = read_file(entry.path().string());
    ASSERT_TRUE(text.has_value());
    Files files = base;
    std::vector<std::string> expected;
    for (const Section& section : sections_of(*text)) {
      if (section.header == "expect") {
        expected = lines_of(section.body);
      } else {
        apply(section, files);
      }
    }
    ASSERT_FALSE(expected.empty());
    const auto loaded = Agreement::load(files);
    EXPECT_FALSE(loaded.has_value()) << "loads although it must not";
    if (loaded) continue;
    expect_faults(expected, loaded.error().message);
    if (!::testing::Test::HasFailure()) ++passed;
  }
  std::printf("faults: %zu/%zu\n", passed, total);
  EXPECT_GT(total, 80U);
}

TEST(Cases, TheBaseItselfLoads) {
  const auto agreement = load_or_fail(folder("tests/agreement/base"));
  ASSERT_TRUE(agreement);
  EXPECT_EQ(agreement->warnings(), std::vector<std::string>());
  for (const ExampleOutcome& one : agreement->run_examples()) EXPECT_TRUE(one.holds()) << one.source;
}

TEST(Cases, WarningsNameWhatDeservesALook) {
  Files files = folder("tests/agreement/base");
  files.erase("redlines.md");
  files["clauses/2-words.md"] = "# 2 Words\n\nA promise in words only.\n";
  files["clauses/3-late.md"] =
      "# 3 Late\n\nNothing after hours.\n\n```cedar\nforbid (principal, action, resource) when { "
      "context.moment.break_glass };\n```\n\n```examples\nwho | does | what | when | then\nann | ask | "
      "model local | | allow\n```\n";
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  EXPECT_EQ(agreement->warnings(),
            (std::vector<std::string>{
                "redlines.md:1: the agreement states no red line",
                "clauses/2-words.md:1: clause 2 has no example; add an ```examples fence",
                "clauses/2-words.md:1: clause 2 has no rule; nothing enforces its text",
                "clauses/3-late.md:1: none of its examples is decided by clause 3"}));
}

TEST(Cases, AnAgreementWithoutAPermitIsWarnedOf) {
  Files files = folder("tests/agreement/base");
  std::string& clause = files["clauses/1-use.md"];
  clause.replace(clause.find("permit"), 6, "forbid");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  ASSERT_FALSE(agreement->warnings().empty());
  EXPECT_EQ(agreement->warnings()[0], "clauses/:1: no clause permits anything, so all is denied");
}

}  // namespace
}  // namespace proviso::agreement
