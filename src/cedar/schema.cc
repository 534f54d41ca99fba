#include "cedar/schema.h"

#include <algorithm>
#include <utility>

#include "cedar/schema_syntax.h"

namespace proviso::cedar {

// From declarations as written to a schema: every name resolved, hierarchies closed.
class SchemaResolver {
 public:
  explicit SchemaResolver(std::vector<NamespaceSyntax> spaces) : spaces_(std::move(spaces)) {}

  Result<Schema> run() {
    for (const NamespaceSyntax& space : spaces_) PV_TRY_VOID(declare(space));
    PV_TRY_VOID(forbid_shadowing());
    for (const NamespaceSyntax& space : spaces_) {
      for (const CommonTypeSyntax& type : space.types) {
        PV_TRY(Type resolved, common(qualify(space.name, type.name.name)));
      }
      for (const EntitySyntax& entity : space.entities) PV_TRY_VOID(resolve_entity(space, entity));
      for (const ActionSyntax& action : space.actions) PV_TRY_VOID(resolve_action(space, action));
    }
    close_entity_types();
    PV_TRY_VOID(close_actions());
    return std::move(schema_);
  }

 private:
  struct Common {
    const NamespaceSyntax* space = nullptr;
    const CommonTypeSyntax* syntax = nullptr;
    enum : uint8_t { kNew, kOpen, kDone } state = kNew;
    Type type;
  };

  static std::string qualify(const std::string& space, const std::string& name) {
    return space.empty() ? name : space + "::" + name;
  }
  static std::string action_type(const std::string& space) { return qualify(space, "Action"); }

  static std::unexpected<Error> fault(const Place& place, uint32_t offset, std::string message,
                                      Code code = Code::kInvalid) {
    return fail_in(*place.source, offset, std::move(message), code);
  }

  Status declare(const NamespaceSyntax& space) {
    for (const CommonTypeSyntax& type : space.types) {
      Common& entry = commons_[qualify(space.name, type.name.name)];
      if (entry.syntax != nullptr) {
        return fault(type.place, type.name.offset, "the type `" + type.name.name + "` is declared twice");
      }
      entry.space = &space;
      entry.syntax = &type;
    }
    for (const EntitySyntax& entity : space.entities) {
      for (const NameSyntax& name : entity.names) {
        if (name.name == "Action") {
          return fault(entity.place, name.offset, "`Action` is kept for actions and cannot name an entity type");
        }
        EntityTypeDecl declaration;
        declaration.name = qualify(space.name, name.name);
        if (!schema_.entity_types_.emplace(declaration.name, declaration).second) {
          return fault(entity.place, name.offset, "the entity type `" + name.name + "` is declared twice");
        }
      }
    }
    for (const ActionSyntax& action : space.actions) {
      for (const NameSyntax& name : action.names) {
        ActionDecl declaration;
        declaration.uid = {action_type(space.name), name.name};
        if (!schema_.actions_.emplace(declaration.uid, declaration).second) {
          return fault(action.place, name.offset, "the action `" + name.name + "` is declared twice");
        }
      }
    }
    return {};
  }

  // SPEC Cedar RFC 70: no namespace may redefine a name of the empty namespace
  Status forbid_shadowing() {
    auto shadows = [this](const std::string& name) {
      return commons_.contains(name) || schema_.entity_types_.contains(name);
    };
    for (const NamespaceSyntax& space : spaces_) {
      if (space.name.empty()) continue;
      for (const CommonTypeSyntax& type : space.types) {
        if (shadows(type.name.name)) return shadowed(type.place, type.name);
      }
      for (const EntitySyntax& entity : space.entities) {
        for (const NameSyntax& name : entity.names) {
          if (shadows(name.name)) return shadowed(entity.place, name);
        }
      }
      for (const ActionSyntax& action : space.actions) {
        for (const NameSyntax& name : action.names) {
          if (schema_.actions_.contains({"Action", name.name})) return shadowed(action.place, name);
        }
      }
    }
    return {};
  }

  static Status shadowed(const Place& place, const NameSyntax& name) {
    return fault(place, name.offset, "`" + name.name + "` would hide the declaration of that name outside namespaces");
  }

