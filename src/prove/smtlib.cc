#include "prove/smtlib.h"

#include <fmt/format.h>
#include <map>

#include "cedar/text.h"

namespace proviso::prove {
namespace {

using Tag = Sort::Tag;

constexpr char32_t kScalarMax = 0x2FFFF;  // SPEC SMT-LIB strings: characters are code points up to 2FFFF

constexpr std::string_view kIpPrelude = R"((declare-datatypes ((P4 0)) (((P4_none) (P4_some (P4_val (_ BitVec 5))))))
(declare-datatypes ((P6 0)) (((P6_none) (P6_some (P6_val (_ BitVec 7))))))
(declare-datatypes ((Ip 0)) (((V4 (a4 (_ BitVec 32)) (p4 P4)) (V6 (a6 (_ BitVec 128)) (p6 P6)))))
(define-fun w4 ((p P4)) (_ BitVec 32) (ite ((_ is P4_some) p) ((_ zero_extend 27) (P4_val p)) (_ bv32 32)))
(define-fun w6 ((p P6)) (_ BitVec 128) (ite ((_ is P6_some) p) ((_ zero_extend 121) (P6_val p)) (_ bv128 128)))
(define-fun in_range ((a Ip) (r Ip)) Bool (or
  (and ((_ is V4) a) ((_ is V4) r) (bvuge (w4 (p4 a)) (w4 (p4 r)))
    (= (bvlshr (a4 a) (bvsub (_ bv32 32) (w4 (p4 r)))) (bvlshr (a4 r) (bvsub (_ bv32 32) (w4 (p4 r))))))
  (and ((_ is V6) a) ((_ is V6) r) (bvuge (w6 (p6 a)) (w6 (p6 r)))
    (= (bvlshr (a6 a) (bvsub (_ bv128 128) (w6 (p6 r)))) (bvlshr (a6 r) (bvsub (_ bv128 128) (w6 (p6 r))))))))
)";

class Printer {
 public:
  Printer(const Terms& terms, Dialect dialect)
      : terms_(terms), dialect_(dialect), sort_names_(terms.sorts.size()), names_(terms.size()) {}

  Result<std::string> print(const Question& question) {
    std::vector<TermId> roots = question.assertions;
    roots.insert(roots.end(), question.asked.begin(), question.asked.end());
    const std::vector<TermId> order = terms_.reachable(roots);
    declare_sorts(order);
    for (const TermId id : order) {
      PV_TRY_VOID(define(id));
    }
    for (const TermId id : question.assertions) body_ += fmt::format("(assert {})\n", names_[id]);
    body_ += "(check-sat)\n";
    if (!question.asked.empty()) {
      body_ += "(get-value (";
      for (const TermId id : question.asked) body_ += names_[id] + " ";
      body_ += "))\n";
    }
    const std::string_view head = dialect_ == Dialect::kCvc5
                                      ? "(set-logic ALL)\n(set-option :produce-models true)\n"
                                      : "(set-option :produce-models true)\n";
    return fmt::format("{}{}{}{}", head, uses_ip_ ? kIpPrelude : "", head_, body_);
  }

 private:
  // Inner sorts have smaller numbers, so the order of numbers is the order of declarations.
  void declare_sorts(const std::vector<TermId>& order) {
    std::vector<bool> used(terms_.sorts.size());
    for (const TermId id : order) mark(terms_.at(id).sort, used);
    for (SortId sort = 0; sort < terms_.sorts.size(); ++sort) {
      if (used[sort]) declare_sort(sort);
    }
  }

  void mark(SortId sort, std::vector<bool>& used) {
    if (used[sort]) return;
    used[sort] = true;
    const Sort& one = terms_.sorts.at(sort);
    if (one.tag == Tag::kSet || one.tag == Tag::kOption) mark(one.inner, used);
    for (const Sort::Field& field : one.fields) mark(field.sort, used);
    uses_ip_ = uses_ip_ || one.tag == Tag::kIp;
  }

