#pragma once
// Names and addresses of persons in running text: a linear model that gives each word of a sentence one of
// five tags and takes the best sequence of them (Viterbi 1967; trained as a conditional random field). Its
// weights are trained by tools/train_persons.sh and built into the program; docs/model-card.md says from which
// rows. Whole numbers only, so that every machine gives the same tags.
// Immutable; safe from any thread.
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::inspect {

inline constexpr std::string_view kLabelName = "personal_name";
inline constexpr std::string_view kLabelAddress = "personal_address";

enum class PersonTag : uint8_t { kOut, kNameBegin, kNameInside, kAddressBegin, kAddressInside };
inline constexpr size_t kPersonTags = 5;
inline constexpr size_t kWeighedTags = kPersonTags - 1;  // every one but kOut, which the others are weighed against
inline constexpr uint32_t kPersonFeatures = 3u << 17;
inline constexpr size_t kListBits = 1u << 18;

// One word, number or mark.
struct PersonToken {
  uint32_t begin = 0;  // in the reading, bytes
  uint32_t end = 0;
  uint32_t word = 0;   // hash of its letters in lower case
  uint32_t shape = 0;  // hash of capitals, small letters and digits in their order
  bool strong = false;  // begins with a capital or is a number: what names and addresses are made of
  bool blank = false;   // stands behind a blank
  bool line = false;    // or begins a line
  uint8_t numbers = 0;  // so many numbers stand in the sentence, 3 for more
  uint8_t lists = 0;    // of kWordLists, in which its word stands: one bit each
};

// Words that ordinary text writes in small letters, given names, surnames: one bit for each hash, so that a
// few words seem to stand in a list though they do not.
inline constexpr size_t kWordLists = 3;
inline constexpr size_t kListBytes = kListBits / 8;
using WordLists = std::span<const uint8_t, kWordLists * kListBytes>;
size_t bit_of_word(uint32_t word);  // below kListBits

// Of a plain reading (readings.h).
std::vector<PersonToken> person_tokens(std::string_view plain, WordLists lists);
// Whether the token may carry a tag other than kOut: it or a neighbour is strong.
bool may_be_person(std::span<const PersonToken> tokens, size_t i);
// Appends the numbers, below kPersonFeatures, of what speaks for the tag of token i.
void append_person_features(std::string_view plain, std::span<const PersonToken> tokens, size_t i,
                            std::vector<uint32_t>& out);

// An inside tag follows its own kind only.
bool may_follow(PersonTag before, PersonTag tag);

using TagScores = std::array<int32_t, kPersonTags>;
using TagMoves = std::array<TagScores, kPersonTags>;  // from the first tag to the second
// The best sequence.
std::vector<PersonTag> best_tags(std::span<const TagScores> scores, const TagMoves& moves);

struct PersonSpan {
  size_t begin = 0;  // in the reading
  size_t end = 0;
  std::string_view label;
  int64_t score = 0;  // per mille; 500 at the threshold
};

class PersonTagger {
 public:
  // The weights that are built in.
  static const PersonTagger& built_in();
  // A weights file: kInvalid if it is none. The bytes must outlive the tagger.
  static Result<PersonTagger> read(std::string_view file);

  // What begins in `plain` from `from` on; what stands before is looked at only.
  [[nodiscard]] std::vector<PersonSpan> spans_of(std::string_view plain, size_t from) const;
  // How far above its threshold a span of this score lies at least.
  static int32_t margin_of(int64_t score);
  [[nodiscard]] const Digest& digest() const { return digest_; }  // SHA-256 of the weights file

 private:
  PersonTagger() = default;
  [[nodiscard]] TagScores scores_of(std::span<const uint32_t> features) const;

  const int8_t* weights_ = nullptr;  // kPersonFeatures rows of kWeighedTags
  const uint8_t* lists_ = nullptr;
  TagMoves moves_{};
  std::array<int32_t, 2> threshold_{};  // of a name, of an address
  Digest digest_;
};

inline constexpr std::string_view kPersonMagic = "PVPT0002";
inline constexpr size_t kPersonHeadBytes = 8 + (kPersonTags * kPersonTags + 2) * 4;
inline constexpr size_t kPersonFileBytes =
    kPersonHeadBytes + kWordLists * kListBytes + size_t{kPersonFeatures} * kWeighedTags;

}  // namespace proviso::inspect
