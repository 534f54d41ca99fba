#pragma once
// The classifiers: one linear model with an output per label, over hashed pieces of text (features.h).
// Its weights are trained by tools/train_classifiers.sh and built into the program; docs/model-card.md
// says from which rows. Sums of whole numbers, so that every machine gives the same scores.
// Immutable; safe from any thread.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::inspect {

inline constexpr std::string_view kClassLabels[] = {
    "prohibited_use",       "jailbreak",            "prompt_injection", "autonomous_targeting",
    "domestic_surveillance", "bulk_person_analysis", "person_intercept", "ungoverned_tuning"};
inline constexpr size_t kClasses = std::size(kClassLabels);
inline constexpr size_t kFirstRedLine = 3;  // from here on each class has one red line of an agreement

// A label stands from this score on, per mille; each class is scaled so that its threshold lies here.
inline constexpr int64_t kScoreStands = 500;

inline constexpr float kNoMargin = -1000;  // of a text without features

// What a stretch of text adds up to; stretches that follow each other are added.
struct Sums {
  std::array<int64_t, kClasses> sum{};
  uint64_t features = 0;

  void add(const Sums& other);
  void take(const Sums& other);  // the opposite
  friend bool operator==(const Sums&, const Sums&) = default;
};

class Classifier {
 public:
  // The weights that are built in.
  static const Classifier& built_in();

  // A weights file: kInvalid if it is none. The bytes must outlive the classifier.
  static Result<Classifier> read(std::string_view file);

  [[nodiscard]] Sums sums_of(std::string_view reading) const;
  // How far from the threshold, in the order of kClassLabels; at or above 0 the label stands.
  [[nodiscard]] std::array<float, kClasses> margins(const Sums& sums) const;
  // A margin as a score, per mille.
  static int64_t score_of(float margin);
  [[nodiscard]] const Digest& digest() const { return digest_; }  // SHA-256 of the weights file

 private:
  Classifier() = default;

  const int8_t* weights_ = nullptr;  // kFeatureCount rows of kClasses
  std::array<float, kClasses> bias_{};
  std::array<float, kClasses> scale_{};      // of one unit of weight
  std::array<float, kClasses> threshold_{};  // of the margin
  Digest digest_;
};

}  // namespace proviso::inspect
