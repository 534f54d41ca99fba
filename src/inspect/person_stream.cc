#include "inspect/person_stream.h"

#include <algorithm>
#include <tuple>

#include "inspect/look.h"
#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

// A short word before a full stop is an abbreviation as often as not: `Mr.`, `St.`, `Apt.`.
constexpr size_t kWholeWordBytesMin = 4;

bool is_whole(const Segment& segment) {
  return !segment.labels.empty() || segment.marking != 0 || segment.open_ended || !segment.findings.empty();
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool ends_at_mark(std::string_view plain, size_t at) {
  if (plain[at] == '!' || plain[at] == '?') return true;
  if (plain[at] != '.') return false;
  size_t letters = 0;
  while (letters < at && is_letter(plain[at - letters - 1])) ++letters;
  return letters >= kWholeWordBytesMin;
}

// Where a sentence that is too long is cut: behind its last blank, which stands in no name's middle for
// sure only before a small letter; if there is none, between two code points.
size_t cut_of(std::string_view plain) {
  for (size_t at = kSentenceBytesMax; at > kSentenceBytesMax / 2; --at) {
    if (is_blank(plain[at - 1]) && is_lower(plain[at])) return at;
  }
  for (size_t at = kSentenceBytesMax; at > kSentenceBytesMax / 2; --at) {
    if (is_blank(plain[at - 1])) return at;
  }
  size_t at = kSentenceBytesMax;
  while (at > 1 && (static_cast<uint8_t>(plain[at]) & 0xc0) == 0x80) --at;
  return at;
}

void join(Segment& segment, Segment&& other) {
  for (std::string& label : other.labels) {
    const auto at = std::ranges::lower_bound(segment.labels, label);
    if (at == segment.labels.end() || *at != label) segment.labels.insert(at, std::move(label));
  }
  segment.top_score = std::max(segment.top_score, other.top_score);
  segment.marking = std::max(segment.marking, other.marking);
  segment.open_ended = segment.open_ended || other.open_ended;
  for (Finding& finding : other.findings) segment.findings.push_back(std::move(finding));
  std::ranges::sort(segment.findings, {},
                    [](const Finding& f) { return std::tuple(f.offset, f.length, f.rule); });
}

}  // namespace

size_t sentence_end(std::string_view plain) {
  for (size_t at = 0; at < std::min(plain.size(), kSentenceBytesMax); ++at) {
    if (plain[at] == '\n') return at + 1;
    if (at + 1 < plain.size() && is_blank(plain[at + 1]) && ends_at_mark(plain, at)) return at + 2;
  }
  return plain.size() > kSentenceBytesMax ? cut_of(plain) : std::string_view::npos;
}

void PersonStream::push(std::vector<Segment>& in, std::vector<Segment>& out) {
  for (Segment& segment : in) {
    append(std::move(segment));
    for (size_t end = sentence_end(plain_); end != std::string_view::npos; end = sentence_end(plain_)) {
      judge(end, out);
    }
    if (held_.size() >= kSentenceRawBytesMax) judge(plain_.size(), out);
  }
  in.clear();
}

void PersonStream::finish(std::vector<Segment>& out) {
  if (!held_.empty()) judge(plain_.size(), out);
}

// Segments never split a code point, so that each can be read by itself.
void PersonStream::append(Segment&& segment) {
  const size_t begin = held_.size();
  const std::string_view raw = segment.text;
  held_ += raw;
  ends_.push_back(held_.size());
  for (size_t i = 0; i < raw.size();) {
    char32_t value = static_cast<uint8_t>(raw[i]);
    size_t length = 1;
    if (kind_ == TextKind::kJson && raw[i] == '\\') {
      const JsonEscape escape = read_json_escape(raw.substr(i));
      value = escape.value;
      length = escape.length;
    } else if (value >= 0x80) {
      const CodePoint c = read_code_point(raw.substr(i));
      value = c.value;
      length = c.length;
    }
    if (value < 0x80)
      plain_ += static_cast<char>(value);
    else if (!is_ignorable(value))
      append_folded(plain_, value);
    origin_.resize(plain_.size(), static_cast<uint32_t>(begin + i));
    i += length;
  }
  if (!is_whole(segment)) return;
  segment.text.clear();
  labelled_.push_back({begin, held_.size(), std::move(segment)});
}

