#pragma once
// Small questions to parsed JSON that the readers of policies and schemas share: strict about keys,
// deeper than the door of base/json.h lets in, because a chain of && nests in JSON. Inner to the room.
#include <initializer_list>
#include <simdjson.h>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

inline constexpr size_t kPolicyJsonDepthMax = 1024;  // readers recurse; a chain of && nests in JSON, not in text

namespace deep_json {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;
using Array = simdjson::dom::array;

// Owns the document, elements borrow. kInvalid: not JSON. kLimit: too large or too deep.
class Document {
 public:
  Result<Element> parse(std::string_view text, std::string_view file_name);

 private:
  simdjson::dom::parser parser_;
};

std::unexpected<Error> invalid(std::string message);
std::string tick(std::string_view text);  // in backticks
// The object with all of `needed` and nothing beside them but `allowed`, no key twice.
Result<Object> object_of(Element element, std::initializer_list<std::string_view> needed,
                         std::initializer_list<std::string_view> allowed = {});
// An object with any keys, none twice.
Result<Object> any_object(Element element);
Result<Array> array_of(Element element, std::string_view what);
Result<std::string> string_of(Element element, std::string_view what);
bool has_key(const Object& object, std::string_view key);
// A::B, every part an identifier that is not reserved.
bool is_type_name(std::string_view text);

}  // namespace deep_json
}  // namespace proviso::cedar
