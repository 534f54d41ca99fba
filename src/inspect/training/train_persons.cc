// Trains what finds names and addresses of persons and writes the weights that the gate is built with:
//
//   train_persons WEIGHTS_OUT NAMES ROWS.jsonl…
//
// Reads the rows of personal data, whose spans it learns, and the benign ones, in which it must find nothing.
// Prints the F1 of spans by cross-validation with rows of one template in one fold, and what of the benign
// rows is labelled. The same rows give the same bytes on every run: one thread, whole numbers, fixed seeds.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <random>

#include "base/file.h"
#include "inspect/inspector.h"
#include "inspect/person_stream.h"
#include "inspect/readings.h"
#include "inspect/training/groups.h"
#include "inspect/training/rows.h"

namespace proviso::inspect {
namespace {

constexpr int kFolds = 5;
constexpr int kNoFold = -2;
constexpr int kPasses = 10;
constexpr uint32_t kFeatureCountMin = 3;
constexpr float kWeightUnit = 24;  // steps of a signed byte
constexpr float kShrink = 1e-2f;   // of a weight, with every step in which it takes part
// At most these shares of benign and of ordinary rows may be labelled, by names and by addresses.
constexpr double kBenignShare[] = {0.0085, 0.0015};
constexpr double kOrdinaryShare[] = {0.0039, 0.001};
constexpr std::string_view kTypes[] = {"PERSON", "ADDRESS"};
constexpr std::string_view kSpanLabels[] = {kLabelName, kLabelAddress};
constexpr std::string_view kLicences[] = {"CC0-1.0", "MIT", "Apache-2.0", "CC-BY-4.0", "CC-BY-3.0",
                                          "US-Gov-Public-Domain"};

struct Span {
  size_t begin = 0;
  size_t end = 0;
  size_t kind = 0;  // of kTypes
  int64_t score = 0;
};

struct Doc {
  const Row* row = nullptr;
  std::vector<Span> gold;
  std::vector<Span> found;  // by the model that has not seen the doc
  int fold = 0;
};

struct Sentence {
  std::string plain;   // with what stands before it
  std::vector<PersonToken> tokens;
  size_t first = 0;    // of tokens, the sentence's own
  std::vector<PersonTag> tags;                  // of these
  std::vector<std::vector<uint32_t>> features;  // none: kOut, not asked
};

bool is_benign(const Row& row) { return row.label == "benign"; }
// Made by carriers.py: learned from in every fold, never counted.
bool is_carrier(const Row& row) { return row.category == "carrier"; }
bool is_ordinary(const Row& row) { return row.category.starts_with("ordinary_"); }

// The row with its spans named instead of written: what rows of one template share.
std::string masked(const Row& row) {
  std::vector<RowSpan> spans = row.spans;
  std::ranges::sort(spans, {}, &RowSpan::begin);
  std::string out;
  size_t from = 0;
  for (const RowSpan& span : spans) {
    if (span.begin < from) continue;
    out += row.text.substr(from, span.begin - from) + span.type;
    from = span.end;
  }
  return out + row.text.substr(from);
}

std::vector<Span> gold_of(const Row& row) {
  std::vector<Span> gold;
  for (const RowSpan& span : row.spans) {
    for (size_t kind = 0; kind < std::size(kTypes); ++kind) {
      if (span.type == kTypes[kind]) gold.push_back({span.begin, span.end, kind, 0});
    }
  }
  return gold;
}

// The lists of words that go into the weights file.
class Lists {
 public:
  explicit Lists(std::vector<uint8_t> names) : bytes_(std::move(names)) {}
  Lists() : bytes_(kWordLists * kListBytes) {}
  [[nodiscard]] WordLists words() const { return WordLists(bytes_); }
  [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }
  void add(size_t list, uint32_t word) {
    const size_t bit = bit_of_word(word);
    bytes_[list * kListBytes + bit / 8] |= static_cast<uint8_t>(1u << (bit % 8));
  }
  // The words that the row writes in small letters outside of its spans.
  void learn(const Row& row) {
    std::string text = row.text;
    for (const RowSpan& span : row.spans) {
      std::fill(text.begin() + static_cast<ptrdiff_t>(span.begin), text.begin() + static_cast<ptrdiff_t>(span.end), ' ');
    }
    const std::string plain = plain_reading(text);
    for (const PersonToken& token : person_tokens(plain, words())) {
      if (plain[token.begin] >= 'a' && plain[token.begin] <= 'z') add(0, token.word);
    }
  }

