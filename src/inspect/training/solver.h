#pragma once
// Learns one output of the classifiers: L2-regularised squared hinge loss by dual coordinate descent (Hsieh
// et al., ICML 2008, algorithm 1), each window with a cost of its own. A window is a sum over hashed
// features and, where a class asks for it, over the vectors of its words. One thread, fixed seed.
#include <array>
#include <cstdint>
#include <vector>

#include "inspect/training/word_vectors.h"

namespace proviso::inspect {

// One window of a text as the gate would judge it.
struct Window {
  std::vector<uint32_t> features;             // in order, as often as they occur
  std::array<float, kVectorSize> meaning{};   // the sum of its words' vectors
};

struct Case {
  const Window* window = nullptr;
  float side = 0;      // 1 or -1
  float softness = 0;  // 1 / (2 C)
  float alpha = 0;
  float square = 0;    // of the window's length before it is divided
};

// What a feature weighs by how rare it is, and by how much its word's vector counts in sums of meaning.
struct FeatureScales {
  std::vector<float> rarity;
  std::vector<float> meaning;  // 0: no vector
};

class Solver {
 public:
  // `power` bends rarity; `meaning` is the share of the words' vectors beside the features', 0 for none.
  // `words` and `scales` must outlive the solver.
  Solver(const WordVectors& words, const FeatureScales& scales, float power, float meaning);

  void add(const Window& window, bool positive, float cost);
  void solve();
  // The weight of each feature, what its vector says folded in.
  [[nodiscard]] std::vector<float> weights() const;
  [[nodiscard]] float bias() const { return bias_; }

 private:
  void measure();
  float improve(Case& row);

  const WordVectors& words_;
  const FeatureScales& scales_;
  std::vector<float> rarity_;
  float share_;
  float meaning_scale_ = 0;
  std::vector<Case> rows_;
  std::vector<float> weights_;
  std::array<float, kVectorSize> meaning_{};
  float bias_ = 0;
};

// How much a feature says, rare ones more, from the windows of all texts; labels unseen.
std::vector<float> rarity_of(const std::vector<float>& counts);

}  // namespace proviso::inspect
