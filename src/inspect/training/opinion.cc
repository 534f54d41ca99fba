#include "inspect/training/opinion.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <thread>

#include "base/bytes.h"
#include "base/check.h"
#include "inspect/training/projection.h"
#include "inspect/training/targets.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

constexpr float kLowest = -1.2f;  // what classifiers say below it is never asked about
// Of each class's rows, so many may be lost because nobody asks.
constexpr std::array<double, kClasses> kLost = {0.02, 0.01, 0.05, 0.01, 0.01, 0.01, 0.01, 0.01};
constexpr size_t kKeptMax = 17'000;      // stretches that the file may keep: all weights together have 8 MB
// Of a row of our own, how much of the weight that it has for the classifiers counts here.
constexpr float kOwnOfRedLine = 0.5f;
constexpr float kOwnPositive = 0.3f;  // of `prohibited_use`, whose rows are of other kinds
constexpr float kNotAsked = -9;          // below what any machine says
constexpr float kStands = 9;             // above it
constexpr int kPassesMax = 80;
constexpr float kGoodEnough = 0.02f;     // how far a stretch may be on the wrong side of what is best for it

void in_parallel(size_t count, const std::function<void(size_t)>& work) {
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::jthread> running;
  for (size_t t = 0; t < threads; ++t) {
    running.emplace_back([=, &work] {
      for (size_t i = t; i < count; i += threads) work(i);
    });
  }
}

struct Asked {
  size_t row = 0;
  Margins first{};
  const Stretch* stretch = nullptr;
  Encoder::Reading reading;
  Sight sight;
};

// What a class learns from: indices into the asked stretches.
struct Case {
  size_t asked = 0;
  float side = 0;
  float cost = 0;
};

Margins floors_of(const std::vector<OpinionRow>& rows) {
  Margins floors{};
  for (size_t k = 0; k < kClasses; ++k) {
    std::vector<float> margins;
    for (const OpinionRow& row : rows) {
      if (row.scored && row.row->variant.empty() && counts_for(*row.row, k)) margins.push_back(row.first[k]);
    }
    std::ranges::sort(margins);
    if (margins.empty()) {
      floors[k] = kLowest;
      continue;
    }
    floors[k] = std::max(kLowest, margins[static_cast<size_t>(kLost[k] * static_cast<double>(margins.size()))]);
  }
  return floors;
}

bool is_any_asked(const Margins& first, const Margins& floors) {
  for (size_t k = 0; k < kClasses; ++k) {
    if (first[k] >= floors[k]) return true;
  }
  return false;
}

std::vector<Asked> asked_of(const std::vector<OpinionRow>& rows, const Margins& floors, const Encoder& encoder) {
  std::vector<Asked> asked;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const Stretch& stretch : rows[i].stretches) {
      if (is_any_asked(stretch.first, floors)) asked.push_back({i, stretch.first, &stretch, {}, {}});
    }
  }
  std::fprintf(stderr, "%zu stretches to encode\n", asked.size());
  std::atomic<size_t> done = 0;
  in_parallel(asked.size(), [&](size_t i) {
    asked[i].reading = encoder.read_text(asked[i].stretch->text);
    constexpr size_t kStep = 5'000;
    if (++done % kStep == 0) std::fprintf(stderr, "  %zu of %zu\n", done.load(), asked.size());
  });
  return asked;
}

Target taught_by(const OpinionRow& row, size_t k) {
  Target target = target_of(*row.row, k);
  if (row.scored) return target;
  if (k >= kFirstRedLine) target.weight *= kOwnOfRedLine;
  if (k == 0 && target.positive) target.weight *= kOwnPositive;
  return target;
}

// A row of a class teaches by its most telling stretch, any other row by its two.
std::vector<Case> cases_of(const std::vector<OpinionRow>& rows, const std::vector<Asked>& asked, const Margins& floors, size_t k) {
  constexpr size_t kHarmlessMax = 2;
  std::vector<Case> cases;
  for (size_t begin = 0; begin < asked.size();) {
    size_t end = begin;
    std::vector<size_t> telling;
    for (; end < asked.size() && asked[end].row == asked[begin].row; ++end) {
      if (asked[end].first[k] >= floors[k]) telling.push_back(end);
    }
    std::ranges::sort(telling, [&](size_t a, size_t b) {
      return asked[a].first[k] != asked[b].first[k] ? asked[a].first[k] > asked[b].first[k] : a < b;
    });
    const Target target = taught_by(rows[asked[begin].row], k);
    telling.resize(std::min(telling.size(), target.weight <= 0 ? 0 : target.positive ? 1 : kHarmlessMax));
    for (const size_t i : telling) cases.push_back({i, target.positive ? 1.0f : -1.0f, target.weight});
    begin = end;
  }
  return cases;
}

