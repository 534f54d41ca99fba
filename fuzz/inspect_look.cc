// Any text, every place in it: once a rule has said yes or no, more text never changes that. And a rule
// that has seen as much as it may wait for has decided.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "inspect/identifiers.h"
#include "inspect/markings.h"
#include "inspect/readings.h"

namespace {

using namespace proviso::inspect;

Found find(const Look& look, bool marking) {
  Marking found;
  return marking ? find_marking(look, found) : find_identifier(look);
}

bool same(const Found& a, const Found& b) {
  return a.answer == b.answer && (a.answer == Found::Answer::kNo || (a.end == b.end && a.label == b.label));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kSizeMax = 300;
  if (size > kSizeMax) return 0;
  const std::string text = plain_reading({reinterpret_cast<const char*>(data), size});
  for (size_t at = 0; at < text.size(); ++at) {
    if (is_word(text[at]) && at > 0 && is_word(text[at - 1])) continue;
    const size_t behind = at < kBehindBytesMax ? at : kBehindBytesMax;
    const std::string_view all = std::string_view(text).substr(at - behind, behind + kAheadBytesMax);
    for (const bool marking : {true, false}) {
      Look look{.text = all, .at = behind, .starts = behind == at, .ended = at - behind + all.size() == text.size()};
      const Found whole = find(look, marking);
      PV_CHECK(whole.answer != Found::Answer::kMore);
      look.ended = false;
      for (size_t length = behind + 1; length < all.size(); ++length) {
        look.text = all.substr(0, length);
        const Found part = find(look, marking);
        PV_CHECK(part.answer == Found::Answer::kMore || same(part, whole));
      }
    }
  }
  return 0;
}
