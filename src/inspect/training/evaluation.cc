#include "inspect/training/evaluation.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include "inspect/markings.h"
#include "inspect/person_tagger.h"
#include "inspect/readings.h"

namespace proviso::inspect {
namespace {

const std::map<std::string, std::vector<std::string>>& stands_for() {
  static const std::map<std::string, std::vector<std::string>> table = {
      {"prohibited_use",
       {"prohibited_use", "autonomous_targeting", "domestic_surveillance", "bulk_person_analysis",
        "person_intercept", "ungoverned_tuning"}},
      {"pii", {"personal_identifier", "contact", "personal_name", "personal_address"}},
      {"redline_autonomous_targeting", {"autonomous_targeting"}},
      {"redline_mass_domestic_surveillance", {"domestic_surveillance"}},
      {"redline_bulk_us_persons", {"bulk_person_analysis"}},
      {"redline_person_intercept", {"person_intercept"}},
      {"redline_ungoverned_finetune", {"ungoverned_tuning"}}};
  return table;
}

// The chance of k or more of n, each with chance p.
double tail(size_t k, size_t n, double p) {
  if (k == 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  double sum = 0;
  const auto dn = static_cast<double>(n);
  for (size_t i = k; i <= n; ++i) {
    const auto di = static_cast<double>(i);
    sum += std::exp(std::lgamma(dn + 1) - std::lgamma(di + 1) - std::lgamma(dn - di + 1) +
                    di * std::log(p) + (dn - di) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

// The p at which `chance`, which grows with p, is `wanted`.
template <typename Chance>
double solve(double wanted, Chance chance) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (chance(middle) < wanted ? low : high) = middle;
  }
  return (low + high) / 2;
}

constexpr double kSide = 0.025;

std::string first_attributes(std::string_view text) {
  const std::string plain = plain_reading(text);
  for (size_t at = 0; at < plain.size(); ++at) {
    if (at > 0 && is_word(plain[at - 1])) continue;
    const size_t behind = std::min(at, kBehindBytesMax);
    const Look look{.text = std::string_view(plain).substr(at - behind, behind + kAheadBytesMax),
                    .at = behind, .starts = behind == at, .ended = true};
    Marking marking;
    if (find_marking(look, marking).answer != Found::Answer::kYes) continue;
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    for (const auto& [name, values] : marking.attributes) {
      writer.key(name);
      if (name == "classification" || name == "ownerProducer") {
        writer.string(values.front());
        continue;
      }
      writer.begin_array();
      for (const std::string& value : values) writer.string(value);
      writer.end_array();
    }
    writer.end_object();
    return out;
  }
  return {};
}

// The same order of members and of list items, so that texts can be compared.
std::string ordered(const std::string& text) {
  json::Parser parser;
  const Result<json::Element> element = parser.parse(text);
  json::Object object;
  if (!element || element->get(object) != simdjson::SUCCESS) return {};
  std::map<std::string, std::set<std::string>> members;
  for (const auto member : object) {
    json::Array array;
    std::string_view word;
    if (member.value.get(array) == simdjson::SUCCESS) {
      for (json::Element item : array) {
        if (item.get(word) == simdjson::SUCCESS) members[std::string(member.key)].emplace(word);
      }
    } else if (member.value.get(word) == simdjson::SUCCESS) {
      members[std::string(member.key)].emplace(word);
    }
  }
  std::string out;
  for (const auto& [name, values] : members) {
    out += name + ":";
    for (const std::string& value : values) out += value + " ";
  }
  return out;
}

bool has_any(const std::set<std::string>& labels, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(wanted, [&](const std::string& label) { return labels.contains(label); });
}

void count_spans(const Row& row, const std::vector<Segment>& segments, Evaluation& out) {
  for (const RowSpan& span : row.spans) {
    size_t covered = 0;
    for (const Segment& segment : segments) {
      for (const Finding& finding : segment.findings) {
        const size_t begin = std::max<size_t>(span.begin, finding.offset);
        const size_t end = std::min<size_t>(span.end, finding.offset + finding.length);
        if (end > begin) covered += end - begin;
      }
    }
    out.spans[span.type].count(covered * 2 >= span.end - span.begin);
  }
}

void score_spans(const Row& row, const std::vector<Segment>& segments, std::string_view label, std::string_view type,
                 Evaluation::SpanScore& out) {
  const auto shared = [](const RowSpan& span, const Finding& finding) {
    const size_t begin = std::max<size_t>(span.begin, finding.offset);
    const size_t end = std::min<size_t>(span.end, finding.offset + finding.length);
    return end > begin ? end - begin : 0;
  };
  std::vector<Finding> findings;
  for (const Segment& segment : segments) {
    for (const Finding& finding : segment.findings) {
      if (finding.label == label) findings.push_back(finding);
    }
  }
  std::vector<RowSpan> spans;
  std::ranges::copy_if(row.spans, std::back_inserter(spans), [&](const RowSpan& span) { return span.type == type; });
  const auto same = [](const RowSpan& span, const Finding& finding) {
    return span.begin == finding.offset && span.end == finding.offset + finding.length;
  };
  for (const RowSpan& span : spans) {
    out.exact_recall.count(std::ranges::any_of(findings, [&](const Finding& f) { return same(span, f); }));
    out.half_recall.count(std::ranges::any_of(findings, [&](const Finding& f) { return shared(span, f) * 2 >= span.end - span.begin; }));
  }
  for (const Finding& finding : findings) {
    out.exact_precision.count(std::ranges::any_of(spans, [&](const RowSpan& s) { return same(s, finding); }));
    out.half_precision.count(std::ranges::any_of(spans, [&](const RowSpan& s) { return shared(s, finding) * 2 >= finding.length; }));
  }
}

std::vector<std::vector<Segment>> judge_all(const Inspector& inspector, const std::vector<Row>& rows,
                                            const std::function<void(size_t)>& progress) {
  std::vector<std::vector<Segment>> judged(rows.size());
  std::atomic<size_t> next = 0;
  const auto take = [&](bool tells) {
    for (size_t i = next++; i < rows.size(); i = next++) {
      judged[i] = inspector.segments(rows[i].text);
      if (tells) progress(i + 1);
    }
  };
  std::vector<std::jthread> others;
  for (size_t i = 1; i < std::thread::hardware_concurrency(); ++i) others.emplace_back(take, false);
  take(progress != nullptr);
  others.clear();  // they have ended
  return judged;
}

double f1_of(const Share& recall, const Share& precision) {
  const double sum = recall.value() + precision.value();
  return sum > 0 ? 2 * recall.value() * precision.value() / sum : 0;
}

void count_row(const Row& row, const std::set<std::string>& labels, Evaluation& out) {
  Evaluation::Category& category = out.categories[row.category];
  category.label = row.label;
  const bool benign = row.label == "benign";
  category.found.count(benign ? !labels.empty() : has_any(labels, labels_for(row.label)));
  for (const std::string& label : labels) ++category.labels[label];
  if (benign) return;
  const auto count = [&](const std::string& name) {
    Evaluation::Label& label = out.labels[name];
    const bool found = has_any(labels, labels_for(name));
    label.recall.count(found);
    (row.variant.empty() ? label.plain : label.encoded).count(found);
    if (row.variant.empty()) label.languages[row.lang].count(found);
  };
  count(row.label);
  if (row.category.starts_with("redline_")) count(row.category);
}

}  // namespace

void Share::count(bool hit) {
  k += hit ? 1 : 0;
  ++n;
}
double Evaluation::SpanScore::exact_f1() const { return f1_of(exact_recall, exact_precision); }
double Evaluation::SpanScore::half_f1() const { return f1_of(half_recall, half_precision); }
double Share::value() const { return n == 0 ? 0 : static_cast<double>(k) / static_cast<double>(n); }
double Share::low() const {
  return k == 0 ? 0 : solve(kSide, [this](double p) { return tail(k, n, p); });
}
double Share::high() const {
  return k == n ? 1 : solve(1 - kSide, [this](double p) { return tail(k + 1, n, p); });
}

std::vector<std::string> labels_for(const std::string& row_label) {
  const auto found = stands_for().find(row_label);
  return found == stands_for().end() ? std::vector{row_label} : found->second;
}

Evaluation evaluate(const Inspector& inspector, const std::vector<Row>& rows, const std::function<void(size_t)>& progress) {
  const std::vector<std::vector<Segment>> judged = judge_all(inspector, rows, progress);
  Evaluation out;
  std::vector<std::pair<const Row*, std::set<std::string>>> benign;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const std::vector<Segment>& segments = judged[i];
    std::set<std::string> labels;
    for (const Segment& segment : segments) labels.insert(segment.labels.begin(), segment.labels.end());
    count_row(row, labels, out);
    count_spans(row, segments, out);
    if (row.label == "pii") {
      score_spans(row, segments, kLabelName, "PERSON", out.span_scores[std::string(kLabelName)]);
      score_spans(row, segments, kLabelAddress, "ADDRESS", out.span_scores[std::string(kLabelAddress)]);
    }
    if (!row.expect.empty()) {
      out.markings_exact.count(ordered(first_attributes(row.text)) == ordered(row.expect));
    }
    if (row.label == "benign") benign.emplace_back(&row, std::move(labels));
    ++out.rows;
  }
  for (auto& [name, label] : out.labels) {
    const std::vector<std::string> wanted = labels_for(name);
    for (const auto& [row, labels] : benign) {
      const bool hit = has_any(labels, wanted);
      label.false_all.count(hit);
      if (row->category.starts_with("ordinary_")) label.false_ordinary.count(hit);
    }
    label.precision = {label.recall.k, label.recall.k + label.false_all.k};
  }
  return out;
}

}  // namespace proviso::inspect
