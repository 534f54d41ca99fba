#include "cedar/schema_syntax.h"

#include <algorithm>

namespace proviso::cedar {

bool is_reserved_type(std::string_view name) {
  static constexpr std::string_view kTaken[] = {"Bool", "Boolean", "Entity", "Extension",
                                                "Long", "Record",  "Set",    "String"};
  return std::ranges::find(kTaken, name) != std::end(kTaken);
}

Status SchemaParser::parse(std::vector<NamespaceSyntax>& out) {
  while (peek().kind != Token::Kind::kEnd) {
    size_t before = at_;
    PV_TRY(Annotations notes, annotations());
    if (!peek().is("namespace")) {
      at_ = before;
      PV_TRY_VOID(declaration(out.front()));
      continue;
    }
    NamespaceSyntax space;
    space.annotations = std::move(notes);
    space.place = here();
    take();
    PV_TRY(space.name, path("the name of a namespace"));
    PV_TRY_VOID(expect("{"));
    while (!accept("}")) PV_TRY_VOID(declaration(space));
    bool again = std::ranges::any_of(out, [&](const auto& n) { return n.name == space.name; });
    if (again) return error(space.place.offset, "the namespace `" + space.name + "` is declared twice");
    out.push_back(std::move(space));
  }
  return {};
}

Result<Annotations> SchemaParser::annotations() {
  Annotations out;
  while (accept("@")) {
    if (peek().kind != Token::Kind::kIdent) return unexpected("the name of an annotation");
    const Token& name = take();
    if (std::ranges::find(out, name.text, &AnnotationSyntax::key) != out.end()) {
      return error(name.span.begin, "the annotation `@" + std::string(name.text) + "` is given twice");
    }
    AnnotationSyntax one{std::string(name.text), std::nullopt};
    if (accept("(")) {
      PV_TRY(one.value, string_literal("a string as the annotation's value"));
      PV_TRY_VOID(expect(")"));
    }
    out.push_back(std::move(one));
  }
  return out;
}

Status SchemaParser::declaration(NamespaceSyntax& into) {
  PV_TRY(Annotations notes, annotations());
  if (peek().is("entity")) return entity(into, std::move(notes));
  if (peek().is("action")) return action(into, std::move(notes));
  if (peek().is("type")) return common_type(into, std::move(notes));
  return unexpected("`entity`, `action` or `type`");
}

Status SchemaParser::entity(NamespaceSyntax& into, Annotations annotations) {
  EntitySyntax out;
  out.annotations = std::move(annotations);
  out.place = here();
  take();
  do {
    uint32_t offset = peek().span.begin;
    PV_TRY(std::string name, identifier("the name of an entity type"));
    out.names.push_back({std::move(name), offset});
  } while (accept(","));
  if (accept("enum")) {
    PV_TRY_VOID(entity_enum(out));
  } else {
    if (accept("in")) {
      PV_TRY(out.member_of, type_list());
    }
    bool equals = accept("=");
    if (equals || peek().is("{")) {
      PV_TRY(out.attributes, record());
    }
    if (accept("tags")) {
      PV_TRY(out.tags, type());
    }
  }
  PV_TRY_VOID(expect(";"));
  into.entities.push_back(std::move(out));
  return {};
}

Status SchemaParser::entity_enum(EntitySyntax& entity) {
  PV_TRY_VOID(expect("["));
  do {
    PV_TRY(std::string id, string_literal("an entity id in quotes"));
    entity.enum_ids.push_back(std::move(id));
  } while (accept(","));
  return expect("]");
}

Status SchemaParser::action(NamespaceSyntax& into, Annotations annotations) {
  ActionSyntax out;
  out.annotations = std::move(annotations);
  out.place = here();
  take();
  do {
    uint32_t offset = peek().span.begin;
    PV_TRY(std::string name, attribute_name());
    out.names.push_back({std::move(name), offset});
  } while (accept(","));
  if (accept("in")) {
    if (accept("[")) {
      while (!accept("]")) {
        PV_TRY(ActionRefSyntax ref, action_ref());
        out.member_of.push_back(std::move(ref));
        if (peek().is("]")) continue;
        PV_TRY_VOID(expect(","));
        if (peek().is("]")) return unexpected("an action");
      }
    } else {
      PV_TRY(ActionRefSyntax ref, action_ref());
      out.member_of.push_back(std::move(ref));
    }
  }
  if (accept("appliesTo")) PV_TRY_VOID(applies_to(out));
  if (accept("attributes")) {
    PV_TRY(TypeSyntaxPtr ignored, record());
  }
  PV_TRY_VOID(expect(";"));
  into.actions.push_back(std::move(out));
  return {};
}

Status SchemaParser::applies_to(ActionSyntax& action) {
  uint32_t begin = peek().span.begin;
  PV_TRY_VOID(expect("{"));
  action.applies = true;
  bool principal = false;
  bool resource = false;
  while (!accept("}")) {
    uint32_t at = peek().span.begin;
    std::string key(peek().text);
    if (key != "principal" && key != "resource" && key != "context") {
      return unexpected("`principal`, `resource` or `context`");
    }
    take();
    PV_TRY_VOID(expect(":"));
    if (key == "context") {
      if (action.context) return error(at, "`context` is given twice");
      PV_TRY(action.context, type());
    } else {
      bool& seen = key == "principal" ? principal : resource;
      if (seen) return error(at, "`" + key + "` is given twice");
      seen = true;
      PV_TRY(auto list, type_list());
      if (list.empty()) return error(at, "`" + key + "` needs at least one entity type");
      (key == "principal" ? action.principals : action.resources) = std::move(list);
    }
    if (!peek().is("}")) PV_TRY_VOID(expect(","));
  }
  if (!principal || !resource) {
    return error(begin, "`appliesTo` needs both `principal` and `resource`");
  }
  return {};
}

Status SchemaParser::common_type(NamespaceSyntax& into, Annotations annotations) {
  CommonTypeSyntax out;
  out.annotations = std::move(annotations);
  out.place = here();
  take();
  out.name.offset = peek().span.begin;
  PV_TRY(out.name.name, identifier("the name of a type"));
  if (is_reserved_type(out.name.name)) {
    return error(out.name.offset, "`" + out.name.name + "` is reserved and cannot name a common type");
  }
  PV_TRY_VOID(expect("="));
  PV_TRY(out.type, type());
  PV_TRY_VOID(expect(";"));
  into.types.push_back(std::move(out));
  return {};
}

Result<TypeSyntaxPtr> SchemaParser::type() {
  if (++depth_ > kTypeDepthMax) {
    return error(peek().span.begin,
                 "this type is nested more than " + std::to_string(kTypeDepthMax) + " deep", Code::kLimit);
  }
  TypeSyntaxPtr result;
  if (peek().is("{")) {
    PV_TRY(result, record());
  } else {
    auto out = std::make_shared<TypeSyntax>();
    out->offset = peek().span.begin;
    if (peek().is("Set") && peek(1).is("<")) {
      take();
      take();
      out->kind = TypeSyntax::Kind::kSet;
      PV_TRY(out->element, type());
      PV_TRY_VOID(expect(">"));
    } else {
      out->kind = TypeSyntax::Kind::kName;
      PV_TRY(NameSyntax name, type_path());
      out->name = std::move(name.name);
    }
    result = std::move(out);
  }
  --depth_;
  return result;
}

Result<TypeSyntaxPtr> SchemaParser::record() {
  auto out = std::make_shared<TypeSyntax>();
  out->offset = peek().span.begin;
  PV_TRY_VOID(expect("{"));
  while (!accept("}")) {
    PV_TRY_VOID(attribute(*out));
    if (!peek().is("}")) PV_TRY_VOID(expect(","));
  }
  return TypeSyntaxPtr(std::move(out));
}

Status SchemaParser::attribute(TypeSyntax& record) {
  AttributeSyntax out;
  PV_TRY(out.annotations, annotations());
  uint32_t at = peek().span.begin;
  PV_TRY(out.name, attribute_name());
  out.required = !accept("?");
  PV_TRY_VOID(expect(":"));
  PV_TRY(out.type, type());
  if (std::ranges::find(record.attributes, out.name, &AttributeSyntax::name) != record.attributes.end()) {
    return error(at, "the attribute `" + out.name + "` is declared twice");
  }
  record.attributes.push_back(std::move(out));
  return {};
}

Result<std::string> SchemaParser::attribute_name() {
  if (peek().kind == Token::Kind::kString) return string_literal("a name");
  return identifier("a name");
}

// SPEC Cedar schema: `__cedar::Long` names the built-in type, whatever else is called Long
Result<NameSyntax> SchemaParser::type_path() {
  NameSyntax out{"", peek().span.begin};
  bool builtin = peek().is("__cedar") && peek(1).is("::");
  if (builtin) {
    take();
    take();
  }
  PV_TRY(out.name, path("the name of a type"));
  if (builtin) out.name.insert(0, "__cedar::");
  return out;
}

Result<std::vector<NameSyntax>> SchemaParser::type_list() {
  std::vector<NameSyntax> out;
  if (!accept("[")) {
    PV_TRY(NameSyntax one, type_path());
    out.push_back(std::move(one));
    return out;
  }
  if (accept("]")) return out;
  do {
    PV_TRY(NameSyntax one, type_path());
    out.push_back(std::move(one));
  } while (accept(","));
  PV_TRY_VOID(expect("]"));
  return out;
}

Result<ActionRefSyntax> SchemaParser::action_ref() {
  ActionRefSyntax out;
  out.offset = peek().span.begin;
  if (peek().kind == Token::Kind::kString || !peek(1).is("::")) {
    PV_TRY(out.id, attribute_name());
    return out;
  }
  PV_TRY(out.type, path("an action"));
  PV_TRY_VOID(expect("::"));
  PV_TRY(out.id, string_literal("an action's id in quotes"));
  return out;
}

}  // namespace proviso::cedar
