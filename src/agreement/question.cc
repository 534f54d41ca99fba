// Facts to Cedar request: by the schema's types, so that what is decided is what proofs speak of.
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <type_traits>

#include "agreement/impl.h"

namespace proviso::agreement {
namespace {

using cedar::Type;
using cedar::Value;
using exchange::Facts;
using exchange::FactValue;

bool fits_a_fact(const Type& type) {
  switch (type.tag()) {
    case Type::Tag::kBool:
    case Type::Tag::kLong:
    case Type::Tag::kString:
    case Type::Tag::kEntity:
    case Type::Tag::kDatetime:
      return true;
    case Type::Tag::kSet:
      return type.element().tag() == Type::Tag::kString || type.element().tag() == Type::Tag::kEntity;
    default:
      return false;
  }
}

Status add_slots(const Type& record, const std::string& path, std::vector<Slot>& out) {
  for (const cedar::Attribute& attribute : record.attributes()) {
    Slot slot{attribute.name, path + "." + attribute.name, attribute.type, attribute.required,
              path == "context.moment.approvals", {}};
    if (attribute.type.tag() == Type::Tag::kRecord) {
      PV_TRY_VOID(add_slots(attribute.type, slot.path, slot.inner));
    } else if (!fits_a_fact(attribute.type)) {
      return fail(Code::kUnsupported,
                  fmt::format("no fact can be of the type of `{}`; use Bool, Long, String, datetime, an "
                              "entity, a set of strings or entities, or a record of these", slot.path));
    }
    out.push_back(std::move(slot));
  }
  return {};
}

// Every required attribute; approvals are 0 until somebody signs.
cedar::Record blank_of(const std::vector<Slot>& slots) {
  cedar::Record blank;
  for (const Slot& slot : slots) {
    if (!slot.required) continue;
    if (slot.type.tag() == Type::Tag::kRecord) {
      blank.set(slot.name, Value::record(blank_of(slot.inner)));
    } else {
      blank.set(slot.name, slot.zero_if_absent ? Value::integer(0) : Value());
    }
  }
  return blank;
}

Result<Shape> shape_of(const Type& record, const std::string& path) {
  Shape shape;
  PV_TRY_VOID(add_slots(record, path, shape.slots));
  shape.blank = blank_of(shape.slots);
  return shape;
}

void collect_paths(const std::vector<Slot>& slots, std::vector<std::string>& out) {
  for (const Slot& slot : slots) {
    if (slot.type.tag() != Type::Tag::kRecord) out.push_back(slot.path);
    collect_paths(slot.inner, out);
  }
}

// Solvers know characters up to U+2FFFF; a proof says nothing about a request that holds others.
bool beyond_proofs(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte > 0xF0 || (byte == 0xF0 && next >= 0xB0)) return true;
  }
  return false;
}

Status check_text(std::string_view path, std::string_view text) {
  if (!beyond_proofs(text)) return {};
  return fail(Code::kInvalid, fmt::format("the fact `{}` holds a character above U+2FFFF, of which no proof speaks",
                                          path));
}

const char* wanted_kind(const Type& type) {
  switch (type.tag()) {
    case Type::Tag::kBool: return "a boolean";
    case Type::Tag::kLong: return "an integer";
    case Type::Tag::kDatetime: return "a time in seconds";
    case Type::Tag::kSet: return "a set of strings";
    default: return "a string";
  }
}

bool reads_request(std::string_view path) {
  return path.starts_with("context.") || path.starts_with("principal.") ||
         path.starts_with("resource.");
}

// One fact as a value of the type that its slot wants.
class Typed {
 public:
  explicit Typed(const Agreement::Impl& impl) : impl_(impl) {}

  Result<Value> value(const Slot& slot, const FactValue& fact) {
    switch (slot.type.tag()) {
      case Type::Tag::kBool:
        if (const auto* flag = std::get_if<bool>(&fact)) return Value::boolean(*flag);
        return wrong(slot);
      case Type::Tag::kLong:
        if (const auto* number = std::get_if<int64_t>(&fact)) return Value::integer(*number);
        return wrong(slot);
      case Type::Tag::kDatetime: {
        constexpr int64_t kSecondsMost = std::numeric_limits<int64_t>::max() / 1000;
        const auto* seconds = std::get_if<int64_t>(&fact);
        if (!seconds || *seconds > kSecondsMost || *seconds < -kSecondsMost) return wrong(slot);
        return Value::datetime_ms(*seconds * 1000);
      }
      case Type::Tag::kString:
        if (const auto* text = std::get_if<std::string>(&fact)) {
          PV_TRY_VOID(check_text(slot.path, *text));
          return Value::string(*text);
        }
        return wrong(slot);
      case Type::Tag::kEntity: {
        const auto* id = std::get_if<std::string>(&fact);
        if (!id) return wrong(slot);
        PV_TRY(cedar::EntityUid uid, entity(slot, slot.type, *id));
        return Value::entity(std::move(uid));
      }
      case Type::Tag::kSet:
        return set(slot, fact);
      default:
        return wrong(slot);
    }
  }

