// A schema, a zero byte, arguments: any bytes. A schema compiles or says why not, and what the arguments are found
// to be does not depend on how their JSON is spelt.
#include <cstdint>
#include <string_view>

#include "arguments/schema.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  if (zero == std::string_view::npos) return 0;
  json::Parser schemas;
  const auto written = schemas.parse(input.substr(0, zero));
  if (!written) return 0;
  const auto schema = arguments::InputSchema::compile(*written);
  if (!schema) {
    PV_CHECK(!schema.error().message.empty());
    return 0;
  }
  const std::string_view text = input.substr(zero + 1);
  const Status verdict = (*schema)->check_text(text);
  json::Parser parser;
  const auto given = parser.parse(text);
  PV_CHECK(given.has_value() || !verdict);
  if (!given) return 0;
  // A text may be refused for how it spells a number; what it is read as is judged the same however it is spelt.
  const Status read = (*schema)->check(*given);
  PV_CHECK(read.has_value() || !verdict);
  json::Parser respelt;
  const std::string plain = json::to_text(*given);
  const auto again = respelt.parse(plain);
  PV_CHECK(again.has_value());
  PV_CHECK((*schema)->check(*again).has_value() == read.has_value());
  PV_CHECK(verdict || !verdict.error().message.empty());
  return 0;
}
