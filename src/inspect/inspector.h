#pragma once
// Text in, segments with labels out: the one way in which content is judged, streamed or whole.
//
// A TextStream cuts a text into segments whose boundaries depend on the text alone, never on how it
// arrived: any split gives the same segments with the same labels, and the segments put together are
// the text. A byte leaves in a segment only when no open candidate can still begin at or before it,
// so whoever releases segments one by one cannot release half a secret. A whole answer is the same
// text pushed at once.
//
// Four stages, one after the other: secrets (stream.h), the other rules (rule_stream.h), names and addresses
// of persons (person_stream.h), classifiers (unit_stream.h). Each takes the segments of the one before.
//
// What this room never does: it never decides (labels are facts, the agreement decides), never
// changes a text, never touches the outside, and never keeps more of it back than its limits say.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::inspect {

// Text held back by the first stage while a candidate is open. Longer secrets are judged by their opening: from it on
// everything is labelled (Segment::open_ended).
inline constexpr size_t kHoldBackBytesMax = 256;
// Text held back by all stages together: ordinary prose about a sentence, and never more than this.
inline constexpr size_t kHeldBytesMax = 6144;

inline constexpr std::string_view kLabelSecret = "secret";
inline constexpr std::string_view kLabelMarking = "marking";  // its findings are what Segment::marking ranks

// What one detector found. `offset` counts bytes from the start of the text as it was pushed; labels
// and scores may be shown to a decision, offsets may not leave the gate.
struct Finding {
  std::string label;
  std::string rule;  // which rule of the detector, "github-token"; for people, never for decisions
  uint64_t offset = 0;
  uint64_t length = 0;
  int64_t score = 0;  // per mille
  friend bool operator==(const Finding&, const Finding&) = default;
};

// A stretch of the text with one verdict. Code points are never split between two segments where the
// text is valid UTF-8. A finding lies wholly in one segment, unless it is open-ended.
struct Segment {
  std::string text;
  std::vector<std::string> labels;  // sorted, unique; empty: nothing found
  int64_t top_score = 0;            // of its findings; 0 without
  int64_t marking = 0;              // rank of the highest marking in it; markings.h
  bool open_ended = false;          // part of a stretch that stays labelled to its end
  bool unweighed = false;           // begins one that the encoder should have been asked about, and was not: kOpinionsMax
  std::vector<Finding> findings;    // in order of offset
  friend bool operator==(const Segment&, const Segment&) = default;
};

// How the bytes of a text are to be read.
enum class TextKind {
  kPlain,
  kJson,  // JSON text (tool-call arguments): also judged with its string escapes decoded
};

// How often the texts that are looked into together may ask the encoder: it bounds what they can cost. Behind it the
// classifiers decide alone, and Segment::unweighed says so.
inline constexpr size_t kOpinionsMax = 512;
struct OpinionsLeft {
  size_t count = kOpinionsMax;
};

class Rules;
class SecondOpinion;

// One text that arrives in pieces. Not thread-safe; many streams share one Inspector, which they keep
// alive. At most 8 KB of state, whatever the length of the text.
class TextStream {
 public:
  TextStream(TextStream&&) noexcept;
  TextStream& operator=(TextStream&&) noexcept;
  ~TextStream();

  // Takes the next bytes, any bytes, and appends the segments that became safe to `out`.
  void push(std::string_view bytes, std::vector<Segment>& out);
  // The text ends here: appends what was held back. Call once; afterwards only destroy it.
  void finish(std::vector<Segment>& out);
  // Bytes taken but not yet in a segment, at most kHeldBytesMax.
  [[nodiscard]] size_t held_bytes() const;

 private:
  friend class Inspector;
  struct State;
  explicit TextStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct Text {
  std::string_view bytes;
  TextKind kind = TextKind::kPlain;
};

// The verdict on a set of texts: what the facts of a request are made of.
struct Verdict {
  std::vector<std::string> labels;  // sorted, unique
  int64_t top_score = 0;            // per mille
  int64_t marking = 0;              // highest rank
  bool unweighed = false;           // some segment is
  uint64_t bytes = 0;               // inspected
  std::vector<Finding> findings;    // of all texts, in their order; offsets count within each text
};

// kOff exists for negative controls in tests: every push is judged alone and leaves at once.
enum class HoldBack { kOn, kOff };

struct Options {
  HoldBack hold_back = HoldBack::kOn;
  std::shared_ptr<const SecondOpinion> second = nullptr;  // asked where classifiers are unsure; without it they decide alone
};

// Every label that some detector puts, in order.
std::span<const std::string_view> all_labels();

// The detectors with their rules. Immutable and thread-safe; cheap to copy (shared). A fresh one looks for
// every label.
class Inspector {
 public:
  static Inspector create(Options options = {});
  // The same detectors, of which only those run that put one of `labels`: what an agreement cannot name
  // is not looked for. Secrets and markings always are.
  [[nodiscard]] Inspector looking_for(std::span<const std::string> labels) const;
  // The same without an encoder: classifiers decide alone.
  [[nodiscard]] Inspector alone() const;

  // Whether a text may take many milliseconds: an encoder is there, and a label is looked for that it has a say in.
  [[nodiscard]] bool asks_encoder() const;

  // Detector names with versions, "secrets/3 markings/1 …".
  [[nodiscard]] const std::string& version() const;
  // SHA-256 over detector names, versions, every rule and all weights: what a red line depends on.
  [[nodiscard]] const Digest& digest() const;

  // `together` is shared by the texts of one request or answer, all on one thread at a time; null: this text is alone.
  [[nodiscard]] TextStream open_stream(TextKind kind = TextKind::kPlain, std::shared_ptr<OpinionsLeft> together = nullptr) const;

  // Judges whole texts through the same TextStream, each apart, and the seam between neighbours
  // joined, so that a secret split over two parts or messages is found too.
  [[nodiscard]] Verdict inspect(std::span<const Text> texts) const;
  [[nodiscard]] Verdict inspect(std::span<const std::string_view> texts) const;
  // Tool-call arguments: as they stand, and with JSON string escapes decoded ("\u0041KIA…").
  [[nodiscard]] Verdict inspect_json_arguments(std::string_view json) const;
  // The segments of a whole text.
  [[nodiscard]] std::vector<Segment> segments(std::string_view text,
                                              TextKind kind = TextKind::kPlain) const;

 private:
  struct Detectors;
  Inspector(std::shared_ptr<const Detectors> detectors, uint32_t wanted);
  std::shared_ptr<const Detectors> detectors_;
  uint32_t wanted_;  // a bit for each of all_labels()
  bool alone_ = false;
};

}  // namespace proviso::inspect