 private:
  static std::unexpected<Error> wrong(const Slot& slot) {
    return fail(Code::kInvalid, fmt::format("the fact `{}` must be {}", slot.path,
                                            wanted_kind(slot.type)));
  }

  Result<cedar::EntityUid> entity(const Slot& slot, const Type& type, const std::string& id) {
    const cedar::EntityTypeDecl* declared = impl_.schema->entity_type(type.entity_name());
    if (declared && !declared->enum_ids.empty() &&
        std::find(declared->enum_ids.begin(), declared->enum_ids.end(), id) ==
            declared->enum_ids.end()) {
      return fail(Code::kInvalid, fmt::format("the fact `{}` is `{}`, which is no {} of this agreement",
                                              slot.path, id, type.entity_name()));
    }
    PV_TRY_VOID(check_text(slot.path, id));
    cedar::EntityUid uid{type.entity_name(), id};
    // Proofs speak of stores in which whatever has attributes is there to be read.
    const bool has_more = declared && (!declared->attributes.attributes().empty() || declared->tags);
    if (has_more && !impl_.entities->find(uid)) {
      if (uid.type == "Model") {
        return fail(Code::kNotFound, fmt::format("the model `{}` is not one that this agreement admits", id));
      }
      return fail(Code::kNotFound, fmt::format("the fact `{}` names the {} `{}`, of which nothing is known", slot.path,
                                               uid.type, id));
    }
    return uid;
  }

  Result<Value> set(const Slot& slot, const FactValue& fact) {
    const auto* strings = std::get_if<std::vector<std::string>>(&fact);
    if (!strings) return wrong(slot);
    if (slot.type.element().tag() == Type::Tag::kString) {
      for (const std::string& one : *strings) PV_TRY_VOID(check_text(slot.path, one));
      return Value::set(cedar::Set::of_strings(*strings));
    }
    std::vector<Value> elements;
    for (const std::string& id : *strings) {
      PV_TRY(cedar::EntityUid uid, entity(slot, slot.type.element(), id));
      elements.push_back(Value::entity(std::move(uid)));
    }
    return Value::set(cedar::Set(std::move(elements)));
  }

  const Agreement::Impl& impl_;
};

class QuestionMaker {
 public:
  QuestionMaker(const Agreement::Impl& impl, const Facts& facts) : impl_(impl), facts_(facts) {}

  Result<Question> make(exchange::Verb verb) {
    const auto& plan = impl_.plans[static_cast<size_t>(verb)];
    if (!plan) {
      return fail(Code::kUnsupported, fmt::format("this agreement cannot decide `{}`",
                                                  exchange::verb_name(verb)));
    }
    Question question;
    question.request.action = plan->action;
    PV_TRY(question.request.context, record(plan->context));
    PV_TRY_VOID(add_person(question));
    PV_TRY_VOID(add_resource(*plan, question));
    PV_TRY_VOID(check_vocabulary());
    PV_TRY_VOID(check_all_read());
    return question;
  }

 private:
  // Facts and slots are both in path order, so the next fact is nearly always the wanted one.
  const FactValue* find(std::string_view path) {
    const auto& items = facts_.items();
    if (next_ < items.size() && items[next_].first == path) return ++read_, &items[next_++].second;
    const auto found = std::lower_bound(
        items.begin(), items.end(), path,
        [](const Facts::Item& item, std::string_view wanted) { return item.first < wanted; });
    if (found == items.end() || found->first != path) return nullptr;
    next_ = static_cast<size_t>(found - items.begin()) + 1;
    ++read_;
    return &found->second;
  }

  template <class T>
  Result<const T*> need(std::string_view path, const char* what) {
    const FactValue* fact = find(path);
    if (!fact) return fail(Code::kInvalid, fmt::format("the fact `{}` is missing", path));
    const T* value = std::get_if<T>(fact);
    if (!value) return fail(Code::kInvalid, fmt::format("the fact `{}` must be {}", path, what));
    if constexpr (std::is_same_v<T, std::string>) {
      PV_TRY_VOID(check_text(path, *value));
    }
    return value;
  }

