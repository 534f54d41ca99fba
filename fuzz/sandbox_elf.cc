// Reading a program's interpreter from its first bytes must never run past them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  const auto interpreter = proviso::sandbox::elf_interpreter(head);
  // What it returns is text of the input, never with a NUL in it.
  if (interpreter && !interpreter->empty()) {
    if (head.find(*interpreter) == std::string_view::npos) std::abort();
    if (interpreter->find('\0') != std::string::npos) std::abort();
  }
  return 0;
}
