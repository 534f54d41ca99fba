#include "audit/redaction_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "exchange/form.h"

namespace proviso::audit {
namespace {

constexpr std::string_view kMarkingLabel = "marking";  // the one whose findings have a rank

template <class T>
T value_of(const exchange::Facts& facts, std::string_view path) {
  const exchange::FactValue* fact = facts.find(path);
  const T* value = fact == nullptr ? nullptr : std::get_if<T>(fact);
  return value == nullptr ? T() : *value;
}

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::ranges::sort(words);
  return words;
}

std::vector<std::string> minus(const std::vector<std::string>& all,
                               const std::vector<std::string>& less) {
  std::vector<std::string> out;
  std::ranges::set_difference(all, less, std::back_inserter(out));
  return out;
}

}  // namespace

std::vector<std::string> RedactionCheck::take(const Leaf& leaf, const exchange::Facts& facts,
                                              const agreement::Agreement& agreement, bool whole) {
  const auto verb = exchange::parse_verb(leaf.verb);
  if (verb != exchange::Verb::kAsk && verb != exchange::Verb::kRelease) return {};
  const std::string key = leaf.verb + " " + value_of<std::string>(facts, "exchange.id");
  const std::string outcome = value_of<std::string>(facts, "exchange.outcome");
  const std::vector<std::string> labels =
      sorted(value_of<std::vector<std::string>>(facts, "context.content.labels"));
  const int64_t marking = value_of<int64_t>(facts, "context.content.marking");
  auto open = open_.find(key);
  std::vector<std::string> faults;
  if (leaf.decision == "redact" &&
      (verb == exchange::Verb::kAsk ? open == open_.end() : outcome == "open")) {
    Redacted& now = open_[key];
    const std::vector<std::string> goes = agreement.decide(*verb, facts).redacts;
    std::vector<std::string> all;
    std::ranges::set_union(now.goes, goes, std::back_inserter(all));
    now = {std::move(all), labels, marking};
    return {};
  }
  const auto taken = sorted(value_of<std::vector<std::string>>(facts, "exchange.redacted"));
  if (open == open_.end()) {
    if (!taken.empty() && whole && leaf.decision == "allow")
      faults.emplace_back("something was redacted, and no decision said so");
    return faults;
  }
  if (leaf.decision == "allow") {
    const Redacted& before = open->second;
    const std::vector<std::string> lost = minus(minus(before.labels, before.goes), labels);
    if (!lost.empty())
      faults.push_back(fmt::format("what was found and is not redacted is no longer said: {}",
                                   fmt::join(lost, ", ")));
    const std::vector<std::string> more = minus(taken, before.goes);
    if (!more.empty())
      faults.push_back(
          fmt::format("no clause redacts what was redacted: {}", fmt::join(more, ", ")));
    const bool ranks_go = std::ranges::binary_search(before.goes, kMarkingLabel);
    if (marking < before.marking && !ranks_go)
      faults.emplace_back("a marking was lowered that no clause redacts");
  }
  const bool goes_on = outcome == "open" || leaf.decision == "hold";
  if (!goes_on) open_.erase(open);
  return faults;
}

}  // namespace proviso::audit
