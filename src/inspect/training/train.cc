// Trains the classifiers from labelled rows and writes the weights that the gate is built with:
//
//   train_classifiers WEIGHTS_OUT ROWS.jsonl…
//
// Prints what model-card.md needs: sources with their licences, and recall by grouped cross-validation at
// the false-positive rates that the thresholds are set for. The same rows give the same bytes on every run:
// one thread, fixed seeds, whole-number weights.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <unordered_map>

#include "base/bytes.h"
#include "base/file.h"
#include "inspect/classifier.h"
#include "inspect/features.h"
#include "inspect/inspector.h"
#include "inspect/readings.h"
#include "inspect/training/groups.h"
#include "inspect/training/rows.h"
#include "inspect/unit_stream.h"

namespace proviso::inspect {
namespace {

constexpr int kFolds = 5;
constexpr int kPassesMax = 12;
constexpr float kWordScale = 2;  // a word says more than the letters that it is made of
// Thresholds: at most these shares of benign and of ordinary rows may be labelled.
constexpr double kBenignShare = 0.0095;
constexpr double kOrdinaryShare = 0.0045;
// There are several red lines, and an agreement denies them all.
constexpr double kOrdinaryRedLineShare = 0.0015;
constexpr std::string_view kLicences[] = {"CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-3.0",
                                          "US-Gov-Public-Domain"};
// Which category of rows a class of its own learns, and the look-alikes that it must let go.
constexpr std::string_view kRedLines[] = {"autonomous_targeting", "mass_domestic_surveillance",
                                          "bulk_us_persons", "person_intercept", "ungoverned_finetune"};
constexpr size_t kFirstRedLine = 3;

// One window of a text as the gate would judge it.
struct Window {
  std::vector<uint32_t> features;  // in order, as often as they occur
  float square = 0;                // of its length before it is divided
};

struct Doc {
  const Row* row = nullptr;
  std::vector<Window> windows;  // the whole text first; of benign rows every other window, too
  int fold = 0;
  std::array<float, kClasses> margin{};  // by the model that has not seen the doc
};

struct Target {
  bool positive = false;
  float weight = 0;  // 0: not shown to this class
};

bool is_benign(const Row& row) { return row.label == "benign"; }
// Keys, numbers and banners: harmless to every class, and full of words that no other row has.
bool is_for_rules(const Row& row) {
  return row.label == "pii" || row.label == "secret" || row.label == "marking";
}

Target general_target(const Row& row, size_t k) {
  if (is_for_rules(row)) return {false, 0.5f};
  if (row.label == kClassLabels[k]) {
    if (row.category.starts_with("redline_")) return {true, 0.1f};
    return {true, row.variant.empty() ? 1.0f : 0.0f};
  }
  if (is_benign(row)) {
    if (row.category.starts_with("lookalike_")) return {false, k == 0 ? 0.1f : 0.5f};
    if (row.category.starts_with("ordinary_")) return {false, 1.5f};
    return {false, k == 2 && row.category.starts_with("notinject") ? 2.0f : 1.0f};
  }
  return {false, k == 0 ? 0.0f : row.variant.empty() ? 0.3f : 0.0f};
}

Target red_line_target(const Row& row, std::string_view name) {
  if (is_for_rules(row)) return {false, 0.3f};
  if (row.category == "redline_" + std::string(name)) return {true, row.variant.empty() ? 3.0f : 0.0f};
  if (row.category == "lookalike_" + std::string(name)) return {false, 5.0f};
  if (row.category.starts_with("lookalike_")) return {false, 1.5f};
  if (is_benign(row)) return {false, 0.3f};
  if (row.category.starts_with("redline_") || !row.variant.empty()) return {false, 0.0f};
  return {false, 0.05f};
}

Target target_of(const Row& row, size_t k) {
  return k < kFirstRedLine ? general_target(row, k) : red_line_target(row, kRedLines[k - kFirstRedLine]);
}

// A positive of class `k`, for thresholds and recall.
bool counts_for(const Row& row, size_t k) {
  if (k >= kFirstRedLine) return row.category == "redline_" + std::string(kRedLines[k - kFirstRedLine]);
  return row.label == kClassLabels[k] && !row.category.starts_with("redline_");
}

uint64_t next_random(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

struct Model {
  std::array<float, kClasses> bias{};
  std::array<float, kClasses> scale{};
  std::array<float, kClasses> threshold{};
  std::vector<int8_t> weights = std::vector<int8_t>(size_t{kFeatureCount} * kClasses);

  [[nodiscard]] std::string file() const {
    std::string out = "PVCW0002";
    for (size_t k = 0; k < kClasses; ++k) {
      for (float value : {bias[k], scale[k], threshold[k]}) put_u32(out, std::bit_cast<uint32_t>(value));
    }
    out.append(reinterpret_cast<const char*>(weights.data()), weights.size());
    return out;
  }
};

// How much a feature says: rare ones more. From all rows, labels unseen.
std::vector<float> rarity(const std::vector<Doc>& docs) {
  std::vector<float> count(kFeatureCount);
  for (const Doc& doc : docs) {
    uint32_t last = kFeatureCount;
    for (uint32_t feature : doc.windows.front().features) {
      if (feature != last) count[feature] += 1;
      last = feature;
    }
  }
  for (uint32_t f = 0; f < kFeatureCount; ++f) {
    const float bits = std::log(1 + 20000 / (1 + count[f]));
    count[f] = bits * std::sqrt(bits) * (f < kWordFeatures ? kWordScale : 1);
  }
  return count;
}

// Dual coordinate descent for an L2-regularised linear classifier with squared hinge loss (Hsieh et al.,
// ICML 2008, algorithm 1), each row with a cost of its own.
class Solver {
 public:
  Solver(const std::vector<Doc>& docs, const std::vector<float>& rarity, size_t k, int without)
      : rarity_(rarity) {
    for (const Doc& doc : docs) {
      const Target target = target_of(*doc.row, k);
      if (doc.fold == without || target.weight == 0) continue;
      for (const Window& window : doc.windows) {
        if (window.features.empty()) continue;
        rows_.push_back({&window, target.positive ? 1.0f : -1.0f, 1 / (2 * kCost[k] * target.weight), 0});
      }
    }
  }

  void solve() {
    std::vector<uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0u);
    uint64_t random = 12345;
    for (int pass = 0; pass < kPassesMax; ++pass) {
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next_random(random) % i]);
      float largest = 0;
      for (uint32_t i : order) largest = std::max(largest, improve(rows_[i]));
      if (largest < 0.02f) break;
    }
  }

