#include "agreement/faults.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace proviso::agreement {

void Faults::add(std::string_view file, size_t line, std::string sentence, Code code) {
  faults_.push_back({std::string(file), line, std::move(sentence), code});
}

Error Faults::error() const {
  std::vector<const Fault*> sorted;
  for (const Fault& fault : faults_) sorted.push_back(&fault);
  std::sort(sorted.begin(), sorted.end(), [](const Fault* a, const Fault* b) {
    return std::tie(a->file, a->line, a->sentence) < std::tie(b->file, b->line, b->sentence);
  });
  Error error{faults_.empty() ? Code::kInternal : sorted.front()->code, ""};
  size_t shown = 0;
  for (const Fault* fault : sorted) {
    if (fault->code != error.code) error.code = Code::kInvalid;
    if (shown == kFaultsMax) continue;
    if (shown++ > 0) error.message += '\n';
    error.message += place(fault->file, fault->line) + ": " + fault->sentence;
  }
  if (faults_.size() > kFaultsMax) {
    error.message += fmt::format("\nand {} more", faults_.size() - kFaultsMax);
  }
  return error;
}

std::string Faults::sentences() const {
  std::string out;
  for (const Fault& fault : faults_) out += (out.empty() ? "" : "; ") + fault.sentence;
  return out;
}

std::string place(std::string_view file, size_t line) { return fmt::format("{}:{}", file, line); }

}  // namespace proviso::agreement
