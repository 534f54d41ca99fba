#include <algorithm>
#include <array>

#include "cedar/functions.h"
#include "cedar/policy_set.h"
#include "cedar/program.h"
#include "cedar/typechecker.h"

namespace proviso::cedar {
namespace {

using Tag = Type::Tag;

std::string attribute_key(const Expr& subject, std::string_view name) {
  return "." + std::string(name) + '\0' + to_text(subject);
}

struct MethodType {
  Ext ext;
  Tag receiver;
  Tag argument;  // kBool: takes none
  Tag result;
};
constexpr std::array<MethodType, 18> kMethodTypes = {{
    {Ext::kLessThan, Tag::kDecimal, Tag::kDecimal, Tag::kBool},
    {Ext::kLessThanOrEqual, Tag::kDecimal, Tag::kDecimal, Tag::kBool},
    {Ext::kGreaterThan, Tag::kDecimal, Tag::kDecimal, Tag::kBool},
    {Ext::kGreaterThanOrEqual, Tag::kDecimal, Tag::kDecimal, Tag::kBool},
    {Ext::kIsIpv4, Tag::kIp, Tag::kBool, Tag::kBool},
    {Ext::kIsIpv6, Tag::kIp, Tag::kBool, Tag::kBool},
    {Ext::kIsLoopback, Tag::kIp, Tag::kBool, Tag::kBool},
    {Ext::kIsMulticast, Tag::kIp, Tag::kBool, Tag::kBool},
    {Ext::kIsInRange, Tag::kIp, Tag::kIp, Tag::kBool},
    {Ext::kOffset, Tag::kDatetime, Tag::kDuration, Tag::kDatetime},
    {Ext::kDurationSince, Tag::kDatetime, Tag::kDatetime, Tag::kDuration},
    {Ext::kToDate, Tag::kDatetime, Tag::kBool, Tag::kDatetime},
    {Ext::kToTime, Tag::kDatetime, Tag::kBool, Tag::kDuration},
    {Ext::kToMilliseconds, Tag::kDuration, Tag::kBool, Tag::kLong},
    {Ext::kToSeconds, Tag::kDuration, Tag::kBool, Tag::kLong},
    {Ext::kToMinutes, Tag::kDuration, Tag::kBool, Tag::kLong},
    {Ext::kToHours, Tag::kDuration, Tag::kBool, Tag::kLong},
    {Ext::kToDays, Tag::kDuration, Tag::kBool, Tag::kLong},
}};

// A declared name that `name` may have been meant for: one edit away.
std::string similar(const Type& record, std::string_view name) {
  auto one_edit = [name](std::string_view other) {
    size_t head = 0;
    while (head < name.size() && head < other.size() && name[head] == other[head]) ++head;
    size_t tail = 0;
    while (tail + head < name.size() && tail + head < other.size() &&
           name[name.size() - 1 - tail] == other[other.size() - 1 - tail]) {
      ++tail;
    }
    return std::max(name.size(), other.size()) - head - tail <= 2;
  };
  for (const Attribute& a : record.attributes()) {
    if (one_edit(a.name)) return "did you mean `" + a.name + "`?";
  }
  return {};
}

}  // namespace

// The attributes of a record or entity type; nullptr if the type has none to ask for.
const Type* Typechecker::attributes_of(const Type& type) {
  if (type.tag() == Tag::kRecord) return &type;
  if (type.tag() != Tag::kEntity) return nullptr;
  std::vector<std::string> names = entity_names(type.entity_name());
  const EntityTypeDecl* first = env_.schema->entity_type(names[0]);
  if (names.size() == 1) return first != nullptr ? &first->attributes : nullptr;
  std::optional<Type> out;
  for (const std::string& name : names) {
    const EntityTypeDecl* declared = env_.schema->entity_type(name);
    Type one = declared != nullptr ? declared->attributes : Type::record({});
    out = out ? least_upper_bound(*out, one, Mode::kPermissive) : one;
  }
  return &unions_.emplace_back(std::move(*out));
}

// `x has a.b` is `x has a && x.a has b`.
Typechecker::Outcome Typechecker::has(const Expr& e, const Capabilities& known) {
  auto subject = check(*e.args[0], known);
  if (!subject) return subject;
  Type type = subject->type;
  Typed at_level = *subject;
  ExprPtr at = e.args[0];
  Typed out{Tag::kTrue, {}};
  for (const std::string& name : e.path) {
    const Type* record = attributes_of(type);
    if (type.tag() == Tag::kEntity) {
      if (!follow(e, at_level)) return std::nullopt;
      ++at_level.level;
    }
    if (record == nullptr) {
      if (type.tag() == Tag::kEntity && is_action_type(type.entity_name())) return Typed{Tag::kFalse, {}};
      return wrong(*at, type, "a record or an entity");
    }
    const Attribute* found = record->attribute(name);
    if (found == nullptr) return Typed{record->is_open() ? Tag::kBool : Tag::kFalse, {}};
    std::string key = attribute_key(*at, name);
    bool certain = known.contains(key) || (found->required && type.tag() == Tag::kRecord);
    if (!certain) out.type = Tag::kBool;
    out.capabilities.insert(std::move(key));
    auto next = std::make_shared<Expr>();
    next->op = Op::kGetAttr;
    next->span = e.span;
    next->name = name;
    next->args = {at};
    at = std::move(next);
    type = found->type;
  }
  if (out.type.tag() == Tag::kTrue) out.capabilities.clear();
  return out;
}

Typechecker::Outcome Typechecker::attribute(const Expr& e, const Capabilities& known) {
  auto subject = check(*e.args[0], known);
  if (!subject) return subject;
  const Type* record = attributes_of(subject->type);
  if (record == nullptr) {
    if (subject->type.tag() == Tag::kEntity) {
      return bad(e, "entities of type `" + subject->type.entity_name() + "` have no attributes");
    }
    return wrong(*e.args[0], subject->type, "a record or an entity");
  }
  bool entity = subject->type.tag() == Tag::kEntity;
  if (entity && !follow(e, *subject)) return std::nullopt;
  const Attribute* found = record->attribute(e.name);
  std::string owner = subject->type.tag() == Tag::kEntity ? "`" + subject->type.entity_name() + "`"
                                                          : "this record";
  if (found == nullptr) {
    return bad(e, owner + " has no attribute `" + e.name + "`", similar(*record, e.name));
  }
  if (!found->required && !known.contains(attribute_key(*e.args[0], e.name))) {
    return bad(e, "the attribute `" + e.name + "` of " + owner + " is optional",
               "test `" + to_text(*e.args[0]) + " has " + e.name + "` first");
  }
  return Typed{found->type, {}, entity ? subject->level + 1 : subject->level};
}

Typechecker::Outcome Typechecker::set(const Expr& e, const Capabilities& known) {
  if (e.args.empty()) {
    if (env_.mode == Mode::kPermissive) return Typed{Type::set(Tag::kNever), {}};
    return bad(e, "an empty set has no type", "strict validation refuses `[]`");
  }
  std::optional<Type> element;
  for (const ExprPtr& arg : e.args) {
    auto typed = check(*arg, known);
    if (!typed) return typed;
    auto both = element ? bound(*element, typed->type) : typed->type;
    if (!both) {
      return bad(*arg, "the elements of a set need one type; found `" + to_string(*element) + "` and `" +
                           to_string(typed->type) + "`");
    }
    element = std::move(both);
  }
  return Typed{Type::set(std::move(*element)), {}};
}

Typechecker::Outcome Typechecker::record(const Expr& e, const Capabilities& known) {
  Type::Attributes attributes;
  uint32_t level = 0;
  for (size_t i = 0; i < e.args.size(); ++i) {
    auto typed = check(*e.args[i], known);
    if (!typed) return typed;
    level = std::max(level, typed->level);
    attributes.push_back({e.path[i], std::move(typed->type), true});
  }
  return Typed{Type::record(std::move(attributes)), {}, level};
}

Typechecker::Outcome Typechecker::constructor(const Expr& e) {
  const ExtInfo& ext = *find_extension(e.name);
  if (e.args.size() != 1) {
    return bad(e, "`" + e.name + "` takes one argument, not " + std::to_string(e.args.size()));
  }
  const Expr& arg = *e.args[0];
  const std::string* text = arg.op == Op::kLiteral ? arg.value.get_if<std::string>() : nullptr;
  static constexpr std::array<Tag, 4> kResults = {Tag::kDecimal, Tag::kIp, Tag::kDatetime, Tag::kDuration};
  Typed result{kResults[static_cast<size_t>(ext.ext)], {}};
  if (text == nullptr && env_.mode == Mode::kPermissive) return result;
  if (text == nullptr) return bad(arg, "`" + e.name + "` needs a string literal, so that it can be checked now");
  if (auto value = apply_constructor(ext.ext, *text); !value) return bad(arg, value.error().message);
  return result;
}

Typechecker::Outcome Typechecker::extension(const Expr& e, const Capabilities& known) {
  std::vector<Type> types;
  for (const ExprPtr& arg : e.args) {
    auto typed = check(*arg, known);
    if (!typed) return typed;
    types.push_back(std::move(typed->type));
  }
  const ExtInfo& ext = *find_extension(e.name);
  if (is_constructor(ext.ext)) {
    if (types.size() == 1 && types[0].tag() != Tag::kString) return wrong(*e.args[0], types[0], "`String`");
    return constructor(e);
  }
  if (types.size() != ext.arity) {
    return bad(e, "`" + e.name + "` takes " + std::to_string(ext.arity - 1) + " arguments, not " +
                      std::to_string(types.size() - 1));
  }
  const MethodType& method = kMethodTypes[static_cast<size_t>(ext.ext) - static_cast<size_t>(Ext::kLessThan)];
  if (types[0].tag() != method.receiver) {
    return wrong(*e.args[0], types[0], "`" + to_string(Type(method.receiver)) + "`");
  }
  if (ext.arity == 2 && types[1].tag() != method.argument) {
    return wrong(*e.args[1], types[1], "`" + to_string(Type(method.argument)) + "`");
  }
  return Typed{method.result, {}};
}

}  // namespace proviso::cedar