  // Whole-number weights, and the scale of one.
  void put(Model& model, size_t k) const {
    float largest = 1e-9f;
    for (uint32_t f = 0; f < kFeatureCount; ++f) largest = std::max(largest, std::abs(value(f)));
    model.scale[k] = largest / 127;
    model.bias[k] = bias_;
    for (uint32_t f = 0; f < kFeatureCount; ++f) {
      model.weights[size_t{f} * kClasses + k] =
          static_cast<int8_t>(std::lround(value(f) / model.scale[k]));
    }
  }

 private:
  struct Case {
    const Window* window;
    float side;      // 1 or -1
    float softness;  // 1 / (2 C)
    float alpha;
  };
  static constexpr std::array<float, kClasses> kCost = {0.003f, 0.003f, 0.006f, 0.015f,
                                                         0.015f, 0.015f, 0.015f, 0.015f};

  [[nodiscard]] float value(uint32_t feature) const { return weights_[feature] * rarity_[feature]; }

  float improve(Case& row) {
    const auto& features = row.window->features;
    float sum = 0;
    for (uint32_t f : features) sum += weights_[f] * rarity_[f];
    const float length = 1 / length_of(features.size());
    const float gradient = row.side * (sum * length + bias_) - 1 + row.softness * row.alpha;
    const float projected = row.alpha == 0 ? std::min(gradient, 0.0f) : gradient;
    if (std::abs(projected) < 1e-3f) return 0;
    const float curvature = row.window->square * length * length + 1 + row.softness;
    const float alpha = std::max(row.alpha - gradient / curvature, 0.0f);
    const float step = (alpha - row.alpha) * row.side;
    row.alpha = alpha;
    for (uint32_t f : features) weights_[f] += step * length * rarity_[f];
    bias_ += step;
    return std::abs(projected);
  }

  const std::vector<float>& rarity_;
  std::vector<Case> rows_;
  std::vector<float> weights_ = std::vector<float>(kFeatureCount);
  float bias_ = 0;
};

Model train(const std::vector<Doc>& docs, const std::vector<float>& rarity, int without) {
  Model model;
  for (size_t k = 0; k < kClasses; ++k) {
    Solver solver(docs, rarity, k, without);
    solver.solve();
    solver.put(model, k);
  }
  return model;
}

// The cuts of the stages before.
std::vector<std::string> segments_of(const std::string& text) {
  static const Inspector inspector = Inspector::create().looking_for({});
  std::vector<std::string> segments;
  for (Segment& segment : inspector.segments(text)) segments.push_back(std::move(segment.text));
  return segments;
}

