#include "inspect/pieces.h"

#include <algorithm>

#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr std::string_view kBlank = "\xe2\x96\x81";  // U+2581 stands for a blank in pieces
constexpr float kUnknownPenalty = 10;                // below the least likely piece, as SentencePiece has it
constexpr float kUnreached = -1e30f;

}  // namespace

Pieces::Pieces(std::vector<std::string_view> names, std::vector<float> scores,
               std::unordered_map<char32_t, std::u32string> folds, int32_t unknown)
    : scores_(std::move(scores)), folds_(std::move(folds)), unknown_(unknown) {
  numbers_.reserve(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || names[i].size() > kPieceBytesMax) continue;
    numbers_.emplace(names[i], static_cast<int32_t>(i));
    longest_ = std::max(longest_, names[i].size());
  }
  numbers_.erase(names[static_cast<size_t>(unknown)]);
  unknown_score_ = *std::ranges::min_element(scores_) - kUnknownPenalty;
}

std::string Pieces::folded(std::string_view text) const {
  std::string out(kBlank);
  bool blank = true;
  const auto put = [&](char32_t c) {
    if (c == U' ' && blank) return;
    blank = c == U' ';
    if (blank) {
      out += kBlank;
    } else {
      append_utf8(out, c);
    }
  };
  while (!text.empty()) {
    const CodePoint c = read_code_point(text);
    text.remove_prefix(c.length);
    const auto fold = folds_.find(c.value);
    if (fold == folds_.end()) {
      put(c.value);
    } else {
      for (const char32_t other : fold->second) put(other);
    }
  }
  return out;
}

std::vector<int32_t> Pieces::of(std::string_view text) const {
  const std::string bytes = folded(text);
  struct Cut {
    float score = kUnreached;
    int32_t piece = 0;
    size_t begin = 0;
  };
  std::vector<Cut> best(bytes.size() + 1);  // of what ends at each byte
  best[0].score = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t length = read_code_point(std::string_view(bytes).substr(begin)).length;
    const Cut here = best[begin];
    const auto offer = [&](size_t end, float score, int32_t piece) {
      if (score > best[end].score) best[end] = {score, piece, begin};
    };
    for (size_t end = begin + length; end <= bytes.size() && end - begin <= longest_;) {
      const auto piece = numbers_.find(std::string_view(bytes).substr(begin, end - begin));
      if (piece != numbers_.end()) offer(end, here.score + scores_[static_cast<size_t>(piece->second)], piece->second);
      if (end == bytes.size()) break;
      end += read_code_point(std::string_view(bytes).substr(end)).length;
    }
    offer(begin + length, here.score + unknown_score_, unknown_);
    begin += length;
  }
  std::vector<int32_t> pieces;
  for (size_t end = bytes.size(); end > 0; end = best[end].begin) {
    if (best[end].piece != unknown_) pieces.push_back(best[end].piece);
  }
  std::ranges::reverse(pieces);
  return pieces;
}

}  // namespace proviso::inspect
