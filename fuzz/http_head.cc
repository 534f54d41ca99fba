// Requests as a connection reads them: scan, check, parse, body, next. However the bytes are cut, the
// messages are the same; and what is accepted can be read in one way only.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/parse.h"

namespace {

using namespace proviso;
using namespace proviso::http;

struct Message {
  std::string method, path, query, body;
  size_t fields = 0;
  bool keep_alive = false;
  friend bool operator==(const Message&, const Message&) = default;
};

void check_accepted(const RequestHead& head) {
  PV_CHECK(head.headers.count("Host") <= 1);
  PV_CHECK(head.version == Version::k10 || head.headers.count("Host") == 1);
  const size_t lengths = head.headers.count("Content-Length");
  const size_t codings = head.headers.count("Transfer-Encoding");
  PV_CHECK(lengths + codings <= 1);
  PV_CHECK(!head.path.empty() && (head.path[0] == '/' || head.path == "*"));
  for (size_t i = 0; i < head.headers.size(); ++i) {
    const Field field = head.headers.at(i);
    PV_CHECK(!field.name.empty());
    PV_CHECK(field.name.find_first_of(" \t\r\n:") == std::string_view::npos);
    PV_CHECK(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    PV_CHECK(field.value == field.value.substr(0, field.value.find_last_not_of(" \t") + 1));
  }
}

// Reads `bytes` as they arrive in pieces of `step`; stops at the first fault.
std::vector<Message> read_messages(std::string_view bytes, size_t step) {
  std::vector<Message> messages;
  MessageParser parser;
  size_t begin = 0;
  size_t arrived = 0;
  const auto more = [&] {
    if (arrived == bytes.size()) return false;
    arrived = std::min(arrived + step, bytes.size());
    return true;
  };
  while (true) {
    HeadScanner scanner;
    auto state = HeadScanner::State::kMore;
    while (state == HeadScanner::State::kMore) {
      state = scanner.scan(bytes.substr(begin, arrived - begin));
      if (state == HeadScanner::State::kMore && !more()) return messages;
    }
    if (state == HeadScanner::State::kMalformed) return messages;
    RequestHead head;
    if (!parser.parse_request(bytes.substr(begin, scanner.size()), scanner.lines(), 100, head))
      return messages;
    check_accepted(head);
    begin += scanner.size();
    Message message{head.method, head.path, head.query, "", head.headers.size(), parser.keep_alive()};
    while (!parser.complete()) {
      if (arrived == begin && !more()) return messages;
      const auto piece = parser.body(bytes.substr(begin, arrived - begin));
      if (!piece) return messages;
      PV_CHECK(piece->consumed <= arrived - begin);
      PV_CHECK(piece->consumed > 0 || parser.complete());
      message.body.append(piece->bytes);
      begin += piece->consumed;
    }
    messages.push_back(std::move(message));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read_messages(bytes, std::max<size_t>(size, 1));
  PV_CHECK(whole == read_messages(bytes, 1));
  PV_CHECK(whole == read_messages(bytes, 7));
  return 0;
}
