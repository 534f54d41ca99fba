#pragma once
// How commands speak: results on stdout, everything else on stderr, colour only on a terminal.
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cli {

// Writes `text` and a line feed to stdout at once (pipes see it when it happens).
void print(std::string_view text);
// Writes bytes of others as they are; on a terminal, with what it would obey spelt out.
void print_bytes(std::string_view bytes);
// "error: …" on stderr; the exit status of a failed command.
int complain(const Error& error);
std::string bold(std::string_view text);
std::string red(std::string_view text);
std::string green(std::string_view text);

// Where state lives when nothing else is said: $PROVISO_STATE, else /var/lib/proviso for root and
// $XDG_DATA_HOME/proviso or ~/.local/share/proviso for others.
std::string default_state();
// The running program's own path, and that of a program beside it.
std::string own_path();
std::string beside(std::string_view program);

}  // namespace proviso::cli
