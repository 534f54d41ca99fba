#include "inspect/unit_stream.h"

#include <algorithm>
#include <utility>

#include "inspect/rule_stream.h"
#include "inspect/stream.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

bool ends_sentence(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') return true;
    if ((c == '.' || c == '!' || c == '?') && (i + 1 == text.size() || text[i + 1] == ' ')) return true;
    if (text.substr(i, 3) == "\xe3\x80\x82") return true;  // ideographic full stop
  }
  return false;
}

// JSON text as the model or tool meant it: string escapes read.
std::string unescaped(std::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size();) {
    if (json[i] != '\\') {
      out += json[i++];
      continue;
    }
    const JsonEscape escape = read_json_escape(json.substr(i));
    append_utf8(out, escape.value);
    i += escape.length;
  }
  return out;
}

// The end of a text, at most kOpinionBytesMax.
std::string_view end_of(std::string_view text) {
  if (text.size() <= kOpinionBytesMax) return text;
  text.remove_prefix(text.size() - kOpinionBytesMax);
  while (!text.empty() && (static_cast<uint8_t>(text.front()) & 0xc0) == 0x80) text.remove_prefix(1);
  return text;
}

// Whether a reading has a text that does not stand there already, letter for letter or nearly. Rules that go by
// letters and their order read only these: others say again what was found, or read words backwards.
bool shows_other_text(std::string_view name) {
  constexpr std::string_view kNames[] = {"base64", "hex", "percent", "escapes", "hidden", "override", "morse"};
  while (!name.empty()) {
    const size_t end = std::min(name.find('/'), name.size());
    if (std::ranges::find(kNames, name.substr(0, end)) == std::end(kNames)) return false;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return true;
}

}  // namespace

bool ends_unit(std::string_view segment, size_t unit_bytes) {
  return unit_bytes >= kUnitBytesMax || (unit_bytes >= kUnitBytesMin && ends_sentence(segment));
}

void UnitStream::push(std::vector<Segment>& in, std::vector<Segment>& out) {
  for (Segment& segment : in) {
    unit_ += segment.text;
    const bool ends = ends_unit(segment.text, unit_.size());
    pending_.push_back(std::move(segment));
    if (ends) judge(out);
  }
  in.clear();
}

void UnitStream::finish(std::vector<Segment>& out) {
  if (!pending_.empty()) judge(out);
}

UnitStream::Best UnitStream::said_of(const Sums& sums, std::string_view reading, Proof proof) const {
  Best said;
  said.margin = classifier_->margins(sums);
  said.reading.fill(std::string(reading));
  if (proof == Proof::kPlain) return said;
  for (size_t k = 0; k < kClasses; ++k) said.margin[k] -= k < kFirstRedLine ? kNearMargin : kNearRedLineMargin;
  return said;
}

void UnitStream::add_unit(const std::string& text, std::string_view plain) {
  Unit unit{classifier_->sums_of(plain), text.size(), shown_of(text), false};
  unit.counted = std::ranges::find(units_, unit.sums, &Unit::sums) == units_.end();
  if (unit.counted) window_sums_.add(unit.sums);
  window_ += text;
  units_.push_back(std::move(unit));
  while (window_.size() > kWindowBytesMax && units_.size() > 1) drop_unit();
}

void UnitStream::drop_unit() {
  const Unit gone = std::move(units_.front());
  units_.pop_front();
  window_.erase(0, gone.bytes);
  if (!gone.counted) return;
  const auto again = std::ranges::find(units_, gone.sums, &Unit::sums);
  if (again == units_.end())
    window_sums_.take(gone.sums);
  else
    again->counted = true;
}

// One second opinion less is left if so.
bool UnitStream::may_ask() {
  if (opinions_->count == 0) {
    unweighed_ = true;
    return false;
  }
  --opinions_->count;
  return true;
}

// What is said of one piece of evidence; the second opinion is about `text`.
void UnitStream::weigh(Best evidence, std::string_view text, Best& best) {
  if (second_ != nullptr && second_->is_asked(evidence.margin, wanted_) && may_ask()) {
    const std::string_view end = end_of(text);
    using Extent = SecondOpinion::Extent;
    evidence.margin = second_->of(evidence.margin, end, end.size() == text.size() ? Extent::kWhole : Extent::kEnd);
  }
  for (size_t k = 0; k < kClasses; ++k) {
    if (evidence.margin[k] <= best.margin[k]) continue;
    best.margin[k] = evidence.margin[k];
    best.reading[k] = evidence.reading[k];
  }
}

