#pragma once
// The first stage of a text, which finds secrets: reads bytes one by one, gathers words, judges them, and
// cuts segments. Everything it does depends on the bytes read so far and never on where a push ended:
// that is the whole proof that any split gives the same segments.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/judge.h"

namespace proviso::inspect {

// A word longer than this is judged in overlapping windows; with the segment being gathered it fills
// the hold-back. Counted in decoded bytes: escaped JSON may take six bytes for one.
inline constexpr size_t kWordBytesMax = 220;
// The same as it was sent, of which escapes and characters that show nothing need more: judged then as far as it goes.
inline constexpr size_t kRawWordBytesMax = 6 * kWordBytesMax;
// Segments gather this many bytes before they are cut at the next safe place, so that a long text is
// not cut into single words. The first bytes of a text are not gathered: they are waited for.
inline constexpr size_t kSegmentBytesMin = 32;
inline constexpr size_t kUngatheredBytes = 64;
// A stretch that stays labelled leaves in pieces of this size.
inline constexpr size_t kPieceBytes = 240;
// What push() works on at once; bounds the buffer.
inline constexpr size_t kSliceBytes = 1024;

class SecretStream {
 public:
  SecretStream(std::shared_ptr<const Rules> rules, TextKind kind);

  // `segments` may be null: then only findings are collected.
  void push(std::string_view bytes, std::vector<Segment>* segments);
  void finish(std::vector<Segment>* segments);
  // Ready for another text of this kind; findings() is kept.
  void restart(TextKind kind);
  [[nodiscard]] std::vector<Finding>& findings() { return findings_; }
  [[nodiscard]] size_t held_bytes() const { return held_.size() - segment_begin_; }

 private:
  // kLongToken: labelled to the end of the word; kToTheEnd: labelled to the end of the text.
  enum class Mode : uint8_t { kText, kLongToken, kToTheEnd };
  enum class Step : uint8_t { kOn, kNeedsMore };

  void scan();
  void scan_quiet();
  Step scan_word();
  Step scan_symbol();
  void begin_decoding();
  void take_word_byte(char decoded, size_t raw_length);
  void take_nothing(size_t raw_length);
  void bound_word();
  void take_gap(char decoded, size_t raw_length);
  Step scan_stretch();
  void begin_word();
  void end_word();
  [[nodiscard]] bool quiet_word();
  void overflow();
  void flush();
  void compact();

  [[nodiscard]] bool needs_reading(char c) const;
  [[nodiscard]] bool is_word_byte(char c) const;
  [[nodiscard]] size_t window() const;
  [[nodiscard]] std::string_view word_text() const;
  [[nodiscard]] size_t raw_at(size_t in_word) const;
  void judge(Edge edge, Context& context, Judged& judged);
  void merge_raw_view(Context context, Edge edge, Judged& judged);
  [[nodiscard]] size_t decoded_at(size_t raw) const;
  bool bound_opening();
  void emit_matches();
  void open_stretch(size_t from, std::string_view rule, int64_t score, Mode mode);
  void read_pem_line(std::string_view text);
  void open_key_file();
  void track_code_point(char c);
  void leave_broken_code_point();
  void cut_if_gathered();
  void cut_unlabelled(size_t end);
  void cut_labelled(size_t end, std::vector<Finding> findings, bool open_ended);

  std::shared_ptr<const Rules> rules_;
  TextKind kind_;
  std::vector<Segment>* segments_ = nullptr;
  std::vector<Finding> findings_;

  std::string held_;          // bytes not yet in a segment, from offset base_ on
  uint64_t base_ = 0;         // offset in the text of held_[0]
  size_t segment_begin_ = 0;  // in held_: where the next segment begins
  size_t scan_ = 0;           // in held_: the next byte to read

  Mode mode_ = Mode::kText;
  bool in_word_ = false;
  char before_ = 0;        // the decoded byte in front of the word
  size_t word_begin_ = 0;  // in held_
  uint16_t three_ = 0;     // Rules::roll over the word
  uint64_t suspect_ = 0;   // 0: no literal can be in the word
  Set kinds_ = 0;          // of the word's bytes
  char quote_ = 0;         // inside a quoted password: what closes it
  Context context_;

  bool escaped_ = false;         // the word holds escapes or disguised bytes: decoded_ is its text
  std::string decoded_;
  std::vector<uint32_t> raw_of_;  // per decoded byte: its raw offset from word_begin_

  std::optional<size_t> pem_begin_;  // in held_: a "-----BEGIN" whose line is being read
  std::string pem_line_;
  std::string_view stretch_rule_;
  int64_t stretch_score_ = 0;
  uint8_t continuation_ = 0;  // bytes that the present code point still needs
  std::vector<Match> matches_;
};

}  // namespace proviso::inspect
