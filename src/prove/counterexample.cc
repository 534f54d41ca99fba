#include "prove/counterexample.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "base/json.h"
#include "cedar/request_check.h"
#include "prove/model.h"

namespace proviso::prove {
namespace {

using cedar::EntityUid;
using cedar::Value;

// A literal as a value; an absent option has none.
Value to_value(const Terms& terms, TermId id);

cedar::Record to_record(const Terms& terms, const Term& term) {
  cedar::Record out;
  const std::vector<Sort::Field>& fields = terms.sorts.at(term.sort).fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    const Term& value = terms.at(term.args[i]);
    if (value.op == TermOp::kNone) continue;
    out.set(fields[i].name, to_value(terms, value.op == TermOp::kSome ? value.args[0] : term.args[i]));
  }
  return out;
}

Value to_value(const Terms& terms, TermId id) {
  const Term& term = terms.at(id);
  const Sort& sort = terms.sort_of(id);
  switch (sort.tag) {
    case Sort::Tag::kBool: return Value::boolean(term.number != 0);
    case Sort::Tag::kLong: return Value::integer(term.number);
    case Sort::Tag::kDecimal: return Value::decimal({term.number});
    case Sort::Tag::kDatetime: return Value::datetime_ms(term.number);
    case Sort::Tag::kDuration: return Value::duration_ms(term.number);
    case Sort::Tag::kString: return Value::string(term.text);
    case Sort::Tag::kIp: return Value::ip(terms.ip(term));
    case Sort::Tag::kEntity: return Value::entity(sort.entity, term.text);
    case Sort::Tag::kSet: {
      std::vector<Value> elements;
      for (const TermId one : term.args) elements.push_back(to_value(terms, one));
      return Value::set(cedar::Set(std::move(elements)));
    }
    case Sort::Tag::kRecord: return Value::record(to_record(terms, term));
    case Sort::Tag::kOption: break;
  }
  return {};
}

class Builder {
 public:
  Builder(Terms& terms, const Environment& env, const Question& question)
      : terms_(terms), env_(env), question_(question) {}

  Result<Counterexample> build(std::string_view model) {
    PV_TRY_VOID(read_values(model));
    PV_TRY_VOID(collect_applications());
    PV_TRY_VOID(check_model());
    Counterexample out;
    out.request.action = env_.action->uid;
    out.request.principal = uid_of(worth_variable("principal", env_.principal));
    out.request.resource = uid_of(worth_variable("resource", env_.resource));
    const SortId context = terms_.sorts.of(env_.action->context, terms_.schema());
    const Value value = to_value(terms_, part("context", context));
    out.request.context = *value.get_if<cedar::Record>();
    PV_TRY_VOID(build_store(out));
    collect_facts(out);
    return out;
  }

 private:
  static std::unexpected<Error> no_model(std::string_view why) {
    return fail(Code::kInvalid, fmt::format("the solver's model does not fit the question: {}", why));
  }

  Status read_values(std::string_view text) {
    if (question_.asked.empty()) return {};  // every request is one
    PV_TRY(const std::vector<Sexpr> answer, parse_sexprs(text));
    if (answer.size() != 1 || answer[0].list.size() != question_.asked.size()) {
      return no_model("it does not answer what was asked");
    }
    for (size_t i = 0; i < question_.asked.size(); ++i) {
      const Sexpr& pair = answer[0].list[i];
      if (pair.list.size() != 2) return no_model("it does not answer what was asked");
      const TermId id = question_.asked[i];
      PV_TRY(values_[id], value_of(terms_, pair.list[1], terms_.at(id).sort));
    }
    return {};
  }

