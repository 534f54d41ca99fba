#include "inspect/classifier.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "inspect/features.h"

namespace proviso::inspect {
namespace {

// weights.bin: "PVCW0002", then for each class three big-endian 32-bit floats (bias, scale, threshold),
// then one signed byte for each feature and class, features first.
constexpr std::string_view kMagic = "PVCW0002";
constexpr size_t kHeadBytes = 8 + kClasses * 12;

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
alignas(64) constexpr unsigned char kFile[] = {
#embed "weights.bin"
};
#pragma clang diagnostic pop

float read_float(std::string_view bytes) {
  uint32_t bits = 0;
  for (char c : bytes.substr(0, 4)) bits = bits << 8 | static_cast<uint8_t>(c);
  return std::bit_cast<float>(bits);
}

}  // namespace

void Sums::add(const Sums& other) {
  for (size_t k = 0; k < kClasses; ++k) sum[k] += other.sum[k];
  features += other.features;
}

void Sums::take(const Sums& other) {
  for (size_t k = 0; k < kClasses; ++k) sum[k] -= other.sum[k];
  features -= other.features;
}

const Classifier& Classifier::built_in() {
  static const Classifier instance = [] {
    Result<Classifier> read = Classifier::read({reinterpret_cast<const char*>(kFile), sizeof kFile});
    PV_CHECK(read.has_value());
    return *std::move(read);
  }();
  return instance;
}

Result<Classifier> Classifier::read(std::string_view file) {
  if (file.size() != kHeadBytes + size_t{kFeatureCount} * kClasses || !file.starts_with(kMagic)) {
    return fail(Code::kInvalid, "this is no file of weights for these classifiers; train them again");
  }
  Classifier classifier;
  for (size_t k = 0; k < kClasses; ++k) {
    const std::string_view head = file.substr(kMagic.size() + k * 12);
    classifier.bias_[k] = read_float(head);
    classifier.scale_[k] = read_float(head.substr(4));
    classifier.threshold_[k] = read_float(head.substr(8));
  }
  classifier.weights_ = reinterpret_cast<const int8_t*>(file.data() + kHeadBytes);
  Sha256 hash;
  hash.update(file);
  classifier.digest_ = hash.finish();
  return classifier;
}

Sums Classifier::sums_of(std::string_view reading) const {
  thread_local std::vector<uint32_t> features;
  features.clear();
  append_features(reading, features);
  std::array<int32_t, kClasses> sum{};
  for (uint32_t feature : features) {
    const int8_t* const row = weights_ + size_t{feature} * kClasses;
    for (size_t k = 0; k < kClasses; ++k) sum[k] += row[k];
  }
  Sums sums;
  for (size_t k = 0; k < kClasses; ++k) sums.sum[k] = sum[k];
  sums.features = features.size();
  return sums;
}

std::array<float, kClasses> Classifier::margins(const Sums& sums) const {
  std::array<float, kClasses> margins;
  margins.fill(kNoMargin);
  if (sums.features == 0) return margins;
  const float length = length_of(sums.features);
  for (size_t k = 0; k < kClasses; ++k) {
    margins[k] = bias_[k] + scale_[k] * static_cast<float>(sums.sum[k]) / length - threshold_[k];
  }
  return margins;
}

int64_t Classifier::score_of(float margin) {
  const float bent = margin / (1 + std::abs(margin));
  const auto score = std::clamp<int64_t>(std::lround(500 + 500 * bent), 0, 1000);
  return margin < 0 ? std::min<int64_t>(score, kScoreStands - 1) : score;
}

}  // namespace proviso::inspect