  static std::optional<Type> builtin(std::string_view name) {
    static const std::map<std::string_view, Type::Tag> kBuiltins = {
        {"Bool", Type::Tag::kBool},         {"Long", Type::Tag::kLong},
        {"String", Type::Tag::kString},     {"decimal", Type::Tag::kDecimal},
        {"ipaddr", Type::Tag::kIp},         {"datetime", Type::Tag::kDatetime},
        {"duration", Type::Tag::kDuration}};
    auto at = kBuiltins.find(name);
    return at != kBuiltins.end() ? std::optional<Type>(at->second) : std::nullopt;
  }

  // The full name of the entity type that `name` means in `space`; empty if there is none.
  [[nodiscard]] std::string entity_name(const std::string& space, const std::string& name) const {
    if (name.find("::") == std::string::npos && schema_.entity_types_.contains(qualify(space, name))) {
      return qualify(space, name);
    }
    return schema_.entity_types_.contains(name) ? name : "";
  }

  Result<Type> named(const NamespaceSyntax& space, const Place& place, const TypeSyntax& syntax) {
    const std::string& name = syntax.name;
    if (name.starts_with("__cedar::")) {
      if (auto type = builtin(std::string_view(name).substr(9))) return *type;
      return fault(place, syntax.offset, "there is no built-in type `" + name + "`");
    }
    bool simple = name.find("::") == std::string::npos;
    // SPEC Cedar schema: common type, entity type, built-in; in the namespace first, then outside
    for (const std::string& full : {simple ? qualify(space.name, name) : name, name}) {
      if (commons_.contains(full)) return common(full);
      if (schema_.entity_types_.contains(full)) return Type::entity(full);
    }
    if (simple) {
      if (auto type = builtin(name)) return *type;
    }
    // SPEC Cedar schema: an action type is an entity type of its own
    for (const std::string& full : {simple ? qualify(space.name, name) : name, name}) {
      if (is_action_type(full)) return Type::entity(full);
    }
    return fault(place, syntax.offset, "the type `" + name + "` is not declared");
  }

  Result<Type> entity_named(const NamespaceSyntax& space, const Place& place, const TypeSyntax& syntax) {
    std::string full = entity_name(space.name, syntax.name);
    if (!full.empty()) return Type::entity(full);
    bool simple = syntax.name.find("::") == std::string::npos;
    for (const std::string& action : {simple ? qualify(space.name, syntax.name) : syntax.name, syntax.name}) {
      if (is_action_type(action)) return Type::entity(action);
    }
    return fault(place, syntax.offset, "the entity type `" + syntax.name + "` is not declared");
  }

  [[nodiscard]] bool is_action_type(const std::string& name) const {
    return std::ranges::any_of(schema_.actions_, [&](const auto& a) { return a.first.type == name; });
  }

  Result<Type> resolve(const NamespaceSyntax& space, const Place& place, const TypeSyntax& syntax) {
    if (++depth_ > kTypeDepthMax) {
      return fault(place, syntax.offset,
                   "this type is nested more than " + std::to_string(kTypeDepthMax) + " deep", Code::kLimit);
    }
    Type out;
    if (syntax.kind == TypeSyntax::Kind::kName) {
      PV_TRY(out, named(space, place, syntax));
    } else if (syntax.kind == TypeSyntax::Kind::kEntity) {
      PV_TRY(out, entity_named(space, place, syntax));
    } else if (syntax.kind == TypeSyntax::Kind::kSet) {
      PV_TRY(Type element, resolve(space, place, *syntax.element));
      out = Type::set(std::move(element));
    } else {
      Type::Attributes attributes;
      for (const AttributeSyntax& attribute : syntax.attributes) {
        PV_TRY(Type type, resolve(space, place, *attribute.type));
        attributes.push_back({attribute.name, std::move(type), attribute.required});
      }
      out = Type::record(std::move(attributes));
    }
    if (depth_ + out.depth() > kTypeDepthMax + 1 || out.nodes() > kTypeNodesMax) {
      return fault(place, syntax.offset, "this type is nested too deep or too large when its parts are written out",
                   Code::kLimit);
    }
    --depth_;
    return out;
  }