  Result<cedar::Record> record(const Shape& shape) {
    cedar::Record out = shape.blank;
    PV_TRY_VOID(fill(shape.slots, out));
    return out;
  }

  Status fill(const std::vector<Slot>& slots, cedar::Record& out) {
    for (const Slot& slot : slots) {
      Value* at = slot.required ? out.find(slot.name) : nullptr;
      if (slot.type.tag() == Type::Tag::kRecord) {
        auto* inner = at ? at->get_if<cedar::Record>() : nullptr;
        if (inner) {
          PV_TRY_VOID(fill(slot.inner, *inner));
        } else {
          PV_TRY_VOID(fill_optional(slot, out));
        }
        continue;
      }
      const FactValue* fact = find(slot.path);
      if (!fact) {
        if (!slot.required || slot.zero_if_absent) continue;
        return fail(Code::kInvalid, fmt::format("the fact `{}` is missing", slot.path));
      }
      PV_TRY(Value typed, Typed(impl_).value(slot, *fact));
      if (at) {
        *at = std::move(typed);
      } else {
        out.set(slot.name, std::move(typed));
      }
    }
    return {};
  }

  // A record that may be absent is there as soon as one of its facts is.
  Status fill_optional(const Slot& slot, cedar::Record& out) {
    cedar::Record inner = blank_of(slot.inner);
    const size_t before = read_;
    Status status = fill(slot.inner, inner);
    if (read_ == before) return {};
    if (status) out.set(slot.name, Value::record(std::move(inner)));
    return status;
  }

  Status add_person(Question& question) {
    PV_TRY(const auto* id, need<std::string>("principal.id", "a string"));
    if (id->empty()) return fail(Code::kInvalid, "the fact `principal.id` is empty");
    PV_TRY(const auto* roles, need<std::vector<std::string>>("principal.roles", "a set of strings"));
    cedar::Entity person;
    person.uid = {"Person", *id};
    PV_TRY(person.attrs, record(impl_.person));
    person.parents.reserve(roles->size());
    for (const std::string& role : *roles) {
      PV_TRY_VOID(check_text("principal.roles", role));
      person.parents.push_back({"Role", role});
    }
    question.request.principal = person.uid;
    question.more.push_back(std::move(person));
    return {};
  }

  Status add_resource(const VerbPlan& plan, Question& question) {
    PV_TRY(const auto* type, need<std::string>("resource.type", "a string"));
    PV_TRY(const auto* id, need<std::string>("resource.id", "a string"));
    if (std::find(plan.resources.begin(), plan.resources.end(), *type) == plan.resources.end()) {
      return fail(Code::kInvalid, fmt::format("`{}` is not decided on a `{}` but on a {}",
                                              plan.action.id, *type,
                                              fmt::join(plan.resources, " or a ")));
    }
    question.request.resource = {*type, *id};
    if (*type == "Dataset") {
      cedar::Entity dataset;
      dataset.uid = question.request.resource;
      PV_TRY(dataset.attrs, record(impl_.dataset));
      question.more.push_back(std::move(dataset));
    } else if (*type == "Tool") {
      if (!impl_.entities->find(question.request.resource)) {
        cedar::Entity tool;
        tool.uid = question.request.resource;
        tool.attrs.set("definition", Value::string(""));
        tool.attrs.set("server", Value::string(""));
        tool.parents.push_back({"ToolClass", std::string(kClientClass)});
        question.more.push_back(std::move(tool));
      }
    } else if (!impl_.entities->find(question.request.resource)) {
      std::string kind = *type;
      kind[0] = static_cast<char>(kind[0] | 0x20);
      return fail(Code::kNotFound, fmt::format("the {} `{}` is not one that this agreement {}", kind, *id,
                                               kind == "model" ? "admits" : "names"));
    }
    return {};
  }

  Status check_vocabulary() const {
    const auto* fact = facts_.find("context.moment.purpose");
    const auto* purpose = fact ? std::get_if<std::string>(fact) : nullptr;
    if (purpose && !impl_.terms.purposes.contains(*purpose)) {
      std::vector<std::string_view> known;
      for (const auto& [id, description] : impl_.terms.purposes) known.push_back(id);
      return fail(Code::kInvalid,
                  fmt::format("the purpose `{}` is not one that this agreement names; it names {}",
                              *purpose, fmt::join(known, ", ")));
    }
    fact = facts_.find("context.content.labels");
    if (const auto* labels = fact ? std::get_if<std::vector<std::string>>(fact) : nullptr) {
      const auto& known = impl_.terms.labels;
      for (const std::string& label : *labels) {
        if (std::find(known.begin(), known.end(), label) == known.end()) {
          return fail(Code::kInvalid, fmt::format("the content carries the label `{}`, which this "
                                                  "agreement does not know", label));
        }
      }
    }
    fact = facts_.find("context.model");
    const auto* model = fact ? std::get_if<std::string>(fact) : nullptr;
    if (model && !impl_.entities->find({"Model", *model})) {
      return fail(Code::kNotFound, fmt::format("the model `{}` is not one that this agreement admits",
                                               *model));
    }
    return {};
  }

