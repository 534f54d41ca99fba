#include "gate/redaction.h"

#include <algorithm>
#include <iterator>

namespace proviso::gate {
namespace {

void insert_sorted(std::vector<std::string>& words, const std::string& word) {
  const auto at = std::lower_bound(words.begin(), words.end(), word);
  if (at == words.end() || *at != word) words.insert(at, word);
}

// What stays of a segment: its labels but for those that went, and what findings are left.
void keep_rest(inspect::Segment& segment, const std::vector<inspect::Finding>& left, const std::vector<std::string>& gone) {
  std::vector<std::string> labels;
  for (const std::string& label : segment.labels) {
    if (std::ranges::find(gone, label) == gone.end()) labels.push_back(label);
  }
  int64_t top = 0;
  for (const inspect::Finding& finding : left) top = std::max(top, finding.score);
  if (labels.empty() || !left.empty()) segment.top_score = top;
  if (std::ranges::find(gone, inspect::kLabelMarking) != gone.end()) segment.marking = 0;
  segment.labels = std::move(labels);
  segment.findings = left;
}

}  // namespace

std::string redaction_mark(std::string_view label) { return "[redacted: " + std::string(label) + "]"; }

bool Redactor::goes(std::string_view label) const { return std::ranges::find(labels_, label) != labels_.end(); }

void Redactor::note(const std::string& label) { insert_sorted(taken_, label); }

std::vector<Redactor::Cut> Redactor::cuts_of(Judged& part) {
  std::vector<Cut> cuts = part.segment.open_ended ? whole_of(part) : findings_of(part);
  if (cuts.empty()) return cuts;
  uint64_t& until = texts_[part.text].until;
  if (until == cuts.front().begin && until != 0) cuts.front().mark.clear();
  until = cuts.back().end;
  return cuts;
}

std::vector<Redactor::Cut> Redactor::whole_of(Judged& part) {
  inspect::Segment& segment = part.segment;
  const auto label = std::ranges::find_if(segment.labels, [&](const std::string& one) { return goes(one); });
  if (label == segment.labels.end()) return {};
  std::vector<Cut> cuts{{part.begin, part.begin + segment.text.size(), redaction_mark(*label)}};
  note(*label);
  std::erase_if(segment.labels, [&](const std::string& one) { return goes(one); });
  std::erase_if(segment.findings, [&](const inspect::Finding& one) { return goes(one.label); });
  if (segment.labels.empty()) segment.top_score = 0;
  return cuts;
}

std::vector<Redactor::Cut> Redactor::findings_of(Judged& part) {
  std::map<std::string, uint64_t>& reach = texts_[part.text].reach;
  const uint64_t end = part.begin + part.segment.text.size();
  std::vector<Cut> cuts;
  std::vector<std::string> gone;
  for (const std::string& label : part.segment.labels) {
    const auto before = reach.find(label);
    if (!goes(label) || before == reach.end() || before->second < end) continue;
    if (cuts.empty()) cuts.push_back({part.begin, end, redaction_mark(label)});
    gone.push_back(label);
  }
  std::vector<inspect::Finding> left;
  std::ranges::sort(part.segment.findings, {}, &inspect::Finding::offset);  // a sentence's comes last, and begins first
  for (const inspect::Finding& finding : part.segment.findings) {
    if (!goes(finding.label)) {
      left.push_back(finding);
      continue;
    }
    gone.push_back(finding.label);
    note(finding.label);
    reach[finding.label] = std::max(reach[finding.label], finding.offset + finding.length);
    const uint64_t from = std::max(finding.offset, part.begin);
    const uint64_t to = std::min(finding.offset + finding.length, end);
    if (!cuts.empty() && from <= cuts.back().end) {
      cuts.back().end = std::max(cuts.back().end, to);
    } else {
      cuts.push_back({from, to, redaction_mark(finding.label)});
    }
  }
  if (!cuts.empty()) keep_rest(part.segment, left, gone);
  return cuts;
}

bool Redactor::take_out(Judged& part) {
  const std::vector<Cut> cuts = cuts_of(part);
  if (cuts.empty()) return false;
  std::string text;
  size_t at = 0;
  for (const Cut& cut : cuts) {
    text.append(part.segment.text, at, cut.begin - part.begin - at).append(cut.mark);
    at = cut.end - part.begin;
  }
  part.segment.text = text.append(part.segment.text, at);
  return true;
}

namespace {

using Cuts = std::map<TextKey, std::vector<Redactor::Cut>>;

// What goes of one text of a body. It may have been read more than once, each reading with cuts of its own.
struct Source {
  const std::string* text = nullptr;
  std::vector<Redactor::Cut> cuts;  // offsets in the text
};

std::map<int32_t, Source> by_source(const std::vector<exchange::Piece>& pieces, const Cuts& cuts) {
  std::map<int32_t, Source> sources;
  std::map<TextKey, uint64_t> ends;
  for (const exchange::Piece& piece : pieces) {
    if (piece.readable == exchange::Readable::kNo) continue;
    const TextKey key{piece.channel, piece.group, piece.syntax};
    const std::string& text = piece.text.open_for_inspection();
    const uint64_t begin = ends[key];
    const uint64_t end = ends[key] = begin + text.size();
    const auto found = cuts.find(key);
    if (piece.source < 0 || found == cuts.end()) continue;
    for (const Redactor::Cut& cut : found->second) {
      if (cut.end <= begin || cut.begin >= end) continue;
      const bool begun = cut.begin < begin;  // its mark stands in the piece before
      Source& source = sources[piece.source];
      source.text = &text;
      source.cuts.push_back({std::max(cut.begin, begin) - begin, std::min(cut.end, end) - begin, begun ? "" : cut.mark});
    }
  }
  return sources;
}

std::string without(Source source) {
  std::ranges::sort(source.cuts, {}, &Redactor::Cut::begin);
  std::string out;
  uint64_t at = 0;
  for (const Redactor::Cut& cut : source.cuts) {
    if (cut.end <= at) continue;
    if (cut.begin >= at) {
      out.append(*source.text, at, cut.begin - at).append(cut.mark);
    }
    at = cut.end;
  }
  return out.append(*source.text, at);
}

}  // namespace

Redacted redact(const inspect::Inspector& inspector, const std::vector<exchange::Piece>& pieces,
                std::vector<std::string> labels, std::shared_ptr<inspect::OpinionsLeft> opinions) {
  Redacted out;
  Redactor redactor;
  redactor.look_for(std::move(labels));
  Cuts cuts;
  for (Judged& part : Judge::segments_of(inspector, pieces, out.content, std::move(opinions))) {
    std::ranges::move(redactor.cuts_of(part), std::back_inserter(cuts[part.text]));
    out.content.add(part);
  }
  for (auto& [source, text] : by_source(pieces, cuts)) out.texts[source] = without(std::move(text));
  out.taken = redactor.taken();
  return out;
}

void add_fresh(const std::vector<Judged>& segments, Content& content) {
  for (const Judged& part : segments) content.add(part);
}

}  // namespace proviso::gate
