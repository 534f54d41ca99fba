#include "inspect/rule_stream.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "inspect/identifiers.h"
#include "inspect/labels.h"
#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

// Bytes at which a finding can begin though no word does.
bool opens_finding(char c) { return c == '+' || c == '(' || c == '-' || c == '/'; }

void put_labels(Segment& segment, const std::vector<std::string>& labels) {
  for (const std::string& label : labels) {
    const auto at = std::ranges::lower_bound(segment.labels, label);
    if (at == segment.labels.end() || *at != label) segment.labels.insert(at, label);
  }
}

void join(Segment& segment, Segment&& other) {
  put_labels(segment, other.labels);
  segment.top_score = std::max(segment.top_score, other.top_score);
  segment.marking = std::max(segment.marking, other.marking);
  segment.open_ended = segment.open_ended || other.open_ended;
  for (Finding& finding : other.findings) segment.findings.push_back(std::move(finding));
  std::ranges::sort(segment.findings, {}, [](const Finding& f) { return std::tuple(f.offset, f.length, f.rule); });
}

}  // namespace

void RuleStream::push(std::vector<Segment>& in, std::vector<Segment>& out) {
  for (Segment& segment : in) {
    if (held_.empty() && segment.labels.empty() && is_quiet(segment.text)) {
      pass_quiet(std::move(segment), out);
      continue;
    }
    append(std::move(segment));
    scan(false);
    emit(false, out);
  }
  in.clear();
}

// Whether no rule can say yes or ask for more anywhere in this segment: what most text is. The same steps
// would let it go as it is.
bool RuleStream::is_quiet(std::string_view text) const {
  const bool personal = (wanted_ & kPersonalBits) != 0;
  bool capital = false;
  bool inside = !plain_.empty() && is_word(plain_.back());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_lower(c)) {
      if (!inside && (c == 'c' || c == 'd' || c == 't' || c == 'o') && may_mark(text.substr(i))) return false;
      inside = true;
      capital = false;
    } else if (is_upper(c)) {
      if (capital || may_mark(text.substr(i)) || (personal && (inside || may_open_identifier(text.substr(i))))) return false;
      inside = capital = true;
    } else if (is_digit(c)) {
      if (personal) return false;
      inside = true;
      capital = false;
    } else {
      if (static_cast<uint8_t>(c) >= 0x80 || c == '(' || c == '/' || c == '\\') return false;
      if (personal && (c == '@' || c == '+' || c == '-')) return false;
      inside = capital = false;
    }
  }
  return true;
}

// Lets a quiet segment go, and keeps its end for what looks back.
void RuleStream::pass_quiet(Segment&& segment, std::vector<Segment>& out) {
  const std::string_view text = segment.text;
  const std::string_view tail = text.substr(text.size() - std::min(text.size(), kBehindBytesMax));
  starts_ = starts_ && plain_.size() + text.size() <= kBehindBytesMax;
  const size_t keep = std::min(plain_.size(), kBehindBytesMax - tail.size());
  plain_.erase(0, plain_.size() - keep);
  plain_ += tail;
  origin_.assign(plain_.size(), 0);
  at_ = plain_.size();
  base_ += text.size();
  out.push_back(std::move(segment));
}

void RuleStream::finish(std::vector<Segment>& out) { flush(out); }

void RuleStream::flush(std::vector<Segment>& out) {
  scan(true);
  emit(true, out);
}

void RuleStream::append(Segment&& segment) {
  const size_t begin = held_.size();
  held_ += segment.text;
  append_plain(segment.text);
  ends_.push_back(held_.size());
  if (segment.labels.empty()) return;
  segment.text.clear();
  intervals_.push_back({begin, held_.size(), std::move(segment)});
}

