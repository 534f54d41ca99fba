#pragma once
// What is in it: runs content through inspect and keeps the facts that come of it. Streams and whole
// answers use the same Judge, one text per channel and group as the codecs number them, so that both modes
// give the same segments and the same labels. A Judge belongs to one exchange and one direction; not thread-safe.
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/facts.h"
#include "exchange/form.h"
#include "inspect/inspector.h"

namespace proviso::gate {

// A size as a fact is at least this, so that a stream does not write a leaf for its first words.
inline constexpr uint64_t kSizeFactBytesMin = 1024;

// What inspection found so far: the `context.content` facts.
struct Content {
  std::vector<std::string> labels;  // sorted, unique
  int64_t top_score = 0;            // per mille
  int64_t marking = 0;              // rank of the highest
  int64_t unreadable_parts = 0;
  uint64_t bytes = 0;

  void add(const std::vector<std::string>& more_labels, int64_t score, int64_t rank);
  void add(const Content& more);
  void add(const struct Judged& part);  // but for its bytes
  void put(exchange::Facts& facts) const;
  // True if both give the same facts.
  [[nodiscard]] bool same_facts(const Content& other) const;
};

// One text of an exchange. JSON and plain pieces of one channel and group are texts of their own: escapes differ.
struct TextKey {
  exchange::Channel channel = exchange::Channel::kText;
  int32_t group = 0;
  exchange::Syntax syntax = exchange::Syntax::kPlain;
  friend auto operator<=>(const TextKey&, const TextKey&) = default;
};

// A segment that inspection let go of, and whose text it is.
struct Judged {
  TextKey text;
  uint64_t begin = 0;  // where the segment begins in its text
  inspect::Segment segment;
  int64_t unreadable_parts = 0;  // 1 with the first segment of a text that was not weighed as it should have been
};

class Judge {
 public:
  // `opinions` is shared with others that are looked into together.
  explicit Judge(inspect::Inspector inspector, std::shared_ptr<inspect::OpinionsLeft> opinions = fresh_opinions())
      : inspector_(std::move(inspector)), opinions_(std::move(opinions)) {}
  static std::shared_ptr<inspect::OpinionsLeft> fresh_opinions() { return std::make_shared<inspect::OpinionsLeft>(); }

  // The next piece of a text; segments that became safe are appended to `out` in order.
  void push(exchange::Channel channel, int32_t group, exchange::Syntax syntax,
            std::string_view bytes, std::vector<Judged>& out);
  // One text ends here: what was held back of it is judged.
  void end(exchange::Channel channel, int32_t group, std::vector<Judged>& out);
  // Every text ends here.
  void finish(std::vector<Judged>& out);
  // A request or a whole answer: everything pushed, everything finished.
  static Content content_of(const inspect::Inspector& inspector,
                            const std::vector<exchange::Piece>& pieces);
  // The segments of the same, each text's in order, and what of its content no segment tells.
  static std::vector<Judged> segments_of(const inspect::Inspector& inspector,
                                         const std::vector<exchange::Piece>& pieces, Content& content,
                                         std::shared_ptr<inspect::OpinionsLeft> opinions = fresh_opinions());

 private:
  struct Text {
    inspect::TextStream stream;
    uint64_t begin = 0;  // of the next segment
    bool unweighed = false;
  };
  void take_segments(const TextKey& key, Text& text, std::vector<Judged>& out);
  void finish_text(const TextKey& key, Text& text, std::vector<Judged>& out);

  inspect::Inspector inspector_;
  std::shared_ptr<inspect::OpinionsLeft> opinions_;
  std::map<TextKey, Text> texts_;
  std::vector<inspect::Segment> segments_;
};

}  // namespace proviso::gate
