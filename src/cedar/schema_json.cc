// Schemas as JSON, both ways. Source: Cedar 4.5, "JSON schema format"; unknown keys are refused.
#include <algorithm>

#include "base/json.h"
#include "cedar/json_reader.h"
#include "cedar/schema_syntax.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

using namespace deep_json;

template <class T>
Result<T> at(std::string_view where, Result<T> result) {
  if (!result) return fail_at(tick(where), std::move(result).error());
  return result;
}

class SchemaReader {
 public:
  explicit SchemaReader(Place place) : place_(std::move(place)) {}

  Result<NamespaceSyntax> space(std::string_view name, Element element) {
    PV_TRY(Object object, object_of(element, {"entityTypes", "actions"}, {"commonTypes", "annotations"}));
    NamespaceSyntax out;
    out.name = name;
    out.place = place_;
    if (!name.empty() && !is_type_name(name)) return invalid("this is not the name of a namespace");
    PV_TRY(out.annotations, annotations(object));
    Element list;
    if (object["commonTypes"].get(list) == simdjson::SUCCESS) {
      PV_TRY(Object types, any_object(list));
      for (auto field : types) PV_TRY_VOID(common_type(field.key, field.value, out));
    }
    PV_TRY(Object entities, any_object(object["entityTypes"].value_unsafe()));
    for (auto field : entities) {
      PV_TRY(EntitySyntax one, at(field.key, entity(field.key, field.value)));
      out.entities.push_back(std::move(one));
    }
    PV_TRY(Object actions, any_object(object["actions"].value_unsafe()));
    for (auto field : actions) {
      PV_TRY(ActionSyntax one, at(field.key, action(field.key, field.value)));
      out.actions.push_back(std::move(one));
    }
    return out;
  }

 private:
  static bool is_name(std::string_view text) { return is_identifier(text) && !is_reserved(text); }

  static Result<Annotations> annotations(const Object& object) {
    Annotations out;
    Element element;
    if (object["annotations"].get(element) != simdjson::SUCCESS) return out;
    PV_TRY(Object list, any_object(element));
    for (auto field : list) {
      if (!is_identifier(field.key)) return invalid("the annotation " + tick(field.key) + " is no identifier");
      AnnotationSyntax one{std::string(field.key), std::nullopt};
      if (!field.value.is_null()) {
        PV_TRY(one.value, string_of(field.value, field.key));
      }
      out.push_back(std::move(one));
    }
    return out;
  }

  Status common_type(std::string_view name, Element element, NamespaceSyntax& space) {
    CommonTypeSyntax out;
    out.name.name = name;
    out.place = place_;
    if (!is_name(name) || is_reserved_type(name)) return invalid(tick(name) + " cannot name a common type");
    PV_TRY(Object object, any_object(element));
    PV_TRY(out.annotations, annotations(object));
    PV_TRY(out.type, at(name, type(element, false)));
    space.types.push_back(std::move(out));
    return {};
  }

  static Result<std::vector<NameSyntax>> names(Element element, std::string_view what) {
    PV_TRY(Array list, array_of(element, what));
    std::vector<NameSyntax> out;
    for (Element item : list) {
      PV_TRY(std::string name, string_of(item, what));
      if (!is_type_name(name)) return invalid(tick(name) + " is not an entity type");
      out.push_back({std::move(name), 0});
    }
    return out;
  }

  Result<EntitySyntax> entity(std::string_view name, Element element) {
    EntitySyntax out;
    out.place = place_;
    out.names.push_back({std::string(name), 0});
    if (!is_name(name)) return invalid("this cannot name an entity type");
    PV_TRY(Object object, object_of(element, {}, {"memberOfTypes", "shape", "tags", "enum", "annotations"}));
    PV_TRY(out.annotations, annotations(object));
    Element part;
    if (object["enum"].get(part) == simdjson::SUCCESS) {
      if (has_key(object, "memberOfTypes") || has_key(object, "shape") || has_key(object, "tags")) {
        return invalid("an enumerated entity type has nothing but its ids");
      }
      PV_TRY(Array ids, array_of(part, "enum"));
      for (Element item : ids) {
        PV_TRY(std::string id, string_of(item, "enum"));
        out.enum_ids.push_back(std::move(id));
      }
      if (out.enum_ids.empty()) return invalid("`enum` needs at least one id");
      return out;
    }
    if (object["memberOfTypes"].get(part) == simdjson::SUCCESS) {
      PV_TRY(out.member_of, names(part, "memberOfTypes"));
    }
    if (object["shape"].get(part) == simdjson::SUCCESS) {
      PV_TRY(out.attributes, at("shape", type(part, false)));
    }
    if (object["tags"].get(part) == simdjson::SUCCESS) {
      PV_TRY(out.tags, at("tags", type(part, false)));
    }
    return out;
  }

