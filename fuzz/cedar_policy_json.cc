// Policies as JSON: reading never crashes; what is read is written and read back the same, and its text
// means the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cedar/policy_json.h"

using namespace proviso;
using namespace proviso::cedar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto set = policies_from_json(std::string_view(reinterpret_cast<const char*>(data), size), "input");
  if (!set) return 0;
  std::string written = to_json(*set);
  auto again = policies_from_json(written, "written");
  if (!again || to_json(*again) != written) std::abort();
  for (const auto* family : {&set->policies(), &set->templates()}) {
    for (const Policy& policy : *family) {
      if (!policy.template_id.empty()) continue;
      auto text = PolicySet::parse(to_text(policy), "text");
      // Parentheses may nest one deeper in print than in the tree's own measure.
      if (!text && text.error().code == Code::kLimit) continue;
      if (!text || text->size() + text->templates().size() != 1) std::abort();
      const Policy& back = text->size() == 1 ? text->policies()[0] : text->templates()[0];
      if (to_json(back) != to_json(policy)) std::abort();
    }
  }
  return 0;
}
