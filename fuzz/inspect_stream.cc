// Any bytes, any split: the same segments, which put together are the text. The first byte chooses
// the kind of text and which stages run, the second how it is split.
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "inspect/inspector.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::inspect;
  static const Inspector every = Inspector::create();
  static const std::vector<std::string> persons = {"personal_address", "personal_name"};
  static const std::vector<std::string> classes = {"jailbreak", "prompt_injection"};
  static const Inspector inspectors[] = {every.looking_for({}), every, every.looking_for(persons),
                                         every.looking_for(classes)};
  if (size < 2) return 0;
  const TextKind kind = data[0] % 2 == 0 ? TextKind::kPlain : TextKind::kJson;
  const Inspector& inspector = inspectors[data[0] / 2 % 4];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::vector<Segment> whole = inspector.segments(text, kind);

  std::string joined;
  bool labelled = false;
  for (const Segment& segment : whole) {
    joined += segment.text;
    labelled = labelled || !segment.labels.empty();
    PV_CHECK(!segment.text.empty());
    PV_CHECK(segment.labels.empty() == (segment.top_score == 0));
  }
  PV_CHECK(joined == text);

  std::vector<Segment> split;
  TextStream stream = inspector.open_stream(kind);
  uint32_t state = data[1] + 1u;
  for (size_t from = 0; from < text.size();) {
    state = state * 1664525u + 1013904223u;
    const size_t take = std::min<size_t>(text.size() - from, 1 + (state >> 24) % 48);
    stream.push(text.substr(from, take), split);
    PV_CHECK(stream.held_bytes() <= kHeldBytesMax);
    from += take;
  }
  stream.finish(split);
  PV_CHECK(split == whole);

  const Text one{text, kind};
  PV_CHECK(inspector.inspect(std::span(&one, 1)).labels.empty() == !labelled);
  return 0;
}
