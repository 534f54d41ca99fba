#include "cedar/functions.h"
#include "cedar/policy_set.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

// How tightly an expression binds, as in the grammar.
enum Level { kWhole, kOrLevel, kAndLevel, kRelation, kSum, kProduct, kUnary, kMember };

Level level_of(const Expr& e) {
  switch (e.op) {
    case Op::kIf: return kWhole;
    case Op::kOr: return kOrLevel;
    case Op::kAnd: return kAndLevel;
    case Op::kEq: case Op::kNe: case Op::kLt: case Op::kLe: case Op::kGt: case Op::kGe: case Op::kIn:
    case Op::kLike: case Op::kIs: case Op::kIsIn: case Op::kHas:
      return kRelation;
    case Op::kAdd: case Op::kSub: return kSum;
    case Op::kMul: return kProduct;
    case Op::kNot: case Op::kNeg: return kUnary;
    case Op::kLiteral: {
      const int64_t* n = e.value.get_if<int64_t>();
      return n != nullptr && *n < 0 ? kUnary : kMember;
    }
    default: return kMember;
  }
}

std::string_view operator_text(Op op) {
  switch (op) {
    case Op::kEq: return " == ";
    case Op::kNe: return " != ";
    case Op::kLt: return " < ";
    case Op::kLe: return " <= ";
    case Op::kGt: return " > ";
    case Op::kGe: return " >= ";
    case Op::kIn: return " in ";
    case Op::kAdd: return " + ";
    case Op::kSub: return " - ";
    case Op::kMul: return " * ";
    default: return "";
  }
}

std::string pattern_text(const Pattern& pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.pieces().size(); ++i) {
    if (i > 0) out += '*';
    std::string body = quoted(pattern.pieces()[i]);
    for (char c : body.substr(1, body.size() - 2)) {
      if (c == '*') out += '\\';
      out += c;
    }
  }
  return '"' + out + '"';
}

std::string key_text(const std::string& key) {
  return is_identifier(key) && !is_reserved(key) ? key : quoted(key);
}

class Printer {
 public:
  void print(const Expr& e, Level wanted) {
    bool parens = level_of(e) < wanted;
    if (parens) out += '(';
    body(e);
    if (parens) out += ')';
  }

  std::string out;

 private:
  void list(const std::vector<ExprPtr>& args, size_t from, std::string_view between, Level level) {
    for (size_t i = from; i < args.size(); ++i) {
      if (i > from) out += between;
      print(*args[i], level);
    }
  }

  void call(const Expr& e, std::string_view name) {
    print(*e.args[0], kMember);
    out += '.';
    out += name;
    out += '(';
    list(e.args, 1, ", ", kWhole);
    out += ')';
  }

  void unary(const Expr& e) {
    // A sign in front of a literal would be read as part of it, and more than four may not stand in a
    // row, so operands that begin with a sign go into parentheses.
    bool literal = e.args[0]->op == Op::kLiteral;
    bool plain = level_of(*e.args[0]) == kMember && !(e.op == Op::kNeg && literal);
    out += e.op == Op::kNot ? '!' : '-';
    if (!plain) out += '(';
    print(*e.args[0], kWhole);
    if (!plain) out += ')';
  }

  void has(const Expr& e) {
    print(*e.args[0], kSum);
    out += " has ";
    if (e.path.size() == 1) {
      out += key_text(e.path[0]);
      return;
    }
    for (size_t i = 0; i < e.path.size(); ++i) out += (i > 0 ? "." : "") + e.path[i];
  }

  void record(const Expr& e) {
    out += '{';
    for (size_t i = 0; i < e.args.size(); ++i) {
      if (i > 0) out += ", ";
      out += key_text(e.path[i]) + ": ";
      print(*e.args[i], kWhole);
    }
    out += '}';
  }

  void attribute(const Expr& e) {
    print(*e.args[0], kMember);
    if (is_identifier(e.name) && !is_reserved(e.name)) {
      out += '.' + e.name;
    } else {
      out += '[' + quoted(e.name) + ']';
    }
  }

