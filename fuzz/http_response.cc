// Answers as the client reads them from an upstream that may say anything. The first byte says whether it
// answers a HEAD and how the bytes are cut.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/parse.h"

namespace {

using namespace proviso;
using namespace proviso::http;

struct Outcome {
  int status = 0;
  std::string body;
  bool complete = false;
  bool fault = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read_answer(std::string_view bytes, bool to_head, size_t step) {
  Outcome outcome;
  HeadScanner scanner;
  size_t arrived = 0;
  auto state = HeadScanner::State::kMore;
  while (state == HeadScanner::State::kMore && arrived < bytes.size()) {
    arrived = std::min(arrived + step, bytes.size());
    state = scanner.scan(bytes.substr(0, arrived));
  }
  outcome.fault = state == HeadScanner::State::kMalformed;
  if (state != HeadScanner::State::kComplete) return outcome;
  MessageParser parser;
  ResponseHead head;
  size_t begin = scanner.size();
  if (!parser.parse_response(bytes.substr(0, begin), scanner.lines(), to_head, head)) {
    outcome.fault = true;
    return outcome;
  }
  PV_CHECK(head.status >= 100 && head.status <= 599);
  outcome.status = head.status;
  while (!parser.complete()) {
    if (arrived == begin) {
      if (arrived == bytes.size()) {
        outcome.complete = parser.at_close();
        return outcome;
      }
      arrived = std::min(arrived + step, bytes.size());
    }
    const auto piece = parser.body(bytes.substr(begin, arrived - begin));
    if (!piece) {
      outcome.fault = true;
      outcome.body.clear();
      return outcome;
    }
    PV_CHECK(piece->consumed <= arrived - begin);
    outcome.body.append(piece->bytes);
    begin += piece->consumed;
  }
  PV_CHECK(!to_head || outcome.body.empty());
  outcome.complete = true;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool to_head = (data[0] & 1) != 0;
  const size_t step = 1 + (data[0] >> 1) % 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = read_answer(bytes, to_head, std::max<size_t>(bytes.size(), 1));
  PV_CHECK(whole == read_answer(bytes, to_head, step));
  return 0;
}
