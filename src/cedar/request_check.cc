#include "cedar/request_check.h"

#include <algorithm>

#include "cedar/typechecker.h"

namespace proviso::cedar {
namespace {

std::unexpected<Error> mismatch(const Value& value, const Type& type) {
  return fail(Code::kInvalid, "expected `" + to_string(type) + "`, found " + kind_name(value.kind()) +
                                  " `" + to_string(value) + "`");
}

Status check_known(const Schema& schema, const EntityUid& uid) {
  if (schema.action(uid) != nullptr) return {};
  const EntityTypeDecl* declared = schema.entity_type(uid.type);
  if (declared == nullptr) return fail(Code::kInvalid, "the entity type of `" + to_string(uid) + "` is not declared");
  if (!declared->enum_ids.empty() &&
      std::ranges::find(declared->enum_ids, uid.id) == declared->enum_ids.end()) {
    return fail(Code::kInvalid, "`" + to_string(uid) + "` is not one of the ids of `" + uid.type + "`");
  }
  return {};
}

Status check_record(const Schema& schema, const Record& record, const Type& type) {
  for (const Field& field : record.fields()) {
    const Attribute* declared = type.attribute(field.name);
    if (declared == nullptr) return fail(Code::kInvalid, "the attribute `" + field.name + "` is not declared");
    if (auto ok = check_value(schema, field.value, declared->type); !ok) {
      return fail_at("attribute `" + field.name + "`", std::move(ok).error());
    }
  }
  for (const Attribute& declared : type.attributes()) {
    if (declared.required && record.find(declared.name) == nullptr) {
      return fail(Code::kInvalid, "the attribute `" + declared.name + "` is missing");
    }
  }
  return {};
}

// A value nests no deeper than its type, which the schema bounds.
bool same_kind(Kind kind, const Type& type) {
  switch (type.tag()) {
    case Type::Tag::kBool: case Type::Tag::kTrue: case Type::Tag::kFalse: return kind == Kind::kBool;
    case Type::Tag::kLong: return kind == Kind::kLong;
    case Type::Tag::kString: return kind == Kind::kString;
    case Type::Tag::kEntity: return kind == Kind::kEntity;
    case Type::Tag::kSet: return kind == Kind::kSet;
    case Type::Tag::kRecord: return kind == Kind::kRecord;
    case Type::Tag::kDecimal: return kind == Kind::kDecimal;
    case Type::Tag::kIp: return kind == Kind::kIp;
    case Type::Tag::kDatetime: return kind == Kind::kDatetime;
    case Type::Tag::kDuration: return kind == Kind::kDuration;
    case Type::Tag::kNever: return false;
  }
  return false;
}

Status check_action_entity(const Schema& schema, const Entity& entity) {
  const ActionDecl* declared = schema.action(entity.uid);
  if (declared == nullptr) return fail(Code::kInvalid, "`" + to_string(entity.uid) + "` is not declared");
  if (!entity.attrs.empty() || !entity.tags.empty()) {
    return fail(Code::kInvalid, "the action `" + to_string(entity.uid) + "` may have no attributes and no tags");
  }
  // A store may list direct parents only, or all ancestors; both say the same.
  std::set<EntityUid> parents(entity.parents.begin(), entity.parents.end());
  bool same = std::ranges::all_of(parents, [&](const EntityUid& p) { return declared->ancestors.contains(p); }) &&
              std::ranges::all_of(declared->member_of, [&](const EntityUid& p) { return parents.contains(p); });
  if (!same) {
    return fail(Code::kInvalid, "the parents of `" + to_string(entity.uid) + "` are not those that the schema declares");
  }
  return {};
}

}  // namespace

Status check_value(const Schema& schema, const Value& value, const Type& type) {
  if (!same_kind(value.kind(), type)) return mismatch(value, type);
  switch (value.kind()) {
    case Kind::kBool:
      if (type.tag() != Type::Tag::kBool && *value.get_if<bool>() != (type.tag() == Type::Tag::kTrue)) {
        return mismatch(value, type);
      }
      return {};
    case Kind::kEntity: {
      const EntityUid& uid = *value.get_if<EntityUid>();
      if (uid.type != type.entity_name()) return mismatch(value, type);
      return check_known(schema, uid);
    }
    case Kind::kSet:
      for (const Value& element : value.get_if<Set>()->elements()) {
        PV_TRY_VOID(check_value(schema, element, type.element()));
      }
      return {};
    case Kind::kRecord: return check_record(schema, *value.get_if<Record>(), type);
    default: return {};
  }
}

Status check_request(const Schema& schema, const Request& request) {
  const ActionDecl* action = schema.action(request.action);
  if (action == nullptr) return fail(Code::kInvalid, "the action `" + to_string(request.action) + "` is not declared");
  PV_TRY_VOID(check_known(schema, request.principal));
  PV_TRY_VOID(check_known(schema, request.resource));
  if (std::ranges::find(action->principals, request.principal.type) == action->principals.end()) {
    return fail(Code::kInvalid, "`" + to_string(request.action) + "` takes no principal of type `" +
                                    request.principal.type + "`");
  }
  if (std::ranges::find(action->resources, request.resource.type) == action->resources.end()) {
    return fail(Code::kInvalid, "`" + to_string(request.action) + "` takes no resource of type `" +
                                    request.resource.type + "`");
  }
  if (auto ok = check_record(schema, request.context, action->context); !ok) {
    return fail_at("context", std::move(ok).error());
  }
  return {};
}

Status check_entity(const Schema& schema, const Entity& entity) {
  std::string name = "`" + to_string(entity.uid) + "`";
  const EntityTypeDecl* declared = schema.entity_type(entity.uid.type);
  if (declared == nullptr) return check_action_entity(schema, entity);
  PV_TRY_VOID(check_known(schema, entity.uid));
  if (auto ok = check_record(schema, entity.attrs, declared->attributes); !ok) {
    return fail_at(name, std::move(ok).error());
  }
  for (const EntityUid& parent : entity.parents) {
    if (!declared->ancestors.contains(parent.type)) {
      return fail(Code::kInvalid, name + " may not be in `" + to_string(parent) + "`");
    }
    PV_TRY_VOID(check_known(schema, parent));
  }
  if (!entity.tags.empty() && !declared->tags) return fail(Code::kInvalid, name + " may have no tags");
  for (const Field& tag : entity.tags.fields()) {
    if (auto ok = check_value(schema, tag.value, *declared->tags); !ok) {
      return fail_at(name + ", tag `" + tag.name + "`", std::move(ok).error());
    }
  }
  return {};
}

}  // namespace proviso::cedar