Window window_of(const std::vector<std::string>& units, size_t begin, size_t end) {
  Window window;
  for (size_t i = begin; i < end; ++i) append_features(plain_reading(units[i]), window.features);
  std::ranges::sort(window.features);
  return window;
}

// The whole text, cut where the gate cuts it, and with kAll what the gate judges on the way.
enum class Windows { kWhole, kAll };
std::vector<Window> windows_of(const std::string& text, Windows which) {
  std::vector<std::string> units(1);
  for (const std::string& segment : segments_of(text.substr(0, kWindowBytesMax))) {
    units.back() += segment;
    if (ends_unit(segment, units.back().size())) units.emplace_back();
  }
  if (units.size() > 1 && units.back().empty()) units.pop_back();
  std::vector<Window> windows = {window_of(units, 0, units.size())};
  if (which == Windows::kWhole) return windows;
  constexpr size_t kUnitsUsed = 12;
  for (size_t i = 1; i < std::min(units.size(), kUnitsUsed); ++i) {
    windows.push_back(window_of(units, 0, i));
    if (i > kNearUnits) windows.push_back(window_of(units, i - kNearUnits, i));
  }
  return windows;
}

// The square of a window's length, a feature that occurs twice counting four times.
void measure(std::vector<Window>& windows, const std::vector<float>& rarity) {
  for (Window& window : windows) {
    for (size_t i = 0; i < window.features.size();) {
      const uint32_t feature = window.features[i];
      float value = 0;
      for (; i < window.features.size() && window.features[i] == feature; ++i) value += rarity[feature];
      window.square += value * value;
    }
  }
}

// The highest margins that the gate would see in this text.
std::array<float, kClasses> margins_of(const Classifier& classifier, const std::string& text) {
  UnitStream stream(TextKind::kPlain, 0, classifier);
  std::vector<Segment> in;
  std::vector<Segment> out;
  for (std::string& segment : segments_of(text)) in.emplace_back().text = std::move(segment);
  stream.push(in, out);
  stream.finish(out);
  return stream.top_margins();
}

float threshold_for(const std::vector<Doc>& docs, size_t k) {
  std::vector<float> benign;
  std::vector<float> ordinary;
  for (const Doc& doc : docs) {
    if (!is_benign(*doc.row)) continue;
    benign.push_back(doc.margin[k]);
    if (doc.row->category.starts_with("ordinary_")) ordinary.push_back(doc.margin[k]);
  }
  std::ranges::sort(benign, std::greater{});
  std::ranges::sort(ordinary, std::greater{});
  const auto at = [](const std::vector<float>& sorted, double share) {
    return sorted.empty() ? 0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size()))];
  };
  return std::max(at(benign, kBenignShare), at(ordinary, k < kFirstRedLine ? kOrdinaryShare : kOrdinaryRedLineShare)) + 1e-4f;
}

void print_recall(const std::vector<Doc>& docs, size_t k, float threshold) {
  size_t plain = 0;
  size_t plain_found = 0;
  size_t encoded = 0;
  size_t encoded_found = 0;
  size_t alike = 0;
  size_t alike_found = 0;
  for (const Doc& doc : docs) {
    const bool found = doc.margin[k] >= threshold;
    if (k >= kFirstRedLine && doc.row->category == "lookalike_" + std::string(kRedLines[k - kFirstRedLine])) {
      ++alike;
      alike_found += found ? 1 : 0;
    }
    if (!counts_for(*doc.row, k)) continue;
    (doc.row->variant.empty() ? plain : encoded) += 1;
    if (found) (doc.row->variant.empty() ? plain_found : encoded_found) += 1;
  }
  std::printf("%-24s %5zu/%5zu plain %.3f  %4zu/%4zu encoded  %zu/%zu look-alikes  threshold %.3f\n",
              std::string(kClassLabels[k]).c_str(), plain_found, plain,
              static_cast<double>(plain_found) / static_cast<double>(std::max<size_t>(plain, 1)),
              encoded_found, encoded, alike_found, alike, static_cast<double>(threshold));
}