  void extension(const Expr& e) {
    if (!is_constructor(find_extension(e.name)->ext)) return call(e, e.name);
    out += e.name + '(';
    list(e.args, 0, ", ", kWhole);
    out += ')';
  }

  void conditional(const Expr& e) {
    out += "if ";
    print(*e.args[0], kWhole);
    out += " then ";
    print(*e.args[1], kWhole);
    out += " else ";
    print(*e.args[2], kWhole);
  }

  void is(const Expr& e) {
    print(*e.args[0], kSum);
    out += " is " + e.name;
    if (e.op == Op::kIs) return;
    out += " in ";
    print(*e.args[1], kSum);
  }

  void body(const Expr& e) {
    static constexpr std::string_view kVars[] = {"principal", "action", "resource", "context"};
    switch (e.op) {
      case Op::kLiteral: out += to_string(e.value); return;
      case Op::kVar: out += kVars[static_cast<size_t>(e.var)]; return;
      case Op::kAnd: return list(e.args, 0, " && ", kRelation);
      case Op::kOr: return list(e.args, 0, " || ", kAndLevel);
      case Op::kNot: case Op::kNeg: return unary(e);
      case Op::kIf: return conditional(e);
      case Op::kEq: case Op::kNe: case Op::kLt: case Op::kLe: case Op::kGt: case Op::kGe: case Op::kIn:
        print(*e.args[0], kSum);
        out += operator_text(e.op);
        return print(*e.args[1], kSum);
      case Op::kAdd: case Op::kSub: case Op::kMul:
        print(*e.args[0], level_of(e));
        out += operator_text(e.op);
        return print(*e.args[1], e.op == Op::kMul ? kUnary : kProduct);
      case Op::kLike:
        print(*e.args[0], kSum);
        out += " like " + pattern_text(e.pattern);
        return;
      case Op::kIs: case Op::kIsIn: return is(e);
      case Op::kGetAttr: return attribute(e);
      case Op::kHas: return has(e);
      case Op::kContains: return call(e, "contains");
      case Op::kContainsAll: return call(e, "containsAll");
      case Op::kContainsAny: return call(e, "containsAny");
      case Op::kIsEmpty: return call(e, "isEmpty");
      case Op::kGetTag: return call(e, "getTag");
      case Op::kHasTag: return call(e, "hasTag");
      case Op::kExtension: return extension(e);
      case Op::kSet:
        out += '[';
        list(e.args, 0, ", ", kWhole);
        out += ']';
        return;
      case Op::kRecord: return record(e);
    }
  }
};

std::string scope_text(std::string_view variable, const Scope& scope) {
  std::string out(variable);
  auto entity = [&] { return scope.slot ? "?" + std::string(variable) : to_string(scope.entities[0]); };
  switch (scope.kind) {
    case Scope::Kind::kAny: return out;
    case Scope::Kind::kEq: return out + " == " + entity();
    case Scope::Kind::kIn: return out + " in " + entity();
    case Scope::Kind::kIs: return out + " is " + scope.type;
    case Scope::Kind::kIsIn: return out + " is " + scope.type + " in " + entity();
    case Scope::Kind::kInSet: break;
  }
  out += " in [";
  for (size_t i = 0; i < scope.entities.size(); ++i) {
    out += (i > 0 ? ", " : "") + to_string(scope.entities[i]);
  }
  return out + "]";
}

}  // namespace

std::string to_text(const Expr& expr) {
  Printer printer;
  printer.print(expr, kWhole);
  return std::move(printer.out);
}

std::string to_text(const Policy& policy) {
  std::string out;
  for (const Annotation& a : policy.annotations) {
    out += '@' + a.key + (a.value ? '(' + quoted(*a.value) + ')' : "") + '\n';
  }
  out += policy.effect == Effect::kPermit ? "permit (" : "forbid (";
  out += scope_text("principal", policy.principal) + ", " + scope_text("action", policy.action) + ", " +
         scope_text("resource", policy.resource) + ")";
  for (const Condition& c : policy.conditions) {
    out += c.kind == Condition::Kind::kWhen ? "\nwhen { " : "\nunless { ";
    out += to_text(*c.body) + " }";
  }
  return out + ";";
}

}  // namespace proviso::cedar
