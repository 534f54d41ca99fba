#pragma once
// Members of a JSON object, each there and of its type: kInvalid names the one that is not.
// Not a face: only this room includes it.
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"

namespace proviso::audit {

inline Result<json::Element> member(json::Object object, std::string_view name) {
  json::Element element;
  if (object[name].get(element) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, fmt::format("`{}` is missing", name));
  }
  return element;
}

inline std::unexpected<Error> wrong_type(std::string_view name) {
  return fail(Code::kInvalid, fmt::format("`{}` is of the wrong type", name));
}

inline Result<std::string> text_member(json::Object object, std::string_view name) {
  PV_TRY(const auto element, member(object, name));
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) return wrong_type(name);
  return std::string(text);
}

inline Result<Digest> digest_member(json::Object object, std::string_view name) {
  PV_TRY(const auto text, text_member(object, name));
  return digest_from_hex(text);
}

inline Result<int64_t> count_member(json::Object object, std::string_view name) {
  PV_TRY(const auto element, member(object, name));
  int64_t number = 0;
  if (element.get(number) != simdjson::SUCCESS || number < 0) return wrong_type(name);
  return number;
}

}  // namespace proviso::audit
