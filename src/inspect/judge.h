#pragma once
// Judges one word (a run of bytes without blanks, quotes or brackets) in the context of what stood
// before it. Pure: the same word, edges and context give the same matches. The stream (stream.cc)
// decides what a word is and holds it back until it is judged.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "inspect/rules.h"

namespace proviso::inspect {

struct Match {
  size_t begin = 0;  // in the word
  size_t end = 0;
  std::string_view rule;
  int64_t score = 0;
  bool open = false;  // reaches the end of a word that goes on, and may go on with it
};

// Names that were seen and wait for their value, "api_key" … ":" … . A few bytes, copied freely.
class Context {
 public:
  [[nodiscard]] bool idle() const { return count_ == 0; }
  void clear() { count_ = 0; }
  // A keyword rule's name ended here.
  void arm(uint16_t rule);
  // The next byte, also of gaps. True if a value begins with it for a slot that waits().
  bool advance(char c);
  // True if slot `i` has seen its operator.
  [[nodiscard]] size_t size() const { return count_; }
  [[nodiscard]] bool waits(size_t i) const { return slots_[i].phase == Phase::kValue; }
  [[nodiscard]] const KeywordRule& rule(size_t i) const;
  [[nodiscard]] uint16_t rule_index(size_t i) const { return slots_[i].rule; }
  // The value was something else. It may have been a type or a second name ("password: string = …"),
  // so each slot waits once more.
  void retry_waiting();
  // Like advance() over a whole word of letters, digits, "_", "-" and ".", and end_word(). False, and
  // nothing done, if a value may begin with it.
  bool skip_name(std::string_view word);
  // The word ended: "is" and "--password" let the value follow after a blank.
  void end_word(std::string_view word);
  // True if a password's value may begin here, so that a quoted one is read to its closing quote.
  [[nodiscard]] bool wants_password() const;

 private:
  enum class Phase : uint8_t { kName, kValue };
  struct Slot {
    uint16_t rule = 0;
    Phase phase = Phase::kName;
    uint8_t count = 0;     // bytes since the name, or since the operator; blanks count once
    bool blank = false;    // the last byte was one
    bool retried = false;
    bool carrier = false;  // Strength::kCarrier: a blank must follow, then the value
  };
  static constexpr size_t kSlotsMax = 4;  // names before one value: "aws_secret_access_key" has four
  std::array<Slot, kSlotsMax> slots_{};
  uint8_t count_ = 0;
};

enum class Edge : uint8_t { kEnded, kOpen };  // kOpen: the word goes on after these bytes

struct Word {
  std::string_view text;
  char before = 0;  // the byte in front of it, 0 at the start of the text
  Edge edge = Edge::kEnded;
  bool quoted = false;  // the value of a password in quotes: any byte
};

struct Judged {
  static constexpr size_t kNowhere = ~size_t{0};
  // For kOpen: where the earliest candidate that is still undecided begins, apart from one at the
  // word's very beginning; else the word's end.
  size_t open_from = 0;
  bool open_at_start = false;  // one begins there
  size_t pem_at = kNowhere;  // where the opening marker of a key file stands
};

// Appends matches in order of `begin`. `context` moves on to the end of the word.
Judged judge_word(const Rules& rules, const Word& word, Context& context, std::vector<Match>& out);

// A candidate that fills the whole hold-back undecided: the score if its opening is enough.
int64_t score_opening(std::string_view text);

}  // namespace proviso::inspect
