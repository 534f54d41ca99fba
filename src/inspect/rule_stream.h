#pragma once
// The second stage of a text: markings, personal data that shows by its form. It takes the segments of the
// first stage and cuts them further. A place is decided when every rule has said yes or no there; a rule
// that must see more holds it back. What is decided depends on the text alone (look.h), and so do the
// segments: unlabelled ones end where the first stage's do or where a finding begins, and a finding lies
// in one segment.
#include <string>
#include <vector>

#include "inspect/inspector.h"
#include "inspect/look.h"
#include "inspect/markings.h"

namespace proviso::inspect {

class RuleStream {
 public:
  // `wanted`: the labels that may be put (labels.h). The rank of a marking is always found.
  RuleStream(TextKind kind, uint32_t wanted) : kind_(kind), wanted_(wanted) {}

  // Takes the first stage's next segments and appends what became safe to `out`.
  void push(std::vector<Segment>& in, std::vector<Segment>& out);
  void finish(std::vector<Segment>& out);
  // Everything taken is judged as if the text ended here (HoldBack::kOff).
  void flush(std::vector<Segment>& out);
  [[nodiscard]] size_t held_bytes() const { return held_.size(); }

 private:
  // A stretch of held_ that stays in one segment: a labelled segment of the first stage, a finding.
  struct Interval {
    size_t begin = 0;
    size_t end = 0;
    Segment segment;  // without its text
  };

  [[nodiscard]] bool is_quiet(std::string_view text) const;
  void pass_quiet(Segment&& segment, std::vector<Segment>& out);
  void append(Segment&& segment);
  void append_plain(std::string_view raw);
  void scan(bool ended);
  [[nodiscard]] bool may_begin(size_t at) const;
  [[nodiscard]] Look look_at(size_t behind, bool ended) const;
  Found find(const Look& look);
  void take(const Found& found);
  void take_marking(Segment& segment, std::string_view text);
  void emit(bool ended, std::vector<Segment>& out);
  void cut(size_t end, std::vector<Segment>& out);
  void drop_emitted();

  TextKind kind_;
  uint32_t wanted_;
  std::string held_;                // raw bytes not yet in a segment
  uint64_t base_ = 0;               // offset in the text of held_[0]
  std::vector<size_t> ends_;        // where segments of the first stage end, in held_
  std::vector<Interval> intervals_;  // labelled, in order of begin; may overlap until they are emitted
  size_t cut_ = 0;                  // in held_: where the next segment begins

  std::string plain_;               // reading of held_, behind a few bytes that were decided before
  std::vector<uint32_t> origin_;    // per byte of plain_: where its code point begins in held_
  size_t at_ = 0;                   // in plain_: the first place that is not decided
  bool starts_ = true;              // plain_ begins where the text does
  Marking marking_;
  std::string banner_;              // the first banner of the text, for the others to agree with
  int64_t banner_rank_ = -1;
};

}  // namespace proviso::inspect
