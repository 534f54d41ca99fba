// Extension functions: constructors of literals, and methods. Datetimes and durations are milliseconds,
// decimals ten-thousandths, so most of it is arithmetic. Source: cedar-spec SymCC/ExtFun.
#include <fmt/format.h>

#include "cedar/functions.h"
#include "prove/encode.h"

namespace proviso::prove {

using cedar::Expr;
using cedar::Ext;
using Tag = Sort::Tag;

Result<Outcome> Encoder::constructor(const Expr& e) {
  const std::string* text = e.args.size() == 1 && e.args[0]->op == cedar::Op::kLiteral
                                ? e.args[0]->value.get_if<std::string>()
                                : nullptr;
  if (text == nullptr) return not_analysable(fmt::format("`{}` of what is not a string literal", e.name));
  const TermId ok = terms_.boolean(true);
  switch (cedar::find_extension(e.name)->ext) {
    case Ext::kDecimal:
      if (const auto value = cedar::Decimal::parse(*text)) return Outcome{ok, terms_.number(value->units, Sorts::kDecimal)};
      break;
    case Ext::kIp:
      if (const auto value = cedar::IpAddr::parse(*text)) return Outcome{ok, terms_.ip(*value)};
      break;
    case Ext::kDatetime:
      if (const auto value = cedar::Datetime::parse(*text)) return Outcome{ok, terms_.number(value->ms, Sorts::kDatetime)};
      break;
    default:
      if (const auto value = cedar::Duration::parse(*text)) return Outcome{ok, terms_.number(value->ms, Sorts::kDuration)};
  }
  return not_analysable(fmt::format("`{}` of a text that it refuses", e.name));
}

Result<Outcome> Encoder::extension(const Expr& e) {
  const cedar::ExtInfo* info = cedar::find_extension(e.name);
  if (info == nullptr) return not_analysable(fmt::format("unknown function `{}`", e.name));
  if (cedar::is_constructor(info->ext)) return constructor(e);
  if (e.args.size() != info->arity) return not_analysable(fmt::format("`{}` with other arguments", e.name));
  std::vector<Outcome> args;
  for (const cedar::ExprPtr& arg : e.args) {
    PV_TRY(const Outcome one, expression(*arg));
    args.push_back(one);
  }
  if (info->ext >= Ext::kIsIpv4 && info->ext <= Ext::kIsInRange) return ip_method(e, args);
  if (info->ext >= Ext::kOffset) return time_method(e, args);
  if (tag_of(args[0].value) != Tag::kDecimal || tag_of(args[1].value) != Tag::kDecimal) {
    return not_analysable(fmt::format("`{}` on what is not a decimal", e.name));
  }
  const TermId ok = terms_.both(args[0].ok, args[1].ok);
  switch (info->ext) {
    case Ext::kLessThan: return Outcome{ok, terms_.less(args[0].value, args[1].value)};
    case Ext::kLessThanOrEqual: return Outcome{ok, terms_.less_equal(args[0].value, args[1].value)};
    case Ext::kGreaterThan: return Outcome{ok, terms_.less(args[1].value, args[0].value)};
    default: return Outcome{ok, terms_.less_equal(args[1].value, args[0].value)};
  }
}

Result<Outcome> Encoder::ip_method(const Expr& e, const std::vector<Outcome>& args) {
  for (const Outcome& arg : args) {
    if (tag_of(arg.value) != Tag::kIp) return not_analysable(fmt::format("`{}` on what is not an address", e.name));
  }
  const TermId a = args[0].value;
  const auto within = [&](const char* range) { return terms_.ip_in_range(a, terms_.ip(*cedar::IpAddr::parse(range))); };
  switch (cedar::find_extension(e.name)->ext) {
    case Ext::kIsIpv4: return Outcome{args[0].ok, terms_.negate(terms_.ip_is_v6(a))};
    case Ext::kIsIpv6: return Outcome{args[0].ok, terms_.ip_is_v6(a)};
    case Ext::kIsLoopback: return Outcome{args[0].ok, terms_.either(within("127.0.0.0/8"), within("::1"))};
    case Ext::kIsMulticast: return Outcome{args[0].ok, terms_.either(within("224.0.0.0/4"), within("ff00::/8"))};
    default:
      return Outcome{terms_.both(args[0].ok, args[1].ok), terms_.ip_in_range(a, args[1].value)};
  }
}

Result<Outcome> Encoder::time_method(const Expr& e, const std::vector<Outcome>& args) {
  const Ext ext = cedar::find_extension(e.name)->ext;
  const Outcome& a = args[0];
  const Tag receiver = ext >= Ext::kToMilliseconds ? Tag::kDuration : Tag::kDatetime;
  const Tag argument = ext == Ext::kOffset ? Tag::kDuration : Tag::kDatetime;
  if (tag_of(a.value) != receiver || (args.size() == 2 && tag_of(args[1].value) != argument)) {
    return not_analysable(fmt::format("`{}` on another type", e.name));
  }
  const auto checked = [&](TermOp op, TermId x, TermId y, TermId ok, SortId sort) {
    return Outcome{terms_.both(ok, terms_.fits(op, x, y)), terms_.cast(terms_.arithmetic(op, x, y), sort)};
  };
  switch (ext) {
    case Ext::kOffset:
      return checked(TermOp::kAdd, a.value, terms_.cast(args[1].value, Sorts::kDatetime),
                     terms_.both(a.ok, args[1].ok), Sorts::kDatetime);
    case Ext::kDurationSince:
      return checked(TermOp::kSub, a.value, args[1].value, terms_.both(a.ok, args[1].ok), Sorts::kDuration);
    case Ext::kToDate:
      return checked(TermOp::kSub, a.value, terms_.modulo(a.value, cedar::kMsPerDay, Sorts::kDatetime), a.ok,
                     Sorts::kDatetime);
    case Ext::kToTime: return Outcome{a.ok, terms_.modulo(a.value, cedar::kMsPerDay, Sorts::kDuration)};
    case Ext::kToMilliseconds: return Outcome{a.ok, terms_.cast(a.value, Sorts::kLong)};
    case Ext::kToSeconds: return Outcome{a.ok, terms_.quotient(a.value, 1'000, Sorts::kLong)};
    case Ext::kToMinutes: return Outcome{a.ok, terms_.quotient(a.value, 60'000, Sorts::kLong)};
    case Ext::kToHours: return Outcome{a.ok, terms_.quotient(a.value, 3'600'000, Sorts::kLong)};
    default: return Outcome{a.ok, terms_.quotient(a.value, cedar::kMsPerDay, Sorts::kLong)};
  }
}

}  // namespace proviso::prove