 private:
  std::vector<uint8_t> bytes_;
};

// names.txt: lines `language g|s name|name|…`, `#` for remarks.
Lists read_names(std::string_view file) {
  Lists lists;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    const std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.starts_with("#") || line.size() < 5) continue;
    const std::string plain = plain_reading(line.substr(5));
    for (const PersonToken& token : person_tokens(plain, lists.words())) {
      if (token.end - token.begin > 1) lists.add(line[3] == 'g' ? 1 : 2, token.word);
    }
  }
  return lists;
}

PersonTag tag_of(const std::vector<Span>& gold, size_t begin, size_t end) {
  for (const Span& span : gold) {
    if (end <= span.begin || begin >= span.end) continue;
    const auto tag = static_cast<size_t>(span.kind * 2 + 1 + (begin <= span.begin ? 0 : 1));
    return static_cast<PersonTag>(tag);
  }
  return PersonTag::kOut;
}

// The sentences of a row as the gate would cut them.
void append_sentences(const Doc& doc, WordLists lists, std::vector<Sentence>& out) {
  std::vector<uint32_t> origin;
  const std::string plain = plain_reading(doc.row->text, &origin);
  for (size_t from = 0; from < plain.size();) {
    const size_t length = sentence_end(std::string_view(plain).substr(from));
    const size_t end = length == std::string_view::npos ? plain.size() : from + length;
    const size_t before = from - std::min(from, kBeforeBytesMax);
    Sentence sentence;
    sentence.plain = plain.substr(before, end - before);
    sentence.tokens = person_tokens(sentence.plain, lists);
    bool asked = false;
    for (size_t i = 0; i < sentence.tokens.size(); ++i) {
      const PersonToken& token = sentence.tokens[i];
      if (before + token.begin < from) {
        ++sentence.first;
        continue;
      }
      std::vector<uint32_t>& features = sentence.features.emplace_back();
      if (may_be_person(sentence.tokens, i)) {
        append_person_features(sentence.plain, sentence.tokens, i, features);
        asked = true;
      }
      sentence.tags.push_back(tag_of(doc.gold, origin[before + token.begin], origin[before + token.end]));
    }
    if (asked) out.push_back(std::move(sentence));
    from = end;
  }
}

using Logs = std::array<float, kPersonTags>;

float log_sum(const Logs& logs) {
  const float top = *std::ranges::max_element(logs);
  float sum = 0;
  for (float value : logs) sum += std::exp(value - top);
  return top + std::log(sum);
}

// A conditional random field over the tags of a sentence (Lafferty, McCallum, Pereira 2001), fitted by
// stochastic gradient steps that shorten with what a weight has moved (Duchi, Hazan, Singer 2011).
class Field {
 public:
  Field() : weights_(size_t{kPersonFeatures} * kPersonTags), moved_(weights_.size(), kMovedFirst) {
    for (auto& row : move_moved_) row.fill(kMovedFirst);
  }

