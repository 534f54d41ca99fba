#include "agreement/knowledge.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/impl.h"

namespace proviso::agreement {
namespace {

using cedar::Value;

std::string text_of(const std::string& name) { return to_string(Value::string(name)); }

// `context["moment"]`: a name need not be an identifier.
std::string member(const std::string& whole, const std::string& name) { return whole + "[" + text_of(name) + "]"; }

// A set that holds each of them, as Cedar text.
template <class Range, class Name>
std::string listed(const Range& all, Name&& name) {
  std::string out = "[";
  for (const auto& one : all) out += (out.size() > 1 ? ", " : "") + name(one);
  return out + "]";
}

class Reader {
 public:
  Reader(const Agreement::Impl& impl, const Sight& sight) : impl_(impl), sight_(sight) {}

  Knowledge read(exchange::Verb verb) {
    const auto& plan = impl_.plans[static_cast<size_t>(verb)];
    if (!plan) {
      out_.refused = fmt::format("this agreement cannot decide `{}`", exchange::verb_name(verb));
      return std::move(out_);
    }
    before_rules(verb);
    slots(plan->context.slots, "context");
    slots(impl_.person.slots, "principal");
    roles();
    resource();
    vocabulary();
    return std::move(out_);
  }

 private:
  // Known not to be among the facts.
  [[nodiscard]] bool is_absent(const std::string& path) const {
    return sight_.all_named && !sight_.withheld.contains(path) && sight_.facts.find(path) == nullptr;
  }
  [[nodiscard]] bool is_open(const std::string& path) const {
    return sight_.facts.find(path) == nullptr && !is_absent(path);
  }
  void know(std::string path, std::string condition) { out_.known.push_back({std::move(path), std::move(condition)}); }
  void refuse(std::string why) {
    if (out_.refused.empty()) out_.refused = std::move(why);
  }

  void before_rules(exchange::Verb verb) {
    for (std::string_view path : {kStoppedFact, kOverdueFact}) {
      if (path == kOverdueFact && verb != exchange::Verb::kDeclare) continue;
      if (sight_.facts.find(path) != nullptr) refuse(fmt::format("the fact `{}` is there", path));
      if (is_open(std::string(path))) out_.may_refuse.emplace_back(path);
    }
  }

  void slots(const std::vector<Slot>& all, const std::string& whole) {
    for (const Slot& slot : all) {
      const std::string expression = member(whole, slot.name);
      if (slot.type.tag() == cedar::Type::Tag::kRecord) {
        if (slot.required) slots(slot.inner, expression);
        continue;  // of a record that may be absent nothing is said: whatever it is, it stays open
      }
      one(slot, whole, expression);
    }
  }

  void one(const Slot& slot, const std::string& whole, const std::string& expression) {
    const std::string has = fmt::format("{} has {}", whole, text_of(slot.name));
    const exchange::FactValue* fact = sight_.facts.find(slot.path);
    if (fact != nullptr) {
      const auto value = value_of(impl_, slot, *fact);
      if (!value) return refuse(value.error().message);
      const std::string same = equals(expression, *value);
      return know(slot.path, slot.required ? same : has + " && " + same);
    }
    if (!is_absent(slot.path)) {
      if (slot.required) out_.open.push_back({slot.path, expression});
      if (slot.zero_if_absent) out_.admitted.push_back(expression + " >= 0");
      return;
    }
    if (slot.zero_if_absent) return know(slot.path, expression + " == 0");
    if (!slot.required) return know(slot.path, "!(" + has + ")");
    refuse(fmt::format("the fact `{}` is missing", slot.path));
  }

  void roles() {
    const exchange::FactValue* fact = sight_.facts.find("principal.roles");
    const auto* mine = fact != nullptr ? std::get_if<std::vector<std::string>>(fact) : nullptr;
    if (fact != nullptr && mine == nullptr) return refuse("the fact `principal.roles` must be a set of strings");
    if (is_absent("principal.roles")) return refuse("the fact `principal.roles` is missing");
    if (mine == nullptr) {
      out_.open.push_back({"principal.roles", ""});
      return;
    }
    for (const auto& [role, description] : impl_.terms.roles) {
      const bool has = std::find(mine->begin(), mine->end(), role) != mine->end();
      know("principal.roles", is_in("principal", {"Role", role}, has));
    }
  }

