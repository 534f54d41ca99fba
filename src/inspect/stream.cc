#include "inspect/stream.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "inspect/symbol.h"

namespace proviso::inspect {
namespace {

constexpr size_t kCodePointBytesMax = 4;

constexpr bool fits_hold_back() {
  return kWordBytesMax + kSegmentBytesMin + kCodePointBytesMax <= kHoldBackBytesMax &&
         kLeadBytesMax + kBoundedBodyBytesMax + kSegmentBytesMin < kWordBytesMax &&
         kPieceBytes + kCodePointBytesMax <= kHoldBackBytesMax && kPemLineBytesMax <= kWordBytesMax;
}
static_assert(fits_hold_back());

bool is_blank_or_control(char c) { return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f; }

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

}  // namespace

SecretStream::SecretStream(std::shared_ptr<const Rules> rules, TextKind kind)
    : rules_(std::move(rules)), kind_(kind) {}

void SecretStream::restart(TextKind kind) {
  kind_ = kind;
  held_.clear();
  base_ = 0;
  segment_begin_ = scan_ = 0;
  mode_ = Mode::kText;
  in_word_ = false;
  before_ = 0;
  quote_ = 0;
  context_.clear();
  escaped_ = false;
  pem_begin_.reset();
  continuation_ = 0;
}

void SecretStream::push(std::string_view bytes, std::vector<Segment>* segments) {
  segments_ = segments;
  while (!bytes.empty()) {
    const std::string_view slice = bytes.substr(0, kSliceBytes);
    bytes.remove_prefix(slice.size());
    held_ += slice;
    scan();
    compact();
  }
  if (rules_->hold_back() == HoldBack::kOff) flush();
}

void SecretStream::finish(std::vector<Segment>* segments) {
  segments_ = segments;
  flush();
}

// The text ends here, as far as judgement goes.
void SecretStream::flush() {
  const size_t end = held_.size();
  if (mode_ == Mode::kText) {
    if (in_word_) end_word();
    while (mode_ == Mode::kText && scan_ < end) take_gap(held_[scan_], 1);
  }
  scan_ = end;
  if (segment_begin_ < end) {
    if (mode_ == Mode::kText) {
      cut_unlabelled(end);
    } else {
      cut_labelled(end, {}, true);
    }
  }
  compact();
  pem_begin_.reset();
  context_.clear();
  if (mode_ == Mode::kLongToken) mode_ = Mode::kText;
}

void SecretStream::compact() {
  held_.erase(0, segment_begin_);
  base_ += segment_begin_;
  scan_ -= segment_begin_;
  word_begin_ -= std::min(word_begin_, segment_begin_);
  if (pem_begin_) *pem_begin_ -= segment_begin_;
  segment_begin_ = 0;
}

// Whether what it stands for must be read first (symbol.h).
bool SecretStream::needs_reading(char c) const {
  return static_cast<uint8_t>(c) >= 0x80 || (kind_ == TextKind::kJson && c == '\\');
}

bool SecretStream::is_word_byte(char c) const {
  if (quote_ == 0) return in_set(c, kWord);
  return c != quote_ && !is_blank_or_control(c) && static_cast<uint8_t>(c) < 0x80;
}

void SecretStream::scan() {
  while (scan_ < held_.size()) {
    if (mode_ != Mode::kText) {
      if (scan_stretch() == Step::kNeedsMore) return;
      continue;
    }
    if (in_word_) {
      if (scan_word() == Step::kOn) continue;
    } else if (static_cast<uint8_t>(held_[scan_]) < 0x80 && context_.idle() && quote_ == 0 &&
               !pem_begin_ && continuation_ == 0) {
      scan_quiet();
      if (in_word_ || mode_ != Mode::kText) continue;
    }
    if (scan_ == held_.size()) return;
    const char c = held_[scan_];
    if (needs_reading(c)) {
      if (scan_symbol() == Step::kNeedsMore) return;
    } else if (is_word_byte(c)) {
      begin_word();
    } else {
      take_gap(c, 1);
    }
  }
}

// The same as the steps below for the text that most text is: words that are not suspect, and ASCII
// between them. Stops in front of whatever else comes, inside a word if it must be looked at.
void SecretStream::scan_quiet() {
  const Rules& rules = *rules_;
  const char* const bytes = held_.data();
  const size_t size = held_.size();
  size_t at = scan_;
  while (at < size) {
    if (in_set(bytes[at], kWord)) {
      const size_t begin = at;
      const size_t stop = std::min(size, begin + kWordBytesMax);
      uint16_t three = 0;
      uint64_t suspect = 0;
      do {
        three = rules.roll(three, bytes[at]);
        suspect |= rules.suspect(three);
        ++at;
      } while (at < stop && in_set(bytes[at], kWord));
      const bool may_go_on = at < stop && needs_reading(bytes[at]);
      if (at < stop && suspect == 0 && !may_go_on) continue;
      if (begin > scan_) before_ = bytes[begin - 1];
      scan_ = at;
      in_word_ = true;
      escaped_ = false;
      word_begin_ = begin;
      three_ = three;
      suspect_ = suspect;
      kinds_ = kWord;
      if (at - begin == kWordBytesMax) overflow();
      return;
    }
    if (static_cast<uint8_t>(bytes[at]) >= 0x80 || bytes[at] == '\\') break;
    ++at;
    const size_t gathered = at - segment_begin_;
    if (gathered >= kSegmentBytesMin || base_ + segment_begin_ < kUngatheredBytes) {
      cut_unlabelled(at);
    }
  }
  if (at > scan_) before_ = bytes[at - 1];
  scan_ = at;
}

void SecretStream::begin_word() {
  leave_broken_code_point();
  in_word_ = true;
  escaped_ = false;
  word_begin_ = scan_;
  three_ = 0;
  suspect_ = 0;
  kinds_ = 0;
}

// How long the word may become before it is judged as far as it goes.
size_t SecretStream::window() const {
  return pem_begin_ ? kPemLineBytesMax - std::min(pem_line_.size(), kPemLineBytesMax - 1)
                    : kWordBytesMax;
}

// Reads on to the word's end. kOn: the state changed, look again; kNeedsMore: at the end of what is
// held, or at an escape, which the caller reads.
SecretStream::Step SecretStream::scan_word() {
  const size_t length = escaped_ ? decoded_.size() : scan_ - word_begin_;
  const size_t room = window() - std::min(length, window());
  const size_t stop = std::min(held_.size(), scan_ + room);
  const size_t from = scan_;
  const char* const bytes = held_.data();
  size_t at = scan_;
  if (quote_ == 0) {
    const Rules& rules = *rules_;
    uint16_t three = three_;
    uint64_t suspect = suspect_;
    Set kinds = kinds_;
    for (; at < stop && in_set(bytes[at], kWord); ++at) {  // the backslash is no word byte
      kinds |= kSetOf[static_cast<uint8_t>(bytes[at])];
      three = rules.roll(three, bytes[at]);
      suspect |= rules.suspect(three);
    }
    three_ = three;
    suspect_ = suspect;
    kinds_ = kinds;
  } else {
    while (at < stop && is_word_byte(bytes[at]) && !needs_reading(bytes[at])) ++at;
    suspect_ = 1;
  }
  scan_ = at;
  if (escaped_) {
    for (size_t i = from; i < scan_; ++i) {
      decoded_ += held_[i];
      raw_of_.push_back(static_cast<uint32_t>(i - word_begin_));
    }
  }
  if (scan_ - from == room) {
    overflow();
    return Step::kOn;
  }
  if (scan_ == held_.size()) return Step::kNeedsMore;
  if (needs_reading(held_[scan_])) return Step::kNeedsMore;
  end_word();
  return Step::kOn;
}

SecretStream::Step SecretStream::scan_symbol() {
  const Symbol symbol = read_symbol(std::string_view(held_).substr(scan_), kind_);
  if (!symbol.complete) return Step::kNeedsMore;
  if (symbol.kind == Symbol::Kind::kNothing) {
    take_nothing(symbol.length);
  } else if (symbol.kind == Symbol::Kind::kByte && is_word_byte(symbol.byte) &&
             !(symbol.byte == '\\' && symbol.length == 1)) {
    take_word_byte(symbol.byte, symbol.length);
  } else {
    if (in_word_) end_word();
    if (symbol.kind == Symbol::Kind::kByte || held_[scan_] == '\\') {
      if (mode_ == Mode::kText) take_gap(symbol.byte, symbol.length);
      return Step::kOn;
    }
    for (size_t i = 0; i < symbol.length && mode_ == Mode::kText; ++i) take_gap(held_[scan_], 1);
  }
  return Step::kOn;
}

// From here on the word has a text of its own.
void SecretStream::begin_decoding() {
  if (escaped_) return;
  escaped_ = true;
  decoded_.assign(held_, word_begin_, scan_ - word_begin_);
  raw_of_.clear();
  for (uint32_t i = 0; i < decoded_.size(); ++i) raw_of_.push_back(i);
}

// A byte of a word that is written as another character or as an escape.
void SecretStream::take_word_byte(char decoded, size_t raw_length) {
  if (!in_word_) begin_word();
  begin_decoding();
  decoded_ += decoded;
  raw_of_.push_back(static_cast<uint32_t>(scan_ - word_begin_));
  // What the bytes of an escape spell may hold a literal that what it stands for does not.
  suspect_ |= held_[scan_] == '\\' ? 1 : 0;
  three_ = rules_->roll(three_, decoded);
  suspect_ |= rules_->suspect(three_);
  kinds_ |= kSetOf[static_cast<uint8_t>(decoded)];
  scan_ += raw_length;
  track_code_point(decoded);
  bound_word();
}

// What shows nothing ends no word and parts no name from its value.
void SecretStream::take_nothing(size_t raw_length) {
  leave_broken_code_point();
  if (in_word_) begin_decoding();
  scan_ += raw_length;
  if (in_word_) {
    bound_word();
    return;
  }
  if (!bound_opening()) cut_if_gathered();
}

// However few bytes a word stands for, it is not held for ever.
void SecretStream::bound_word() {
  if (bound_opening() || scan_ - word_begin_ <= kRawWordBytesMax) return;
  if (!decoded_.empty()) return overflow();
  in_word_ = escaped_ = false;
  cut_if_gathered();
}

std::string_view SecretStream::word_text() const {
  return escaped_ ? std::string_view(decoded_)
                  : std::string_view(held_).substr(word_begin_, scan_ - word_begin_);
}

// Where byte `in_word` of the word's text begins in held_.
size_t SecretStream::raw_at(size_t in_word) const {
  if (!escaped_) return word_begin_ + in_word;
  return in_word < raw_of_.size() ? word_begin_ + raw_of_[in_word] : scan_;
}

// Fills matches_ with places in held_.
void SecretStream::judge(Edge edge, Context& context, Judged& judged) {
  matches_.clear();
  const Context before = escaped_ ? context : Context{};
  judged = judge_word(*rules_, {word_text(), before_, edge, quote_ != 0}, context, matches_);
  for (Match& match : matches_) {
    match.begin = raw_at(match.begin);
    match.end = raw_at(match.end);
  }
  if (escaped_) merge_raw_view(before, edge, judged);
}

// The byte of the word's own text that place `raw` in the word as sent belongs to.
size_t SecretStream::decoded_at(size_t raw) const {
  const auto after = std::upper_bound(raw_of_.begin(), raw_of_.end(), raw);
  return after == raw_of_.begin() ? 0 : static_cast<size_t>(after - raw_of_.begin()) - 1;
}

// The same stretch as it stands, escapes unread: both views count, and what is open in either.
void SecretStream::merge_raw_view(Context context, Edge edge, Judged& judged) {
  const size_t decoded_matches = matches_.size();
  const std::string_view raw = std::string_view(held_).substr(word_begin_, scan_ - word_begin_);
  const Judged as_sent = judge_word(*rules_, {raw, before_, edge, quote_ != 0}, context, matches_);
  if (as_sent.open_from < raw.size()) judged.open_from = std::min(judged.open_from, decoded_at(as_sent.open_from));
  if (as_sent.pem_at != Judged::kNowhere) judged.pem_at = std::min(judged.pem_at, decoded_at(as_sent.pem_at));
  for (size_t i = decoded_matches; i < matches_.size(); ++i) {
    matches_[i].begin += word_begin_;
    matches_[i].end += word_begin_;
  }
  std::ranges::sort(matches_, {}, [](const Match& m) { return std::tuple(m.begin, m.end, m.rule); });
}

// True if the word needs no judgement: no literal is in it, and no name before it waits for a value
// or finds its operator in it.
bool SecretStream::quiet_word() {
  if (suspect_ != 0 || pem_begin_) return false;
  if (context_.idle()) return true;
  return (kinds_ & ~(kIdent | kDot)) == 0 && context_.skip_name(word_text());
}

void SecretStream::end_word() {
  if (quiet_word()) {
    if (const std::string_view text = word_text(); !text.empty()) before_ = text.back();
    in_word_ = escaped_ = false;
    continuation_ = 0;
    return;
  }
  Judged judged;
  judge(Edge::kEnded, context_, judged);
  const std::string_view text = word_text();
  if (judged.pem_at != Judged::kNowhere) {
    // A second marker drops the first: no key file has two before its kind is said.
    pem_begin_ = raw_at(judged.pem_at);
    if (matches_.empty() && *pem_begin_ > segment_begin_) cut_unlabelled(*pem_begin_);
    pem_line_.clear();
    read_pem_line(text.substr(judged.pem_at));
  } else if (pem_begin_) {
    read_pem_line(text);
  }
  if (!text.empty()) before_ = text.back();
  in_word_ = false;
  escaped_ = false;
  quote_ = 0;
  continuation_ = 0;
  if (mode_ == Mode::kText) emit_matches();
}

// The word fills the window and goes on. A candidate that fills the window undecided is decided by its
// opening. What is decided leaves; the word then begins where the earliest undecided candidate does.
void SecretStream::overflow() {
  if (pem_begin_) {
    read_pem_line(word_text());
    if (mode_ != Mode::kText) return;
    pem_begin_.reset();
    if (word_begin_ > segment_begin_) cut_unlabelled(word_begin_);
    return;
  }
  if (suspect_ == 0 && !escaped_ && context_.idle()) {
    // No literal yet, but one may begin with the last two bytes, and a lead may stand before it.
    word_begin_ = scan_ - kLeadBytesMax - 2;
    before_ = held_[word_begin_ - 1];
    cut_unlabelled(word_begin_);
    return;
  }
  Judged judged;
  Context context = context_;
  judge(Edge::kOpen, context, judged);
  size_t rest = judged.open_from;
  for (const Match& match : matches_) {
    if (!match.open) continue;
    emit_matches();
    return;
  }
  const int64_t opening = judged.open_at_start ? score_opening(word_text()) : 0;
  if (opening > 0) {
    open_stretch(word_begin_, "jwt", opening, Mode::kLongToken);
    return;
  }
  if (judged.pem_at != Judged::kNowhere) rest = std::min(rest, judged.pem_at);
  if (rest == 0) rest = 1;
  // Moves the context to where the word now begins.
  std::vector<Match> ignored;
  judge_word(*rules_, {word_text().substr(0, rest), before_, Edge::kOpen, quote_ != 0}, context_,
             ignored);
  before_ = word_text()[rest - 1];
  const size_t begin = raw_at(rest);
  emit_matches();
  const size_t moved = std::max(begin, segment_begin_);
  if (moved > segment_begin_) cut_unlabelled(moved);
  if (escaped_) {
    const auto keep = std::lower_bound(raw_of_.begin(), raw_of_.end(), moved - word_begin_);
    decoded_.erase(0, static_cast<size_t>(keep - raw_of_.begin()));
    raw_of_.erase(raw_of_.begin(), keep);
    for (uint32_t& raw : raw_of_) raw -= static_cast<uint32_t>(moved - word_begin_);
  }
  word_begin_ = moved;
  // A literal may stand across the window's end, and what was kept back is judged again.
  suspect_ = 1;
}

// The code point before this byte is broken off, so nothing is split here.
void SecretStream::leave_broken_code_point() {
  if (continuation_ == 0) return;
  continuation_ = 0;
  cut_if_gathered();
}

// A byte, or an escape, that is in no word. A segment may end after it.
void SecretStream::take_gap(char decoded, size_t raw_length) {
  if (!context_.idle()) {
    context_.advance(decoded);
    const bool opens = decoded == '"' || decoded == '\'' || decoded == '`';
    quote_ = opens && context_.wants_password() ? decoded : '\0';
  }
  if (pem_begin_) read_pem_line({&decoded, 1});
  if (!is_continuation(decoded)) leave_broken_code_point();
  track_code_point(decoded);
  before_ = decoded;
  scan_ += raw_length;
  cut_if_gathered();
}

// A place where a segment may end: cuts if enough was gathered.
void SecretStream::cut_if_gathered() {
  if (mode_ != Mode::kText || pem_begin_ || continuation_ > 0) return;
  const uint64_t offset = base_ + segment_begin_;
  const size_t gathered = scan_ - segment_begin_;
  if (gathered == 0) return;
  if (offset < kUngatheredBytes || gathered >= kSegmentBytesMin) cut_unlabelled(scan_);
}

// Continuation bytes are counted, so that no cut falls between the bytes of one code point.
void SecretStream::track_code_point(char c) {
  const auto byte = static_cast<uint8_t>(c);
  if (byte < 0x80) {
    continuation_ = 0;
  } else if (byte >= 0xf0 && byte <= 0xf4) {
    continuation_ = 3;
  } else if (byte >= 0xe0 && byte < 0xf0) {
    continuation_ = 2;
  } else if (byte >= 0xc2 && byte < 0xe0) {
    continuation_ = 1;
  } else if (is_continuation(c) && continuation_ > 0) {
    --continuation_;
  } else {
    continuation_ = 0;
  }
}

// Cuts out the matches of the word that was just judged; overlapping ones become one segment.
void SecretStream::emit_matches() {
  if (matches_.empty()) return;
  if (pem_begin_) {
    // A secret inside an opening line: the line is not let go any more.
    open_key_file();
    return;
  }
  size_t i = 0;
  while (i < matches_.size()) {
    const size_t begin = std::max(matches_[i].begin, segment_begin_);
    size_t end = begin;
    bool open = false;
    std::vector<Finding> findings;
    const Match& first = matches_[i];
    for (; i < matches_.size() && (matches_[i].begin < end || findings.empty()); ++i) {
      const Match& match = matches_[i];
      end = std::max(end, match.end);
      open = open || match.open;
      findings.push_back({std::string(kLabelSecret), std::string(match.rule), base_ + match.begin,
                          match.end - match.begin, match.score});
    }
    if (end <= begin) continue;
    if (open) {
      open_stretch(begin, first.rule, first.score, Mode::kLongToken);
      break;
    }
    if (begin > segment_begin_) cut_unlabelled(begin);
    cut_labelled(end, std::move(findings), false);
  }
  matches_.clear();
}

// From `from` on everything is labelled. The finding covers what has been read; what follows carries
// the label without a finding of its own.
void SecretStream::open_stretch(size_t from, std::string_view rule, int64_t score, Mode mode) {
  if (from > segment_begin_) cut_unlabelled(from);
  mode_ = mode;
  in_word_ = false;
  escaped_ = false;
  quote_ = 0;
  pem_begin_.reset();
  context_.clear();
  matches_.clear();
  stretch_rule_ = rule;
  stretch_score_ = score;
  std::vector<Finding> findings;
  findings.push_back({std::string(kLabelSecret), std::string(rule), base_ + segment_begin_,
                      scan_ - segment_begin_, score});
  cut_labelled(scan_, std::move(findings), true);
}

SecretStream::Step SecretStream::scan_stretch() {
  while (scan_ < held_.size()) {
    const char c = held_[scan_];
    bool inside = mode_ == Mode::kToTheEnd || in_set(c, kWord) || (continuation_ > 0 && is_continuation(c));
    if (!inside && needs_reading(c)) {
      const Symbol symbol = read_symbol(std::string_view(held_).substr(scan_), kind_);
      if (!symbol.complete) return Step::kNeedsMore;
      inside = c == '\\' || symbol.kind == Symbol::Kind::kNothing ||
               (symbol.kind == Symbol::Kind::kByte && in_set(symbol.byte, kWord));
    }
    if (!inside) {
      if (scan_ > segment_begin_) cut_labelled(scan_, {}, true);
      mode_ = Mode::kText;
      continuation_ = 0;
      return Step::kOn;
    }
    const bool splits = continuation_ > 0 && is_continuation(c);
    if (scan_ - segment_begin_ >= kPieceBytes && !splits) cut_labelled(scan_, {}, true);
    track_code_point(c);
    ++scan_;
  }
  return Step::kOn;
}

void SecretStream::cut_unlabelled(size_t end) {
  if (segments_ != nullptr) {
    Segment& segment = segments_->emplace_back();
    segment.text.assign(held_, segment_begin_, end - segment_begin_);
  }
  segment_begin_ = end;
}

void SecretStream::cut_labelled(size_t end, std::vector<Finding> findings, bool open_ended) {
  int64_t score = open_ended ? stretch_score_ : 0;
  for (const Finding& finding : findings) score = std::max(score, finding.score);
  findings_.insert(findings_.end(), findings.begin(), findings.end());
  if (segments_ != nullptr) {
    Segment& segment = segments_->emplace_back();
    segment.text.assign(held_, segment_begin_, end - segment_begin_);
    segment.labels.emplace_back(kLabelSecret);
    segment.top_score = score;
    segment.open_ended = open_ended;
    segment.findings = std::move(findings);
  }
  segment_begin_ = end;
}

}  // namespace proviso::inspect
