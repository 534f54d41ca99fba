#include "inspect/inspector.h"

#include <algorithm>

#include "base/check.h"
#include "inspect/stream.h"

namespace proviso::inspect {
namespace {

bool is_seam_byte(char c) { return in_set(c, kIdent | kPlus | kEq | kTilde); }

// The end of one text and the beginning of the next, if a word may run across: what a secret that is
// split over two parts would look like. `before` becomes how much of it is the first text's.
std::string seam_of(std::string_view left, std::string_view right, size_t& before) {
  if (left.empty() || right.empty()) return {};
  if (!is_seam_byte(left.back()) || !is_seam_byte(right.front())) return {};
  size_t begin = left.size();
  const size_t floor = left.size() - std::min(left.size(), kWordBytesMax);
  while (begin > floor && in_set(left[begin - 1], kWord)) --begin;
  size_t end = 0;
  while (end < std::min(right.size(), kWordBytesMax) && in_set(right[end], kWord)) ++end;
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

TextStream::TextStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;
TextStream::~TextStream() = default;

void TextStream::push(std::string_view bytes, std::vector<Segment>& out) {
  state_->push(bytes, &out);
  state_->findings().clear();
}

void TextStream::finish(std::vector<Segment>& out) {
  state_->finish(&out);
  state_->findings().clear();
}

size_t TextStream::held_bytes() const { return state_->held_bytes(); }

Inspector::Inspector(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}

Inspector Inspector::create(Options options) {
  return Inspector(std::make_shared<const Rules>(options));
}

const std::string& Inspector::version() const { return rules_->version(); }
const Digest& Inspector::digest() const { return rules_->digest(); }

TextStream Inspector::open_stream(TextKind kind) const {
  return TextStream(std::make_unique<TextStream::State>(rules_, kind));
}

Verdict Inspector::inspect(std::span<const Text> texts) const {
  Verdict verdict;
  TextStream::State state(rules_, TextKind::kPlain);
  std::string_view last;
  for (const Text& text : texts) {
    size_t before = 0;
    const std::string seam = seam_of(last, text.bytes, before);
    if (!seam.empty()) {
      TextStream::State joined(rules_, TextKind::kPlain);
      joined.push(seam, nullptr);
      joined.finish(nullptr);
      for (Finding finding : joined.findings()) {
        if (finding.offset >= before || finding.offset + finding.length <= before) continue;
        finding.length -= before - finding.offset;
        finding.offset = 0;
        verdict.findings.push_back(std::move(finding));
      }
    }
    state.restart(text.kind);
    state.push(text.bytes, nullptr);
    state.finish(nullptr);
    auto& found = state.findings();
    verdict.findings.insert(verdict.findings.end(), found.begin(), found.end());
    found.clear();
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