// Segments never split a code point, so that each can be read by itself.
void RuleStream::append_plain(std::string_view raw) {
  const size_t begin = held_.size() - raw.size();
  bool simple = kind_ == TextKind::kPlain;
  for (size_t i = 0; simple && i < raw.size(); ++i) simple = static_cast<uint8_t>(raw[i]) < 0x80;
  if (simple) {
    plain_ += raw;
    for (size_t i = 0; i < raw.size(); ++i) origin_.push_back(static_cast<uint32_t>(begin + i));
    return;
  }
  for (size_t i = 0; i < raw.size();) {
    size_t length = 1;
    char32_t value = 0;
    if (kind_ == TextKind::kJson && raw[i] == '\\') {
      const JsonEscape escape = read_json_escape(raw.substr(i));
      value = escape.value;
      length = escape.length;
    } else {
      const CodePoint c = read_code_point(raw.substr(i));
      value = c.value;
      length = c.length;
    }
    if (!is_ignorable(value)) append_folded(plain_, value);
    origin_.resize(plain_.size(), static_cast<uint32_t>(begin + i));
    i += length;
  }
}

// Quickly: most places are inside a word or a blank before a small letter.
bool RuleStream::may_begin(size_t at) const {
  const char c = plain_[at];
  if (is_word(c)) return at == 0 || !is_word(plain_[at - 1]);
  return opens_finding(c);
}

void RuleStream::scan(bool ended) {
  while (at_ < plain_.size()) {
    if (!may_begin(at_)) {
      ++at_;
      continue;
    }
    const size_t behind = std::min(at_, kBehindBytesMax);
    Found found = find(look_at(behind, ended));
    if (found.answer == Found::Answer::kMore) return;
    if (found.answer == Found::Answer::kNo) {
      ++at_;
      continue;
    }
    found.begin += at_ - behind;
    found.end += at_ - behind;
    take(found);
    at_ = std::max(found.end, at_ + 1);
  }
}

// What rules see at the first undecided place: never more than they may wait for, so that a place is
// decided by the same bytes however many have come.
Look RuleStream::look_at(size_t behind, bool ended) const {
  size_t end = std::min(plain_.size(), at_ + kAheadBytesMax);
  const size_t raw_end = origin_[at_] + kRawAheadBytesMax;
  const bool full = held_.size() >= raw_end;
  if (full && origin_[end - 1] >= raw_end) {
    const auto stop = std::lower_bound(origin_.begin() + static_cast<ptrdiff_t>(at_), origin_.end(), raw_end);
    end = static_cast<size_t>(stop - origin_.begin());
  }
  return {.text = std::string_view(plain_).substr(at_ - behind, end - at_ + behind),
          .at = behind, .starts = starts_ && behind == at_, .ended = ended, .full = full};
}

Found RuleStream::find(const Look& look) {
  const char c = look[look.at];
  if (c == '(' || c == '/' || is_upper(c) || (is_lower(c) && begins_level(look))) {
    marking_ = {};
    Found marking = find_marking(look, marking_);
    if (marking.answer != Found::Answer::kNo) return marking;
  }
  if (c == '/') return Found::no();
  if ((wanted_ & kPersonalBits) == 0) return Found::no();
  return find_identifier(look);
}

void RuleStream::take(const Found& found) {
  const size_t begin = origin_[found.begin];
  const size_t end = found.end < origin_.size() ? origin_[found.end] : held_.size();
  Interval interval{begin, end, {}};
  Segment& segment = interval.segment;
  if ((wanted_ & bit_of(found.label)) != 0) segment.labels = {std::string(found.label)};
  segment.top_score = found.score;
  std::string rule(found.rule);
  if (found.rule == kLabelMarking) {
    take_marking(segment, std::string_view(plain_).substr(found.begin, found.end - found.begin));
    rule = marking_.rule;
    for (const std::string& fault : marking_.faults) rule += " " + fault;
  }
  if (segment.labels.empty()) {
    segment.top_score = 0;
  } else {
    segment.findings.push_back({segment.labels.front(), std::move(rule), base_ + begin, end - begin,
                                found.score});
  }
  intervals_.push_back(std::move(interval));
}

