#include "sandbox/elf.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

namespace proviso::sandbox {
namespace {

constexpr std::array<std::string_view, 3> kLoaders = {
    "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-riscv64-lp64d.so.1"};

Result<std::string> read_head(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  std::string head(kElfHeadBytesMax, '\0');
  const ssize_t got = pread(fd.get(), head.data(), head.size(), 0);
  if (got < 0) return std::unexpected(io_error("read", path, errno));
  head.resize(static_cast<size_t>(got));
  return head;
}

// The program is handed over open: its path may mean something only in this process.
Result<std::string> run_loader(const std::string& loader, const std::string& program) {
  const Fd opened(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return std::unexpected(io_error("open", program, errno));
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return std::unexpected(io_error("make a pipe for", program, errno));
  Fd reading(fds[0]);
  Fd writing(fds[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, opened.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string arg0 = loader;
  std::string arg1 = "--list";
  std::string arg2 = "/proc/self/fd/0";
  char* argv[] = {arg0.data(), arg1.data(), arg2.data(), nullptr};
  char* envp[] = {nullptr};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, loader.c_str(), &actions, nullptr, argv, envp);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return std::unexpected(io_error("run", loader, error));
  writing = Fd();
  std::string out;
  char buffer[4096];
  while (out.size() < kElfHeadBytesMax) {
    const ssize_t got = read(reading.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Code::kNotFound, "a library that `" + program + "` needs is missing (ldd shows which)");
  }
  return out;
}

Result<std::string> real_path(const std::string& path) {
  char buffer[PATH_MAX];
  if (realpath(path.c_str(), buffer) == nullptr) return std::unexpected(io_error("find", path, errno));
  return std::string(buffer);
}

}  // namespace

Result<std::string> elf_interpreter(std::string_view head) {
  const auto invalid = [] { return fail(Code::kInvalid, "not a 64-bit ELF program for this machine"); };
  Elf64_Ehdr header;
  if (head.size() < sizeof header) return invalid();
  std::memcpy(&header, head.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return invalid();
  }
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t step = i * sizeof(Elf64_Phdr);
    if (header.e_phoff > head.size() || head.size() - header.e_phoff < step + sizeof(Elf64_Phdr)) {
      return invalid();
    }
    Elf64_Phdr segment;
    std::memcpy(&segment, head.data() + header.e_phoff + step, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > head.size() || segment.p_filesz == 0 ||
        segment.p_filesz > head.size() - segment.p_offset) {
      return invalid();
    }
    const auto text = head.substr(segment.p_offset, segment.p_filesz);
    if (text.back() != '\0' || text.size() == 1 || text.find('\0') != text.size() - 1) return invalid();
    return std::string(text.substr(0, text.size() - 1));
  }
  return std::string();
}

Result<std::vector<std::string>> libraries_of(const std::string& program) {
  PV_TRY(const auto head, read_head(program));
  auto interpreter = elf_interpreter(head);
  if (!interpreter) return fail_at("`" + program + "`", std::move(interpreter).error());
  std::vector<std::string> files;
  if (interpreter->empty()) return files;
  bool known = false;
  for (const auto loader : kLoaders) known = known || *interpreter == loader;
  if (!known) {
    return fail(Code::kUnsupported, "`" + program + "` asks for the loader `" + *interpreter +
                                        "`, which is not the system's");
  }
  PV_TRY(auto loader, real_path(*interpreter));
  files.push_back(std::move(loader));
  PV_TRY(const auto listing, run_loader(*interpreter, program));
  // "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)"
  for (size_t at = 0; (at = listing.find(" => ", at)) != std::string::npos;) {
    at += 4;
    const size_t end = listing.find(" (0x", at);
    if (end == std::string::npos) break;
    if (files.size() >= kLibrariesMax) {
      return fail(Code::kLimit, "`" + program + "` needs more than " + std::to_string(kLibrariesMax) +
                                    " libraries");
    }
    PV_TRY(auto library, real_path(listing.substr(at, end - at)));
    files.push_back(std::move(library));
  }
  return files;
}

}  // namespace proviso::sandbox