  Result<ActionSyntax> action(std::string_view name, Element element) {
    ActionSyntax out;
    out.place = place_;
    out.names.push_back({std::string(name), 0});
    PV_TRY(Object object, object_of(element, {}, {"memberOf", "appliesTo", "attributes", "annotations"}));
    PV_TRY(out.annotations, annotations(object));
    Element part;
    if (object["memberOf"].get(part) == simdjson::SUCCESS && !part.is_null()) {
      PV_TRY(Array list, array_of(part, "memberOf"));
      for (Element item : list) {
        PV_TRY(Object ref, object_of(item, {"id"}, {"type"}));
        ActionRefSyntax one;
        PV_TRY(one.id, string_of(ref["id"].value_unsafe(), "id"));
        Element of;
        if (ref["type"].get(of) == simdjson::SUCCESS && !of.is_null()) {
          PV_TRY(one.type, string_of(of, "type"));
          if (!is_type_name(one.type)) return invalid(tick(one.type) + " is not an action type");
        }
        out.member_of.push_back(std::move(one));
      }
    }
    if (object["appliesTo"].get(part) == simdjson::SUCCESS && !part.is_null()) PV_TRY_VOID(applies_to(part, out));
    return out;
  }

  Status applies_to(Element element, ActionSyntax& out) {
    PV_TRY(Object object, object_of(element, {"principalTypes", "resourceTypes"}, {"context"}));
    out.applies = true;
    PV_TRY(out.principals, names(object["principalTypes"].value_unsafe(), "principalTypes"));
    PV_TRY(out.resources, names(object["resourceTypes"].value_unsafe(), "resourceTypes"));
    Element context;
    if (object["context"].get(context) == simdjson::SUCCESS) {
      PV_TRY(out.context, at("context", type(context, false)));
    }
    return {};
  }

  // `attribute`: the object may also say whether it is required.
  Result<TypeSyntaxPtr> type(Element element, bool attribute) {
    PV_TRY(Object object, any_object(element));
    Element tag_element;
    if (object["type"].get(tag_element) != simdjson::SUCCESS) return invalid("the key `type` is missing");
    PV_TRY(std::string tag, string_of(tag_element, "type"));
    PV_TRY_VOID(known_keys(object, tag, attribute));
    auto out = std::make_shared<TypeSyntax>();
    if (tag == "Set") {
      Element inner;
      if (object["element"].get(inner) != simdjson::SUCCESS) return invalid("`Set` needs `element`");
      out->kind = TypeSyntax::Kind::kSet;
      PV_TRY(out->element, at("element", type(inner, false)));
      return TypeSyntaxPtr(std::move(out));
    }
    if (tag == "Record") {
      PV_TRY_VOID(record(object, *out));
      return TypeSyntaxPtr(std::move(out));
    }
    PV_TRY_VOID(named(object, tag, *out));
    return TypeSyntaxPtr(std::move(out));
  }

  static Status known_keys(const Object& object, std::string_view tag, bool attribute) {
    for (auto field : object) {
      std::string_view key = field.key;
      bool known = key == "type" || key == "annotations" || (attribute && key == "required") ||
                   (tag == "Set" && key == "element") ||
                   (tag == "Record" && (key == "attributes" || key == "additionalAttributes")) ||
                   ((tag == "Entity" || tag == "EntityOrCommon" || tag == "Extension") && key == "name");
      if (!known) return invalid("the key " + tick(key) + " is not known here");
    }
    return {};
  }

  Status record(const Object& object, TypeSyntax& out) {
    out.kind = TypeSyntax::Kind::kRecord;
    Element part;
    if (object["additionalAttributes"].get(part) == simdjson::SUCCESS) {
      bool open = true;
      if (part.get_bool().get(open) != simdjson::SUCCESS || open) return invalid("records with more attributes than declared are not supported");
    }
    if (object["attributes"].get(part) != simdjson::SUCCESS) return invalid("`Record` needs `attributes`");
    PV_TRY(Object attributes, any_object(part));
    for (auto field : attributes) {
      AttributeSyntax one;
      one.name = field.key;
      PV_TRY(one.type, at(field.key, type(field.value, true)));
      PV_TRY(Object body, any_object(field.value));
      PV_TRY(one.annotations, annotations(body));
      Element required;
      if (body["required"].get(required) == simdjson::SUCCESS &&
          required.get_bool().get(one.required) != simdjson::SUCCESS) {
        return invalid("`required` must be true or false");
      }
      out.attributes.push_back(std::move(one));
    }
    return {};
  }

  static Status named(const Object& object, const std::string& tag, TypeSyntax& out) {
    out.kind = tag == "Entity" ? TypeSyntax::Kind::kEntity : TypeSyntax::Kind::kName;
    bool by_name = tag == "Entity" || tag == "EntityOrCommon" || tag == "Extension";
    out.name = tag;
    if (by_name) {
      Element name;
      if (object["name"].get(name) != simdjson::SUCCESS) return invalid(tick(tag) + " needs `name`");
      PV_TRY(out.name, string_of(name, "name"));
    }
    if (tag == "Extension") out.name.insert(0, "__cedar::");
    if (tag == "String" || tag == "Long") out.name.insert(0, "__cedar::");
    if (tag == "Boolean" || tag == "Bool") out.name = "__cedar::Bool";
    std::string_view path = out.name;
    if (path.starts_with("__cedar::")) path.remove_prefix(9);
    if (!is_type_name(path)) return invalid(tick(out.name) + " is not a type");
    return {};
  }

