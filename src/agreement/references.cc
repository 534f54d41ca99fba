#include "agreement/references.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/cedar_faults.h"
#include "base/bytes.h"

namespace proviso::agreement {

void add_cedar_fault(std::string_view file, size_t line, const Error& error, Faults& faults) {
  std::string_view rest = error.message;
  if (rest.starts_with(file) && rest.substr(file.size()).starts_with(':')) {
    rest.remove_prefix(file.size() + 1);
    const auto number = parse_u64(rest.substr(0, rest.find(':')));
    if (number && *number > 0) {
      line = *number;
      rest.remove_prefix(std::min(rest.size(), rest.find(':') + 1));
    }
    const auto column = parse_u64(rest.substr(0, rest.find(':')));
    if (column) {
      rest.remove_prefix(rest.find(':') + 1);
      if (rest.starts_with(' ')) rest.remove_prefix(1);
      faults.add(file, line, fmt::format("column {}: {}", *column, rest), error.code);
      return;
    }
  }
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  faults.add(file, line, std::string(rest), error.code);
}

void add_cedar_fault(const cedar::Diagnostic& diagnostic, Faults& faults) {
  std::string sentence = fmt::format("column {}: {}", diagnostic.column, diagnostic.message);
  if (!diagnostic.help.empty()) sentence += "; " + diagnostic.help;
  faults.add(diagnostic.file, diagnostic.line, std::move(sentence));
}

namespace {

using cedar::Expr;
using cedar::Op;

template <class T>
bool has_id(const std::vector<T>& entries, const std::string& id) {
  return std::any_of(entries.begin(), entries.end(), [&](const T& e) { return e.id == id; });
}

// context.content.labels, however it is written.
bool is_labels(const Expr& expr) {
  return expr.op == Op::kGetAttr && expr.name == "labels" && !expr.args.empty() &&
         expr.args[0]->op == Op::kGetAttr && expr.args[0]->name == "content";
}

bool asks_labels(const Expr& expr) {
  const bool compares = expr.op == Op::kContains || expr.op == Op::kContainsAll ||
                        expr.op == Op::kContainsAny || expr.op == Op::kEq || expr.op == Op::kNe;
  return compares && std::any_of(expr.args.begin(), expr.args.end(), [](const auto& arg) { return is_labels(*arg); });
}

class ReferenceChecker {
 public:
  ReferenceChecker(const cedar::Policy& policy, const Terms& terms, Faults& faults)
      : policy_(policy), terms_(terms), faults_(faults) {}

  void check() {
    for (const cedar::Scope* scope : {&policy_.principal, &policy_.resource}) {
      for (const cedar::EntityUid& uid : scope->entities) check_entity(uid, scope->span);
    }
    for (const cedar::Condition& condition : policy_.conditions) visit(*condition.body);
  }

 private:
  void fault(cedar::Span span, std::string sentence) {
    faults_.add(policy_.file(), policy_.source->position(span.begin).line, std::move(sentence));
  }

  void unknown(const cedar::EntityUid& uid, cedar::Span span, std::string_view place) {
    fault(span, fmt::format("`{}` is not in {} of agreement.toml; add it there or correct it",
                            cedar::to_string(uid), place));
  }

  void check_entity(const cedar::EntityUid& uid, cedar::Span span) {
    if (uid.type == "Role" && !terms_.roles.contains(uid.id)) return unknown(uid, span, "[roles]");
    if (uid.type == "Purpose" && !terms_.purposes.contains(uid.id)) {
      return unknown(uid, span, "[purposes]");
    }
    if (uid.type == "ToolClass" && !terms_.tool_classes.contains(uid.id)) {
      return unknown(uid, span, "the built-in classes or [tool_classes]");
    }
    if (uid.type == "Vendor" && !has_id(terms_.vendors, uid.id)) {
      return unknown(uid, span, "the [[vendor]] entries");
    }
    if (uid.type == "Model" && !has_id(terms_.models, uid.id)) {
      return unknown(uid, span, "the [[model]] entries");
    }
  }

  void visit(const Expr& expr) {
    if (expr.op == Op::kLiteral) {
      if (const auto* uid = expr.value.get_if<cedar::EntityUid>()) check_entity(*uid, expr.span);
    }
    if (asks_labels(expr)) {
      for (const auto& arg : expr.args) check_labels(*arg);
    }
    for (const auto& arg : expr.args) visit(*arg);
  }

  void check_labels(const Expr& expr) {
    if (expr.op == Op::kSet) {
      for (const auto& arg : expr.args) check_labels(*arg);
    }
    const auto* label = expr.op == Op::kLiteral ? expr.value.get_if<std::string>() : nullptr;
    if (label && std::find(terms_.labels.begin(), terms_.labels.end(), *label) == terms_.labels.end()) {
      fault(expr.span, fmt::format("label `{}` is not in [labels] known of agreement.toml; add it there "
                                   "or correct it", *label));
    }
  }

  const cedar::Policy& policy_;
  const Terms& terms_;
  Faults& faults_;
};

}  // namespace

namespace {

void add_counted(const Expr& expr, std::vector<std::string>& out) {
  const bool counts = expr.op == Op::kGetAttr && !expr.args.empty() &&
                      expr.args[0]->op == Op::kGetAttr && expr.args[0]->name == "approvals";
  if (counts) out.emplace_back(expr.name);
  for (const auto& arg : expr.args) add_counted(*arg, out);
}

void add_strings(const Expr& expr, std::vector<std::string>& out) {
  const auto* text = expr.op == Op::kLiteral ? expr.value.get_if<std::string>() : nullptr;
  if (text != nullptr) out.push_back(*text);
  for (const auto& arg : expr.args) add_strings(*arg, out);
}

void add_named(const Expr& expr, std::vector<std::string>& out) {
  if (asks_labels(expr)) add_strings(expr, out);
  for (const auto& arg : expr.args) add_named(*arg, out);
}

// What `add` finds in the conditions, sorted and without repeats.
template <class Add>
std::vector<std::string> found_in(const cedar::Policy& policy, Add add) {
  std::vector<std::string> out;
  for (const cedar::Condition& condition : policy.conditions) add(*condition.body, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

std::vector<std::string> named_labels(const cedar::Policy& policy) { return found_in(policy, add_named); }

std::vector<std::string> counted_roles(const cedar::Policy& policy) { return found_in(policy, add_counted); }

void check_references(const cedar::Policy& policy, const Terms& terms, Faults& faults) {
  ReferenceChecker(policy, terms, faults).check();
}

}  // namespace proviso::agreement
