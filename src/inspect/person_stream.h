#pragma once
// The stage of a text that finds names and addresses of persons. Segments of the rules gather until a
// sentence is whole, or kSentenceBytesMax bytes; the sentence is tagged, with what stood before it in view,
// and leaves in segments that end where they did, where a sentence ends, or where a finding begins or ends. What was
// labelled before stays in one segment; a finding that touches it takes it along. Everything depends on
// the segments taken so far and so on the text alone.
#include <string>
#include <vector>

#include "inspect/inspector.h"
#include "inspect/person_tagger.h"

namespace proviso::inspect {

inline constexpr size_t kSentenceBytesMax = 320;       // as read; a longer sentence is cut at a blank
inline constexpr size_t kSentenceRawBytesMax = 1536;   // as sent: escapes, characters that show nothing
inline constexpr size_t kBeforeBytesMax = 64;          // of the sentences before, kept in view

// Where the first sentence of a plain reading ends, behind its blank; npos: not yet.
size_t sentence_end(std::string_view plain);

class PersonStream {
 public:
  // Which labels may be put.
  struct Wanted {
    bool name = true;
    bool address = true;
  };
  PersonStream(TextKind kind, Wanted wanted, const PersonTagger& tagger = PersonTagger::built_in())
      : kind_(kind), wanted_(wanted), tagger_(&tagger) {}

  void push(std::vector<Segment>& in, std::vector<Segment>& out);
  void finish(std::vector<Segment>& out);
  [[nodiscard]] size_t held_bytes() const { return held_.size(); }

 private:
  // Stretches of held_ that stay in one segment.
  struct Interval {
    size_t begin = 0;
    size_t end = 0;
    Segment segment;  // without its text
  };

  void append(Segment&& segment);
  [[nodiscard]] size_t raw_end(size_t plain_end) const;
  void judge(size_t plain_end, std::vector<Segment>& out);
  void find(std::string_view sentence, std::vector<Interval>& intervals) const;
  void emit(size_t end, std::vector<Interval>& intervals, std::vector<Segment>& out);
  void drop(size_t raw_end, size_t plain_end);

  TextKind kind_;
  Wanted wanted_;
  const PersonTagger* tagger_;
  std::string held_;                  // bytes not yet in a segment
  uint64_t base_ = 0;                 // offset in the text of held_[0]
  std::vector<size_t> ends_;          // where the segments taken end, in held_
  std::vector<Interval> labelled_;    // of them, those that must stay whole
  std::string plain_;                 // reading of held_
  std::vector<uint32_t> origin_;      // per byte of plain_: where its code point begins in held_
  std::string before_;                // what was read before
};

}  // namespace proviso::inspect
