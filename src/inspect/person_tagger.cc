#include "inspect/person_tagger.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "inspect/hashing.h"
#include "inspect/look.h"

namespace proviso::inspect {
namespace {

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
alignas(64) constexpr unsigned char kFile[] = {
#embed "persons.bin"
};
#pragma clang diagnostic pop

constexpr int32_t kNever = -(1 << 26);
constexpr int32_t kScoreUnit = 200;  // margin at which a score is 750 per mille
constexpr size_t kNear = 2;          // words on either side that features look at closely
constexpr ptrdiff_t kFar = 5;        // and those that they look at alone
constexpr uint8_t kNumbersTold = 3;
constexpr uint32_t kOutside = 0x2f;  // the word before the first and after the last

uint32_t hash_of(std::string_view text) {
  uint32_t hash = 0x811c9dc5u;
  for (char c : text) hash = mix(hash, static_cast<uint8_t>(lower_of(c)));
  return hash;
}

// Letters count as one run whatever their number; a number is told by its length, up to six.
uint32_t shape_of(std::string_view word) {
  if (!is_word(word.front())) return hash_of(word);
  uint32_t hash = 0x31u;
  constexpr size_t kDigitsTold = 6;
  for (size_t i = 0; i < word.size();) {
    const auto kind = [&](char c) { return is_digit(c) ? 'd' : is_upper(c) ? 'X' : 'x'; };
    size_t end = i + 1;
    while (end < word.size() && kind(word[end]) == kind(word[i])) ++end;
    hash = mix(hash, static_cast<uint8_t>(kind(word[i])));
    if (kind(word[i]) == 'd') hash = mix(hash, static_cast<uint32_t>(std::min(end - i, kDigitsTold)));
    if (kind(word[i]) == 'X' && end - i > 1) hash = mix(hash, 'X');
    i = end;
  }
  return hash;
}

bool ends_sentence(std::string_view token) { return token == "." || token == "!" || token == "?" || token == ":"; }

bool is_name(PersonTag tag) { return tag == PersonTag::kNameBegin || tag == PersonTag::kNameInside; }
bool is_inside(PersonTag tag) { return tag == PersonTag::kNameInside || tag == PersonTag::kAddressInside; }

int32_t read_number(std::string_view bytes) {
  uint32_t bits = 0;
  for (char c : bytes.substr(0, 4)) bits = bits << 8 | static_cast<uint8_t>(c);
  return std::bit_cast<int32_t>(bits);
}

uint8_t lists_with(WordLists lists, uint32_t word) {
  const size_t bit = bit_of_word(word);
  uint8_t found = 0;
  for (size_t k = 0; k < kWordLists; ++k) {
    found |= static_cast<uint8_t>((lists[k * kListBytes + bit / 8] >> (bit % 8) & 1) << k);
  }
  return found;
}

}  // namespace

bool may_follow(PersonTag before, PersonTag tag) {
  if (!is_inside(tag)) return true;
  return before != PersonTag::kOut && is_name(before) == is_name(tag);
}

size_t bit_of_word(uint32_t word) { return spread(word) % kListBits; }

std::vector<PersonToken> person_tokens(std::string_view plain, WordLists lists) {
  std::vector<PersonToken> tokens;
  uint8_t numbers = 0;
  bool blank = true;
  bool line = true;
  for (size_t i = 0; i < plain.size();) {
    const char c = plain[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      blank = true;
      line = line || c == '\n';
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (is_word(c) && end < plain.size() && is_word(plain[end])) ++end;
    const std::string_view text = plain.substr(i, end - i);
    PersonToken token{.begin = static_cast<uint32_t>(i), .end = static_cast<uint32_t>(end),
                      .word = hash_of(text), .shape = shape_of(text),
                      .strong = is_upper(c) || is_digit(c), .blank = blank, .line = line};
    if (is_word(c) && !is_digit(c)) token.lists = lists_with(lists, token.word);
    tokens.push_back(token);
    blank = line = false;
    if (is_digit(c) && numbers < kNumbersTold) ++numbers;
    i = end;
  }
  for (PersonToken& token : tokens) token.numbers = numbers;
  return tokens;
}

bool may_be_person(std::span<const PersonToken> tokens, size_t i) {
  const size_t from = i - std::min(i, kNear);
  const size_t to = std::min(tokens.size(), i + kNear + 1);
  for (size_t k = from; k < to; ++k) {
    if (tokens[k].strong) return true;
  }
  return false;
}

namespace {

// The tokens around one, by distance.
class Around {
 public:
  Around(std::string_view plain, std::span<const PersonToken> tokens, size_t i)
      : plain_(plain), tokens_(tokens), i_(static_cast<ptrdiff_t>(i)) {}

  [[nodiscard]] const PersonToken* at(ptrdiff_t by) const {
    const ptrdiff_t k = i_ + by;
    return k < 0 || k >= std::ssize(tokens_) ? nullptr : &tokens_[static_cast<size_t>(k)];
  }
  [[nodiscard]] uint32_t word(ptrdiff_t by) const { return at(by) == nullptr ? kOutside : at(by)->word; }
  [[nodiscard]] uint32_t shape(ptrdiff_t by) const { return at(by) == nullptr ? kOutside : at(by)->shape; }
  // In which lists the word stands.
  [[nodiscard]] uint32_t lists(ptrdiff_t by) const { return at(by) == nullptr ? kOutside : at(by)->lists; }
  [[nodiscard]] std::string_view text(ptrdiff_t by) const {
    return at(by) == nullptr ? "" : plain_.substr(at(by)->begin, at(by)->end - at(by)->begin);
  }
  [[nodiscard]] bool starts_sentence() const {
    return at(-1) == nullptr || at(0)->line || (at(0)->blank && ends_sentence(text(-1)));
  }
  // How far the nearest number is on one side; 0: not near.
  [[nodiscard]] uint32_t to_number(ptrdiff_t step) const {
    constexpr ptrdiff_t kNumberFar = 6;
    for (ptrdiff_t by = 1; by <= kNumberFar; ++by) {
      const std::string_view word = text(by * step);
      if (!word.empty() && is_digit(word.front())) return static_cast<uint32_t>(by);
    }
    return 0;
  }

 private:
  std::string_view plain_;
  std::span<const PersonToken> tokens_;
  ptrdiff_t i_;
};

}  // namespace

void append_person_features(std::string_view plain, std::span<const PersonToken> tokens, size_t i,
                            std::vector<uint32_t>& out) {
  const Around near(plain, tokens, i);
  uint32_t kind = 0;
  const auto put = [&](auto... values) {
    uint32_t hash = mix(0x9e37u, ++kind);
    ((hash = mix(hash, values)), ...);
    out.push_back(spread(hash) % kPersonFeatures);
  };
  const uint32_t place = (near.starts_sentence() ? 1u : 0u) + (near.at(0)->blank ? 2u : 0u) + (near.at(0)->line ? 4u : 0u);
  const uint32_t shape = mix(near.shape(0), near.lists(0));
  const uint32_t before = mix(near.shape(-1), near.lists(-1));
  const uint32_t behind = mix(near.shape(1), near.lists(1));
  put();
  put(shape);
  put(shape, place);
  put(near.word(0));
  put(near.word(0), near.shape(0));
  for (ptrdiff_t by : {-2, -1, 1, 2}) {
    put(near.word(by));
    put(near.word(by), shape);
    put(near.shape(by), near.lists(by), near.shape(0));
  }
  put(near.word(-2), near.word(-1), shape);
  put(near.word(1), near.word(2), shape);
  put(near.word(-1), near.word(1), shape);
  put(before, shape, behind);
  put(mix(near.shape(-2), near.lists(-2)), before, shape);
  put(shape, behind, mix(near.shape(2), near.lists(2)));
  put(near.shape(-2), near.shape(-1), near.shape(0), near.shape(1), near.shape(2));
  put(near.lists(-1), near.lists(0), near.lists(1));
  put(near.to_number(-1), near.shape(0));
  put(near.to_number(1), near.shape(0));
  put(near.to_number(-1), near.to_number(1), shape);
  // What the sentence is about: sums and questions name persons, too.
  const uint32_t numbers = near.at(0)->numbers;
  put(numbers, shape);
  put(numbers, shape, place, near.shape(1), near.lists(1));
  put(tokens.front().word, shape);
  put(tokens.back().word, shape);
  put(tokens.back().word, shape, place, numbers);
  for (auto by = static_cast<ptrdiff_t>(kNear) + 1; by <= kFar; ++by) {
    put(near.word(by), shape);
    put(near.word(-by), shape);
  }
  const std::string_view text = near.text(0);
  if (!is_word(text.front()) || is_digit(text.front())) return;
  for (size_t n : {size_t{2}, size_t{3}, size_t{4}}) {
    ++kind;
    if (text.size() <= n) continue;
    put(hash_of(text.substr(0, n)), near.at(0)->strong ? 1u : 0u);
    put(hash_of(text.substr(text.size() - n)), near.at(0)->strong ? 1u : 0u);
  }
}

std::vector<PersonTag> best_tags(std::span<const TagScores> scores, const TagMoves& moves) {
  if (scores.empty()) return {};
  std::vector<std::array<uint8_t, kPersonTags>> came_from(scores.size());
  TagScores best;
  for (size_t tag = 0; tag < kPersonTags; ++tag) {
    best[tag] = is_inside(static_cast<PersonTag>(tag)) ? kNever : scores[0][tag] + moves[0][tag];
  }
  for (size_t i = 1; i < scores.size(); ++i) {
    TagScores next;
    for (size_t tag = 0; tag < kPersonTags; ++tag) {
      next[tag] = kNever * 2;
      for (size_t before = 0; before < kPersonTags; ++before) {
        if (!may_follow(static_cast<PersonTag>(before), static_cast<PersonTag>(tag))) continue;
        const int32_t sum = std::max(best[before], kNever) + moves[before][tag] + scores[i][tag];
        if (sum <= next[tag]) continue;
        next[tag] = sum;
        came_from[i][tag] = static_cast<uint8_t>(before);
      }
    }
    best = next;
  }
  std::vector<PersonTag> tags(scores.size());
  auto tag = static_cast<uint8_t>(std::ranges::max_element(best) - best.begin());
  for (size_t i = scores.size(); i-- > 0;) {
    tags[i] = static_cast<PersonTag>(tag);
    tag = came_from[i][tag];
  }
  return tags;
}

const PersonTagger& PersonTagger::built_in() {
  static const PersonTagger instance = [] {
    Result<PersonTagger> read = PersonTagger::read({reinterpret_cast<const char*>(kFile), sizeof kFile});
    PV_CHECK(read.has_value());
    return *std::move(read);
  }();
  return instance;
}

Result<PersonTagger> PersonTagger::read(std::string_view file) {
  if (file.size() != kPersonFileBytes || !file.starts_with(kPersonMagic)) {
    return fail(Code::kInvalid, "this is no file of weights for names and addresses; train them again");
  }
  PersonTagger tagger;
  std::string_view head = file.substr(kPersonMagic.size());
  const auto next = [&] {
    const int32_t number = read_number(head);
    head.remove_prefix(4);
    return number;
  };
  for (int32_t& threshold : tagger.threshold_) threshold = next();
  for (TagScores& row : tagger.moves_) {
    for (int32_t& move : row) move = next();
  }
  tagger.lists_ = reinterpret_cast<const uint8_t*>(head.data());
  tagger.weights_ = reinterpret_cast<const int8_t*>(head.data() + kWordLists * kListBytes);
  Sha256 hash;
  hash.update(file);
  tagger.digest_ = hash.finish();
  return tagger;
}

TagScores PersonTagger::scores_of(std::span<const uint32_t> features) const {
  TagScores scores{};
  for (uint32_t feature : features) {
    const int8_t* const row = weights_ + size_t{feature} * kWeighedTags;
    for (size_t tag = 0; tag < kWeighedTags; ++tag) scores[tag + 1] += row[tag];
  }
  return scores;
}

int32_t PersonTagger::margin_of(int64_t score) {
  const auto over = static_cast<int32_t>(std::clamp<int64_t>(score, 500, 999)) - 500;
  return kScoreUnit * over / (500 - over);
}

std::vector<PersonSpan> PersonTagger::spans_of(std::string_view plain, size_t from) const {
  const std::vector<PersonToken> tokens =
      person_tokens(plain, WordLists(lists_, kWordLists * kListBytes));
  size_t first = 0;
  while (first < tokens.size() && tokens[first].begin < from) ++first;
  std::vector<TagScores> scores(tokens.size() - first);
  std::vector<uint32_t> features;
  for (size_t i = first; i < tokens.size(); ++i) {
    if (!may_be_person(tokens, i)) {
      scores[i - first] = {0, kNever, kNever, kNever, kNever};
      continue;
    }
    features.clear();
    append_person_features(plain, tokens, i, features);
    scores[i - first] = scores_of(features);
  }
  const std::vector<PersonTag> tags = best_tags(scores, moves_);
  std::vector<PersonSpan> spans;
  constexpr size_t kOut = 0;
  for (size_t i = 0; i < tags.size();) {
    const PersonTag tag = tags[i];
    if (tag == PersonTag::kOut) {
      ++i;
      continue;
    }
    // How much more the sentence scores with this span than without it.
    int32_t margin = 0;
    size_t last = i == 0 ? kOut : static_cast<size_t>(tags[i - 1]);
    size_t last_out = last;
    size_t end = i;
    for (; end < tags.size() && (end == i || is_inside(tags[end])); ++end) {
      const auto own = static_cast<size_t>(tags[end]);
      margin += scores[end][own] + moves_[last][own] - scores[end][kOut] - moves_[last_out][kOut];
      last = own;
      last_out = kOut;
    }
    if (end < tags.size()) {
      const auto behind = static_cast<size_t>(tags[end]);
      margin += moves_[last][behind] - moves_[kOut][behind];
    }
    const bool name = is_name(tag);
    margin -= threshold_[name ? 0 : 1];
    if (margin >= 0) {
      spans.push_back({tokens[first + i].begin, tokens[first + end - 1].end, name ? kLabelName : kLabelAddress,
                       500 + int64_t{500} * margin / (int64_t{margin} + kScoreUnit)});
    }
    i = end;
  }
  return spans;
}

}  // namespace proviso::inspect