// Shares by language, encoding and category: recall of positives, false positives of benign rows.
void print_parts(const std::vector<Doc>& docs, size_t k, float threshold) {
  std::map<std::string, std::pair<size_t, size_t>> parts;
  for (const Doc& doc : docs) {
    const Row& row = *doc.row;
    const bool positive = counts_for(row, k);
    if (!positive && !is_benign(row)) continue;
    std::vector<std::string> names = {(positive ? "recall " : "false ") + row.category};
    if (positive) names.push_back(row.variant.empty() ? "recall in " + row.lang : "recall as " + row.variant);
    if (row.category.starts_with("ordinary_")) names.emplace_back("false ordinary");
    if (row.category.starts_with("notinject")) names.emplace_back("false notinject");
    if (is_benign(row)) names.push_back("false in " + row.lang);
    for (const std::string& name : names) {
      ++parts[name].second;
      parts[name].first += doc.margin[k] >= threshold ? 1 : 0;
    }
  }
  for (const auto& [name, share] : parts) {
    if (name.starts_with("false") && share.first == 0) continue;
    std::printf("  %-44s %zu/%zu %.3f\n", name.c_str(), share.first, share.second,
                static_cast<double>(share.first) / static_cast<double>(share.second));
  }
}

void print_sources(const std::vector<Doc>& docs) {
  std::map<std::string, size_t> sources;
  for (const Doc& doc : docs) ++sources[doc.row->licence + " | " + doc.row->source];
  for (const auto& [source, count] : sources) std::printf("| %s | %zu |\n", source.c_str(), count);
}

// How many ordinary rows some class labels, and some red line.
void print_denied(const std::vector<Doc>& docs, const Model& model) {
  size_t ordinary = 0;
  size_t any = 0;
  size_t red = 0;
  for (const Doc& doc : docs) {
    if (!doc.row->category.starts_with("ordinary_")) continue;
    ++ordinary;
    size_t first = kClasses;
    size_t last = 0;
    for (size_t k = 0; k < kClasses; ++k) {
      if (doc.margin[k] < model.threshold[k]) continue;
      first = std::min(first, k);
      last = k;
    }
    any += first < kClasses ? 1 : 0;
    red += first < kClasses && last >= kFirstRedLine ? 1 : 0;
  }
  std::printf("ordinary rows labelled by any class %zu/%zu, by a red line %zu/%zu\n", any, ordinary, red, ordinary);
}

bool is_trained_on(const Row& row) {
  return std::ranges::find(kLicences, row.licence) != std::end(kLicences);
}

Status run(int argc, char** argv) {
  std::vector<Row> rows;
  for (int i = 2; i < argc; ++i) {
    PV_TRY(const std::string bytes, read_file(argv[i]));
    PV_TRY(const std::vector<Row> more, read_rows(bytes));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  std::vector<Doc> docs;
  size_t left_out = 0;
  for (const Row& row : rows) {
    if (!is_trained_on(row)) {
      ++left_out;
      continue;
    }
    docs.push_back({.row = &row,
                    .windows = windows_of(row.text, is_benign(row) || is_for_rules(row) ? Windows::kAll : Windows::kWhole)});
  }
  std::printf("%zu rows, %zu left out for their licence\n", docs.size(), left_out);
  print_sources(docs);
  std::vector<std::string_view> texts;
  for (const Doc& doc : docs) texts.push_back(doc.row->text);
  const std::vector<int> folds = grouped_folds(texts, kFolds);
  for (size_t i = 0; i < docs.size(); ++i) docs[i].fold = folds[i];
  const std::vector<float> rare = rarity(docs);
  for (Doc& doc : docs) measure(doc.windows, rare);
  for (int fold = 0; fold < kFolds; ++fold) {
    const Model model = train(docs, rare, fold);
    const std::string file = model.file();
    PV_TRY(const Classifier classifier, Classifier::read(file));
    for (Doc& doc : docs) {
      if (doc.fold == fold) doc.margin = margins_of(classifier, doc.row->text);
    }
  }
  Model model = train(docs, rare, -1);
  for (size_t k = 0; k < kClasses; ++k) {
    model.threshold[k] = threshold_for(docs, k);
    print_recall(docs, k, model.threshold[k]);
    print_parts(docs, k, model.threshold[k]);
  }
  print_denied(docs, model);
  const std::string file = model.file();
  Sha256 hash;
  hash.update(file);
  std::printf("weights %zu bytes, sha256 %s\n", file.size(), hash.finish().hex().c_str());
  std::fflush(stdout);
  return write_file_durable(argv[1], file, FileMode::kShared);
}

}  // namespace
}  // namespace proviso::inspect

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: train_classifiers WEIGHTS_OUT ROWS.jsonl…\n");
    return 2;
  }
  const proviso::Status status = proviso::inspect::run(argc, argv);
  if (status) return 0;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return 1;
}