  static std::string is_in(const std::string& what, const cedar::EntityUid& group, bool is) {
    const std::string said = fmt::format("{} in {}", what, to_string(group));
    return is ? said : "!(" + said + ")";
  }

  void resource() {
    const auto text = [&](const char* path) {
      const exchange::FactValue* fact = sight_.facts.find(path);
      return fact != nullptr ? std::get_if<std::string>(fact) : nullptr;
    };
    const std::string* type = text("resource.type");
    const std::string* id = text("resource.id");
    if (type != nullptr) out_.resource_type = *type;
    if (type == nullptr) out_.open.push_back({"resource.type", ""});
    if (type != nullptr && *type == "Dataset") slots(impl_.dataset.slots, "resource");
    if (type == nullptr || id == nullptr) {
      out_.open.push_back({"resource.id", ""});
      return;
    }
    if (*type != "Dataset") registered({*type, *id});
  }

  // What the agreement itself says of a resource that it registers.
  void registered(const cedar::EntityUid& uid) {
    const cedar::Entity* entity = impl_.entities->find(uid);
    if (entity == nullptr && uid.type != "Tool") return refuse(fmt::format("the agreement does not register `{}`", to_string(uid)));
    cedar::Entity stranger;
    if (entity == nullptr) {
      stranger.attrs.set("definition", Value::string(""));
      stranger.attrs.set("server", Value::string(""));
      stranger.parents.push_back({"ToolClass", std::string(kClientClass)});
      entity = &stranger;
    } else {
      know("resource.id", "resource == " + to_string(uid));
    }
    for (const cedar::Field& field : entity->attrs.fields()) {
      const cedar::Attribute* declared = impl_.schema->entity_type(uid.type)->attributes.attribute(field.name);
      const bool optional = declared != nullptr && !declared->required;
      know("resource.id", fmt::format("{}{} == {}", optional ? fmt::format("resource has {} && ", text_of(field.name)) : "",
                                      member("resource", field.name), to_string(field.value)));
    }
    const auto stands_in = [&](const cedar::EntityUid& group) {
      know("resource.id", is_in("resource", group, std::find(entity->parents.begin(), entity->parents.end(), group) != entity->parents.end()));
    };
    if (uid.type == "Model") {
      for (const Vendor& vendor : impl_.terms.vendors) stands_in({"Vendor", vendor.id});
    } else if (uid.type == "Tool") {
      for (const auto& [name, description] : impl_.terms.tool_classes) stands_in({"ToolClass", name});
    }
  }

  // What no admitted request goes beyond.
  void vocabulary() {
    for (const Knowledge::Part& part : out_.open) {
      if (part.path == "context.moment.purpose") {
        out_.admitted.push_back(listed(impl_.terms.purposes, [](const auto& purpose) {
          return to_string(cedar::EntityUid{"Purpose", purpose.first});
        }) + ".contains(" + part.cedar + ")");
      } else if (part.path == "context.content.labels") {
        const bool none = impl_.terms.labels.empty();
        out_.admitted.push_back(none ? part.cedar + ".isEmpty()"
                                     : listed(impl_.terms.labels, text_of) + ".containsAll(" + part.cedar + ")");
      } else if (part.path == "context.model") {
        out_.admitted.push_back(listed(impl_.terms.models, [](const Model& model) {
          return to_string(cedar::EntityUid{"Model", model.id});
        }) + ".contains(" + part.cedar + ")");
      }
    }
  }

  const Agreement::Impl& impl_;
  const Sight& sight_;
  Knowledge out_;
};

}  // namespace

std::string equals(const std::string& expression, const Value& value) {
  const auto* set = value.get_if<cedar::Set>();
  if (set != nullptr && set->elements().empty()) return expression + ".isEmpty()";
  return fmt::format("{} == {}", expression, to_string(value));
}

Knowledge Agreement::knowledge(exchange::Verb verb, const Sight& sight) const { return Reader(*impl_, sight).read(verb); }

}  // namespace proviso::agreement
