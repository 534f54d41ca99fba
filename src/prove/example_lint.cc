#include "prove/example_lint.h"

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "cedar/engine.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::ExampleOutcome;
using agreement::Files;

struct Place {
  std::string file;
  size_t line = 0;
};

// Of "clauses/6-secrets.md:11".
Place place_of(const Agreement& agreement, uint32_t rule) {
  const std::string& source = agreement.clause_of(rule).source;
  const size_t colon = source.rfind(':');
  const auto line = colon == source.npos ? Result<uint64_t>(0) : parse_u64(source.substr(colon + 1));
  return {source.substr(0, colon), line.value_or(0)};
}

bool closes_fence(std::string_view line) { return line.starts_with("```"); }

// The rule's lines emptied, up to the next rule's or the end of its fence: all others keep their numbers.
void strike(std::string& text, size_t first, size_t next) {
  std::string out;
  size_t number = 0;
  bool struck = false;
  bool ended = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    ++number;
    ended = ended || (struck && (number == next || closes_fence(line)));
    struck = number >= first && !ended;
    if (!struck) out += line;
    if (end < text.size()) out += '\n';
    at = end + 1;
  }
  text = std::move(out);
}

Files without(const Agreement& agreement, const Files& files, uint32_t rule, uint32_t rules) {
  const Place place = place_of(agreement, rule);
  size_t next = SIZE_MAX;
  for (uint32_t other = 0; other < rules; ++other) {
    const Place there = place_of(agreement, other);
    if (there.file == place.file && there.line > place.line) next = std::min(next, there.line);
  }
  Files out = files;
  if (const auto found = out.find(place.file); found != out.end()) strike(found->second, place.line, next);
  return out;
}

bool names(const ExampleOutcome& example, const std::string& clause) {
  return std::ranges::any_of(example.got.clauses, [&](const auto& one) { return one.number == clause; });
}

}  // namespace

ExampleLint lint_examples(const Agreement& agreement, const Files& files) {
  ExampleLint out;
  const std::vector<ExampleOutcome> all = agreement.run_examples();
  std::vector<bool> decided(all.size(), false);
  const auto rules = static_cast<uint32_t>(agreement.rules().policies().size());
  for (uint32_t rule = 0; rule < rules; ++rule) {
    const auto left = Agreement::load(without(agreement, files, rule, rules));
    if (!left) {  // the agreement needs it: whatever it decides hangs on it
      for (size_t i = 0; i < all.size(); ++i) decided[i] = decided[i] || names(all[i], agreement.clause_of(rule).number);
      continue;
    }
    const std::vector<ExampleOutcome> now = (*left)->run_examples();
    PV_CHECK(now.size() == all.size());  // only rules were struck
    bool noticed = false;
    for (size_t i = 0; i < all.size(); ++i) {
      if (now[i].got.outcome == all[i].got.outcome) continue;
      decided[i] = noticed = true;
    }
    if (!noticed) out.unnoticed.push_back(rule);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!decided[i] && !all[i].got.clauses.empty()) out.idle.push_back(all[i]);
  }
  return out;
}

}  // namespace proviso::prove
