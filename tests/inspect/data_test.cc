// Recall on the labelled rows that stand outside the repository, and false positives on rows that
// look alike. Figures are printed; the floors below keep them from sliding.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "inspect/inspector.h"

namespace proviso::inspect {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string id, label, category, text;
  std::vector<std::pair<size_t, size_t>> spans;  // bytes
};

fs::path data_dir() {
  const char* set = std::getenv("PROVISO_DATA");
  const fs::path base = set != nullptr ? fs::path(set) : fs::path(PV_SOURCE_DIR) / ".." / "shared";
  return base / "safeguard-data";
}

size_t byte_of_code_point(std::string_view text, uint64_t count) {
  size_t i = 0;
  while (i < text.size() && count > 0) {
    ++i;
    while (i < text.size() && (static_cast<uint8_t>(text[i]) & 0xc0) == 0x80) ++i;
    --count;
  }
  return i;
}

std::vector<Row> read_rows(const fs::path& path) {
  std::vector<Row> rows;
  std::ifstream in(path);
  std::string line;
  json::Parser parser;
  while (std::getline(in, line)) {
    auto parsed = parser.parse(line);
    if (!parsed) continue;
    Row row;
    std::string_view text;
    if (parsed->at_key("text").get(text) != simdjson::SUCCESS) continue;
    row.text = text;
    for (auto& [key, target] : std::initializer_list<std::pair<const char*, std::string*>>{
             {"id", &row.id}, {"label", &row.label}, {"category", &row.category}}) {
      std::string_view value;
      if (parsed->at_key(key).get(value) == simdjson::SUCCESS) *target = value;
    }
    json::Array spans;
    if (parsed->at_key("spans").get(spans) == simdjson::SUCCESS) {
      for (json::Element span : spans) {
        uint64_t begin = 0;
        uint64_t end = 0;
        if (span.at(0).get(begin) != simdjson::SUCCESS) continue;
        if (span.at(1).get(end) != simdjson::SUCCESS) continue;
        row.spans.emplace_back(byte_of_code_point(row.text, begin),
                               byte_of_code_point(row.text, end));
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// Every file *.jsonl of the folder, label by label; empty if there is none.
std::map<std::string, std::vector<Row>> read_all() {
  std::map<std::string, std::vector<Row>> rows;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_dir(), error)) {
    if (entry.path().extension() != ".jsonl") continue;
    for (Row& row : read_rows(entry.path())) rows[row.label].push_back(std::move(row));
  }
  return rows;
}

bool verbose() { return std::getenv("PROVISO_VERBOSE") != nullptr; }

class InspectData : public testing::Test {
 protected:
  void SetUp() override {
    if (rows().empty()) std::printf("skipped: labelled rows (no %s)\n", data_dir().c_str());
  }
  static std::map<std::string, std::vector<Row>>& rows() {
    static std::map<std::string, std::vector<Row>> all = read_all();
    return all;
  }
  const Inspector inspector_ = Inspector::create().looking_for({});
};

TEST_F(InspectData, RecallOnSecrets) {
  if (rows().empty()) return;
  size_t found = 0;
  size_t covered = 0;
  size_t spans = 0;
  const auto& secrets = rows()["secret"];
  for (const Row& row : secrets) {
    const std::string_view text = row.text;
    const Verdict verdict = inspector_.inspect(std::span(&text, 1));
    const bool hit = !verdict.labels.empty();
    found += hit ? 1 : 0;
    if (!hit && verbose()) std::printf("missed %s: %s\n", row.category.c_str(), row.text.c_str());
    for (auto [begin, end] : row.spans) {
      ++spans;
      bool whole = false;
      for (const Finding& f : verdict.findings) {
        whole = whole || (f.offset <= begin && f.offset + f.length >= end);
      }
      covered += whole ? 1 : 0;
      if (hit && !whole && verbose()) {
        std::printf("partly %s %zu-%zu:", row.category.c_str(), begin, end);
        for (const Finding& f : verdict.findings) {
          std::printf(" %s %zu-%zu", f.rule.c_str(), static_cast<size_t>(f.offset),
                      static_cast<size_t>(f.offset + f.length));
        }
        std::printf(" %s\n", row.text.c_str());
      }
    }
  }
  std::printf("inspect: secret rows labelled %zu/%zu\n", found, secrets.size());
  std::printf("inspect: secret spans wholly covered %zu/%zu\n", covered, spans);
  EXPECT_GE(found * 1000, secrets.size() * 990);
}

TEST_F(InspectData, FalsePositivesOnBenign) {
  if (rows().empty()) return;
  std::map<std::string, std::pair<size_t, size_t>> groups;
  for (const Row& row : rows()["benign"]) {
    const std::string_view text = row.text;
    const Verdict verdict = inspector_.inspect(std::span(&text, 1));
    const bool hit = !verdict.labels.empty();
    for (const char* group : {"all benign", row.category == "secret_lookalike" ? "look-alikes" : "",
                              row.category == "pii_lookalike" ? "personal-data look-alikes" : "",
                              row.category.starts_with("ordinary_") ? "ordinary" : ""}) {
      if (*group == '\0') continue;
      groups[group].first += hit ? 1 : 0;
      ++groups[group].second;
    }
    if (hit && verbose()) {
      const Finding& f = verdict.findings.front();
      std::printf("false %s %s `%s` in: %.200s\n", row.category.c_str(), f.rule.c_str(),
                  row.text.substr(f.offset, f.length).c_str(), row.text.c_str());
    }
  }
  for (const auto& [group, count] : groups) {
    std::printf("inspect: false positives, %s %zu/%zu\n", group.c_str(), count.first, count.second);
  }
  EXPECT_LE(groups["look-alikes"].first * 1000, groups["look-alikes"].second * 10);
  EXPECT_LE(groups["ordinary"].first * 1000, groups["ordinary"].second * 1);
  EXPECT_LE(groups["all benign"].first * 1000, groups["all benign"].second * 10);
}

}  // namespace
}  // namespace proviso::inspect
