#include "inspect/inspector.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "inspect/labels.h"
#include "inspect/person_stream.h"
#include "inspect/rule_stream.h"
#include "inspect/second_opinion.h"
#include "inspect/stream.h"
#include "inspect/symbol.h"
#include "inspect/unit_stream.h"

namespace proviso::inspect {
namespace {

// Any character beyond ASCII may be a byte in disguise, or nothing (symbol.h).
bool is_foreign(char c) { return static_cast<uint8_t>(c) >= 0x80; }
bool is_seam_byte(char c) { return is_foreign(c) || in_set(c, kIdent | kPlus | kEq | kTilde); }
bool is_seam_word(char c) { return is_foreign(c) || in_set(c, kWord); }

// The end of one text and the beginning of the next, if a word may run across: what a secret that is
// split over two parts would look like. `before` becomes how much of it is the first text's.
std::string seam_of(std::string_view left, std::string_view right, size_t& before) {
  if (left.empty() || right.empty()) return {};
  if (!is_seam_byte(left.back()) || !is_seam_byte(right.front())) return {};
  size_t begin = left.size();
  const size_t floor = left.size() - std::min(left.size(), kWordBytesMax);
  while (begin > floor && is_seam_word(left[begin - 1])) --begin;
  size_t end = 0;
  while (end < std::min(right.size(), kWordBytesMax) && is_seam_word(right[end])) ++end;
  before = left.size() - begin;
  std::string seam(left.substr(begin));
  seam += right.substr(0, end);
  return seam;
}

void summarise(Verdict& verdict) {
  for (const Finding& finding : verdict.findings) {
    verdict.top_score = std::max(verdict.top_score, finding.score);
    verdict.labels.push_back(finding.label);
  }
  std::sort(verdict.labels.begin(), verdict.labels.end());
  const auto last = std::unique(verdict.labels.begin(), verdict.labels.end());
  verdict.labels.erase(last, verdict.labels.end());
}

}  // namespace

struct TextStream::State {
  State(std::shared_ptr<const Rules> rules, TextKind kind, uint32_t wanted, const SecondOpinion* second,
        std::shared_ptr<OpinionsLeft> together)
      : secrets(rules, kind), rules_stage(kind, wanted),
        leaks(rules->hold_back() == HoldBack::kOff) {
    if ((wanted & kPersonBits) != 0) {
      persons.emplace(kind, PersonStream::Wanted{.name = (wanted & bit_of(kLabelName)) != 0,
                                                 .address = (wanted & bit_of(kLabelAddress)) != 0});
    }
    if ((wanted & kClassBits) != 0 && !leaks) units.emplace(kind, wanted, Classifier::built_in(), rules, second, std::move(together));
  }

  // What the first stage let go of, through the others. At the end of the text each of them lets go, too.
  enum class End : uint8_t { kNo, kYes };
  void pass(End end, std::vector<Segment>& out) {
    const bool all = leaks || end == End::kYes;
    std::vector<Segment>& for_persons = persons ? ruled : units ? between : out;
    rules_stage.push(first, for_persons);
    if (all) rules_stage.flush(for_persons);
    if (persons) {
      std::vector<Segment>& for_units = units ? between : out;
      persons->push(ruled, for_units);
      if (all) persons->finish(for_units);
    }
    if (!units) return;
    units->push(between, out);
    if (all) units->finish(out);
  }

  SecretStream secrets;
  RuleStream rules_stage;
  std::optional<PersonStream> persons;
  std::optional<UnitStream> units;
  bool leaks;
  std::vector<Segment> first;
  std::vector<Segment> ruled;
  std::vector<Segment> between;
};

struct Inspector::Detectors {
  explicit Detectors(Options options) : rules(std::make_shared<const Rules>(options)), second(options.second) {
    load_symbols();
    version = rules->version() + " markings/1 personal/2 persons/1 classifiers/3" + (second ? " encoder/1" : "");
    Sha256 hash;
    hash.update("proviso inspect detectors v1");
    hash.update(version);
    hash.update(rules->digest().view());
    hash.update(PersonTagger::built_in().digest().view());
    hash.update(Classifier::built_in().digest().view());
    if (second) hash.update(KernelMachine::built_in().digest().view());
    digest = hash.finish();
  }

