#pragma once
// Learns the second opinion: a kernel machine for each class (squared hinge loss, by dual coordinate descent as in Hsieh et
// al., ICML 2008), on stretches that classifiers which had not seen their row would have asked about. The same
// stretches give the same weights on every machine.
#include <cstdint>
#include <string>
#include <vector>

#include "inspect/second_opinion.h"
#include "inspect/training/evaluation.h"
#include "inspect/training/report.h"

namespace proviso::inspect {

// A stretch of a row, with what classifiers that had not seen the row said of it.
struct Stretch {
  Margins first{};
  std::string text;
  SecondOpinion::Extent extent = SecondOpinion::Extent::kWhole;
};

// Writes down what it would be asked, and changes nothing.
class Recorder final : public SecondOpinion {
 public:
  explicit Recorder(std::vector<Stretch>& into) : into_(into) {}
  [[nodiscard]] bool is_asked(const Margins& first, uint32_t wanted) const override;
  [[nodiscard]] Margins of(const Margins& first, std::string_view text, Extent extent) const override;
  [[nodiscard]] size_t opinions_max() const override { return SIZE_MAX; }

 private:
  std::vector<Stretch>& into_;
};

struct OpinionRow {
  const Row* row = nullptr;
  int fold = 0;
  bool scored = false;
  Margins first{};  // the highest of its stretches
  std::vector<Stretch> stretches;
};

struct LearntOpinion {
  std::string file;                    // what KernelMachine reads
  std::vector<Judgement> judged;       // the scored rows, each by a machine that has not seen it
  Margins thresholds{};                // that the file stands at
  size_t kept = 0;
  float apart = 0;                     // the most that the file, as it is read, says otherwise than what was learnt
  Share asked_ordinary;                // ordinary rows with a stretch that is asked about
  Share asked_benign;
};

// What is learnt with, and the classifiers' thresholds.
struct Teachers {
  const Encoder* encoder = nullptr;
  Digest encoder_digest;
  Digest classifier_digest;
  Margins first_at{};
};

// What may be labelled without need.
struct OpinionShares {
  double benign = 0;
  double ordinary = 0;
};

LearntOpinion learn_opinion(const std::vector<OpinionRow>& rows, int folds, const Teachers& teachers, OpinionShares shares);

}  // namespace proviso::inspect
