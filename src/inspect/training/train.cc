// Trains the classifiers from labelled rows and writes the weights that the gate is built with:
//
//   train_classifiers WEIGHTS_OUT WORDS.bin ROWS.jsonl…
//
// Prints what model-card.md needs: sources with their licences, and recall by grouped cross-validation at
// the false-positive rates that the thresholds are set for. Rows whose source is kNotScored teach and are
// never counted. The same rows give the same bytes on every run: one thread, fixed seeds, whole-number weights.
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
#include "inspect/training/report.h"
#include "inspect/training/rows.h"
#include "inspect/training/solver.h"
#include "inspect/training/word_vectors.h"
#include "inspect/unit_stream.h"

namespace proviso::inspect {
namespace {

constexpr int kFolds = 5;
// Thresholds: at most these shares of benign and of ordinary rows may be labelled.
constexpr double kBenignShare = 0.0099;
constexpr double kOrdinaryShare = 0.0049;
constexpr std::string_view kLicences[] = {"CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-3.0",
                                          "US-Gov-Public-Domain"};
// Rows of our own: never counted, neither for thresholds nor for what is printed.
constexpr std::string_view kNotScored = "Proviso training rows (written for this project)";
// Of a red line's weights: how much rarity bends, and how much the meaning of words counts. The other classes
// go by the words themselves; meaning made them worse.
constexpr float kRedLinePower = 0.5f;
constexpr float kRedLineMeaning = 1;
constexpr float kOrdinaryMeaning = 0.01f;  // words of more than this share of texts say little

// Of a row of our own, how much of its weight counts for a class that is no red line: most of these rows are about
// red lines, and the others are of other kinds than the rows that are counted.
struct OwnRows {
  float red_line;  // and its look-alikes
  float positive;
  float negative;
};
constexpr OwnRows kOwnRows[kFirstRedLine] = {{0, 1, 0.3f}, {1, 0.3f, 1}, {0, 1, 1}};

struct Doc {
  const Row* row = nullptr;
  std::vector<Window> windows;  // the whole text first; of benign rows every other window, too
  int fold = 0;
  bool scored = true;
};

struct Target {
  bool positive = false;
  float weight = 0;  // 0: not shown to this class
};

// Keys, numbers and banners: harmless to every class, and full of words that no other row has.
bool is_for_rules(const Row& row) {
  return row.label == "pii" || row.label == "secret" || row.label == "marking";
}

bool is_about_red_line(const Row& row) {
  return row.category.starts_with("redline_") || row.category.starts_with("lookalike_");
}

Target counted_target(const Row& row, size_t k) {
  if (is_for_rules(row)) return {false, 0.5f};
  if (row.label == kClassLabels[k]) {
    if (row.category.starts_with("redline_")) return {true, 0.1f};
    return {true, row.variant.empty() ? 1.0f : 0.0f};
  }
  if (is_benign(row)) {
    if (row.category.starts_with("lookalike_")) return {false, k == 0 ? 0.1f : 0.5f};
    if (row.category.starts_with("ordinary_")) return {false, k == 1 ? 3.0f : 1.5f};
    return {false, k == 2 && row.category.starts_with("notinject") ? 2.0f : 1.0f};
  }
  return {false, k == 0 ? 0.0f : row.variant.empty() ? 0.3f : 0.0f};
}

Target general_target(const Row& row, size_t k) {
  Target target = counted_target(row, k);
  if (row.source != kNotScored) return target;
  target.weight *= is_about_red_line(row) ? kOwnRows[k].red_line : target.positive ? kOwnRows[k].positive : kOwnRows[k].negative;
  return target;
}

Target red_line_target(const Row& row, std::string_view name) {
  if (is_for_rules(row)) return {false, 0.3f};
  if (row.category == "redline_" + std::string(name)) return {true, row.variant.empty() ? 3.0f : 0.0f};
  if (row.category == "lookalike_" + std::string(name)) return {false, 3.5f};
  if (row.category.starts_with("lookalike_")) return {false, 1.5f};
  if (is_benign(row)) return {false, is_ordinary(row) ? 8.0f : 1.0f};
  if (row.category.starts_with("redline_") || !row.variant.empty()) return {false, 0.0f};
  return {false, 0.05f};
}

Target target_of(const Row& row, size_t k) {
  return k < kFirstRedLine ? general_target(row, k) : red_line_target(row, kRedLines[k - kFirstRedLine]);
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

// In how many texts each feature is. Labels unseen.
std::vector<float> counts_of(const std::vector<Doc>& docs) {
  std::vector<float> count(kFeatureCount);
  for (const Doc& doc : docs) {
    uint32_t last = kFeatureCount;
    for (uint32_t feature : doc.windows.front().features) {
      if (feature != last) count[feature] += 1;
      last = feature;
    }
  }
  return count;
}

// How much a word's vector counts. None of a word that only the fold left out has: it would not have been
// known.
std::vector<float> meaning_scales(const std::vector<Doc>& docs, const WordVectors& words,
                                  const std::vector<float>& counts, int without) {
  std::vector<bool> known(words.vectors.size() + 1);
  for (size_t i = 1; i <= words.general; ++i) known[i] = true;
  for (const Doc& doc : docs) {
    if (doc.fold == without) continue;
    for (uint32_t feature : doc.windows.front().features) known[words.of_feature[feature]] = true;
  }
  std::vector<float> scales(kFeatureCount);
  for (uint32_t f = 0; f < kFeatureCount; ++f) {
    if (words.of_feature[f] == 0 || !known[words.of_feature[f]]) continue;
    const float share = counts[f] / static_cast<float>(docs.size());
    scales[f] = kOrdinaryMeaning / (kOrdinaryMeaning + share);
  }
  return scales;
}

void sum_meaning(std::vector<Doc>& docs, const WordVectors& words, const std::vector<float>& scales) {
  for (Doc& doc : docs) {
    for (Window& window : doc.windows) {
      window.meaning.fill(0);
      for (uint32_t feature : window.features) {
        if (scales[feature] <= 0) continue;
        const WordVector& vector = words.vectors[words.of_feature[feature] - 1];
        for (size_t i = 0; i < kVectorSize; ++i) {
          window.meaning[i] += scales[feature] * static_cast<float>(vector[i]);
        }
      }
    }
  }
}

// Whole-number weights, and the scale of one.
void put(const Solver& solver, Model& model, size_t k) {
  const std::vector<float> weights = solver.weights();
  float largest = 1e-9f;
  for (float weight : weights) largest = std::max(largest, std::abs(weight));
  model.scale[k] = largest / 127;
  model.bias[k] = solver.bias();
  for (uint32_t f = 0; f < kFeatureCount; ++f) {
    model.weights[size_t{f} * kClasses + k] = static_cast<int8_t>(std::lround(weights[f] / model.scale[k]));
  }
}

Model train(std::vector<Doc>& docs, const WordVectors& words, const std::vector<float>& counts, int without) {
  static constexpr std::array<float, kClasses> kCost = {0.003f, 0.003f, 0.006f, 0.06f,
                                                        0.06f,  0.06f,  0.06f,  0.06f};
  const FeatureScales scales = {rarity_of(counts), meaning_scales(docs, words, counts, without)};
  sum_meaning(docs, words, scales.meaning);
  Model model;
  for (size_t k = 0; k < kClasses; ++k) {
    const bool red_line = k >= kFirstRedLine;
    Solver solver(words, scales, red_line ? kRedLinePower : 1, red_line ? kRedLineMeaning : 0);
    for (const Doc& doc : docs) {
      const Target target = target_of(*doc.row, k);
      if (doc.fold == without || target.weight <= 0) continue;
      for (const Window& window : doc.windows) solver.add(window, target.positive, kCost[k] * target.weight);
    }
    solver.solve();
    put(solver, model, k);
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

// The highest margins that the gate would see in this text.
Margins margins_of(const Classifier& classifier, const std::string& text) {
  UnitStream stream(TextKind::kPlain, 0, classifier);
  std::vector<Segment> in;
  std::vector<Segment> out;
  for (std::string& segment : segments_of(text)) in.emplace_back().text = std::move(segment);
  stream.push(in, out);
  stream.finish(out);
  return stream.top_margins();
}

void print_sources(const std::vector<Doc>& docs) {
  std::map<std::string, size_t> sources;
  for (const Doc& doc : docs) ++sources[doc.row->licence + " | " + doc.row->source];
  for (const auto& [source, count] : sources) std::printf("| %s | %zu |\n", source.c_str(), count);
}

bool is_trained_on(const Row& row) {
  return std::ranges::find(kLicences, row.licence) != std::end(kLicences);
}

std::vector<Doc> docs_of(const std::vector<Row>& rows) {
  std::vector<Doc> docs;
  for (const Row& row : rows) {
    if (!is_trained_on(row)) continue;
    const bool harmless = is_benign(row) || is_for_rules(row);
    docs.push_back({.row = &row,
                    .windows = windows_of(row.text, harmless ? Windows::kAll : Windows::kWhole),
                    .scored = row.source != kNotScored});
  }
  std::vector<std::string_view> texts;
  for (const Doc& doc : docs) texts.push_back(doc.row->text);
  const std::vector<int> folds = grouped_folds(texts, kFolds);
  for (size_t i = 0; i < docs.size(); ++i) docs[i].fold = folds[i];
  return docs;
}

Result<std::vector<Judgement>> judge_unseen(std::vector<Doc>& docs, const WordVectors& words,
                                            const std::vector<float>& counts) {
  std::vector<Judgement> judged;
  for (int fold = 0; fold < kFolds; ++fold) {
    const Model model = train(docs, words, counts, fold);
    const std::string file = model.file();
    PV_TRY(const Classifier classifier, Classifier::read(file));
    for (const Doc& doc : docs) {
      if (doc.fold == fold && doc.scored) judged.push_back({doc.row, margins_of(classifier, doc.row->text)});
    }
  }
  return judged;
}

Status run(int argc, char** argv) {
  PV_TRY(const std::string word_file, read_file(argv[2]));
  PV_TRY(const WordVectors words, read_word_vectors(word_file));
  std::vector<Row> rows;
  for (int i = 3; i < argc; ++i) {
    PV_TRY(const std::string bytes, read_file(argv[i]));
    PV_TRY(const std::vector<Row> more, read_rows(bytes));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  std::vector<Doc> docs = docs_of(rows);
  std::printf("%zu rows, %zu left out for their licence, %zu word vectors\n", docs.size(),
              rows.size() - docs.size(), words.vectors.size());
  print_sources(docs);
  const std::vector<float> counts = counts_of(docs);
  PV_TRY(const std::vector<Judgement> judged, judge_unseen(docs, words, counts));
  Model model = train(docs, words, counts, -1);
  for (size_t k = 0; k < kClasses; ++k) {
    model.threshold[k] = threshold_for(judged, k, kBenignShare, kOrdinaryShare);
  }
  share_red_lines(judged, kOrdinaryShare, model.threshold);
  print_report(judged, model.threshold);
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
  if (argc < 4) {
    std::fprintf(stderr, "usage: train_classifiers WEIGHTS_OUT WORDS.bin ROWS.jsonl…\n");
    return 2;
  }
  const proviso::Status status = proviso::inspect::run(argc, argv);
  if (status) return 0;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return 1;
}