class Likeness {
 public:
  Likeness(const std::vector<Asked>& asked, const std::vector<Case>& cases, float step) : size_(cases.size()), values_(size_ * size_) {
    in_parallel(size_, [&](size_t i) {
      for (size_t j = 0; j < size_; ++j) {
        values_[i * size_ + j] = 1 + kernel(asked[cases[i].asked].sight, asked[cases[j].asked].sight, step);
      }
    });
  }
  [[nodiscard]] const float* row(size_t i) const { return &values_[i * size_]; }

 private:
  size_t size_;
  std::vector<float> values_;
};

// For each case its weight, 0 for those left out. The bias is the sum of all weights: 1 is in every likeness.
std::vector<float> weights_of(const Likeness& likeness, const std::vector<Case>& cases, const std::vector<bool>& taught) {
  std::vector<float> alpha(cases.size());
  std::vector<float> says(cases.size());
  std::vector<size_t> order;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (taught[i]) order.push_back(i);
  }
  uint64_t seed = 0x9e3779b97f4a7c15;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    for (size_t i = order.size(); i > 1; --i) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      std::swap(order[i - 1], order[(seed >> 33) % i]);
    }
    float worst = 0;
    for (const size_t i : order) {
      const float slope = cases[i].side * says[i] - 1 + alpha[i] / cases[i].cost;
      const float next = std::max(alpha[i] - slope / (likeness.row(i)[i] + 1 / cases[i].cost), 0.0f);
      const float change = next - alpha[i];
      if (std::abs(change) < 1e-7f) continue;
      worst = std::max(worst, std::abs(slope));
      alpha[i] = next;
      const float* const row = likeness.row(i);
      const float by = change * cases[i].side;
      for (size_t j = 0; j < says.size(); ++j) says[j] += by * row[j];
    }
    if (worst < kGoodEnough) break;
  }
  for (size_t i = 0; i < cases.size(); ++i) alpha[i] *= cases[i].side;
  return alpha;
}

float said_of(const Sight& sight, const std::vector<Asked>& asked, const std::vector<Case>& cases, const std::vector<float>& weights,
              float step) {
  float sum = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (weights[i] != 0) sum += weights[i] * (1 + kernel(sight, asked[cases[i].asked].sight, step));
  }
  return sum;
}

struct Learner {
  const std::vector<OpinionRow>& rows;
  int folds;
  std::vector<Asked> asked;
  Margins floors;
  float step;
  Margins first_at;
  std::vector<Margins> says;               // of each asked stretch, by a machine that has not seen its row
  std::vector<std::vector<Case>> cases;    // of each class
  std::vector<std::vector<float>> weights;

  void learn(size_t k) {
    cases[k] = cases_of(rows, asked, floors, k);
    const Likeness likeness(asked, cases[k], step);
    const auto all_but = [&](int fold) {
      std::vector<bool> taught(cases[k].size());
      for (size_t i = 0; i < taught.size(); ++i) taught[i] = rows[asked[cases[k][i].asked].row].fold != fold;
      return taught;
    };
    for (int fold = 0; fold < folds; ++fold) {
      const std::vector<float> unseen = weights_of(likeness, cases[k], all_but(fold));
      in_parallel(asked.size(), [&](size_t i) {
        if (rows[asked[i].row].fold != fold || asked[i].first[k] < floors[k]) return;
        const float margin = asked[i].first[k] - first_at[k];
        const bool stands = margin >= 0 && only_adds(margin, asked[i].reading.whole, asked[i].stretch->extent);
        says[i][k] = stands ? kStands : said_of(asked[i].sight, asked, cases[k], unseen, step);
      });
    }
    weights[k] = weights_of(likeness, cases[k], all_but(-1));
  }

  // Once more from the stretches that are kept alone, so that these make up for the others.
  void learn_again(size_t k, const std::vector<bool>& is_kept) {
    std::vector<bool> taught(cases[k].size());
    for (size_t i = 0; i < taught.size(); ++i) taught[i] = is_kept[cases[k][i].asked];
    weights[k] = weights_of(Likeness(asked, cases[k], step), cases[k], taught);
  }
};