// A cut inside of what must stay whole moves to its end.
size_t PersonStream::raw_end(size_t plain_end) const {
  const size_t raw = plain_end < origin_.size() ? origin_[plain_end] : held_.size();
  for (const Interval& interval : labelled_) {
    if (interval.begin < raw && raw < interval.end) return interval.end;
  }
  return raw;
}

void PersonStream::judge(size_t plain_end, std::vector<Segment>& out) {
  const size_t end = raw_end(plain_end);
  while (plain_end < origin_.size() && origin_[plain_end] < end) ++plain_end;
  std::vector<Interval> intervals;
  while (!labelled_.empty() && labelled_.front().begin < end) {
    intervals.push_back(std::move(labelled_.front()));
    labelled_.erase(labelled_.begin());
  }
  find(std::string_view(plain_).substr(0, plain_end), intervals);
  emit(end, intervals, out);
  drop(end, plain_end);
}

void PersonStream::find(std::string_view sentence, std::vector<Interval>& intervals) const {
  const auto may_begin = [](char c) { return is_upper(c) || is_digit(c); };
  if (std::ranges::none_of(sentence, may_begin)) return;
  const std::string plain = before_ + std::string(sentence);
  for (const PersonSpan& span : tagger_->spans_of(plain, before_.size())) {
    const bool name = span.label == kLabelName;
    if (name ? !wanted_.name : !wanted_.address) continue;
    const size_t begin = origin_[span.begin - before_.size()];
    const size_t last = span.end - before_.size();
    const size_t end = last < origin_.size() ? origin_[last] : held_.size();
    Interval interval{begin, end, {}};
    interval.segment.labels = {std::string(span.label)};
    interval.segment.top_score = span.score;
    interval.segment.findings = {{std::string(span.label), "words", base_ + begin, end - begin, span.score}};
    intervals.push_back(std::move(interval));
  }
  std::ranges::sort(intervals, {}, [](const Interval& i) { return std::tuple(i.begin, i.end); });
}

void PersonStream::emit(size_t end, std::vector<Interval>& intervals, std::vector<Segment>& out) {
  size_t from = 0;
  size_t next_end = 0;
  const auto leave = [&](size_t to, Segment&& segment) {
    if (to <= from) return;
    segment.text.assign(held_, from, to - from);
    from = to;
    out.push_back(std::move(segment));
  };
  const auto leave_plain = [&](size_t to) {
    for (; next_end < ends_.size() && ends_[next_end] <= to; ++next_end) leave(ends_[next_end], {});
    leave(to, {});
  };
  for (size_t i = 0; i < intervals.size();) {
    leave_plain(intervals[i].begin);
    size_t joined_end = intervals[i].end;
    Segment segment = std::move(intervals[i].segment);
    for (++i; i < intervals.size() && intervals[i].begin < joined_end; ++i) {
      joined_end = std::max(joined_end, intervals[i].end);
      join(segment, std::move(intervals[i].segment));
    }
    leave(joined_end, std::move(segment));
  }
  leave_plain(end);
}

void PersonStream::drop(size_t raw_end, size_t plain_end) {
  before_ += std::string_view(plain_).substr(0, plain_end);
  size_t cut = before_.size() - std::min(before_.size(), kBeforeBytesMax);
  while (cut < before_.size() && (static_cast<uint8_t>(before_[cut]) & 0xc0) == 0x80) ++cut;
  before_.erase(0, cut);
  held_.erase(0, raw_end);
  base_ += raw_end;
  plain_.erase(0, plain_end);
  origin_.erase(origin_.begin(), origin_.begin() + static_cast<ptrdiff_t>(plain_end));
  for (uint32_t& origin : origin_) origin -= static_cast<uint32_t>(raw_end);
  std::erase_if(ends_, [raw_end](size_t end) { return end <= raw_end; });
  for (size_t& end : ends_) end -= raw_end;
  for (Interval& interval : labelled_) {
    interval.begin -= raw_end;
    interval.end -= raw_end;
  }
}

}  // namespace proviso::inspect