  // Common types are expanded once each.
  Result<Type> common(const std::string& name) {
    Common& entry = commons_.at(name);
    const Place& place = entry.syntax->place;
    if (entry.state == Common::kOpen) {
      return fault(place, entry.syntax->name.offset, "the type `" + entry.syntax->name.name + "` contains itself");
    }
    if (entry.state == Common::kNew) {
      entry.state = Common::kOpen;
      size_t outer = std::exchange(depth_, 0);
      PV_TRY_VOID(nested(entry));
      auto type = resolve(*entry.space, place, *entry.syntax->type);
      if (!type) return type;
      --chain_;
      depth_ = outer;
      entry.type = std::move(*type);
      entry.state = Common::kDone;
    }
    return entry.type;
  }

  Status nested(const Common& entry) {
    if (++chain_ <= kTypeDepthMax) return {};
    return fault(entry.syntax->place, entry.syntax->name.offset,
                 "more than " + std::to_string(kTypeDepthMax) + " types hang on one another", Code::kLimit);
  }

  Result<std::vector<std::string>> entity_names(const NamespaceSyntax& space, const Place& place,
                                                const std::vector<NameSyntax>& names) {
    std::vector<std::string> out;
    for (const NameSyntax& name : names) {
      std::string full = entity_name(space.name, name.name);
      if (full.empty()) {
        return fault(place, name.offset, "the entity type `" + name.name + "` is not declared");
      }
      out.push_back(std::move(full));
    }
    return out;
  }

  Status resolve_entity(const NamespaceSyntax& space, const EntitySyntax& syntax) {
    EntityTypeDecl shared;
    PV_TRY(shared.member_of, entity_names(space, syntax.place, syntax.member_of));
    shared.attributes = Type::record({});
    if (syntax.attributes) {
      PV_TRY(shared.attributes, resolve(space, syntax.place, *syntax.attributes));
    }
    if (syntax.tags) {
      PV_TRY(shared.tags, resolve(space, syntax.place, *syntax.tags));
    }
    shared.enum_ids = syntax.enum_ids;
    for (const NameSyntax& name : syntax.names) {
      shared.name = qualify(space.name, name.name);
      schema_.entity_types_[shared.name] = shared;
    }
    return {};
  }

  Status resolve_action(const NamespaceSyntax& space, const ActionSyntax& syntax) {
    ActionDecl shared;
    PV_TRY(shared.principals, entity_names(space, syntax.place, syntax.principals));
    PV_TRY(shared.resources, entity_names(space, syntax.place, syntax.resources));
    shared.context = Type::record({});
    if (syntax.context) {
      PV_TRY(shared.context, resolve(space, syntax.place, *syntax.context));
      if (shared.context.tag() != Type::Tag::kRecord) {
        return fault(syntax.place, syntax.context->offset, "the context of an action must be a record");
      }
    }
    for (const ActionRefSyntax& ref : syntax.member_of) {
      std::string type = ref.type.empty() ? "Action" : ref.type;
      bool simple = type.find("::") == std::string::npos;
      EntityUid uid{simple ? qualify(space.name, type) : type, ref.id};
      if (!schema_.actions_.contains(uid) && !ref.type.empty()) uid.type = type;
      if (!schema_.actions_.contains(uid)) {
        return fault(syntax.place, ref.offset, "the action `" + to_string(uid) + "` is not declared");
      }
      shared.member_of.push_back(std::move(uid));
    }
    for (const NameSyntax& name : syntax.names) {
      shared.uid = {action_type(space.name), name.name};
      action_places_[shared.uid] = {syntax.place.source, name.offset};
      schema_.actions_[shared.uid] = shared;
    }
    return {};
  }

  // Membership among entity types may be cyclic: plain reachability.
  void close_entity_types() {
    for (auto& [name, declaration] : schema_.entity_types_) {
      std::vector<std::string> open = declaration.member_of;
      while (!open.empty()) {
        std::string next = std::move(open.back());
        open.pop_back();
        if (!declaration.ancestors.insert(next).second) continue;
        const auto& further = schema_.entity_types_.at(next).member_of;
        open.insert(open.end(), further.begin(), further.end());
      }
    }
  }

  Status close_actions() {
    for (auto& [uid, declaration] : schema_.actions_) {
      std::vector<EntityUid> open = declaration.member_of;
      while (!open.empty()) {
        EntityUid next = std::move(open.back());
        open.pop_back();
        if (!declaration.ancestors.insert(next).second) continue;
        const auto& further = schema_.actions_.at(next).member_of;
        open.insert(open.end(), further.begin(), further.end());
      }
      if (declaration.ancestors.contains(uid)) {
        const Place& place = action_places_[uid];
        return fault(place, place.offset, "the action `" + to_string(uid) + "` is a member of itself");
      }
    }
    return {};
  }