  // A fact that nothing reads would be one that the rules cannot see: a misspelt path is a denial.
  Status check_all_read() const {
    const auto& items = facts_.items();
    const auto count = std::count_if(items.begin(), items.end(),
                                     [](const Facts::Item& item) { return reads_request(item.first); });
    if (static_cast<size_t>(count) == read_) return {};
    for (const auto& [path, fact] : items) {
      if (reads_request(path) &&
          !std::binary_search(impl_.fact_paths.begin(), impl_.fact_paths.end(), path)) {
        return fail(Code::kInvalid, fmt::format("the fact `{}` is not one that this agreement knows",
                                                path));
      }
    }
    return {};
  }

  const Agreement::Impl& impl_;
  const Facts& facts_;
  size_t next_ = 0;
  size_t read_ = 0;
};

}  // namespace

Status make_plans(Agreement::Impl& impl) {
  std::vector<std::string>& paths = impl.fact_paths;
  paths = {"principal.id", "principal.roles", "resource.id", "resource.type"};
  PV_TRY(impl.person, shape_of(impl.schema->entity_type("Person")->attributes, "principal"));
  PV_TRY(impl.dataset, shape_of(impl.schema->entity_type("Dataset")->attributes, "resource"));
  collect_paths(impl.person.slots, paths);
  collect_paths(impl.dataset.slots, paths);
  for (size_t i = 0; i < impl.plans.size(); ++i) {
    const cedar::ActionDecl* action =
        impl.schema->action(exchange::verb_name(static_cast<exchange::Verb>(i)));
    if (!action) continue;
    VerbPlan plan{action->uid, action->resources, {}};
    PV_TRY(plan.context, shape_of(action->context, "context"));
    collect_paths(plan.context.slots, paths);
    impl.plans[i] = std::move(plan);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return {};
}

Result<std::shared_ptr<const cedar::Entities>> registry_entities(const Terms& terms) {
  std::vector<cedar::Entity> all;
  const auto add = [&](std::string_view type, const std::string& id) -> cedar::Entity& {
    all.emplace_back();
    all.back().uid = {std::string(type), id};
    return all.back();
  };
  for (const auto& [id, description] : terms.roles) add("Role", id);
  for (const auto& [id, description] : terms.purposes) add("Purpose", id);
  for (const auto& [id, description] : terms.tool_classes) add("ToolClass", id);
  for (const Vendor& vendor : terms.vendors) {
    add("Vendor", vendor.id).attrs.set("jurisdiction", Value::string(vendor.jurisdiction));
  }
  for (const Model& model : terms.models) {
    cedar::Entity& entity = add("Model", model.id);
    entity.attrs.set("digest", Value::string(model.weights_sha256));
    entity.attrs.set("local", Value::boolean(model.local));
    entity.attrs.set("max_marking", Value::integer(model.max_marking));
    if (!model.retires.empty()) {
      PV_TRY(const UtcSeconds retires, parse_time(model.retires));
      entity.attrs.set("retires", Value::datetime_ms(retires.value * 1000));
    }
    entity.parents.push_back({"Vendor", model.vendor});
  }
  for (const Tool& tool : terms.tools) {
    cedar::Entity& entity = add("Tool", tool.id);
    entity.attrs.set("definition", Value::string(tool.definition));
    entity.attrs.set("server", Value::string(tool.server));
    entity.parents.push_back({"ToolClass", tool.tool_class});
  }
  PV_TRY(cedar::Entities entities, cedar::Entities::create(std::move(all)));
  return std::make_shared<const cedar::Entities>(std::move(entities));
}

Result<cedar::Value> value_of(const Agreement::Impl& impl, const Slot& slot, const exchange::FactValue& fact) {
  return Typed(impl).value(slot, fact);
}

Result<Question> question_of(const Agreement::Impl& impl, exchange::Verb verb,
                             const exchange::Facts& facts) {
  return QuestionMaker(impl, facts).make(verb);
}

}  // namespace proviso::agreement