  void declare_sort(SortId sort) {
    const Sort& one = terms_.sorts.at(sort);
    std::string& name = sort_names_[sort];
    switch (one.tag) {
      case Tag::kBool: name = "Bool"; return;
      case Tag::kString: name = "String"; return;
      case Tag::kIp: name = "Ip"; return;
      case Tag::kSet:
        name = dialect_ == Dialect::kCvc5 ? fmt::format("(Set {})", sort_names_[one.inner])
                                          : fmt::format("(Array {} Bool)", sort_names_[one.inner]);
        return;
      case Tag::kOption:
        // One datatype each: z3 cannot tell the constructors of a parametric one apart.
        name = fmt::format("O{}", options_++);
        head_ += fmt::format("(declare-datatypes (({0} 0)) ((({0}_none) ({0}_some ({0}_val {1})))))\n", name,
                             sort_names_[one.inner]);
        return;
      case Tag::kEntity: return declare_entity(sort, one);
      case Tag::kRecord: break;
      default: name = "Int"; return;
    }
    name = fmt::format("R{}", records_++);
    head_ += fmt::format("(declare-datatypes (({} 0)) ((({}", name, name);
    for (size_t i = 0; i < one.fields.size(); ++i) {
      head_ += fmt::format(" ({}_a{} {})", name, i, sort_names_[one.fields[i].sort]);
    }
    head_ += "))))\n";
  }

  void declare_entity(SortId sort, const Sort& one) {
    std::string& name = sort_names_[sort];
    name = fmt::format("E{}", entities_++);
    head_ += fmt::format("; {} = entity {}\n(declare-datatypes (({} 0)) ((", name, one.entity, name);
    if (one.ids.empty()) {
      head_ += fmt::format("({} ({}_id String)))))\n", name, name);
      return;
    }
    for (size_t i = 0; i < one.ids.size(); ++i) head_ += fmt::format("({}_m{})", name, i);
    head_ += ")))\n";
  }

