#include "cedar/entities_json.h"

#include <algorithm>

#include "cedar/functions.h"
#include "cedar/json_reader.h"
#include "cedar/program.h"
#include "cedar/request_check.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

constexpr size_t kExtensionDepthMax = 8;  // nested `__extn` calls; one level is all that has a use

std::unexpected<Error> invalid(std::string message) { return fail(Code::kInvalid, std::move(message)); }

std::optional<std::string_view> text_of(json::Element element) {
  std::string_view out;
  if (element.get_string().get(out) != simdjson::SUCCESS) return std::nullopt;
  return out;
}

bool holds_only(const json::Object& object, std::initializer_list<std::string_view> keys) {
  return std::ranges::all_of(object, [&](auto field) {
    return std::ranges::find(keys, field.key) != keys.end();
  });
}

Result<Value> extension_call(std::string_view function, std::string_view argument) {
  const ExtInfo* ext = find_extension(function);
  if (ext == nullptr || !is_constructor(ext->ext)) {
    return invalid("`" + std::string(function) + "` is not an extension constructor");
  }
  return apply_constructor(ext->ext, argument);
}

// {"fn": …, "arg": …} or {"fn": …, "args": […]}; offset() is the one method that may stand there.
Result<Value> extension_from(json::Element element, size_t depth);

Result<Value> extension_arg(json::Element element, size_t depth) {
  if (auto text = text_of(element)) return Value::string(*text);
  json::Element inner;
  if (element["__extn"].get(inner) == simdjson::SUCCESS) return extension_from(inner, depth + 1);
  return extension_from(element, depth + 1);
}

Result<Value> extension_from(json::Element element, size_t depth) {
  json::Object object;
  json::Element fn;
  if (depth > kExtensionDepthMax || element.get_object().get(object) != simdjson::SUCCESS ||
      object["fn"].get(fn) != simdjson::SUCCESS || !text_of(fn)) {
    return invalid("an extension value needs `fn` and `arg`");
  }
  if (!holds_only(object, {"fn", "arg", "args"})) return invalid("an extension value has an unknown key");
  std::vector<Value> args;
  json::Element arg;
  json::Array list;
  if (object["arg"].get(arg) == simdjson::SUCCESS) {
    PV_TRY(Value one, extension_arg(arg, depth));
    args.push_back(std::move(one));
  } else if (object["args"].get_array().get(list) == simdjson::SUCCESS) {
    for (json::Element item : list) {
      PV_TRY(Value one, extension_arg(item, depth));
      args.push_back(std::move(one));
    }
  } else {
    return invalid("an extension value needs `fn` and `arg`");
  }
  if (text_of(fn) == "offset" && args.size() == 2) {
    const auto* base = args[0].get_if<Datetime>();
    const auto* by = args[1].get_if<Duration>();
    auto moved = base != nullptr && by != nullptr ? base->offset(*by) : std::nullopt;
    if (!moved) return invalid("`offset` needs a datetime and a duration and must not overflow");
    return Value::datetime_ms(moved->ms);
  }
  const std::string* text = args.size() == 1 ? args[0].get_if<std::string>() : nullptr;
  if (text == nullptr) return invalid("an extension constructor takes one string");
  return extension_call(*text_of(fn), *text);
}

const char* constructor_of(const Type& type) {
  switch (type.tag()) {
    case Type::Tag::kDecimal: return "decimal";
    case Type::Tag::kIp: return "ip";
    case Type::Tag::kDatetime: return "datetime";
    case Type::Tag::kDuration: return "duration";
    default: return nullptr;
  }
}

Result<Record> record_from(json::Element element, const Type* type) {
  json::Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("expected an object");
  std::vector<Field> out;
  out.reserve(object.size());
  for (auto field : object) {
    const Attribute* declared =
        type != nullptr && type->tag() == Type::Tag::kRecord ? type->attribute(field.key) : nullptr;
    auto value = value_from_json(field.value, declared != nullptr ? &declared->type : nullptr);
    if (!value) return fail_at("attribute `" + std::string(field.key) + "`", std::move(value).error());
    out.push_back({std::string(field.key), std::move(*value)});
  }
  return Record(std::move(out));
}

Result<Value> object_value(json::Element element, const Type* expected) {
  json::Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("expected an object");
  json::Element inner;
  if (object["__expr"].get(inner) == simdjson::SUCCESS) return invalid("`__expr` is no longer supported");
  if (object["__entity"].get(inner) == simdjson::SUCCESS) {
    if (object.size() != 1) return invalid("`__entity` stands alone");
    PV_TRY(EntityUid uid, uid_from_json(inner));
    return Value::entity(std::move(uid));
  }
  if (object["__extn"].get(inner) == simdjson::SUCCESS) {
    if (object.size() != 1) return invalid("`__extn` stands alone");
    return extension_from(inner, 0);
  }
  if (expected != nullptr && expected->tag() == Type::Tag::kEntity) {
    PV_TRY(EntityUid uid, uid_from_json(element));
    return Value::entity(std::move(uid));
  }
  if (expected != nullptr && constructor_of(*expected) != nullptr) return extension_from(element, 0);
  PV_TRY(Record record, record_from(element, expected));
  return Value::record(std::move(record));
}