// What contradicts what was marked before in this text is a fault of the later mark.
void RuleStream::take_marking(Segment& segment, std::string_view text) {
  segment.marking = marking_.rank;
  if (marking_.rule == "us-banner") {
    std::string banner;
    for (char c : text) {
      if (c != ' ') banner += c;
    }
    if (banner_rank_ < 0) {
      banner_ = banner;
      banner_rank_ = marking_.rank;
    } else if (banner != banner_) {
      marking_.faults.emplace_back("banner-mismatch");
    }
  } else if (marking_.rule == "us-portion" && banner_rank_ >= 0 && marking_.rank > banner_rank_) {
    marking_.faults.emplace_back("portion-above-banner");
  }
  segment.labels.clear();
  if ((wanted_ & bit_of(kLabelMarking)) != 0) segment.labels.emplace_back(kLabelMarking);
  if (marking_.faults.empty() || (wanted_ & bit_of(kLabelMarkingFault)) == 0) return;
  segment.labels.emplace_back(kLabelMarkingFault);
}

void RuleStream::cut(size_t end, std::vector<Segment>& out) {
  if (end <= cut_) return;
  Segment& segment = out.emplace_back();
  segment.text.assign(held_, cut_, end - cut_);
  cut_ = end;
}

// Everything before the first undecided place leaves, up to the last boundary in front of it.
void RuleStream::emit(bool ended, std::vector<Segment>& out) {
  const size_t decided = ended || at_ >= origin_.size() ? held_.size() : origin_[at_];
  std::ranges::sort(intervals_, {}, [](const Interval& i) { return std::tuple(i.begin, i.end); });
  size_t next = 0;
  size_t end_index = 0;
  while (next < intervals_.size() || end_index < ends_.size()) {
    const size_t begin = next < intervals_.size() ? intervals_[next].begin : held_.size() + 1;
    while (end_index < ends_.size() && ends_[end_index] <= begin && ends_[end_index] <= decided) {
      cut(ends_[end_index++], out);
    }
    if (next == intervals_.size() || begin >= decided) break;
    size_t joined = next + 1;
    size_t end = intervals_[next].end;
    for (; joined < intervals_.size() && intervals_[joined].begin < end; ++joined) {
      end = std::max(end, intervals_[joined].end);
    }
    if (end > decided) break;
    cut(begin, out);
    Segment segment = std::move(intervals_[next].segment);
    for (size_t i = next + 1; i < joined; ++i) join(segment, std::move(intervals_[i].segment));
    segment.text.assign(held_, begin, end - begin);
    out.push_back(std::move(segment));
    cut_ = end;
    next = joined;
    while (end_index < ends_.size() && ends_[end_index] <= end) ++end_index;
  }
  intervals_.erase(intervals_.begin(), intervals_.begin() + static_cast<ptrdiff_t>(next));
  drop_emitted();
}

void RuleStream::drop_emitted() {
  if (cut_ == 0) return;
  held_.erase(0, cut_);
  base_ += cut_;
  const size_t gone = cut_;
  std::erase_if(ends_, [gone](size_t end) { return end <= gone; });
  for (size_t& end : ends_) end -= gone;
  for (Interval& interval : intervals_) {
    interval.begin -= gone;
    interval.end -= gone;
  }
  cut_ = 0;
  // Keep what rules may look back at. Its places are not asked for any more.
  const size_t drop = at_ - std::min(at_, kBehindBytesMax);
  plain_.erase(0, drop);
  origin_.erase(origin_.begin(), origin_.begin() + static_cast<ptrdiff_t>(drop));
  for (uint32_t& origin : origin_) origin -= std::min<uint32_t>(origin, static_cast<uint32_t>(gone));
  at_ -= drop;
  starts_ = starts_ && drop == 0;
}

}  // namespace proviso::inspect