  // Functions become tables over literals. Arguments stand before applications, so their worth is known.
  // Two rows that contradict each other are no function.
  Status collect_applications() {
    for (const TermId id : question_.asked) {
      const Term term = terms_.at(id);
      if (term.op != TermOp::kApply) continue;
      std::vector<TermId> args;
      for (const TermId arg : term.args) {
        args.push_back(terms_.substitute(arg, [this](TermId free) { return meaning(free); }));
      }
      const TermId row = terms_.apply(Function(terms_.function(term.index)), std::move(args));
      const auto [at, fresh] = table_.try_emplace(row, values_.at(id));
      if (!fresh && at->second != values_.at(id)) return no_model("it gives a function two values");
    }
    return {};
  }

  TermId meaning(TermId free) {
    const Term& term = terms_.at(free);
    if (term.op == TermOp::kVariable) {
      const auto found = values_.find(free);
      return found != values_.end() ? found->second : terms_.any_literal(term.sort);
    }
    const auto found = table_.find(free);
    return found != table_.end() ? found->second : terms_.any_literal(term.sort);
  }

  // Our own arithmetic must find the question true under the model, or one of us is wrong.
  Status check_model() {
    for (const TermId id : question_.assertions) {
      const TermId folded = terms_.substitute(id, [this](TermId free) { return meaning(free); });
      if (!terms_.is_true(folded)) return no_model("the question is not true under it");
    }
    return {};
  }

  TermId worth_variable(const std::string& name, const std::string& type) {
    return meaning(terms_.variable(name, terms_.sorts.entity(type, terms_.schema())));
  }
  TermId part(const std::string& name, SortId sort) {
    const Sort wanted = terms_.sorts.at(sort);
    if (wanted.tag != Sort::Tag::kRecord) return meaning(terms_.variable(name, sort));
    std::vector<TermId> values;
    for (const Sort::Field& field : wanted.fields) values.push_back(part(part_of(name, field.name), field.sort));
    return terms_.record(std::move(values), sort);
  }
  [[nodiscard]] EntityUid uid_of(TermId id) const { return {terms_.sort_of(id).entity, terms_.at(id).text}; }

  TermId attribute(const std::string& type, const std::vector<std::string>& path, SortId sort, TermId entity) {
    const Sort wanted = terms_.sorts.at(sort);
    if (wanted.tag != Sort::Tag::kRecord) {
      return meaning(terms_.apply({Function::Kind::kAttribute, type, path, {}, sort}, {entity}));
    }
    std::vector<TermId> values;
    for (const Sort::Field& field : wanted.fields) {
      std::vector<std::string> inner = path;
      inner.push_back(field.name);
      values.push_back(attribute(type, inner, field.sort, entity));
    }
    return terms_.record(std::move(values), sort);
  }

  // Every entity that a literal holds, outside actions.
  void mention(TermId root) {
    for (const TermId id : terms_.reachable({root})) {
      if (terms_.at(id).op != TermOp::kUid) continue;
      if (terms_.schema().entity_type(terms_.sort_of(id).entity) == nullptr) continue;
      if (mentioned_.insert(id).second) todo_.push_back(id);
    }
  }

  cedar::Entity entity(TermId id) {
    cedar::Entity out;
    out.uid = uid_of(id);
    const cedar::EntityTypeDecl& declared = *terms_.schema().entity_type(out.uid.type);
    const TermId attrs = attribute(declared.name, {}, terms_.sorts.of(declared.attributes, terms_.schema()), id);
    mention(attrs);
    out.attrs = *to_value(terms_, attrs).get_if<cedar::Record>();
    for (const std::string& of : declared.ancestors) {
      const SortId set = terms_.sorts.set(terms_.sorts.entity(of, terms_.schema()));
      const TermId all = meaning(terms_.apply({Function::Kind::kAncestors, declared.name, {}, of, set}, {id}));
      mention(all);
      for (const TermId one : terms_.at(all).args) out.parents.push_back(uid_of(one));
    }
    if (declared.tags) add_tags(id, declared, out);
    return out;
  }

