#include "inspect/training/report.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <map>
#include <string>
#include <unordered_map>

#include "base/check.h"
#include "inspect/readings.h"
#include "inspect/training/evaluation.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

// The points that the bars are set for.
constexpr double kBarBenign = 0.01;
constexpr double kBarOrdinary = 0.005;
constexpr double kBarLookAlikes = 0.05;

void print_share(const char* name, const Share& share) {
  std::printf("  %-44s %zu/%zu %.3f [%.3f, %.3f]\n", name, share.k, share.n, share.value(), share.low(),
              share.high());
}

template <typename Wanted>
Share share_of(const std::vector<Judgement>& rows, size_t k, float threshold, Wanted wanted) {
  Share share;
  for (const Judgement& judged : rows) {
    if (wanted(*judged.row)) share.count(judged.margin[k] >= threshold);
  }
  return share;
}

void print_point(const std::vector<Judgement>& rows, size_t k, float threshold, const char* point) {
  std::printf("%s, %s: threshold %.3f\n", std::string(kClassLabels[k]).c_str(), point,
              static_cast<double>(threshold));
  const auto share = [&](const char* name, auto wanted) {
    const Share counted = share_of(rows, k, threshold, wanted);
    if (counted.n > 0) print_share(name, counted);
  };
  share("recall, plain", [k](const Row& row) { return counts_for(row, k) && row.variant.empty(); });
  share("recall, plain, English",
        [k](const Row& row) { return counts_for(row, k) && row.variant.empty() && row.lang == "en"; });
  share("recall, encoded", [k](const Row& row) { return counts_for(row, k) && !row.variant.empty(); });
  share("false, benign", is_benign);
  share("false, ordinary", is_ordinary);
  share("false, look-alikes", [k](const Row& row) { return is_look_alike(row, k); });
}

// The lowest threshold at which at most this share of the class's own look-alikes, and the bar's share of
// ordinary rows, is labelled.
float look_alike_threshold(const std::vector<Judgement>& rows, size_t k) {
  std::vector<float> margins;
  for (const Judgement& judged : rows) {
    if (is_look_alike(*judged.row, k)) margins.push_back(judged.margin[k]);
  }
  if (margins.empty()) return 0;
  std::ranges::sort(margins, std::greater{});
  const float at = margins[static_cast<size_t>(kBarLookAlikes * static_cast<double>(margins.size()))] + 1e-4f;
  return std::max(at, threshold_for(rows, k, kBarBenign, kBarOrdinary));
}

// Shares by language, encoding and category: recall of positives, false positives of benign rows.
void print_parts(const std::vector<Judgement>& rows, size_t k, float threshold) {
  std::map<std::string, Share> parts;
  for (const Judgement& judged : rows) {
    const Row& row = *judged.row;
    const bool positive = counts_for(row, k);
    if (!positive && !is_benign(row)) continue;
    std::vector<std::string> names = {(positive ? "recall " : "false ") + row.category};
    if (positive) names.push_back(row.variant.empty() ? "recall in " + row.lang : "recall as " + row.variant);
    if (row.category.starts_with("notinject")) names.emplace_back("false notinject");
    if (is_benign(row)) names.push_back("false in " + row.lang);
    for (const std::string& name : names) parts[name].count(judged.margin[k] >= threshold);
  }
  for (const auto& [name, share] : parts) {
    if (!name.starts_with("false") || share.k > 0) print_share(name.c_str(), share);
  }
}

// Letters and digits alone, in lower case: what an encoding leaves of a text.
std::string bare(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    i += c.length;
    if (is_letter(c.value) || (c.value >= '0' && c.value <= '9')) append_utf8(out, to_lower(c.value));
  }
  return out;
}

bool found_as(const Judgement& judged, const Margins& thresholds) {
  const std::vector<std::string> labels = labels_for(judged.row->label);
  for (size_t k = 0; k < kClasses; ++k) {
    if (judged.margin[k] < thresholds[k]) continue;
    if (std::ranges::find(labels, kClassLabels[k]) != labels.end()) return true;
  }
  return false;
}

// Encoded rows whose text stands among the rows without an encoding, too: what both are found at.
void print_pairs(const std::vector<Judgement>& rows, const Margins& thresholds) {
  std::unordered_map<std::string, const Judgement*> plain;
  for (const Judgement& judged : rows) {
    if (judged.row->variant.empty()) plain.emplace(bare(plain_reading(judged.row->text)), &judged);
  }
  std::map<std::string, std::pair<Share, Share>> shares;
  for (const Judgement& judged : rows) {
    if (judged.row->variant.empty() || is_benign(*judged.row)) continue;
    std::vector<Reading> readings = decoded_readings(judged.row->text);
    readings.push_back({"plain", plain_reading(judged.row->text)});
    for (const Reading& reading : readings) {
      const auto at = plain.find(bare(reading.text));
      if (at == plain.end()) continue;
      auto& [encoded, original] = shares[judged.row->label];
      encoded.count(found_as(judged, thresholds));
      original.count(found_as(*at->second, thresholds));
      break;
    }
  }
  std::printf("encoded rows whose original is here, by every label that stands for theirs\n");
  for (const auto& [label, pair] : shares) {
    print_share((label + ", encoded").c_str(), pair.first);
    print_share((label + ", originals").c_str(), pair.second);
  }
}

