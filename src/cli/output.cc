#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"
#include "base/visible.h"

namespace proviso::cli {
namespace {

std::string painted(std::string_view text, std::string_view code) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return terminal ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void print_bytes(std::string_view bytes) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (terminal && is_utf8(bytes)) return print(visible(bytes));
  if (terminal) return print(hex_encode(bytes));
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

int complain(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message);
  return 1;
}

std::string bold(std::string_view text) { return painted(text, "1"); }
std::string red(std::string_view text) { return painted(text, "31"); }
std::string green(std::string_view text) { return painted(text, "32"); }

std::string default_state() {
  if (const char* state = std::getenv("PROVISO_STATE"); state != nullptr && *state != '\0') {
    return state;
  }
  if (::geteuid() == 0) return "/var/lib/proviso";
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return std::string(data) + "/proviso";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/proviso";
}

std::string own_path() {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return "proviso";
  path.resize(static_cast<size_t>(size));
  return path;
}

std::string beside(std::string_view program) {
  const std::string own = own_path();
  const size_t slash = own.rfind('/');
  return slash == std::string::npos ? std::string(program)
                                    : own.substr(0, slash + 1) + std::string(program);
}

}  // namespace proviso::cli