  void learn(const Sentence& sentence) {
    const size_t n = sentence.tags.size();
    std::vector<Logs> scores(n);
    for (size_t i = 0; i < n; ++i) {
      scores[i].fill(sentence.features[i].empty() ? kNever : 0);
      scores[i][0] = 0;
      for (uint32_t feature : sentence.features[i]) {
        for (size_t tag = 0; tag < kPersonTags; ++tag) scores[i][tag] += weights_[size_t{feature} * kPersonTags + tag];
      }
    }
    std::vector<Logs> ahead(n);
    std::vector<Logs> behind(n);
    for (size_t tag = 0; tag < kPersonTags; ++tag) ahead[0][tag] = scores[0][tag] + move(0, tag);
    for (size_t i = 1; i < n; ++i) {
      for (size_t tag = 0; tag < kPersonTags; ++tag) {
        Logs logs;
        for (size_t before = 0; before < kPersonTags; ++before) logs[before] = ahead[i - 1][before] + move(before, tag);
        ahead[i][tag] = scores[i][tag] + log_sum(logs);
      }
    }
    behind[n - 1].fill(0);
    for (size_t i = n - 1; i > 0; --i) {
      for (size_t tag = 0; tag < kPersonTags; ++tag) {
        Logs logs;
        for (size_t next = 0; next < kPersonTags; ++next) logs[next] = move(tag, next) + scores[i][next] + behind[i][next];
        behind[i - 1][tag] = log_sum(logs);
      }
    }
    const float all = log_sum(ahead[n - 1]);
    for (size_t i = 0; i < n; ++i) {
      const auto own = static_cast<size_t>(sentence.tags[i]);
      if (!sentence.features[i].empty()) {
        Logs slope;
        for (size_t tag = 0; tag < kPersonTags; ++tag) slope[tag] = (tag == own ? 1.0f : 0.0f) - std::exp(ahead[i][tag] + behind[i][tag] - all);
        for (uint32_t feature : sentence.features[i]) {
          for (size_t tag = 0; tag < kPersonTags; ++tag) {
            const size_t at = size_t{feature} * kPersonTags + tag;
            step(weights_[at], moved_[at], slope[tag]);
          }
        }
      }
      const size_t last = i == 0 ? 0 : static_cast<size_t>(sentence.tags[i - 1]);
      for (size_t before = 0; before < (i == 0 ? 1 : kPersonTags); ++before) {
        for (size_t tag = 0; tag < kPersonTags; ++tag) {
          const float log = (i == 0 ? 0 : ahead[i - 1][before]) + move(before, tag) + scores[i][tag] + behind[i][tag] - all;
          step(moves_[before][tag], move_moved_[before][tag], (before == last && tag == own ? 1.0f : 0.0f) - std::exp(log));
        }
      }
    }
  }

  [[nodiscard]] std::string file(const Lists& lists, const std::array<int32_t, 2>& thresholds) const {
    std::string out(kPersonMagic);
    const auto put = [&](int32_t value) {
      const auto bits = std::bit_cast<uint32_t>(value);
      for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift & 0xff);
    };
    for (int32_t threshold : thresholds) put(threshold);
    for (const Logs& row : moves_) {
      for (float value : row) put(rounded(value));
    }
    out.append(reinterpret_cast<const char*>(lists.bytes().data()), lists.bytes().size());
    for (size_t at = 0; at < weights_.size(); at += kPersonTags) {
      for (size_t tag = 1; tag < kPersonTags; ++tag) {
        const int32_t weight = rounded(weights_[at + tag] - weights_[at]);
        out += static_cast<char>(static_cast<int8_t>(std::clamp(weight, -127, 127)));
      }
    }
    return out;
  }

 private:
  static constexpr float kNever = -1e4f;
  static constexpr float kMovedFirst = 1e-2f;
  static constexpr float kStep = 0.1f;

  [[nodiscard]] float move(size_t before, size_t tag) const {
    return may_follow(static_cast<PersonTag>(before), static_cast<PersonTag>(tag)) ? moves_[before][tag] : kNever;
  }
  static void step(float& weight, float& moved, float slope) {
    if (std::abs(slope) < 1e-4f) return;
    const float down = slope - kShrink * weight;
    moved += down * down;
    weight += kStep * down / std::sqrt(moved);
  }
  static int32_t rounded(float weight) { return static_cast<int32_t>(std::lround(weight * kWeightUnit)); }

  std::vector<float> weights_;
  std::vector<float> moved_;
  std::array<Logs, kPersonTags> moves_{};
  std::array<Logs, kPersonTags> move_moved_{};
};

struct Model {
  Lists lists;
  Field field;
};

