// A message that reads is written so that it reads as the same; headers made of it agree with it.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tools/message.h"
#include "tools/mirror.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using tools::Message;
  json::Parser parser;
  const auto message = tools::parse_message({reinterpret_cast<const char*>(data), size}, parser);
  if (!message) return 0;
  std::string text;
  switch (message->kind) {
    case Message::Kind::kRequest: text = tools::request_text(message->id, message->method, message->params); break;
    case Message::Kind::kNotification: text = tools::notification_text(message->method, message->params); break;
    case Message::Kind::kResult: text = tools::result_text(message->id, message->body); break;
    case Message::Kind::kError: text = tools::error_with_body(message->id, message->body); break;
  }
  const auto again = tools::parse_message(text, parser);
  PV_CHECK(again.has_value());
  PV_CHECK(again->kind == message->kind && again->id == message->id && again->method == message->method);
  PV_CHECK(again->params == message->params && again->body == message->body);
  if (message->kind != Message::Kind::kRequest) return 0;
  const auto headers = tools::mirrored_headers(*message, {}, parser);
  // A method that is no header value poisons the set; what can be sent must hold.
  if (headers.valid()) PV_CHECK(tools::check_mirrored(headers, *message, {}, parser).has_value());
  return 0;
}