// Our own red lines from what looks like them: one after another, and all together. Rows that are counted teach no direction.
std::vector<Lesson> lessons_of(const std::vector<OpinionRow>& rows, const std::vector<Asked>& asked) {
  std::vector<Lesson> lessons(kClasses - kFirstRedLine + 1, Lesson(asked.size()));
  for (size_t i = 0; i < asked.size(); ++i) {
    const OpinionRow& row = rows[asked[i].row];
    if (row.scored) continue;
    for (size_t k = kFirstRedLine; k < kClasses; ++k) {
      const int8_t side = counts_for(*row.row, k) ? 1 : is_look_alike(*row.row, k) ? -1 : 0;
      lessons[k - kFirstRedLine][i] = side;
      if (side != 0) lessons.back()[i] = side;
    }
  }
  return lessons;
}

void put_real(std::string& out, float value) { put_u32(out, std::bit_cast<uint32_t>(value)); }

// What the file has: stretches, and the weight of each for each class.
struct Kept {
  std::vector<size_t> asked;
  std::vector<std::array<float, kClasses>> weights;
};

std::vector<std::array<float, kClasses>> weights_by_stretch(const Learner& learner) {
  std::vector<std::array<float, kClasses>> all(learner.asked.size());
  for (size_t k = 0; k < kClasses; ++k) {
    for (size_t i = 0; i < learner.cases[k].size(); ++i) all[learner.cases[k][i].asked][k] = learner.weights[k][i];
  }
  return all;
}

// The stretches whose weights are the largest beside the largest of their class.
std::vector<bool> heaviest(const Learner& learner) {
  const std::vector<std::array<float, kClasses>> all = weights_by_stretch(learner);
  Margins largest{};
  for (const auto& weights : all) {
    for (size_t k = 0; k < kClasses; ++k) largest[k] = std::max(largest[k], std::abs(weights[k]));
  }
  std::vector<std::pair<float, size_t>> by_share;
  for (size_t i = 0; i < all.size(); ++i) {
    float share = 0;
    for (size_t k = 0; k < kClasses; ++k) {
      if (largest[k] > 0) share = std::max(share, std::abs(all[i][k]) / largest[k]);
    }
    if (share > 0) by_share.emplace_back(-share, i);
  }
  std::ranges::sort(by_share);
  std::printf("second opinion: %zu stretches have a weight, at most %zu are kept\n", by_share.size(), kKeptMax);
  by_share.resize(std::min(by_share.size(), kKeptMax));
  std::vector<bool> is_kept(all.size());
  for (const auto& [share, i] : by_share) is_kept[i] = true;
  return is_kept;
}

Kept kept_of(Learner& learner) {
  const std::vector<bool> is_kept = heaviest(learner);
  for (size_t k = 0; k < kClasses; ++k) learner.learn_again(k, is_kept);
  const std::vector<std::array<float, kClasses>> all = weights_by_stretch(learner);
  Kept kept;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_kept[i]) continue;
    kept.asked.push_back(i);
    kept.weights.push_back(all[i]);
  }
  return kept;
}

std::string file_of(const Learner& learner, const Kept& kept, const LearntProjection& learnt, const Teachers& teachers,
                    const Margins& thresholds) {
  std::string out = "PVSO0001";
  out += teachers.encoder_digest.view();
  out += teachers.classifier_digest.view();
  put_real(out, learnt.projection.step);
  for (const float value : learnt.projection.centre) put_real(out, value);
  for (size_t i = 0; i < kViewSize; ++i) {
    put_real(out, learnt.rows.scales[i]);
    out.append(reinterpret_cast<const char*>(&learnt.rows.values[i * kMeaningSize]), kMeaningSize);
  }
  Margins scale{};
  for (size_t k = 0; k < kClasses; ++k) {
    for (const auto& weights : kept.weights) scale[k] = std::max(scale[k], std::abs(weights[k]) / kWeightMax);
    scale[k] = std::max(scale[k], 1e-9f);
    const float bias = std::accumulate(learner.weights[k].begin(), learner.weights[k].end(), 0.0f);
    const float first_at = teachers.first_at[k];
    for (const float value : {learner.floors[k] - first_at, first_at, bias - thresholds[k], scale[k]}) put_real(out, value);
  }
  put_u32(out, static_cast<uint32_t>(kept.asked.size()));
  for (const size_t i : kept.asked) {
    const Sight& sight = learner.asked[i].sight;
    out.append(reinterpret_cast<const char*>(sight.view.data()), kViewSize);
    out.append(reinterpret_cast<const char*>(sight.margins.data()), kClasses);
  }
  for (const auto& weights : kept.weights) {
    for (size_t k = 0; k < kClasses; ++k) put_u16(out, static_cast<uint16_t>(static_cast<int16_t>(std::lround(weights[k] / scale[k]))));
  }
  return out;
}

