// Schemas as Cedar text.
#include <algorithm>

#include "cedar/schema_syntax.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

class SchemaPrinter {
 public:
  explicit SchemaPrinter(const std::vector<NamespaceSyntax>& spaces) : spaces_(spaces) {}

  Result<std::string> print() {
    for (const NamespaceSyntax& space : spaces_) {
      space_ = home_ = &space;
      if (!space.name.empty()) {
        notes(space.annotations);
        out_ += "namespace " + space.name + " {\n";
        indent_ = 2;
      }
      for (const CommonTypeSyntax& one : space.types) {
        notes(one.annotations);
        line("type " + one.name.name + " = " + type(*one.type) + ";");
      }
      for (const EntitySyntax& one : space.entities) entity(one);
      for (const ActionSyntax& one : space.actions) action(one);
      if (!space.name.empty()) out_ += "}\n";
      indent_ = 0;
    }
    if (!hidden_.empty()) {
      return fail(Code::kUnsupported, "the entity type `" + hidden_ + "` shares its name with a common type, "
                                      "so that text cannot name it; rename one of them");
    }
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += std::string(indent_, ' ') + text + "\n"; }

  static std::string note(const AnnotationSyntax& one) {
    return "@" + one.key + (one.value ? "(" + quoted(*one.value) + ")" : "");
  }
  void notes(const Annotations& list) {
    for (const AnnotationSyntax& one : list) line(note(one));
  }

  static std::string key(const std::string& name) {
    return is_identifier(name) && !is_reserved(name) ? name : quoted(name);
  }

  [[nodiscard]] bool hides(const std::string& name) const {
    return std::ranges::any_of(spaces_, [&](const NamespaceSyntax& space) {
      return std::ranges::any_of(space.types, [&](const CommonTypeSyntax& one) {
        std::string full = space.name.empty() ? one.name.name : space.name + "::" + one.name.name;
        return full == name || (&space == space_ && one.name.name == name);
      });
    });
  }

  static bool declares(const NamespaceSyntax& space, const std::string& name) {
    auto named = [&](const NameSyntax& one) { return one.name == name; };
    return std::ranges::any_of(space.types, [&](const CommonTypeSyntax& one) { return named(one.name); }) ||
           std::ranges::any_of(space.entities, [&](const EntitySyntax& one) { return std::ranges::any_of(one.names, named); });
  }

  // A name as it must be written here, where its type was written in `home_`.
  [[nodiscard]] std::string from_home(const std::string& name) const {
    return home_ != space_ && !home_->name.empty() && declares(*home_, name) ? home_->name + "::" + name : name;
  }

  // The record that a common type stands for, in whose namespace it is written; nullptr if it is none.
  // Common types do not go round in circles: the schema was resolved before.
  const TypeSyntax* record_of(const TypeSyntax& t) {
    if (t.kind == TypeSyntax::Kind::kRecord) return &t;
    if (t.kind != TypeSyntax::Kind::kName) return nullptr;
    std::string local = home_->name.empty() ? t.name : home_->name + "::" + t.name;
    for (const std::string& wanted : {local, t.name}) {
      for (const NamespaceSyntax& space : spaces_) {
        for (const CommonTypeSyntax& one : space.types) {
          if ((space.name.empty() ? one.name.name : space.name + "::" + one.name.name) != wanted) continue;
          home_ = &space;
          return record_of(*one.type);
        }
      }
    }
    return nullptr;
  }

  std::string type(const TypeSyntax& t) {
    switch (t.kind) {
      case TypeSyntax::Kind::kName: return from_home(t.name);
      case TypeSyntax::Kind::kEntity:
        if (hides(from_home(t.name))) hidden_ = t.name;
        return from_home(t.name);
      case TypeSyntax::Kind::kSet: return "Set<" + type(*t.element) + ">";
      case TypeSyntax::Kind::kRecord: break;
    }
    if (t.attributes.empty()) return "{}";
    indent_ += 2;
    std::string pad = "\n" + std::string(indent_, ' ');
    std::string out = "{";
    for (size_t i = 0; i < t.attributes.size(); ++i) {
      const AttributeSyntax& one = t.attributes[i];
      if (i > 0) out += ",";
      for (const AnnotationSyntax& a : one.annotations) out += pad + note(a);
      out += pad + key(one.name) + (one.required ? ": " : "?: ") + type(*one.type);
    }
    indent_ -= 2;
    return out + "\n" + std::string(indent_, ' ') + "}";
  }

  template <class Range, class Each>
  static std::string list(const Range& range, Each&& each) {
    std::string out = "[";
    for (const auto& one : range) {
      if (out.size() > 1) out += ", ";
      out += each(one);
    }
    return out + "]";
  }
  static std::string names(const std::vector<NameSyntax>& all) {
    return list(all, [](const NameSyntax& one) { return one.name; });
  }

  void entity(const EntitySyntax& one) {
    notes(one.annotations);
    std::string text = "entity ";
    for (size_t i = 0; i < one.names.size(); ++i) text += (i > 0 ? ", " : "") + one.names[i].name;
    if (!one.enum_ids.empty()) text += " enum " + list(one.enum_ids, [](const std::string& id) { return quoted(id); });
    if (!one.member_of.empty()) text += " in " + names(one.member_of);
    // SPEC Cedar schema grammar: the attributes of an entity are written out, no name can stand for them
    const TypeSyntax* attributes = one.attributes ? record_of(*one.attributes) : nullptr;
    if (attributes != nullptr && !attributes->attributes.empty()) text += " = " + type(*attributes);
    home_ = space_;
    if (one.tags) text += " tags " + type(*one.tags);
    line(text + ";");
  }

  void action(const ActionSyntax& one) {
    notes(one.annotations);
    std::string text = "action ";
    for (size_t i = 0; i < one.names.size(); ++i) text += (i > 0 ? ", " : "") + key(one.names[i].name);
    if (!one.member_of.empty()) {
      text += " in " + list(one.member_of, [](const ActionRefSyntax& ref) {
                return ref.type.empty() ? quoted(ref.id) : ref.type + "::" + quoted(ref.id);
              });
    }
    if (one.applies && !one.principals.empty() && !one.resources.empty()) {
      indent_ += 2;
      std::string pad = "\n" + std::string(indent_, ' ');
      text += " appliesTo {" + pad + "principal: " + names(one.principals) + "," + pad + "resource: " + names(one.resources);
      if (one.context) text += "," + pad + "context: " + type(*one.context);
      indent_ -= 2;
      text += "\n" + std::string(indent_, ' ') + "}";
    }
    line(text + ";");
  }

  const std::vector<NamespaceSyntax>& spaces_;
  const NamespaceSyntax* space_ = nullptr;  // whose declarations are written
  const NamespaceSyntax* home_ = nullptr;   // where the type at hand was written, if elsewhere
  std::string out_;
  std::string hidden_;
  size_t indent_ = 0;
};

}  // namespace

Result<std::string> schema_to_text(const std::vector<NamespaceSyntax>& spaces) {
  return SchemaPrinter(spaces).print();
}

}  // namespace proviso::cedar