  std::shared_ptr<const Rules> rules;
  std::shared_ptr<const SecondOpinion> second;
  std::string version;
  Digest digest;
};

std::span<const std::string_view> all_labels() { return kLabels; }

TextStream::TextStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;
TextStream::~TextStream() = default;

void TextStream::push(std::string_view bytes, std::vector<Segment>& out) {
  state_->secrets.push(bytes, &state_->first);
  state_->secrets.findings().clear();
  state_->pass(State::End::kNo, out);
}

void TextStream::finish(std::vector<Segment>& out) {
  state_->secrets.finish(&state_->first);
  state_->secrets.findings().clear();
  state_->pass(State::End::kYes, out);
}

size_t TextStream::held_bytes() const {
  return state_->secrets.held_bytes() + state_->rules_stage.held_bytes() +
         (state_->persons ? state_->persons->held_bytes() : 0) +
         (state_->units ? state_->units->held_bytes() : 0);
}

Inspector::Inspector(std::shared_ptr<const Detectors> detectors, uint32_t wanted)
    : detectors_(std::move(detectors)), wanted_(wanted) {}

Inspector Inspector::create(Options options) {
  return {std::make_shared<const Detectors>(options), kAllBits};
}

Inspector Inspector::looking_for(std::span<const std::string> labels) const {
  uint32_t wanted = kAlwaysBits;
  for (const std::string& label : labels) wanted |= bit_of(label);
  Inspector out = *this;
  out.wanted_ &= wanted;
  return out;
}

Inspector Inspector::alone() const {
  Inspector out = *this;
  out.alone_ = true;
  return out;
}

bool Inspector::asks_encoder() const { return !alone_ && detectors_->second != nullptr && (wanted_ & kClassBits) != 0; }

const std::string& Inspector::version() const { return detectors_->version; }
const Digest& Inspector::digest() const { return detectors_->digest; }

TextStream Inspector::open_stream(TextKind kind, std::shared_ptr<OpinionsLeft> together) const {
  return TextStream(std::make_unique<TextStream::State>(detectors_->rules, kind, wanted_,
                                                        alone_ ? nullptr : detectors_->second.get(), std::move(together)));
}

Verdict Inspector::inspect(std::span<const Text> texts) const {
  Verdict verdict;
  const auto together = std::make_shared<OpinionsLeft>();
  std::string_view last;
  std::vector<Segment> segments;
  for (const Text& text : texts) {
    size_t before = 0;
    const std::string seam = seam_of(last, text.bytes, before);
    if (!seam.empty()) {
      SecretStream joined(detectors_->rules, TextKind::kPlain);
      joined.push(seam, nullptr);
      joined.finish(nullptr);
      for (Finding finding : joined.findings()) {
        if (finding.offset >= before || finding.offset + finding.length <= before) continue;
        finding.length -= before - finding.offset;
        finding.offset = 0;
        verdict.findings.push_back(std::move(finding));
      }
    }
    segments.clear();
    TextStream stream = open_stream(text.kind, together);
    stream.push(text.bytes, segments);
    stream.finish(segments);
    for (Segment& segment : segments) {
      verdict.marking = std::max(verdict.marking, segment.marking);
      verdict.unweighed = verdict.unweighed || segment.unweighed;
      verdict.labels.insert(verdict.labels.end(), segment.labels.begin(), segment.labels.end());
      for (Finding& finding : segment.findings) verdict.findings.push_back(std::move(finding));
    }
    verdict.bytes += text.bytes.size();
    last = text.bytes;
  }
  summarise(verdict);
  return verdict;
}

Verdict Inspector::inspect(std::span<const std::string_view> texts) const {
  std::vector<Text> plain;
  plain.reserve(texts.size());
  for (std::string_view text : texts) plain.push_back({text, TextKind::kPlain});
  return inspect(plain);
}

Verdict Inspector::inspect_json_arguments(std::string_view json) const {
  const Text text{json, TextKind::kJson};
  return inspect(std::span(&text, 1));
}

std::vector<Segment> Inspector::segments(std::string_view text, TextKind kind) const {
  std::vector<Segment> out;
  TextStream stream = open_stream(kind);
  stream.push(text, out);
  stream.finish(out);
  return out;
}

}  // namespace proviso::inspect