  static Result<std::string> quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
      size_t length = 1;
      const char32_t scalar = cedar::front_scalar(text, &length);
      text.remove_prefix(length);
      if (scalar > kScalarMax) {
        return fail(Code::kUnsupported, fmt::format("not analysable: a string holds U+{:X}, and solvers know "
                                                    "characters up to U+2FFFF",
                                                    static_cast<uint32_t>(scalar)));
      }
      if (scalar == '"') {
        out += "\"\"";
      } else if (scalar >= ' ' && scalar < 127 && scalar != '\\') {
        out += static_cast<char>(scalar);
      } else {
        out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(scalar));
      }
    }
    return out + "\"";
  }

  static std::string integer(int64_t value) {
    if (value >= 0) return std::to_string(value);
    return fmt::format("(- {})", 0 - static_cast<uint64_t>(value));
  }

  Result<std::string> uid(const Term& term) {
    const Sort& sort = terms_.sorts.at(term.sort);
    for (size_t i = 0; i < sort.ids.size(); ++i) {
      if (sort.ids[i] == term.text) return fmt::format("{}_m{}", sort_names_[term.sort], i);
    }
    if (!sort.ids.empty()) {
      return fail(Code::kUnsupported, fmt::format("not analysable: `{}` is no id of `{}`", term.text, sort.entity));
    }
    PV_TRY(const std::string id, quoted(term.text));
    return fmt::format("({} {})", sort_names_[term.sort], id);
  }

  static std::string address(const cedar::IpAddr& ip) {
    std::string hex;
    for (size_t i = 0; i < (ip.v6 ? 16U : 4U); ++i) hex += fmt::format("{:02x}", ip.bytes[i]);
    const bool whole = ip.prefix == (ip.v6 ? 128 : 32);
    const char* sort = ip.v6 ? "P6" : "P4";
    const std::string prefix = whole ? fmt::format("{}_none", sort)
                                     : fmt::format("({}_some (_ bv{} {}))", sort, ip.prefix, ip.v6 ? 7 : 5);
    return fmt::format("({} #x{} {})", ip.v6 ? "V6" : "V4", hex, prefix);
  }

  Result<std::string> pattern(const Term& term) {
    std::string out = "(re.++";
    bool first = true;
    for (const std::string& piece : terms_.pattern(term).pieces()) {
      if (!first) out += " re.all";
      first = false;
      PV_TRY(const std::string text, quoted(piece));
      out += fmt::format(" (str.to_re {})", text);
    }
    return out + ")";
  }

  std::string empty_set(SortId set) const {
    return dialect_ == Dialect::kCvc5 ? fmt::format("(as set.empty {})", sort_names_[set])
                                      : fmt::format("((as const {}) false)", sort_names_[set]);
  }

  std::string set_operation(const Term& term) const {
    const std::string& a = names_[term.args[0]];
    const std::string& b = term.args.size() > 1 ? names_[term.args[1]] : a;
    const bool cvc5 = dialect_ == Dialect::kCvc5;
    const SortId sort = terms_.at(term.args.back()).sort;
    switch (term.op) {
      case TermOp::kMember: return cvc5 ? fmt::format("(set.member {} {})", a, b) : fmt::format("(select {} {})", b, a);
      case TermOp::kSubset:
        return cvc5 ? fmt::format("(set.subset {} {})", a, b) : fmt::format("(= {} ((_ map and) {} {}))", a, a, b);
      case TermOp::kIntersects:
        return fmt::format("(not (= ({} {} {}) {}))", cvc5 ? "set.inter" : "(_ map and)", a, b, empty_set(sort));
      default: return fmt::format("(= {} {})", a, empty_set(sort));
    }
  }

  std::string set_of(const Term& term) const {
    std::string out = empty_set(term.sort);
    for (const TermId element : term.args) {
      out = dialect_ == Dialect::kCvc5 ? fmt::format("(set.insert {} {})", names_[element], out)
                                       : fmt::format("(store {} {} true)", out, names_[element]);
    }
    return out;
  }

  std::string call(std::string_view name, const Term& term) const {
    std::string out = fmt::format("({}", name);
    for (const TermId arg : term.args) out += " " + names_[arg];
    return out + ")";
  }

  std::string fits(const Term& term) const {
    const auto op = static_cast<TermOp>(term.index);
    const char* sign = op == TermOp::kAdd ? "+" : op == TermOp::kSub ? "-" : "*";
    return fmt::format("(<= {} {} {})", integer(INT64_MIN), call(sign, term), INT64_MAX);
  }

  std::string quotient(const Term& term) const {
    const std::string& a = names_[term.args[0]];
    return fmt::format("(ite (>= {} 0) (div {} {}) (- (div (- {}) {})))", a, a, term.number, a, term.number);
  }

  std::string record_of(const Term& term) const {
    const std::string& name = sort_names_[term.sort];
    return term.args.empty() ? name : call(name, term);
  }

  // Leaves are written where they stand; everything else gets a name.
  Result<std::string> leaf(TermId id) {
    const Term& term = terms_.at(id);
    switch (term.op) {
      case TermOp::kBool: return std::string(term.number != 0 ? "true" : "false");
      case TermOp::kNumber: return integer(term.number);
      case TermOp::kText: return quoted(term.text);
      case TermOp::kUid: return uid(term);
      case TermOp::kIp: return address(terms_.ip(term));
      case TermOp::kNone: return sort_names_[term.sort] + "_none";
      default: return std::string();
    }
  }

  Result<std::string> compound(const Term& term) {
    switch (term.op) {
      case TermOp::kNot: return call("not", term);
      case TermOp::kAnd: return call("and", term);
      case TermOp::kOr: return call("or", term);
      case TermOp::kIte: return call("ite", term);
      case TermOp::kEq: return call("=", term);
      case TermOp::kLe: return call("<=", term);
      case TermOp::kLt: return call("<", term);
      case TermOp::kAdd: return call("+", term);
      case TermOp::kSub: return call("-", term);
      case TermOp::kMul: return call("*", term);
      case TermOp::kFits: return fits(term);
      case TermOp::kCast: return names_[term.args[0]];
      case TermOp::kQuotient: return quotient(term);
      case TermOp::kModulo: return fmt::format("(mod {} {})", names_[term.args[0]], term.number);
      case TermOp::kLike: {
        PV_TRY(const std::string regex, pattern(term));
        return fmt::format("(str.in_re {} {})", names_[term.args[0]], regex);
      }
      case TermOp::kSet: return set_of(term);
      case TermOp::kMember: case TermOp::kSubset: case TermOp::kIntersects: case TermOp::kIsEmpty:
        return set_operation(term);
      case TermOp::kRecord: return record_of(term);
      case TermOp::kField:
        return call(fmt::format("{}_a{}", sort_names_[terms_.at(term.args[0]).sort], term.index), term);
      case TermOp::kSome: return call(sort_names_[term.sort] + "_some", term);
      case TermOp::kIsSome: return call(fmt::format("(_ is {}_some)", sort_names_[terms_.at(term.args[0]).sort]), term);
      case TermOp::kValue: return call(sort_names_[terms_.at(term.args[0]).sort] + "_val", term);
      case TermOp::kIpIsV6: return call("(_ is V6)", term);
      case TermOp::kIpInRange: return call("in_range", term);
      case TermOp::kApply: return call(declare_function(term), term);
      default: return fail(Code::kInternal, "a term without a form in SMT-LIB");
    }
  }

  std::string declare_function(const Term& term) {
    const Function& function = terms_.function(term.index);
    const auto [at, fresh] = functions_.try_emplace(term.index, fmt::format("f{}", functions_.size()));
    const std::string& name = at->second;
    if (!fresh) return name;
    std::string what = function.kind == Function::Kind::kAncestors ? "ancestors in " + function.of
                       : function.kind == Function::Kind::kTagKeys ? "tag names"
                       : function.kind == Function::Kind::kTagValue ? "tag values"
                                                                    : "attribute";
    for (const std::string& step : function.path) what += " " + cedar::quoted(step);
    std::string arguments;
    for (const TermId arg : term.args) arguments += sort_names_[terms_.at(arg).sort] + " ";
    body_ += fmt::format("; {} = {}: {}\n(declare-fun {} ({}) {})\n", name, function.type, what, name, arguments,
                         sort_names_[term.sort]);
    return name;
  }

  Status define(TermId id) {
    const Term& term = terms_.at(id);
    if (term.op == TermOp::kVariable) {
      names_[id] = fmt::format("v{}", variables_++);
      body_ += fmt::format("; {} = {}\n(declare-const {} {})\n", names_[id], term.text, names_[id],
                           sort_names_[term.sort]);
      return {};
    }
    PV_TRY(names_[id], leaf(id));
    if (!names_[id].empty()) return {};
    PV_TRY(const std::string text, compound(term));
    names_[id] = fmt::format("t{}", defined_++);
    body_ += fmt::format("(define-fun {} () {} {})\n", names_[id], sort_names_[term.sort], text);
    return {};
  }

  const Terms& terms_;
  Dialect dialect_;
  bool uses_ip_ = false;
  size_t entities_ = 0;
  size_t records_ = 0;
  size_t options_ = 0;
  size_t variables_ = 0;
  size_t defined_ = 0;
  std::string head_;
  std::string body_;
  std::vector<std::string> sort_names_;
  std::vector<std::string> names_;
  std::map<uint32_t, std::string> functions_;
};

}  // namespace

Result<std::string> to_smtlib(const Terms& terms, const Question& question, Dialect dialect) {
  return Printer(terms, dialect).print(question);
}

}  // namespace proviso::prove
