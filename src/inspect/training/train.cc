// Trains the classifiers from labelled rows and writes the weights that the gate is built with:
//
//   train_classifiers WEIGHTS_OUT OPINION_OUT ENCODER WORDS.bin ROWS.jsonl…
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
#include "inspect/labels.h"
#include "inspect/readings.h"
#include "inspect/training/groups.h"
#include "inspect/training/opinion.h"
#include "inspect/training/report.h"
#include "inspect/training/rows.h"
#include "inspect/training/solver.h"
#include "inspect/training/targets.h"
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
// Of a red line's weights: how much rarity bends, and how much the meaning of words counts. The other classes
// go by the words themselves; meaning made them worse.
constexpr float kRedLinePower = 0.5f;
constexpr float kRedLineMeaning = 1;
constexpr float kOrdinaryMeaning = 0.01f;  // words of more than this share of texts say little

struct Doc {
  const Row* row = nullptr;
  std::vector<Window> windows;  // the whole text first; of benign rows every other window, too
  int fold = 0;
  bool scored = true;
};

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

// The highest margins that the gate would see in this text; what it would ask about goes to `second`.
Margins margins_of(const Classifier& classifier, const std::string& text, const SecondOpinion& second) {
  UnitStream stream(TextKind::kPlain, kClassBits, classifier, nullptr, &second);
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

// Every row by a model that has not seen it.
Result<std::vector<OpinionRow>> judge_unseen(std::vector<Doc>& docs, const WordVectors& words,
                                            const std::vector<float>& counts) {
  std::vector<OpinionRow> judged;
  for (int fold = 0; fold < kFolds; ++fold) {
    const Model model = train(docs, words, counts, fold);
    const std::string file = model.file();
    PV_TRY(const Classifier classifier, Classifier::read(file));
    for (const Doc& doc : docs) {
      if (doc.fold != fold) continue;
      OpinionRow& row = judged.emplace_back(OpinionRow{doc.row, fold, doc.scored, {}, {}});
      row.first = margins_of(classifier, doc.row->text, Recorder(row.stretches));
    }
  }
  return judged;
}

std::vector<Judgement> counted_of(const std::vector<OpinionRow>& rows) {
  std::vector<Judgement> counted;
  for (const OpinionRow& row : rows) {
    if (row.scored) counted.push_back({row.row, row.first});
  }
  return counted;
}

Status write_weights(const char* path, const std::string& file) {
  Sha256 hash;
  hash.update(file);
  std::printf("%s: %zu bytes, sha256 %s\n", path, file.size(), hash.finish().hex().c_str());
  std::fflush(stdout);
  return write_file_durable(path, file, FileMode::kShared);
}

struct Files {
  const char* weights;
  const char* opinion;
  const char* encoder;
  const char* words;
  std::vector<const char*> rows;
};

Status run(const Files& files) {
  PV_TRY(std::string encoder_file, read_file(files.encoder, kEncoderFileBytesMax));
  const Digest encoder_digest = sha256(encoder_file);
  PV_TRY(const Encoder encoder, Encoder::read(std::move(encoder_file)));
  PV_TRY(const std::string word_file, read_file(files.words));
  PV_TRY(const WordVectors words, read_word_vectors(word_file));
  std::vector<Row> rows;
  for (const char* file : files.rows) {
    PV_TRY(const std::string bytes, read_file(file));
    PV_TRY(const std::vector<Row> more, read_rows(bytes));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  std::vector<Doc> docs = docs_of(rows);
  std::printf("%zu rows, %zu left out for their licence, %zu word vectors\n", docs.size(),
              rows.size() - docs.size(), words.vectors.size());
  print_sources(docs);
  const std::vector<float> counts = counts_of(docs);
  PV_TRY(const std::vector<OpinionRow> unseen, judge_unseen(docs, words, counts));
  const std::vector<Judgement> counted = counted_of(unseen);
  Model model = train(docs, words, counts, -1);
  for (size_t k = 0; k < kClasses; ++k) {
    model.threshold[k] = threshold_for(counted, k, kBenignShare, kOrdinaryShare);
  }
  share_red_lines(counted, kOrdinaryShare, model.threshold);
  std::printf("\nclassifiers alone\n");
  print_report(counted, model.threshold);
  const std::string weights = model.file();
  const LearntOpinion opinion = learn_opinion(unseen, kFolds, {&encoder, encoder_digest, sha256(weights), model.threshold},
                                              {kBenignShare, kOrdinaryShare});
  std::printf("\nwith the second opinion: %zu stretches kept, the file %.4f apart from what was learnt; asked about of ordinary "
              "rows %.3f, of benign %.3f\n",
              opinion.kept, static_cast<double>(opinion.apart), opinion.asked_ordinary.value(), opinion.asked_benign.value());
  print_report(opinion.judged, opinion.thresholds);
  PV_TRY_VOID(write_weights(files.weights, weights));
  return write_weights(files.opinion, opinion.file);
}

}  // namespace
}  // namespace proviso::inspect

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: train_classifiers WEIGHTS_OUT OPINION_OUT ENCODER WORDS.bin ROWS.jsonl…\n");
    return 2;
  }
  const proviso::Status status = proviso::inspect::run({argv[1], argv[2], argv[3], argv[4], {argv + 5, argv + argc}});
  if (status) return 0;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return 1;
}
