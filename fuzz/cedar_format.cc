// The formatter: never crashes, lays out everything that parses, and its output is a fixed point.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cedar/formatter.h"
#include "cedar/policy_set.h"

using namespace proviso;
using namespace proviso::cedar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto once = format(text, "input");
  auto parsed = PolicySet::parse(text, "input");
  if (!parsed && once) std::abort();
  if (!once && parsed && once.error().code != Code::kLimit) std::abort();
  if (!once) return 0;
  auto twice = format(*once, "once");
  if (!twice && twice.error().code == Code::kLimit) return 0;
  if (!twice || *twice != *once) std::abort();
  return 0;
}