  Place place_;
};

class SchemaJsonWriter {
 public:
  explicit SchemaJsonWriter(std::string& out) : w_(out) {}

  void spaces(const std::vector<NamespaceSyntax>& all) {
    w_.begin_object();
    for (const NamespaceSyntax& space : all) {
      bool empty = space.entities.empty() && space.actions.empty() && space.types.empty();
      if (space.name.empty() && empty) continue;
      w_.key(space.name).begin_object();
      annotations(space.annotations);
      if (!space.types.empty()) {
        w_.key("commonTypes").begin_object();
        for (const CommonTypeSyntax& one : space.types) {
          w_.key(one.name.name).begin_object();
          type_fields(*one.type);
          annotations(one.annotations);
          w_.end_object();
        }
        w_.end_object();
      }
      w_.key("entityTypes").begin_object();
      for (const EntitySyntax& one : space.entities) {
        for (const NameSyntax& name : one.names) entity(name.name, one);
      }
      w_.end_object().key("actions").begin_object();
      for (const ActionSyntax& one : space.actions) {
        for (const NameSyntax& name : one.names) action(name.name, one);
      }
      w_.end_object().end_object();
    }
    w_.end_object();
  }

 private:
  void annotations(const Annotations& list) {
    if (list.empty()) return;
    w_.key("annotations").begin_object();
    for (const AnnotationSyntax& one : list) w_.key(one.key).string(one.value.value_or(""));
    w_.end_object();
  }

  void names(const char* key, const std::vector<NameSyntax>& list) {
    w_.key(key).begin_array();
    for (const NameSyntax& one : list) w_.string(one.name);
    w_.end_array();
  }

  void type(const char* key, const TypeSyntaxPtr& syntax) {
    if (!syntax) return;
    w_.key(key).begin_object();
    type_fields(*syntax);
    w_.end_object();
  }

  void type_fields(const TypeSyntax& syntax) {
    switch (syntax.kind) {
      case TypeSyntax::Kind::kEntity: w_.key("type").string("Entity").key("name").string(syntax.name); return;
      case TypeSyntax::Kind::kName:
        w_.key("type").string("EntityOrCommon").key("name").string(syntax.name);
        return;
      case TypeSyntax::Kind::kSet:
        w_.key("type").string("Set");
        return type("element", syntax.element);
      case TypeSyntax::Kind::kRecord: break;
    }
    w_.key("type").string("Record").key("attributes").begin_object();
    for (const AttributeSyntax& one : syntax.attributes) {
      w_.key(one.name).begin_object();
      type_fields(*one.type);
      if (!one.required) w_.key("required").boolean(false);
      annotations(one.annotations);
      w_.end_object();
    }
    w_.end_object();
  }

  void entity(const std::string& name, const EntitySyntax& one) {
    w_.key(name).begin_object();
    if (!one.enum_ids.empty()) {
      w_.key("enum").begin_array();
      for (const std::string& id : one.enum_ids) w_.string(id);
      w_.end_array();
    }
    if (!one.member_of.empty()) names("memberOfTypes", one.member_of);
    type("shape", one.attributes);
    type("tags", one.tags);
    annotations(one.annotations);
    w_.end_object();
  }

  void action(const std::string& name, const ActionSyntax& one) {
    w_.key(name).begin_object();
    if (!one.member_of.empty()) {
      w_.key("memberOf").begin_array();
      for (const ActionRefSyntax& ref : one.member_of) {
        w_.begin_object().key("id").string(ref.id);
        if (!ref.type.empty()) w_.key("type").string(ref.type);
        w_.end_object();
      }
      w_.end_array();
    }
    if (one.applies) {
      w_.key("appliesTo").begin_object();
      names("principalTypes", one.principals);
      names("resourceTypes", one.resources);
      type("context", one.context);
      w_.end_object();
    }
    annotations(one.annotations);
    w_.end_object();
  }

  json::Writer w_;
};

}  // namespace

Status schema_from_json(std::string_view json, std::string_view file_name, std::vector<NamespaceSyntax>& out) {
  Document document;
  PV_TRY(Element root, document.parse(json, file_name));
  auto source = std::make_shared<const Source>(Source{std::string(file_name), std::string(json), 1});
  auto spaces = any_object(root);
  if (!spaces) return fail_at(file_name, std::move(spaces).error());
  for (auto field : *spaces) {
    auto space = SchemaReader({source, 0}).space(field.key, field.value);
    if (!space) {
      std::string where = field.key.empty() ? "" : ": namespace " + tick(field.key);
      return fail_at(std::string(file_name) + where, std::move(space).error());
    }
    if (space->name.empty()) {
      out.front() = std::move(*space);
    } else {
      out.push_back(std::move(*space));
    }
  }
  return {};
}

std::string schema_to_json(const std::vector<NamespaceSyntax>& spaces) {
  std::string out;
  SchemaJsonWriter(out).spaces(spaces);
  return out;
}

}  // namespace proviso::cedar
