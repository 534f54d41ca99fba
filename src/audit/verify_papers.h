#pragma once
// The parts of `proviso-verify` that judge single documents, brought by anybody: a proof, a piece of
// evidence. Nothing of the gate is needed for them.
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace proviso::audit {

// Adds `proof`, `disclosure` and `evidence`; leaves the exit status in `status` when one of them was given.
void add_papers(CLI::App& app, int& status);

// A verifier key given as a file's name or as its text.
Result<std::string> key_text(const std::string& given);
// A file, or - for standard input, without the line feeds at its end; kLimit beyond `bytes_max`.
Result<std::string> read_line(const std::string& name, size_t bytes_max);

}  // namespace proviso::audit