Result<Entity> entity_from(json::Element element, const Schema* schema) {
  json::Object object;
  json::Element uid;
  json::Element attrs;
  json::Array parents;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("an entity must be an object");
  if (object["uid"].get(uid) != simdjson::SUCCESS) return invalid("an entity needs `uid`");
  Entity out;
  PV_TRY(out.uid, uid_from_json(uid));
  if (object["attrs"].get(attrs) != simdjson::SUCCESS) return invalid("`" + to_string(out.uid) + "` needs `attrs`");
  if (object["parents"].get_array().get(parents) != simdjson::SUCCESS) {
    return invalid("`" + to_string(out.uid) + "` needs `parents`, a list");
  }
  const EntityTypeDecl* declared = schema != nullptr ? schema->entity_type(out.uid.type) : nullptr;
  auto place = [&](Error error) { return fail_at("`" + to_string(out.uid) + "`", std::move(error)); };
  auto record = record_from(attrs, declared != nullptr ? &declared->attributes : nullptr);
  if (!record) return place(std::move(record).error());
  out.attrs = std::move(*record);
  bool action = out.uid.type == "Action" || out.uid.type.ends_with("::Action");
  for (json::Element parent : parents) {
    auto parent_uid = uid_from_json(parent);
    if (!parent_uid) return place(std::move(parent_uid).error());
    if (action && parent_uid->type != "Action" && !parent_uid->type.ends_with("::Action")) {
      return invalid("the action `" + to_string(out.uid) + "` may only be in actions, not in `" +
                     to_string(*parent_uid) + "`");
    }
    out.parents.push_back(std::move(*parent_uid));
  }
  json::Object tags;
  json::Element tags_element;
  if (object["tags"].get(tags_element) == simdjson::SUCCESS) {
    if (tags_element.get_object().get(tags) != simdjson::SUCCESS) return invalid("`tags` must be an object");
    const Type* type = declared != nullptr && declared->tags ? &*declared->tags : nullptr;
    std::vector<Field> found;
    for (auto field : tags) {
      auto value = value_from_json(field.value, type);
      if (!value) return place(std::move(value).error());
      found.push_back({std::string(field.key), std::move(*value)});
    }
    out.tags = Record(std::move(found));
  }
  return out;
}

}  // namespace

Result<EntityUid> uid_from_json(json::Element element) {
  json::Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("an entity reference must be an object");
  json::Element inner;
  if (object.size() == 1 && object["__entity"].get(inner) == simdjson::SUCCESS) {
    if (inner.get_object().get(object) != simdjson::SUCCESS) return invalid("`__entity` must be an object");
  }
  json::Element type;
  json::Element id;
  if (object["type"].get(type) != simdjson::SUCCESS || object["id"].get(id) != simdjson::SUCCESS ||
      !text_of(type) || !text_of(id)) {
    return invalid("an entity reference needs `type` and `id`");
  }
  // SPEC Cedar JSON: a type name must be written in its normal form, without spaces
  if (!deep_json::is_type_name(*text_of(type))) return invalid("`" + std::string(*text_of(type)) + "` is not an entity type");
  return EntityUid{std::string(*text_of(type)), std::string(*text_of(id))};
}

Result<Value> value_from_json(json::Element element, const Type* expected) {
  switch (element.type()) {
    case simdjson::dom::element_type::BOOL: return Value::boolean(bool(element));
    case simdjson::dom::element_type::INT64: return Value::integer(int64_t(element));
    case simdjson::dom::element_type::STRING: {
      std::string_view text = *text_of(element);
      const char* constructor = expected != nullptr ? constructor_of(*expected) : nullptr;
      if (constructor != nullptr) return extension_call(constructor, text);
      return Value::string(text);
    }
    case simdjson::dom::element_type::ARRAY: {
      const Type* inner =
          expected != nullptr && expected->tag() == Type::Tag::kSet ? &expected->element() : nullptr;
      std::vector<Value> elements;
      if (json::Array(element).size() > kSetElementsMax) {  // simdjson counts no further than 16,777,215
        return fail(Code::kLimit, "a set of more than " + std::to_string(kSetElementsMax) + " elements");
      }
      for (json::Element item : json::Array(element)) {
        PV_TRY(Value value, value_from_json(item, inner));
        elements.push_back(std::move(value));
      }
      return Value::set(Set(std::move(elements)));
    }
    case simdjson::dom::element_type::OBJECT: return object_value(element, expected);
    case simdjson::dom::element_type::NULL_VALUE: return invalid("`null` is not a Cedar value");
    case simdjson::dom::element_type::UINT64: return invalid("an integer is larger than `Long`");
    default: return invalid("a number with a fraction is not a Cedar value");
  }
}

Result<std::vector<Entity>> entities_from_json(json::Element element, const Schema* schema) {
  json::Array array;
  if (element.get_array().get(array) != simdjson::SUCCESS) return invalid("entities must be a list");
  std::vector<Entity> out;
  for (json::Element item : array) {
    PV_TRY(Entity entity, entity_from(item, schema));
    if (schema != nullptr) PV_TRY_VOID(check_entity(*schema, entity));
    out.push_back(std::move(entity));
  }
  if (schema == nullptr) return out;
  for (Entity& action : schema->action_entities()) {
    bool given = std::ranges::any_of(out, [&](const Entity& e) { return e.uid == action.uid; });
    if (!given) out.push_back(std::move(action));
  }
  return out;
}

Result<Record> context_from_json(json::Element object, const Schema* schema, const EntityUid* action) {
  const ActionDecl* declared = schema != nullptr && action != nullptr ? schema->action(*action) : nullptr;
  return record_from(object, declared != nullptr ? &declared->context : nullptr);
}

}  // namespace proviso::cedar