// How many ordinary rows some class labels, and some red line.
void print_denied(const std::vector<Judgement>& rows, const Margins& thresholds) {
  Share any;
  Share red;
  for (const Judgement& judged : rows) {
    if (!is_ordinary(*judged.row)) continue;
    size_t first = kClasses;
    size_t last = 0;
    for (size_t k = 0; k < kClasses; ++k) {
      if (judged.margin[k] < thresholds[k]) continue;
      first = std::min(first, k);
      last = k;
    }
    any.count(first < kClasses);
    red.count(first < kClasses && last >= kFirstRedLine);
  }
  print_share("ordinary rows labelled by any class", any);
  print_share("ordinary rows labelled by a red line", red);
}

std::vector<const Judgement*> ordinary_with_a_red_line(const std::vector<Judgement>& rows,
                                                       const Margins& thresholds) {
  std::vector<const Judgement*> labelled;
  for (const Judgement& judged : rows) {
    bool any = false;
    for (size_t k = kFirstRedLine; k < kClasses; ++k) any = any || judged.margin[k] >= thresholds[k];
    if (any && is_ordinary(*judged.row)) labelled.push_back(&judged);
  }
  return labelled;
}

// A threshold that a red line could have.
struct Choice {
  float threshold = 0;
  double recall = 0;
  uint64_t labelled = 0;  // one bit for each ordinary row
};

// The lowest threshold, and one just above each ordinary row that it labels.
std::vector<Choice> choices_of(const std::vector<Judgement>& rows, const std::vector<const Judgement*>& ordinary,
                               size_t k, float lowest) {
  std::vector<float> thresholds = {lowest};
  for (const Judgement* judged : ordinary) {
    if (judged->margin[k] >= lowest) thresholds.push_back(judged->margin[k] + 1e-4f);
  }
  std::vector<Choice> choices;
  for (float threshold : thresholds) {
    Choice choice{threshold, 0, 0};
    choice.recall = share_of(rows, k, threshold, [k](const Row& row) { return counts_for(row, k); }).value();
    for (size_t i = 0; i < ordinary.size(); ++i) {
      if (ordinary[i]->margin[k] >= threshold) choice.labelled |= uint64_t{1} << i;
    }
    choices.push_back(choice);
  }
  return choices;
}

// Tries every choice of every red line.
struct Search {
  const std::array<std::vector<Choice>, kClasses>& choices;
  int rows_at_most;
  Margins tried;
  Margins best;
  double best_recall = -1;

  void try_from(size_t k, uint64_t labelled, double recall) {
    if (std::popcount(labelled) > rows_at_most) return;
    if (k == kClasses) {
      if (recall <= best_recall) return;
      best_recall = recall;
      best = tried;
      return;
    }
    for (const Choice& choice : choices[k]) {
      tried[k] = choice.threshold;
      try_from(k + 1, labelled | choice.labelled, recall + choice.recall);
    }
  }
};

}  // namespace

bool counts_for(const Row& row, size_t k) {
  if (k >= kFirstRedLine) return row.category == "redline_" + std::string(kRedLines[k - kFirstRedLine]);
  return row.label == kClassLabels[k] && !row.category.starts_with("redline_");
}

bool is_benign(const Row& row) { return row.label == "benign"; }
bool is_ordinary(const Row& row) { return row.category.starts_with("ordinary_"); }
bool is_look_alike(const Row& row, size_t k) {
  return k >= kFirstRedLine && row.category == "lookalike_" + std::string(kRedLines[k - kFirstRedLine]);
}

float threshold_for(const std::vector<Judgement>& rows, size_t k, double benign, double ordinary) {
  std::vector<float> all;
  std::vector<float> some;
  for (const Judgement& judged : rows) {
    if (!is_benign(*judged.row)) continue;
    all.push_back(judged.margin[k]);
    if (is_ordinary(*judged.row)) some.push_back(judged.margin[k]);
  }
  std::ranges::sort(all, std::greater{});
  std::ranges::sort(some, std::greater{});
  const auto at = [](const std::vector<float>& sorted, double share) {
    return sorted.empty() ? 0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size()))];
  };
  return std::max(at(all, benign), at(some, ordinary)) + 1e-4f;
}

void share_red_lines(const std::vector<Judgement>& rows, double ordinary, Margins& thresholds) {
  const std::vector<const Judgement*> labelled = ordinary_with_a_red_line(rows, thresholds);
  PV_CHECK(labelled.size() <= 64);
  const auto all = std::ranges::count_if(rows, [](const Judgement& judged) { return is_ordinary(*judged.row); });
  std::array<std::vector<Choice>, kClasses> choices;
  for (size_t k = kFirstRedLine; k < kClasses; ++k) choices[k] = choices_of(rows, labelled, k, thresholds[k]);
  Search search{choices, static_cast<int>(ordinary * static_cast<double>(all)), thresholds, thresholds};
  search.try_from(kFirstRedLine, 0, 0);
  thresholds = search.best;
}

void print_report(const std::vector<Judgement>& rows, const Margins& thresholds) {
  for (size_t k = 0; k < kClasses; ++k) {
    print_point(rows, k, thresholds[k], "as shipped");
    print_parts(rows, k, thresholds[k]);
    if (k < kFirstRedLine) continue;
    print_point(rows, k, threshold_for(rows, k, kBarBenign, kBarOrdinary), "1 % of benign, .5 % of ordinary rows");
    print_point(rows, k, look_alike_threshold(rows, k), "5 % of look-alikes");
  }
  print_pairs(rows, thresholds);
  print_denied(rows, thresholds);
}

}  // namespace proviso::inspect