  void add_tags(TermId id, const cedar::EntityTypeDecl& declared, cedar::Entity& out) {
    const SortId keys = terms_.sorts.set(Sorts::kString);
    const SortId sort = terms_.sorts.of(*declared.tags, terms_.schema());
    const TermId names = meaning(terms_.apply({Function::Kind::kTagKeys, declared.name, {}, {}, keys}, {id}));
    const std::vector<TermId> all = terms_.at(names).args;
    for (const TermId key : all) {
      const TermId value = meaning(terms_.apply({Function::Kind::kTagValue, declared.name, {}, {}, sort}, {id, key}));
      mention(value);
      out.tags.set(terms_.at(key).text, to_value(terms_, value));
    }
  }

  Status build_store(Counterexample& out) {
    for (const auto& [term, value] : values_) mention(value);
    for (const auto& [row, value] : table_) mention(row);
    mention(part("context", terms_.sorts.of(env_.action->context, terms_.schema())));
    mention(terms_.uid(out.request.principal));
    mention(terms_.uid(out.request.resource));
    while (!todo_.empty()) {
      const TermId id = todo_.back();
      todo_.pop_back();
      out.entities.push_back(entity(id));
      if (out.entities.size() > kCounterexampleEntitiesMax) return fail(Code::kLimit, "the model names too many entities");
    }
    std::ranges::sort(out.entities, {}, &cedar::Entity::uid);
    const cedar::Schema& schema = terms_.schema();
    if (auto ok = cedar::check_request(schema, out.request); !ok) return no_model(ok.error().message);
    for (const cedar::Entity& one : out.entities) {
      if (auto ok = cedar::check_entity(schema, one); !ok) return no_model(ok.error().message);
    }
    return {};
  }

  void collect_facts(Counterexample& out) {
    for (const TermId id : question_.asked) {
      const Term& term = terms_.at(id);
      const TermId value = values_.at(id);
      if (term.op != TermOp::kVariable || !term.text.starts_with("context.")) continue;
      std::string name = term.text;
      std::erase(name, '"');
      const Term& literal = terms_.at(value);
      const bool absent = literal.op == TermOp::kNone;
      const TermId inner = literal.op == TermOp::kSome ? literal.args[0] : value;
      out.facts.emplace_back(std::move(name), absent ? "absent" : cedar::to_string(to_value(terms_, inner)));
    }
  }

  Terms& terms_;
  const Environment& env_;
  const Question& question_;
  std::map<TermId, TermId> values_;  // asked term -> literal
  std::map<TermId, TermId> table_;   // function applied to literals -> literal
  std::set<TermId> mentioned_;
  std::vector<TermId> todo_;
};

}  // namespace

std::vector<TermId> asked_about(const Terms& terms, const std::vector<TermId>& assertions) {
  std::set<TermId> out;
  for (const TermId id : terms.reachable(assertions)) {
    const Term& term = terms.at(id);
    if (term.op != TermOp::kVariable && term.op != TermOp::kApply) continue;
    out.insert(id);
  }
  return {out.begin(), out.end()};
}

Result<Counterexample> read_counterexample(Terms& terms, const Environment& env, const Question& question,
                                           std::string_view model) {
  return Builder(terms, env, question).build(model);
}

std::string to_json(const Counterexample& example) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("principal").string(cedar::to_string(example.request.principal));
  out.key("action").string(cedar::to_string(example.request.action));
  out.key("resource").string(cedar::to_string(example.request.resource));
  out.key("context").string(cedar::to_string(Value::record(example.request.context)));
  out.key("entities").begin_array();
  for (const cedar::Entity& entity : example.entities) {
    out.begin_object();
    out.key("uid").string(cedar::to_string(entity.uid));
    out.key("attrs").string(cedar::to_string(Value::record(entity.attrs)));
    out.key("parents").begin_array();
    for (const EntityUid& parent : entity.parents) out.string(cedar::to_string(parent));
    out.end_array();
    if (!entity.tags.empty()) out.key("tags").string(cedar::to_string(Value::record(entity.tags)));
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return text;
}

}  // namespace proviso::prove
