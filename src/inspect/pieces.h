#pragma once
// Text to the numbers of its pieces, as a unigram model of SentencePiece does it (Kudo 2018): the cut into known pieces
// whose scores add up highest. Text is any bytes; what no piece covers is left out. Immutable; safe from any thread.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace proviso::inspect {

inline constexpr size_t kPieceBytesMax = 64;  // longer pieces are of ruled lines and the like, and never looked for

class Pieces {
 public:
  // Piece i is `names[i]`; a character in `folds` is read as the characters it maps to. The names must outlive this.
  Pieces(std::vector<std::string_view> names, std::vector<float> scores,
         std::unordered_map<char32_t, std::u32string> folds, int32_t unknown);

  // All of them, but for those that are unknown. A blank stands before the first word, as the model was taught.
  [[nodiscard]] std::vector<int32_t> of(std::string_view text) const;

 private:
  [[nodiscard]] std::string folded(std::string_view text) const;

  std::unordered_map<std::string_view, int32_t> numbers_;
  std::vector<float> scores_;
  std::unordered_map<char32_t, std::u32string> folds_;
  int32_t unknown_;
  float unknown_score_ = 0;
  size_t longest_ = 0;
};

}  // namespace proviso::inspect
