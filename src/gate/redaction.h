#pragma once
// What @redact takes out: the stretches of a text in which detectors found certain labels, each replaced by one
// mark that names the first of them. Streams and whole answers cut the same segments at the same places. What is
// left has the labels that were not taken out, and those that it has when it is read again, for a cut makes new
// words; the next decision sees both, and so what cannot be taken out.
// A tool call is never rewritten: what is decided about is what runs.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exchange/form.h"
#include "gate/judge.h"
#include "inspect/inspector.h"

namespace proviso::gate {

inline constexpr size_t kRedactedBytesMax = 1 << 20;  // of one stream: its originals are kept until its last leaf

// "[redacted: secret]"
std::string redaction_mark(std::string_view label);

// Goes through the segments of many texts, each text's in order. Not thread-safe.
class Redactor {
 public:
  // What it takes out from now on; nothing before the first call.
  void look_for(std::vector<std::string> labels) { labels_ = std::move(labels); }

  // A stretch of a text that goes, and the mark that stands there: empty if it continues the stretch before.
  struct Cut {
    uint64_t begin = 0;  // offset in the text
    uint64_t end = 0;
    std::string mark;
  };
  // What goes of a segment, in order and apart; the segment keeps its text and the labels of what is left.
  std::vector<Cut> cuts_of(Judged& part);
  // The same, and its text is cut. True if something went.
  bool take_out(Judged& part);
  // Labels that were taken out so far, sorted.
  [[nodiscard]] const std::vector<std::string>& taken() const { return taken_; }

 private:
  std::vector<Cut> whole_of(Judged& part);
  std::vector<Cut> findings_of(Judged& part);
  [[nodiscard]] bool goes(std::string_view label) const;
  void note(const std::string& label);

  std::vector<std::string> labels_;
  std::vector<std::string> taken_;
  struct Text {
    uint64_t until = 0;                      // where its last cut ended
    std::map<std::string, uint64_t> reach;  // how far findings of each label go: a sentence may be several segments
  };
  std::map<TextKey, Text> texts_;
};

// All of a request or a whole answer without `labels`. What stands in no text of its body (Piece::source) stays.
struct Redacted {
  exchange::Replacements texts;
  Content content;                 // without what was taken out; of the texts read again, add_fresh() knows
  std::vector<std::string> taken;  // labels that were taken out
};
Redacted redact(const inspect::Inspector& inspector, const std::vector<exchange::Piece>& pieces,
                std::vector<std::string> labels,
                std::shared_ptr<inspect::OpinionsLeft> opinions = Judge::fresh_opinions());

// Adds what `segments`, read anew, have: their labels, and what of them was not weighed.
void add_fresh(const std::vector<Judged>& segments, Content& content);

}  // namespace proviso::gate
