#include "inspect/judge.h"

#include <algorithm>

#include "inspect/checks.h"

namespace proviso::inspect {
namespace {

constexpr int64_t kScoreVendorValue = 900;
constexpr int64_t kScoreUserInfo = 900;
constexpr int64_t kScoreOpening = 800;

constexpr uint8_t kNameBytesMax = 24;      // between a name and its operator, as gitleaks has it
constexpr uint8_t kOperatorBytesMax = 12;  // operator, blanks and quotes before the value

constexpr size_t kUncheckedBytesMax = 64;  // of a token that may still pass its check

constexpr Set kAssignedBody = kIdent | kDot | kEq | kPlus | kTilde | kPercent;
constexpr Set kLeadBody = kIdent | kDot | kTilde;

bool is_operator(char c) {
  return c == '=' || c == ':' || c == '>' || c == '|' || c == ',' || c == '?';
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equals_folded(std::string_view text, std::string_view word) {
  return text.size() == word.size() &&
         std::equal(text.begin(), text.end(), word.begin(),
                    [](char a, char b) { return lower(a) == b; });
}

size_t run_end(std::string_view text, size_t from, Set set) {
  while (from < text.size() && in_set(text[from], set)) ++from;
  return from;
}

// One walk over a word.
class Walk {
 public:
  Walk(const Rules& rules, const Word& word, Context& context, std::vector<Match>& out)
      : rules_(rules), word_(word), text_(word.text), context_(context), out_(out) {
    judged_.open_from = text_.size();
  }

  Judged run() {
    size_t i = 0;
    while (i < text_.size()) {
      if (context_.idle()) {
        i = skip_quiet(i);
        if (i == text_.size()) break;
      }
      i = step(i);
    }
    if (word_.edge == Edge::kEnded) {
      if (!context_.idle()) context_.end_word(text_);
    } else {
      // A literal may have begun, and a rule with a lead may still find its literal.
      const size_t tail = std::min(text_.size(), kLeadBytesMax + rules_.depth(state_));
      undecided(text_.size() - tail);
    }
    return judged_;
  }

 private:
  // From `i` to the first byte where something ends; its state is not entered.
  size_t skip_quiet(size_t i) {
    uint16_t state = state_;
    for (; i < text_.size(); ++i) {
      const uint16_t next = rules_.step(state, text_[i]);
      if (rules_.hit(next)) {
        state_ = state;
        return i;
      }
      state = next;
    }
    state_ = state;
    return text_.size();
  }

  // Takes byte `i`; returns the next byte to take.
  size_t step(size_t i) {
    state_ = rules_.step(state_, text_[i]);
    if (!context_.idle() && context_.advance(text_[i])) {
      const size_t end = value_at(i);
      if (end > i) return end;
    }
    for (uint16_t hit : rules_.hits(state_)) {
      if ((hit & Rules::kKeywordBit) != 0) {
        context_.arm(static_cast<uint16_t>(hit & ~Rules::kKeywordBit));
        continue;
      }
      const size_t end = token_at(prefix_rules()[hit], i);
      if (end > i) return end;
    }
    return i + 1;
  }

  void undecided(size_t from) {
    judged_.open_at_start = judged_.open_at_start || from == 0;
    if (from > 0) judged_.open_from = std::min(judged_.open_from, from);
  }
  [[nodiscard]] bool touches(size_t end) const {
    return word_.edge == Edge::kOpen && end == text_.size();
  }

  size_t found(size_t begin, size_t end, std::string_view rule, int64_t score) {
    out_.push_back({begin, end, rule, score, touches(end)});
    state_ = 0;
    context_.clear();
    return end;
  }

  // A value begins at `i` for the slots that wait. Returns its end if it is a secret, else `i`.
  size_t value_at(size_t i) {
    for (size_t slot = 0; slot < context_.size(); ++slot) {
      if (!context_.waits(slot)) continue;
      const KeywordRule& rule = context_.rule(slot);
      const size_t end = rule.strength == Strength::kVendor ? vendor_value(i, slot)
                                                            : named_value(i, rule);
      if (end > i) return end;
    }
    const size_t end = run_end(text_, i, kLow | kUp);
    for (std::string_view carrier : {"bearer", "basic", "token", "bot"}) {
      if (equals_folded(text_.substr(i, end - i), carrier)) return i;
    }
    context_.retry_waiting();
    return i;
  }

  size_t vendor_value(size_t i, size_t slot) {
    const auto all = keyword_rules();
    const std::string_view keyword = context_.rule(slot).keyword;
    for (size_t r = context_.rule_index(slot); r < all.size() && all[r].keyword == keyword; ++r) {
      const KeywordRule& rule = all[r];
      const size_t end = run_end(text_, i, rule.set);
      const size_t length = end - i;
      if (touches(end) && length <= rule.max) {
        undecided(i);
        continue;
      }
      if (length < rule.min || length > rule.max) continue;
      if (end < text_.size() && in_set(text_[end], kIdent)) continue;
      const std::string_view value = text_.substr(i, length);
      if (count_kinds(value).digits == 0 || score_token(value, {}, rule.check) == 0) continue;
      return found(i, end, rule.name, kScoreVendorValue);
    }
    return i;
  }

  size_t named_value(size_t i, const KeywordRule& rule) {
    const bool password = rule.strength == Strength::kPassword;
    size_t end = password && word_.quoted ? text_.size()
                                          : run_end(text_, i, password ? kWord : kAssignedBody);
    if (touches(end)) {
      if (end - i <= kValueBytesMax) undecided(i);
      return i;
    }
    if (!(password && word_.quoted)) {
      while (end > i && (text_[end - 1] == '.' || text_[end - 1] == ':' || text_[end - 1] == '?' ||
                         (text_[end - 1] == '!' && !password))) {
        --end;
      }
    }
    const int64_t score = score_assigned(text_.substr(i, end - i), rule.strength);
    return score > 0 ? found(i, end, rule.name, score) : i;
  }

  // The literal of `rule` ended with byte `i`. Returns the token's end if it is one, else `i`.
  size_t token_at(const PrefixRule& rule, size_t i) {
    const std::string_view literal = rule.literal;
    const size_t at = i + 1 - literal.size();
    if (text_.substr(at, literal.size()) != literal) return i;
    if (rule.check == Check::kPem) {
      // The last one counts; a line that says what it is at once stays.
      if (!key_file_) judged_.pem_at = at;
      key_file_ = key_file_ || literal.front() != '-';
      return i;
    }
    if (rule.check == Check::kUrl) return user_info_at(i + 1);
    if (rule.left == Left::kEdge && !edge_before(at)) return i;
    size_t begin = at;
    if (rule.check == Check::kJwt && literal.front() == '.') {
      begin = jwt_begin(at);
      if (begin == at) return i;
    } else if (rule.lead > 0) {
      while (begin > 0 && at - begin < rule.lead && in_set(text_[begin - 1], kLeadBody)) --begin;
      if (at - begin < rule.lead_min) return i;
    }
    const size_t end = run_end(text_, i + 1, rule.set);
    const size_t length = end - i - 1;
    if (length < rule.min || (rule.max != 0 && length > rule.max)) {
      if (touches(end) && (rule.max == 0 || length <= rule.max)) undecided(begin);
      return i;
    }
    if (touches(end) && rule.max != 0) {
      undecided(begin);
      return i;
    }
    const std::string_view body =
        rule.lead > 0 ? std::string_view{} : text_.substr(i + 1, length);
    const int64_t score = score_token(text_.substr(begin, end - begin), body, rule.check);
    if (score > 0) return found(begin, end, rule.name, score);
    if (touches(end) && may_become(rule, text_.substr(begin))) undecided(begin);
    return i;
  }

  // A token without an end that fails its check may pass it when more of it is there. Long ones are
  // not waited for, or a word full of beginnings would be judged again and again.
  static bool may_become(const PrefixRule& rule, std::string_view token) {
    if (rule.check != Check::kJwt) return token.size() < kUncheckedBytesMax;
    return token.size() < kUncheckedBytesMax || score_opening(token) > 0;
  }

  // No letter or digit stands before `at`. The n of an escape "\n" that stands as text is none.
  [[nodiscard]] bool edge_before(size_t at) const {
    const char prev = at > 0 ? text_[at - 1] : word_.before;
    if (!in_set(prev, kAlnum)) return true;
    return at == 1 && word_.before == '\\' && (prev == 'n' || prev == 'r' || prev == 't');
  }

  // Where the header of a JSON web token begins whose first dot is at `dot`; `dot` if there is none.
  [[nodiscard]] size_t jwt_begin(size_t dot) const {
    size_t begin = dot;
    size_t header = dot;
    while (begin > 0 && in_set(text_[begin - 1], kIdent)) {
      --begin;
      if (dot - begin >= 17 && text_.substr(begin, 2) == "ey") header = begin;
    }
    return header;
  }

  size_t user_info_at(size_t begin) {
    size_t at = begin;
    size_t end = begin;
    while (end < text_.size() && end - begin <= kUserInfoBytesMax) {
      const char c = text_[end];
      if (c == '/' || c == '?' || c == '#' || !in_set(c, kWord)) break;
      if (c == '@') at = end;
      ++end;
    }
    if (touches(end) && end - begin <= kUserInfoBytesMax) {
      undecided(begin - std::string_view("://").size());
      return begin - 1;
    }
    const std::string_view info = text_.substr(begin, at - begin);
    const size_t colon = info.find(':');
    if (colon == std::string_view::npos || info.size() - colon - 1 < 3) return begin - 1;
    if (is_placeholder(info.substr(colon + 1))) return begin - 1;
    return found(begin, at, "connection-string", kScoreUserInfo);
  }

  const Rules& rules_;
  const Word& word_;
  std::string_view text_;
  Context& context_;
  std::vector<Match>& out_;
  Judged judged_;
  bool key_file_ = false;  // a literal that is a key file's opening by itself was seen
  uint16_t state_ = 0;
};

}  // namespace

const KeywordRule& Context::rule(size_t i) const { return keyword_rules()[slots_[i].rule]; }

void Context::arm(uint16_t rule) {
  const auto all = keyword_rules();
  if (rule > 0 && std::string_view(all[rule].keyword) == all[rule - 1u].keyword) return;
  if (count_ == kSlotsMax) {
    std::copy(slots_.begin() + 1, slots_.end(), slots_.begin());
    --count_;
  }
  const bool carrier = all[rule].strength == Strength::kCarrier;
  slots_[count_++] = {.rule = rule, .carrier = carrier};
}

bool Context::advance(char c) {
  bool value = false;
  uint8_t kept = 0;
  const bool blank = in_set(c, kBlank);
  const bool filler = blank || in_set(c, kQuote);
  for (uint8_t i = 0; i < count_; ++i) {
    Slot slot = slots_[i];
    const uint8_t step = blank && slot.blank ? 0 : 1;
    slot.blank = blank;
    if (slot.phase == Phase::kName) {
      if (slot.carrier) {
        if (!blank) continue;
        slot.phase = Phase::kValue;
      } else if (is_operator(c)) {
        slot.phase = Phase::kValue;
        slot.count = 0;
      } else if (filler || in_set(c, kIdent | kDot) || c == ']') {
        slot.count += step;
        if (slot.count > kNameBytesMax) continue;
      } else {
        continue;
      }
    } else if (filler || is_operator(c)) {
      slot.count += step;
      if (slot.count > kOperatorBytesMax) continue;
    } else if (in_set(c, kWord)) {
      value = true;
    } else {
      continue;
    }
    slots_[kept++] = slot;
  }
  count_ = kept;
  return value;
}

void Context::retry_waiting() {
  uint8_t kept = 0;
  for (uint8_t i = 0; i < count_; ++i) {
    Slot slot = slots_[i];
    if (slot.phase == Phase::kValue) {
      if (slot.retried || slot.carrier) continue;
      slot = {.rule = slot.rule, .phase = Phase::kName, .count = 1, .retried = true};
    }
    slots_[kept++] = slot;
  }
  count_ = kept;
}

bool Context::skip_name(std::string_view word) {
  uint8_t kept = 0;
  for (uint8_t i = 0; i < count_; ++i) {
    if (slots_[i].phase == Phase::kValue) return false;
  }
  for (uint8_t i = 0; i < count_; ++i) {
    Slot slot = slots_[i];
    if (slot.carrier || slot.count + word.size() > kNameBytesMax) continue;
    slot.count = static_cast<uint8_t>(slot.count + word.size());
    slot.blank = false;
    slots_[kept++] = slot;
  }
  count_ = kept;
  if (count_ > 0) end_word(word);
  return true;
}

void Context::end_word(std::string_view word) {
  const bool flag = word.starts_with('-');
  const bool verb = word == "is" || word == "ist" || word == "est" || word == "es" ||
                    word == "lautet" || word == "was" || word == "to";
  if (!flag && !verb) return;
  for (uint8_t i = 0; i < count_; ++i) {
    if (slots_[i].phase == Phase::kName && rule(i).strength != Strength::kVendor) {
      slots_[i].phase = Phase::kValue;
      slots_[i].count = 0;
    }
  }
}

bool Context::wants_password() const {
  for (size_t i = 0; i < count_; ++i) {
    if (slots_[i].phase == Phase::kValue && rule(i).strength == Strength::kPassword) return true;
  }
  return false;
}

Judged judge_word(const Rules& rules, const Word& word, Context& context, std::vector<Match>& out) {
  return Walk(rules, word, context, out).run();
}

int64_t score_opening(std::string_view text) {
  if (!text.starts_with("ey")) return 0;
  const size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    return dot >= 17 && text.substr(dot + 1, 2) == "ey" ? kScoreOpening : 0;
  }
  // {"alg":, {"typ":, {"kid":, {"enc":, {"x5c": in base 64, as every token's header begins.
  for (std::string_view header : {"eyJhbGci", "eyJ0eXAi", "eyJraWQi", "eyJlbmMi", "eyJ4NWMi",
                                  "eyJqa3Ui", "eyJ4NXQi", "eyJjdHki"}) {
    if (text.starts_with(header)) return kScoreOpening;
  }
  return 0;
}

}  // namespace proviso::inspect
