#include "prove/facts.h"

#include <set>

namespace proviso::prove {
namespace {

class FactMaker {
 public:
  FactMaker(Terms& terms, Encoder& encoder) : terms_(terms), encoder_(encoder) {}

  std::vector<TermId> make(const std::vector<TermId>& question) {
    std::vector<TermId> entities;
    for (const TermId id : terms_.reachable(question)) {
      const Term& term = terms_.at(id);
      if (terms_.sort_of(id).is_number() && is_read(term.op)) range(id);
      if (terms_.sort_of(id).tag == Sort::Tag::kEntity && has_ancestors(id)) entities.push_back(id);
    }
    for (const TermId inner : entities) {
      not_own_ancestor(inner);
      for (const TermId outer : entities) transitive(inner, outer);
    }
    return std::move(facts_);
  }

 private:
  static bool is_read(TermOp op) {
    return op == TermOp::kVariable || op == TermOp::kApply || op == TermOp::kField || op == TermOp::kValue;
  }

  void range(TermId id) {
    const SortId sort = terms_.at(id).sort;
    add(terms_.less_equal(terms_.number(INT64_MIN, sort), id));
    add(terms_.less_equal(id, terms_.number(INT64_MAX, sort)));
  }

  [[nodiscard]] const cedar::EntityTypeDecl* declared(TermId id) const {
    return terms_.schema().entity_type(terms_.sort_of(id).entity);
  }
  // Of an action everything is a constant already.
  [[nodiscard]] bool has_ancestors(TermId id) const {
    const auto* type = declared(id);
    return type != nullptr && !type->ancestors.empty();
  }

  void not_own_ancestor(TermId id) {
    const std::string& type = declared(id)->name;
    add(terms_.negate(terms_.member(id, encoder_.ancestors(id, type))));
  }

  // `outer` in the ancestors of `inner` brings its own ancestors along.
  void transitive(TermId inner, TermId outer) {
    if (inner == outer || !declared(inner)->ancestors.contains(declared(outer)->name)) return;
    const TermId within = terms_.member(outer, encoder_.ancestors(inner, declared(outer)->name));
    for (const std::string& type : declared(outer)->ancestors) {
      const TermId all = terms_.subset(encoder_.ancestors(outer, type), encoder_.ancestors(inner, type));
      add(terms_.either(terms_.negate(within), all));
    }
  }

  void add(TermId fact) {
    if (!terms_.is_true(fact)) facts_.push_back(fact);
  }

  Terms& terms_;
  Encoder& encoder_;
  std::vector<TermId> facts_;
};

}  // namespace

std::vector<TermId> facts_about(Terms& terms, Encoder& encoder, const std::vector<TermId>& question) {
  return FactMaker(terms, encoder).make(question);
}

}  // namespace proviso::prove
