#include "inspect/encoder.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "inspect/encoder_file.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

constexpr std::string_view kPrefix = "query:";  // stands before a text, as the model was taught
constexpr float kHeadScale = 0.17677669529663687f;  // 1 over the root of a head's size
static_assert(kEncoderSize / kEncoderHeads == kLane);

struct Scratch {
  Activations activations;
  std::vector<float> query, key, value, mixed, inner, outer;
};

// How much of each piece every piece takes up, head by head.
void mix(size_t pieces, Scratch& s) {
  s.mixed.resize(pieces * kEncoderSize);
  for (size_t at = 0; at < kEncoderSize; at += kLane) {
    attend({&s.query[at], &s.key[at], &s.value[at], &s.mixed[at], pieces, kEncoderSize, kHeadScale});
  }
}

void add(std::vector<float>& x, const std::vector<float>& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

void pass_layer(const EncoderLayer& layer, float epsilon, std::vector<float>& x, Scratch& s) {
  const size_t pieces = x.size() / kEncoderSize;
  s.activations.assign(x, pieces, kEncoderSize);
  multiply(s.activations, layer.query, s.query);
  multiply(s.activations, layer.key, s.key);
  multiply(s.activations, layer.value, s.value);
  mix(pieces, s);
  s.activations.assign(s.mixed, pieces, kEncoderSize);
  multiply(s.activations, layer.mixed, s.outer);
  add(x, s.outer);
  normalise_rows(x, kEncoderSize, layer.after_mixing.gain, layer.after_mixing.shift, epsilon);
  s.activations.assign(x, pieces, kEncoderSize);
  multiply(s.activations, layer.inner, s.inner);
  gelu(s.inner);
  s.activations.assign(s.inner, pieces, kEncoderInnerSize);
  multiply(s.activations, layer.outer, s.outer);
  add(x, s.outer);
  normalise_rows(x, kEncoderSize, layer.after_inner.gain, layer.after_inner.shift, epsilon);
}

Meaning mean_of(const std::vector<float>& x) {
  Meaning mean{};
  for (size_t at = 0; at < x.size(); at += kEncoderSize) {
    for (size_t i = 0; i < kEncoderSize; ++i) mean[i] += x[at + i];
  }
  float square = 0;
  for (const float value : mean) square += value * value;
  const float inverse = square > 0 ? 1 / std::sqrt(square) : 0;
  for (float& value : mean) value *= inverse;
  return mean;
}

}  // namespace

struct Encoder::Model {
  std::string file;
  EncoderParts parts;
  std::optional<Pieces> pieces;
  std::vector<int32_t> prefix;
};

Result<Encoder> Encoder::read(std::string file) {
  auto model = std::make_shared<Model>();
  model->file = std::move(file);
  PV_TRY(model->parts, take_apart(model->file));
  EncoderParts& parts = model->parts;
  model->pieces.emplace(std::move(parts.names), std::move(parts.scores), std::move(parts.folds), parts.unknown);
  model->prefix = model->pieces->of(kPrefix);
  return Encoder(std::move(model));
}

Encoder::Reading Encoder::read_text(std::string_view text) const {
  const EncoderParts& parts = model_->parts;
  std::vector<int32_t> pieces = {parts.begin};
  pieces.insert(pieces.end(), model_->prefix.begin(), model_->prefix.end());
  const std::vector<int32_t> all = model_->pieces->of(text);
  const size_t count = std::min(all.size(), kEncoderPiecesMax - pieces.size() - 1);
  pieces.insert(pieces.end(), all.end() - static_cast<ptrdiff_t>(count), all.end());
  pieces.push_back(parts.end);
  constexpr size_t kWordBytes = kEncoderSize / kBlockNumbers * kBlockBytes;
  std::vector<float> x(pieces.size() * kEncoderSize);
  for (size_t i = 0; i < pieces.size(); ++i) {
    float* const row = &x[i * kEncoderSize];
    unpack_row(parts.words.substr(static_cast<size_t>(pieces[i]) * kWordBytes, kWordBytes), row);
    for (size_t k = 0; k < kEncoderSize; ++k) row[k] += parts.place_vectors[i * kEncoderSize + k];
  }
  normalise_rows(x, kEncoderSize, parts.after_words.gain, parts.after_words.shift, parts.epsilon);
  Scratch scratch;
  for (const EncoderLayer& layer : parts.layers) pass_layer(layer, parts.epsilon, x, scratch);
  return {mean_of(x), count == all.size()};
}

}  // namespace proviso::inspect
