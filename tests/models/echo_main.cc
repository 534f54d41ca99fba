// A model for tests, started as llama-server is: listens where `--host` says (with @ in front: an abstract
// socket), says 200 to GET /health, and answers a POST with the head and body that it got. A body with the
// word "stream" is answered in two pieces, the second only when somebody has asked for health meanwhile; one
// with "forever" is answered piece by piece until the connection closes, which it counts in the health answer.
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace {

std::atomic<int> healths{0};
std::atomic<int> dropped{0};

int listen_on(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (*path == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path) +
                                           (*path == '@' ? 0 : 1));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 8) != 0) {
    std::perror("echo");
    std::exit(1);
  }
  return fd;
}

bool say(int fd, const std::string& text) {
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string chunk(const std::string& text) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

bool read_request(int fd, std::string& head, std::string& body) {
  char buffer[4096];
  size_t end = std::string::npos;
  while ((end = head.find("\r\n\r\n")) == std::string::npos) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) return false;
    head.append(buffer, static_cast<size_t>(got));
  }
  body = head.substr(end + 4);
  head.resize(end + 4);
  const size_t at = head.find("Content-Length: ");
  const size_t length = at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
  while (body.size() < length) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) return false;
    body.append(buffer, static_cast<size_t>(got));
  }
  return true;
}

void stream(int fd, bool forever) {
  if (!say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
               "Connection: close\r\n\r\n" + chunk("data: first\n\n"))) {
    return;
  }
  const int seen = healths.load();
  while (forever ? say(fd, chunk("data: more\n\n")) : healths.load() == seen) usleep(1000);
  if (forever) {
    dropped.fetch_add(1);
  } else {
    say(fd, chunk("data: second\n\n") + "0\r\n\r\n");
  }
}

void answer(int fd) {
  std::string head;
  std::string body;
  if (read_request(fd, head, body)) {
    std::string said = head.starts_with("GET /health ") ? "dropped " + std::to_string(dropped.load()) : head + body;
    if (head.starts_with("GET /health ")) healths.fetch_add(1);
    if (body.find("stream") != std::string::npos || body.find("forever") != std::string::npos) {
      stream(fd, body.find("forever") != std::string::npos);
    } else {
      say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(said.size()) + "\r\n\r\n" + said);
    }
  }
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const char* host = nullptr;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], "--host") == 0) host = argv[i + 1];
  }
  if (host == nullptr) return 2;
  const int fd = listen_on(host);
  for (;;) {
    const int peer = accept(fd, nullptr, nullptr);
    if (peer >= 0) std::thread(answer, peer).detach();
  }
}
