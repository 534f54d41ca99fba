// The log's framing: what parses is one spelling, and no bytes at the end of a file stop the
// program. The first byte says where in a sector the bytes begin.
#include "base/check.h"
#include "ledger/frame.h"
#include "ledger/layout.h"

using namespace proviso;
using namespace proviso::ledger;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (const auto head = parse_file_head(bytes)) {
    PV_CHECK(encode_file_head(head->origin) == bytes.substr(0, head->bytes));
  }
  const auto head = parse_frame_head(bytes);
  if (head && head->frame_bytes() <= bytes.size()) {
    const auto frame = bytes.substr(0, head->frame_bytes());
    if (const auto body = parse_frame(*head, frame)) {
      const std::vector<std::string> entries(body->entries.begin(), body->entries.end());
      PV_CHECK(encode_frame(head->first_index, head->time, entries, body->root) == frame);
    }
  }
  const auto tail = classify_tail(bytes, data[0], head ? head->first_index : data[0]);
  if (tail == Tail::kEmpty) PV_CHECK(bytes.find_first_not_of('\0') == std::string_view::npos);
  if (const auto path = TilePath::parse(bytes)) PV_CHECK(path->text() == bytes);
  return 0;
}
