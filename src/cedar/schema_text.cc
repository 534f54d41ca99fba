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
      space_ = &space;
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

  std::string type(const TypeSyntax& t) {
    switch (t.kind) {
      case TypeSyntax::Kind::kName: return t.name;
      case TypeSyntax::Kind::kEntity:
        if (hides(t.name)) hidden_ = t.name;
        return t.name;
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
    if (one.attributes && one.attributes->kind == TypeSyntax::Kind::kRecord && !one.attributes->attributes.empty()) {
      text += " = " + type(*one.attributes);
    }
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
  const NamespaceSyntax* space_ = nullptr;
  std::string out_;
  std::string hidden_;
  size_t indent_ = 0;
};

}  // namespace

Result<std::string> schema_to_text(const std::vector<NamespaceSyntax>& spaces) {
  return SchemaPrinter(spaces).print();
}

}  // namespace proviso::cedar
