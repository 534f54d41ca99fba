#include "cedar/json_reader.h"

#include <algorithm>
#include <set>

#include "cedar/source.h"
#include "cedar/text.h"

namespace proviso::cedar::deep_json {

Result<Element> Document::parse(std::string_view text, std::string_view file_name) {
  if (text.size() > kSourceBytesMax) {
    return fail(Code::kLimit, std::string(file_name) + ": the file is larger than 4 MiB");
  }
  if (parser_.allocate(std::max<size_t>(text.size() + 1, 64), kPolicyJsonDepthMax) != simdjson::SUCCESS) {
    return fail(Code::kLimit, "there is no room for the file");
  }
  Element root;
  auto wrong = parser_.parse(text.data(), text.size(), true).get(root);
  if (wrong == simdjson::SUCCESS) return root;
  bool deep = wrong == simdjson::DEPTH_ERROR;
  return fail(deep ? Code::kLimit : Code::kInvalid,
              std::string(file_name) + ": not JSON: " + simdjson::error_message(wrong));
}

std::unexpected<Error> invalid(std::string message) { return fail(Code::kInvalid, std::move(message)); }
std::string tick(std::string_view text) { return "`" + std::string(text) + "`"; }

Result<Object> any_object(Element element) {
  Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("expected an object");
  std::set<std::string_view> seen;
  for (auto field : object) {
    if (!seen.insert(field.key).second) return invalid("the key " + tick(field.key) + " is given twice");
  }
  return object;
}

Result<Object> object_of(Element element, std::initializer_list<std::string_view> needed,
                         std::initializer_list<std::string_view> allowed) {
  PV_TRY(Object object, any_object(element));
  for (auto field : object) {
    bool known = std::ranges::find(needed, field.key) != needed.end() ||
                 std::ranges::find(allowed, field.key) != allowed.end();
    if (!known) return invalid("the key " + tick(field.key) + " is not known here");
  }
  for (std::string_view key : needed) {
    if (!has_key(object, key)) return invalid("the key " + tick(key) + " is missing");
  }
  return object;
}

Result<Array> array_of(Element element, std::string_view what) {
  Array out;
  if (element.get_array().get(out) != simdjson::SUCCESS) return invalid(tick(what) + " must be a list");
  return out;
}

Result<std::string> string_of(Element element, std::string_view what) {
  std::string_view out;
  if (element.get_string().get(out) != simdjson::SUCCESS) return invalid(tick(what) + " must be a string");
  return std::string(out);
}

bool has_key(const Object& object, std::string_view key) {
  Element ignored;
  return object[key].get(ignored) == simdjson::SUCCESS;
}

bool is_type_name(std::string_view text) {
  while (true) {
    size_t colons = text.find("::");
    std::string_view part = text.substr(0, colons);
    if (!is_identifier(part) || is_reserved(part)) return false;
    if (colons == std::string_view::npos) return true;
    text.remove_prefix(colons + 2);
  }
}

}  // namespace proviso::cedar::deep_json
