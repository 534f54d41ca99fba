#pragma once
// Which files a program needs to start, so that its sandbox may read those and no other, and so that whoever
// says which program ran can name all of it.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace proviso::sandbox {

inline constexpr size_t kElfHeadBytesMax = 64 * 1024;  // program headers stand at the front
inline constexpr size_t kLibrariesMax = 64;            // more than any worker of ours links

// The program interpreter that a 64-bit little-endian ELF file asks for; empty for a static program.
// `head` is the file's beginning. kInvalid if it is no such file.
Result<std::string> elf_interpreter(std::string_view head);

// The loader and every shared library that `program` loads, real paths, the loader first; empty for a
// static program. Asks the loader itself (`--list`), which maps the program but runs nothing of it.
// kUnsupported for an interpreter that is not the system's loader; kNotFound for a missing library.
Result<std::vector<std::string>> libraries_of(const std::string& program);

}  // namespace proviso::sandbox