std::string UnitStream::shown_of(std::string_view text) const { return second_ == nullptr ? std::string() : opinion_text(text); }

// As the encoder reads the last units.
std::string UnitStream::shown(size_t units) const {
  std::string text;
  for (size_t i = units_.size() - units; i < units_.size(); ++i) text += units_[i].shown;
  return text;
}

UnitStream::Best UnitStream::best_of(bool encoded) {
  Best best;
  best.margin.fill(kNoMargin);
  const bool few = units_.size() <= kFewUnits && window_.size() <= kFewBytes;
  weigh(said_of(window_sums_, "window", few ? Proof::kPlain : Proof::kWider), shown(units_.size()), best);
  if (units_.size() > kNearUnits) {
    Sums near;
    for (size_t i = 0; i < kNearUnits; ++i) near.add(units_[units_.size() - 1 - i].sums);
    weigh(said_of(near, "sentence", Proof::kWider), shown(kNearUnits), best);
  }
  if (!encoded) return best;
  for (const Reading& reading : decoded_readings(window_)) {
    weigh(said_of(classifier_->sums_of(reading.text), reading.name, Proof::kPlain), shown_of(reading.text), best);
    if (rules_ && shows_other_text(reading.name)) note_hidden(reading, best);
  }
  return best;
}

void UnitStream::note_hidden(const Reading& reading, Best& best) const {
  SecretStream secrets(rules_, TextKind::kPlain);
  RuleStream ruled(TextKind::kPlain, wanted_);
  std::vector<Segment> words;
  std::vector<Segment> segments;
  secrets.push(reading.text, &words);
  secrets.finish(&words);
  ruled.push(words, segments);
  ruled.finish(segments);
  const std::string plain = plain_reading(window_);
  for (Segment& segment : segments) {
    if (plain.find(segment.text) != std::string::npos) continue;  // it stands there as it is, and was judged
    best.marking = std::max(best.marking, segment.marking);
    for (Finding& finding : segment.findings) {
      const auto same = std::ranges::find(best.hidden, finding.label, &Finding::label);
      if (same != best.hidden.end() && same->score >= finding.score) continue;
      finding.rule = reading.name + ": " + finding.rule;
      if (same == best.hidden.end()) {
        best.hidden.push_back(std::move(finding));
      } else {
        *same = std::move(finding);
      }
    }
  }
}

// All that was found in the unit, as findings about the whole of it.
void UnitStream::add_found(const Best& best, std::vector<Finding>& found) {
  for (size_t k = 0; k < kClasses; ++k) {
    top_[k] = std::max(top_[k], best.margin[k]);
    if (best.margin[k] < 0 || (wanted_ >> k & 1) == 0) continue;
    found.push_back({std::string(kClassLabels[k]), best.reading[k], 0, 0, Classifier::score_of(best.margin[k])});
  }
  found.insert(found.end(), best.hidden.begin(), best.hidden.end());
  for (Finding& finding : found) {
    finding.offset = base_;
    finding.length = unit_.size();
  }
}

void UnitStream::judge(std::vector<Segment>& out) {
  const std::string text = kind_ == TextKind::kJson ? unescaped(unit_) : unit_;
  const std::string plain = plain_reading(text);
  add_unit(text, plain);
  const bool encoded = may_be_encoded(text, plain);
  const Best best = best_of(encoded || encoded_);
  encoded_ = encoded;
  pending_.front().unweighed = std::exchange(unweighed_, false);
  std::vector<Finding> found;
  add_found(best, found);
  for (Segment& segment : pending_) {
    for (const Finding& finding : found) {
      const auto at = std::ranges::lower_bound(segment.labels, finding.label);
      if (at == segment.labels.end() || *at != finding.label) segment.labels.insert(at, finding.label);
      segment.top_score = std::max(segment.top_score, finding.score);
    }
    segment.marking = std::max(segment.marking, best.marking);
    if (&segment == &pending_.front()) segment.findings.insert(segment.findings.end(), found.begin(), found.end());
    out.push_back(std::move(segment));
  }
  pending_.clear();
  base_ += unit_.size();
  unit_.clear();
}

}  // namespace proviso::inspect