// A feature that hardly ever occurs teaches what is not so.
void drop_rare(std::vector<Sentence>& sentences) {
  std::vector<uint32_t> counts(kPersonFeatures);
  for (const Sentence& sentence : sentences) {
    for (const auto& features : sentence.features) {
      for (uint32_t feature : features) ++counts[feature];
    }
  }
  for (Sentence& sentence : sentences) {
    for (auto& features : sentence.features) {
      std::erase_if(features, [&](uint32_t feature) { return counts[feature] < kFeatureCountMin; });
    }
  }
}

// Without the docs of one fold; -1: with all.
std::unique_ptr<Model> train(const std::vector<Doc>& docs, const Lists& names, int without) {
  auto model = std::make_unique<Model>();
  model->lists = names;
  for (const Doc& doc : docs) {
    if (doc.fold != without) model->lists.learn(*doc.row);
  }
  std::vector<Sentence> sentences;
  for (const Doc& doc : docs) {
    if (doc.fold != without) append_sentences(doc, model->lists.words(), sentences);
  }
  drop_rare(sentences);
  std::mt19937_64 random(1);
  std::vector<size_t> order(sentences.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (int pass = 0; pass < kPasses; ++pass) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    for (size_t i : order) model->field.learn(sentences[i]);
  }
  return model;
}

// What the gate would find, stage after stage.
std::vector<Span> spans_in(const PersonTagger& tagger, const std::string& text) {
  static const Inspector inspector = Inspector::create().looking_for({});
  std::vector<Segment> in = inspector.segments(text);
  std::vector<Segment> out;
  PersonStream stream(TextKind::kPlain, {}, tagger);
  stream.push(in, out);
  stream.finish(out);
  std::vector<Span> spans;
  for (const Segment& segment : out) {
    for (const Finding& finding : segment.findings) {
      const auto* const label = std::ranges::find(kSpanLabels, finding.label);
      if (label == std::end(kSpanLabels)) continue;
      spans.push_back({finding.offset, finding.offset + finding.length, static_cast<size_t>(label - kSpanLabels), finding.score});
    }
  }
  return spans;
}

int64_t score_for(const std::vector<Doc>& docs, size_t kind, double benign_share, double ordinary_share) {
  std::vector<int64_t> benign;
  std::vector<int64_t> ordinary;
  for (const Doc& doc : docs) {
    if (!is_benign(*doc.row)) continue;
    int64_t top = 0;
    for (const Span& span : doc.found) {
      if (span.kind == kind) top = std::max(top, span.score);
    }
    benign.push_back(top);
    if (is_ordinary(*doc.row)) ordinary.push_back(top);
  }
  const auto at = [](std::vector<int64_t>& scores, double share) -> int64_t {
    std::ranges::sort(scores, std::greater{});
    return scores.empty() ? 0 : scores[static_cast<size_t>(share * static_cast<double>(scores.size()))];
  };
  return std::max<int64_t>(499, std::max(at(benign, benign_share), at(ordinary, ordinary_share))) + 1;
}

size_t overlap(const Span& a, const Span& b) {
  const size_t begin = std::max(a.begin, b.begin);
  const size_t end = std::min(a.end, b.end);
  return a.kind == b.kind && end > begin ? end - begin : 0;
}

struct Score {
  size_t gold = 0;
  size_t found = 0;
  size_t exact = 0;
  size_t covered = 0;   // gold spans, half or more of which one finding covers
  size_t right = 0;     // findings, half or more of which one gold span covers
};

Score count_spans(const std::vector<Doc>& docs, size_t kind, int64_t least) {
  Score score;
  for (const Doc& doc : docs) {
    if (is_benign(*doc.row) || is_carrier(*doc.row)) continue;
    for (const Span& gold : doc.gold) {
      if (gold.kind != kind) continue;
      ++score.gold;
      const auto same = [&](const Span& found) { return found.score >= least && found.kind == kind && found.begin == gold.begin && found.end == gold.end; };
      const auto half = [&](const Span& found) { return found.score >= least && overlap(found, gold) * 2 >= gold.end - gold.begin; };
      score.exact += std::ranges::any_of(doc.found, same) ? 1 : 0;
      score.covered += std::ranges::any_of(doc.found, half) ? 1 : 0;
    }
    for (const Span& found : doc.found) {
      if (found.kind != kind || found.score < least) continue;
      ++score.found;
      score.right += std::ranges::any_of(doc.gold, [&](const Span& gold) { return overlap(found, gold) * 2 >= found.end - found.begin; }) ? 1 : 0;
    }
  }
  return score;
}

