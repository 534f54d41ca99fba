#pragma once
// The last stage of a text: the classifiers. Segments of the stage before gather into units, a sentence
// or kUnitBytesMax bytes; a unit leaves when it was judged, all of its segments with the labels that were
// found. Judged is the unit together with those before it, up to kWindowBytesMax bytes, so that nothing
// hides in a seam; and whatever encodings in that window decode to, by the rules of the first two stages as
// well. Where units end depends on the text alone, so any split gives the same labels.
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "inspect/classifier.h"
#include "inspect/inspector.h"
#include "inspect/readings.h"
#include "inspect/second_opinion.h"

namespace proviso::inspect {

inline constexpr size_t kUnitBytesMin = 24;      // shorter sentences are judged with the next
inline constexpr size_t kUnitBytesMax = 320;     // about 64 tokens
inline constexpr size_t kWindowBytesMax = 2048;  // about 512 tokens
// How far back a unit is judged besides: a sentence that gives an order in a long harmless text.
inline constexpr size_t kNearUnits = 2;
// By so much more must they say, because a few words out of many are easily strange; so must a window of
// more units or bytes than these, because the rows that taught the weights are short and small leanings add up.
// Red lines by more, for they know the meaning of words, and a page about these matters is full of such words.
inline constexpr float kNearMargin = 1.0f;
inline constexpr float kNearRedLineMargin = 1.5f;
inline constexpr size_t kFewUnits = 4;
inline constexpr size_t kFewBytes = 1024;

// Whether a unit ends with this segment, the `unit_bytes` of the unit counting it.
bool ends_unit(std::string_view segment, size_t unit_bytes);

class UnitStream {
 public:
  // `wanted` has a bit for each label that may be put (labels.h). Without `rules` only classes are looked for;
  // without `second`, which outlives the stream, the classifier decides alone. `together`: see open_stream().
  UnitStream(TextKind kind, uint32_t wanted, const Classifier& classifier = Classifier::built_in(),
             std::shared_ptr<const Rules> rules = nullptr, const SecondOpinion* second = nullptr,
             std::shared_ptr<OpinionsLeft> together = nullptr)
      : kind_(kind), wanted_(wanted), classifier_(&classifier), rules_(std::move(rules)), second_(second),
        opinions_(std::move(together)) {
    if (!opinions_) opinions_ = std::make_shared<OpinionsLeft>(second == nullptr ? 0 : second->opinions_max());
    top_.fill(kNoMargin);
  }

  void push(std::vector<Segment>& in, std::vector<Segment>& out);
  void finish(std::vector<Segment>& out);
  [[nodiscard]] size_t held_bytes() const { return unit_.size(); }
  // The highest margin of each class so far.
  [[nodiscard]] const std::array<float, kClasses>& top_margins() const { return top_; }

 private:
  struct Unit {
    Sums sums;
    size_t bytes = 0;
    std::string shown;     // as the second opinion reads it; empty without one
    bool counted = false;  // in window_sums_; of equal units one is: said forty times is said once
  };
  struct Best {
    std::array<float, kClasses> margin;
    std::array<std::string, kClasses> reading;  // in which it was found
    std::vector<Finding> hidden;  // what rules found in decoded readings, without places; one for each label
    int64_t marking = 0;          // the highest rank among them
  };
  void judge(std::vector<Segment>& out);
  void add_unit(const std::string& text, std::string_view plain);
  void drop_unit();
  [[nodiscard]] Best best_of(bool encoded);
  enum class Proof : uint8_t { kPlain, kWider };  // kWider: by the margins above
  [[nodiscard]] Best said_of(const Sums& sums, std::string_view reading, Proof proof) const;
  void weigh(Best evidence, std::string_view text, Best& best);
  bool may_ask();
  [[nodiscard]] std::string shown(size_t units) const;
  [[nodiscard]] std::string shown_of(std::string_view text) const;
  void note_hidden(const Reading& reading, Best& best) const;
  void add_found(const Best& best, std::vector<Finding>& found);

  TextKind kind_;
  uint32_t wanted_;
  const Classifier* classifier_;
  std::shared_ptr<const Rules> rules_;
  const SecondOpinion* second_;
  std::shared_ptr<OpinionsLeft> opinions_;
  bool unweighed_ = false;    // something of this unit
  std::vector<Segment> pending_;
  std::string unit_;          // text of pending_
  std::string window_;        // raw text of the units in units_
  std::deque<Unit> units_;
  Sums window_sums_;
  uint64_t base_ = 0;         // offset of unit_
  bool encoded_ = false;      // the unit before looked encoded
  std::array<float, kClasses> top_{};
};

}  // namespace proviso::inspect