// How far the file, read as the gate reads it, is from what was learnt, on every so many stretches.
float apart_of(const Learner& learner, const std::string& file, const Margins& thresholds) {
  constexpr size_t kEvery = 20;
  const Result<KernelMachine> machine = KernelMachine::read(file);
  PV_CHECK(machine.has_value());
  float apart = 0;
  for (size_t i = 0; i < learner.asked.size(); i += kEvery) {
    const Asked& asked = learner.asked[i];
    Margins first = asked.first;
    for (size_t k = 0; k < kClasses; ++k) first[k] -= learner.first_at[k];
    const Margins read = machine->margins(first, asked.reading, asked.stretch->extent);
    for (size_t k = 0; k < kClasses; ++k) {
      if (asked.first[k] < learner.floors[k] || only_adds(first[k], asked.reading.whole, asked.stretch->extent)) continue;
      const float learnt = said_of(asked.sight, learner.asked, learner.cases[k], learner.weights[k], learner.step) - thresholds[k];
      apart = std::max(apart, std::abs(learnt - read[k]));
    }
  }
  return apart;
}

}  // namespace

bool Recorder::is_asked(const Margins& first, uint32_t) const {
  return std::ranges::any_of(first, [](float margin) { return margin >= kLowest; });
}

Margins Recorder::of(const Margins& first, std::string_view text, Extent extent) const {
  into_.push_back({first, std::string(text), extent});
  return first;
}

LearntOpinion learn_opinion(const std::vector<OpinionRow>& rows, int folds, const Teachers& teachers, OpinionShares shares) {
  const Margins floors = floors_of(rows);
  Learner learner{rows, folds, asked_of(rows, floors, *teachers.encoder), floors, 0, teachers.first_at, {}, {}, {}};
  std::vector<Meaning> meanings;
  for (const Asked& asked : learner.asked) meanings.push_back(asked.reading.meaning);
  const LearntProjection learnt = project(meanings, lessons_of(rows, learner.asked));
  learner.step = learnt.projection.step;
  for (Asked& asked : learner.asked) asked.sight = learnt.projection.of(asked.reading.meaning, asked.first);
  Margins nothing;
  nothing.fill(kNotAsked);
  learner.says.assign(learner.asked.size(), nothing);
  learner.cases.resize(kClasses);
  learner.weights.resize(kClasses);
  for (size_t k = 0; k < kClasses; ++k) {
    learner.learn(k);
    std::fprintf(stderr, "class %zu: %zu cases\n", k, learner.cases[k].size());
  }
  std::vector<Margins> best(rows.size(), nothing);
  for (size_t i = 0; i < learner.asked.size(); ++i) {
    Margins& of = best[learner.asked[i].row];
    for (size_t k = 0; k < kClasses; ++k) of[k] = std::max(of[k], learner.says[i][k]);
  }
  LearntOpinion out;
  std::vector<bool> is_asked(rows.size());
  for (const Asked& asked : learner.asked) is_asked[asked.row] = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].scored) continue;
    out.judged.push_back({rows[i].row, best[i]});
    if (is_ordinary(*rows[i].row)) out.asked_ordinary.count(is_asked[i]);
    if (is_benign(*rows[i].row)) out.asked_benign.count(is_asked[i]);
  }
  for (size_t k = 0; k < kClasses; ++k) out.thresholds[k] = threshold_for(out.judged, k, shares.benign, shares.ordinary);
  share_red_lines(out.judged, shares.ordinary, out.thresholds);
  for (size_t k = 0; k < kClasses; ++k) {
    Share ordinary;
    for (const OpinionRow& row : rows) {
      if (row.scored && is_ordinary(*row.row)) ordinary.count(row.first[k] >= floors[k]);
    }
    std::printf("  asked about %-28s ordinary rows %.3f, from %.3f on\n", std::string(kClassLabels[k]).c_str(), ordinary.value(),
                static_cast<double>(floors[k] - teachers.first_at[k]));
  }
  const Kept kept = kept_of(learner);
  out.kept = kept.asked.size();
  out.file = file_of(learner, kept, learnt, teachers, out.thresholds);
  out.apart = apart_of(learner, out.file, out.thresholds);
  return out;
}

}  // namespace proviso::inspect
