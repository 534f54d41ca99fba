#include "inspect/training/groups.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>

#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr size_t kLinkWords = 8;     // two texts are compared if they share so many words in a row
constexpr size_t kPartWords = 3;
constexpr double kJaccardMin = 0.5;
constexpr double kContainedMin = 0.8;
constexpr size_t kContainedPartsMin = 12;

std::vector<uint64_t> words_of(std::string_view text) {
  std::vector<uint64_t> words;
  uint64_t hash = 0;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    i += c.length;
    const bool inside = is_letter(c.value) || (c.value >= '0' && c.value <= '9');
    if (inside) hash = (hash ^ to_lower(c.value)) * 0x100000001b3u + 1;
    if ((!inside || is_ideograph(c.value)) && hash != 0) {
      words.push_back(hash);
      hash = 0;
    }
  }
  if (hash != 0) words.push_back(hash);
  return words;
}

// Hashes of every `n` words in a row; of all words if there are fewer.
std::vector<uint64_t> runs_of(const std::vector<uint64_t>& words, size_t n) {
  std::vector<uint64_t> runs;
  n = std::min(n, words.size());
  for (size_t i = 0; n > 0 && i + n <= words.size(); ++i) {
    uint64_t hash = n;
    for (size_t k = 0; k < n; ++k) hash = (hash ^ words[i + k]) * 0x9e3779b97f4a7c15u + (hash >> 31);
    runs.push_back(hash);
  }
  std::ranges::sort(runs);
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  return runs;
}

bool related(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  std::vector<uint64_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  const auto shared = static_cast<double>(both.size());
  const size_t smaller = std::min(a.size(), b.size());
  const auto joined = static_cast<double>(a.size() + b.size()) - shared;
  return shared >= kJaccardMin * joined ||
         (smaller >= kContainedPartsMin && shared >= kContainedMin * static_cast<double>(smaller));
}

size_t root_of(std::vector<size_t>& parent, size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

}  // namespace

std::vector<int> grouped_folds(const std::vector<std::string_view>& texts, int folds) {
  std::vector<size_t> parent(texts.size());
  std::iota(parent.begin(), parent.end(), size_t{0});
  std::vector<std::vector<uint64_t>> parts;
  std::unordered_map<uint64_t, size_t> first_with;
  for (size_t i = 0; i < texts.size(); ++i) {
    std::vector<Reading> readings = decoded_readings(texts[i]);
    readings.insert(readings.begin(), {"plain", plain_reading(texts[i])});
    std::vector<uint64_t> all;
    std::vector<uint64_t> links;
    for (const Reading& reading : readings) {
      const std::vector<uint64_t> words = words_of(reading.text);
      const std::vector<uint64_t> some = runs_of(words, kPartWords);
      all.insert(all.end(), some.begin(), some.end());
      const std::vector<uint64_t> runs = runs_of(words, kLinkWords);
      links.insert(links.end(), runs.begin(), runs.end());
    }
    std::ranges::sort(all);
    parts.push_back(std::move(all));
    for (uint64_t link : links) {
      const auto [found, fresh] = first_with.try_emplace(link, i);
      if (fresh) continue;
      const size_t a = root_of(parent, found->second);
      const size_t b = root_of(parent, i);
      if (a != b && related(parts[found->second], parts[i])) parent[std::max(a, b)] = std::min(a, b);
    }
  }
  std::map<size_t, size_t> sizes;
  for (size_t i = 0; i < texts.size(); ++i) ++sizes[root_of(parent, i)];
  // Large groups go where least is; the many small ones by their hash.
  std::vector<std::pair<size_t, size_t>> groups;
  for (const auto& [group, size] : sizes) groups.emplace_back(size, group);
  std::ranges::sort(groups, [](auto a, auto b) { return std::pair(b.first, a.second) < std::pair(a.first, b.second); });
  std::vector<size_t> load(static_cast<size_t>(folds));
  std::map<size_t, int> fold_of;
  for (const auto& [size, group] : groups) {
    size_t fold = static_cast<size_t>(std::ranges::min_element(load) - load.begin());
    constexpr size_t kSmall = 3;
    if (size < kSmall) fold = (group * 2654435761u >> 7) % static_cast<size_t>(folds);
    fold_of[group] = static_cast<int>(fold);
    load[fold] += size;
  }
  std::vector<int> result;
  for (size_t i = 0; i < texts.size(); ++i) result.push_back(fold_of[root_of(parent, i)]);
  return result;
}

}  // namespace proviso::inspect