  std::vector<NamespaceSyntax> spaces_;
  std::map<std::string, Common> commons_;
  std::map<EntityUid, Place> action_places_;
  Schema schema_;
  size_t depth_ = 0;
  size_t chain_ = 0;
};

namespace {

Status read_text(const SchemaText& text, std::vector<NamespaceSyntax>& spaces) {
  auto source = std::make_shared<const Source>(Source{text.file, text.text, text.first_line});
  PV_TRY(std::vector<Token> tokens, lex(*source));
  return SchemaParser(source, std::move(tokens)).parse(spaces);
}

}  // namespace

Result<Schema> Schema::parse(std::string_view text, std::string_view file_name) {
  return parse({SchemaText{std::string(file_name), std::string(text), 1}});
}

Result<Schema> Schema::from_json(std::string_view json, std::string_view file_name) {
  std::vector<NamespaceSyntax> spaces(1);
  PV_TRY_VOID(schema_from_json(json, file_name, spaces));
  return SchemaResolver(std::move(spaces)).run();
}

Result<std::string> Schema::text_to_json(std::string_view text, std::string_view file_name) {
  std::vector<NamespaceSyntax> spaces(1);
  PV_TRY_VOID(read_text({std::string(file_name), std::string(text), 1}, spaces));
  PV_TRY(Schema checked, SchemaResolver(spaces).run());
  return schema_to_json(spaces);
}

Result<std::string> Schema::json_to_text(std::string_view json, std::string_view file_name) {
  std::vector<NamespaceSyntax> spaces(1);
  PV_TRY_VOID(schema_from_json(json, file_name, spaces));
  PV_TRY(Schema checked, SchemaResolver(spaces).run());
  return schema_to_text(spaces);
}

Result<Schema> Schema::parse(const std::vector<SchemaText>& texts) {
  std::vector<NamespaceSyntax> spaces(1);
  for (const SchemaText& text : texts) PV_TRY_VOID(read_text(text, spaces));
  return SchemaResolver(std::move(spaces)).run();
}

const EntityTypeDecl* Schema::entity_type(std::string_view name) const {
  auto at = entity_types_.find(name);
  return at != entity_types_.end() ? &at->second : nullptr;
}

const ActionDecl* Schema::action(const EntityUid& uid) const {
  auto at = actions_.find(uid);
  return at != actions_.end() ? &at->second : nullptr;
}

const ActionDecl* Schema::action(std::string_view name) const {
  return action(EntityUid{"Action", std::string(name)});
}

const Type* Schema::at(const Type& record, std::string_view path, bool* required) {
  const Type* type = &record;
  if (required != nullptr) *required = true;
  while (true) {
    if (type->tag() != Type::Tag::kRecord) return nullptr;
    size_t dot = path.find('.');
    const Attribute* attribute = type->attribute(path.substr(0, dot));
    if (attribute == nullptr) return nullptr;
    if (required != nullptr) *required = *required && attribute->required;
    type = &attribute->type;
    if (dot == std::string_view::npos) return type;
    path.remove_prefix(dot + 1);
  }
}

std::vector<Entity> Schema::action_entities() const {
  std::vector<Entity> out;
  for (const auto& [uid, declaration] : actions_) {
    out.push_back({uid, {}, declaration.member_of, {}});
  }
  return out;
}

bool same_meaning(const Schema& a, const Schema& b) {
  auto sorted = [](auto list) {
    std::ranges::sort(list);
    return list;
  };
  auto entity = [&](const auto& x, const auto& y) {
    return x.first == y.first && x.second.ancestors == y.second.ancestors && x.second.attributes == y.second.attributes &&
           x.second.tags == y.second.tags && x.second.enum_ids == y.second.enum_ids;
  };
  auto action = [&](const auto& x, const auto& y) {
    return x.first == y.first && x.second.ancestors == y.second.ancestors && x.second.context == y.second.context &&
           sorted(x.second.principals) == sorted(y.second.principals) &&
           sorted(x.second.resources) == sorted(y.second.resources);
  };
  return std::ranges::equal(a.entity_types(), b.entity_types(), entity) && std::ranges::equal(a.actions(), b.actions(), action);
}

}  // namespace proviso::cedar