double f1(size_t hit_gold, size_t gold, size_t hit_found, size_t found) {
  const double recall = static_cast<double>(hit_gold) / static_cast<double>(std::max<size_t>(gold, 1));
  const double precision = static_cast<double>(hit_found) / static_cast<double>(std::max<size_t>(found, 1));
  return recall + precision == 0 ? 0 : 2 * recall * precision / (recall + precision);
}

void print_spans(const std::vector<Doc>& docs, size_t kind, int64_t least) {
  const Score s = count_spans(docs, kind, least);
  std::printf("%-17s spans %zu, found %zu, exact %zu: F1 %.3f (same begin and end); half covered: recall %zu, precision %zu, F1 %.3f\n",
              std::string(kSpanLabels[kind]).c_str(), s.gold, s.found, s.exact, f1(s.exact, s.gold, s.exact, s.found),
              s.covered, s.right, f1(s.covered, s.gold, s.right, s.found));
}

// F1 by what share of ordinary rows may be labelled, and twice that of benign ones.
void print_curve(const std::vector<Doc>& docs, size_t kind) {
  for (double share : {0.001, 0.0025, 0.005, 0.01, 0.02, 0.03}) {
    const int64_t least = score_for(docs, kind, 2 * share, share);
    const Score s = count_spans(docs, kind, least);
    std::printf("curve %s at %.4f of ordinary rows: score %ld, F1 %.3f exact, %.3f half covered\n", std::string(kSpanLabels[kind]).c_str(), share,
                static_cast<long>(least), f1(s.exact, s.gold, s.exact, s.found), f1(s.covered, s.gold, s.right, s.found));
  }
}

void print_false(const std::vector<Doc>& docs, const std::array<int64_t, 2>& least) {
  std::map<std::string, std::array<size_t, 2>> shares;
  for (const Doc& doc : docs) {
    if (!is_benign(*doc.row)) continue;
    for (size_t kind = 0; kind < 3; ++kind) {
      const std::string name = kind < 2 ? std::string(kSpanLabels[kind]) : "either";
      const bool hit = std::ranges::any_of(doc.found, [&](const Span& s) { return (kind == 2 || s.kind == kind) && s.score >= least[s.kind]; });
      for (const std::string& rows : {std::string("benign"), is_ordinary(*doc.row) ? std::string("ordinary") : std::string(),
                                      doc.row->category == "pii_lookalike" ? std::string("look-alikes") : std::string()}) {
        if (rows.empty()) continue;
        auto& share = shares[name + ", " + rows];
        share[0] += hit ? 1 : 0;
        ++share[1];
      }
    }
  }
  for (const auto& [name, share] : shares) {
    std::printf("  labelled %-34s %zu/%zu %.4f\n", name.c_str(), share[0], share[1], static_cast<double>(share[0]) / static_cast<double>(share[1]));
  }
}

// With PROVISO_VERBOSE every miss and every false span of the cross-validation.
void print_misses(const std::vector<Doc>& docs, const std::array<int64_t, 2>& least) {
  for (const Doc& doc : docs) {
    if (is_carrier(*doc.row)) continue;
    const auto print = [&](const char* what, const Span& s) {
      std::printf("%s %s `%s` %ld in: %.300s\n", what, std::string(kTypes[s.kind]).c_str(), doc.row->text.substr(s.begin, s.end - s.begin).c_str(), static_cast<long>(s.score), doc.row->text.c_str());
    };
    const auto same = [](const Span& a, const Span& b) { return a.kind == b.kind && a.begin == b.begin && a.end == b.end; };
    for (const Span& gold : doc.gold) {
      if (std::ranges::none_of(doc.found, [&](const Span& f) { return same(f, gold) && f.score >= least[f.kind]; })) print("missed", gold);
    }
    for (const Span& found : doc.found) {
      if (found.score < least[found.kind]) continue;
      if (std::ranges::none_of(doc.gold, [&](const Span& g) { return same(g, found); })) print(is_benign(*doc.row) ? "benign" : "wrong", found);
    }
  }
}

