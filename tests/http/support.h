#pragma once
// What the tests of http share: case files, a plain blocking socket that parses nothing, a folder of
// certificates made with the openssl command.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "http/address.h"
#include "http/client.h"
#include "http/server.h"

namespace proviso::http::test {

inline std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = text[++i];
    if (kind == 'r') out.push_back('\r');
    else if (kind == 'n') out.push_back('\n');
    else if (kind == 't') out.push_back('\t');
    else if (kind == '0') out.push_back('\0');
    else if (kind == 'x') { out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16))); i += 2; }
    else out.push_back(kind);
  }
  return out;
}

using Case = std::map<std::string, std::string>;

// Blocks of `key: value` lines, parted by empty lines; '#' begins a comment.
inline std::vector<Case> read_cases(const std::string& name) {
  std::ifstream file(std::string(PV_SOURCE_DIR) + "/tests/http/cases/" + name);
  std::vector<Case> cases;
  Case current;
  const auto flush = [&] {
    if (!current.empty()) cases.push_back(std::exchange(current, {}));
  };
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) flush();
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(": ");
    PV_CHECK(colon != std::string::npos);
    current[line.substr(0, colon)] = line.substr(colon + 2);
  }
  flush();
  return cases;
}

// A blocking client socket with a long patience: a test that hangs fails, it does not hang.
class RawSocket {
 public:
  static RawSocket tcp(uint16_t port, int receive_buffer = 0) {
    sockaddr_storage address{};
    const auto size = parse_address("127.0.0.1", port, address);
    RawSocket made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer > 0)
      setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    PV_CHECK(connect(made.fd(), reinterpret_cast<sockaddr*>(&address), *size) == 0);
    return made;
  }
  static RawSocket unix_path(const std::string& path) {
    sockaddr_storage address{};
    const auto size = unix_address(path, address);
    RawSocket made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    PV_CHECK(connect(made.fd(), reinterpret_cast<sockaddr*>(&address), *size) == 0);
    return made;
  }
  explicit RawSocket(int fd) : fd_(fd) {}
  [[nodiscard]] int fd() const { return fd_.get(); }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // "" at the end or when nothing comes for 20 s.
  std::string read_some(size_t most = 65'536) {
    pollfd waiting{fd(), POLLIN, 0};
    if (poll(&waiting, 1, 20'000) != 1) return {};
    std::string bytes(most, '\0');
    const ssize_t got = recv(fd(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  // Reads and drops what comes next: its size, 0 at the end.
  size_t drop_some(std::vector<char>& buffer) {
    pollfd waiting{fd(), POLLIN, 0};
    if (poll(&waiting, 1, 20'000) != 1) return 0;
    const ssize_t got = recv(fd(), buffer.data(), buffer.size(), 0);
    return got > 0 ? static_cast<size_t>(got) : 0;
  }
  std::string read_all() {
    std::string all;
    for (std::string some = read_some(); !some.empty(); some = read_some()) all += some;
    return all;
  }
  std::string read_until(std::string_view mark) {
    std::string all;
    while (all.find(mark) == std::string::npos) {
      const std::string some = read_some();
      if (some.empty()) break;
      all += some;
    }
    return all;
  }
  void finish_sending() { shutdown(fd(), SHUT_WR); }
  void reset() {
    linger now{1, 0};
    setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    fd_ = Fd();
  }
  void close() { fd_ = Fd(); }

 private:
  Fd fd_;
};

// The statuses in the order in which their heads stand, for answers whose bodies say nothing like it.
inline std::string statuses(std::string_view answers) {
  std::string found;
  const std::string_view mark = "HTTP/1.1 ";
  for (size_t at = answers.find(mark); at != std::string_view::npos; at = answers.find(mark, at + 1)) {
    if (!found.empty()) found.push_back(' ');
    found += answers.substr(at + mark.size(), 3);
  }
  return found;
}

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "pv-http-XXXXXX").string();
    PV_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// An authority and a certificate that it signed for `names` ("DNS:localhost,IP:127.0.0.1").
struct Certificates {
  TempDir dir;
  std::string ca = dir.file("ca.pem");
  std::string cert = dir.file("cert.pem");
  std::string key = dir.file("key.pem");
  explicit Certificates(const std::string& names) {
    const std::string script =
        "cd " + dir.file("") + " && umask 077 && exec >/dev/null 2>&1 && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ca"
        " -keyout ca.key -out ca.pem && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=leaf"
        " -keyout key.pem -out leaf.csr && "
        "printf 'subjectAltName=" + names + "' > ext && "
        "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30"
        " -extfile ext -out cert.pem";
    PV_CHECK(std::system(script.c_str()) == 0);
  }
};

}  // namespace proviso::http::test
