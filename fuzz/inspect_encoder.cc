// Any bytes as an encoder's file and as a text for one: the file is read or refused, the text falls into known pieces.
#include <cstdint>
#include <cstdlib>

#include "inspect/encoder_file.h"
#include "inspect/second_opinion.h"

using namespace proviso::inspect;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)take_apart(bytes);
  static const std::vector<std::string_view> names = {"<unk>", "\xe2\x96\x81", "\xe2\x96\x81the", "t", "he", "\xc3\xa9", "ab", "abab"};
  static const Pieces pieces(names, {0, -2, -3, -4, -4, -5, -3, -5}, {{U'\t', U" "}, {U'\u00bd', U"1 2"}}, 0);
  const std::vector<int32_t> all = pieces.of(bytes);
  if (all.size() > 3 * size + 1) std::abort();  // a byte becomes at most three characters
  for (const int32_t piece : all) {
    if (piece <= 0 || static_cast<size_t>(piece) >= names.size()) std::abort();
  }
  (void)opinion_text(bytes);
  return 0;
}