void print_sources(const std::vector<Doc>& docs) {
  std::map<std::string, size_t> sources;
  for (const Doc& doc : docs) ++sources[doc.row->licence + " | " + doc.row->source];
  for (const auto& [source, count] : sources) std::printf("| %s | %zu |\n", source.c_str(), count);
}

bool is_trained_on(const Row& row) {
  return (row.label == "pii" || is_benign(row)) && std::ranges::find(kLicences, row.licence) != std::end(kLicences);
}

Status cross_validate(std::vector<Doc>& docs, const Lists& names) {
  std::vector<std::string> texts;
  std::vector<Doc*> scored;
  for (Doc& doc : docs) {
    doc.fold = kNoFold;
    if (is_carrier(*doc.row)) continue;
    texts.push_back(masked(*doc.row));
    scored.push_back(&doc);
  }
  const std::vector<int> folds = grouped_folds({texts.begin(), texts.end()}, kFolds);
  for (size_t i = 0; i < scored.size(); ++i) scored[i]->fold = folds[i];
  for (int fold = 0; fold < kFolds; ++fold) {
    const std::unique_ptr<Model> model = train(docs, names, fold);
    const std::string file = model->field.file(model->lists, {0, 0});
    PV_TRY(const PersonTagger tagger, PersonTagger::read(file));
    for (Doc& doc : docs) {
      if (doc.fold == fold) doc.found = spans_in(tagger, doc.row->text);
    }
  }
  return {};
}

Status run(int argc, char** argv) {
  PV_TRY(const std::string name_file, read_file(argv[2]));
  const Lists names = read_names(name_file);
  std::vector<Row> rows;
  for (int i = 3; i < argc; ++i) {
    PV_TRY(const std::string bytes, read_file(argv[i]));
    PV_TRY(const std::vector<Row> more, read_rows(bytes));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  std::vector<Doc> docs;
  for (const Row& row : rows) {
    if (is_trained_on(row)) docs.push_back({.row = &row, .gold = gold_of(row), .found = {}});
  }
  std::printf("%zu rows\n", docs.size());
  print_sources(docs);
  if (const Status crossed = cross_validate(docs, names); !crossed) return crossed;
  std::array<int64_t, 2> least{};
  std::array<int32_t, 2> thresholds{};
  for (size_t kind = 0; kind < std::size(kTypes); ++kind) {
    print_curve(docs, kind);
    least[kind] = score_for(docs, kind, kBenignShare[kind], kOrdinaryShare[kind]);
    thresholds[kind] = PersonTagger::margin_of(least[kind]);
    std::printf("threshold %d\n", thresholds[kind]);
    print_spans(docs, kind, 500);
    print_spans(docs, kind, least[kind]);
  }
  print_false(docs, least);
  if (std::getenv("PROVISO_VERBOSE") != nullptr) print_misses(docs, least);
  const std::unique_ptr<Model> model = train(docs, names, -1);
  const std::string file = model->field.file(model->lists, thresholds);
  Sha256 hash;
  hash.update(file);
  std::printf("weights %zu bytes, sha256 %s\n", file.size(), hash.finish().hex().c_str());
  std::fflush(stdout);
  return write_file_durable(argv[1], file, FileMode::kShared);
}

}  // namespace
}  // namespace proviso::inspect

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: train_persons WEIGHTS_OUT NAMES ROWS.jsonl…\n");
    return 2;
  }
  const proviso::Status status = proviso::inspect::run(argc, argv);
  if (status) return 0;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return 1;
}
