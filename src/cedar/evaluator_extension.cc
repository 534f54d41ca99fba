#include <array>

#include "cedar/evaluator.h"

namespace proviso::cedar {
namespace {

// The kinds that each method takes, receiver first; Kind::kBool where there is no second operand.
struct Signature {
  Ext ext;
  Kind receiver;
  Kind argument;
};
constexpr std::array<Signature, 18> kSignatures = {{
    {Ext::kLessThan, Kind::kDecimal, Kind::kDecimal},
    {Ext::kLessThanOrEqual, Kind::kDecimal, Kind::kDecimal},
    {Ext::kGreaterThan, Kind::kDecimal, Kind::kDecimal},
    {Ext::kGreaterThanOrEqual, Kind::kDecimal, Kind::kDecimal},
    {Ext::kIsIpv4, Kind::kIp, Kind::kBool},
    {Ext::kIsIpv6, Kind::kIp, Kind::kBool},
    {Ext::kIsLoopback, Kind::kIp, Kind::kBool},
    {Ext::kIsMulticast, Kind::kIp, Kind::kBool},
    {Ext::kIsInRange, Kind::kIp, Kind::kIp},
    {Ext::kOffset, Kind::kDatetime, Kind::kDuration},
    {Ext::kDurationSince, Kind::kDatetime, Kind::kDatetime},
    {Ext::kToDate, Kind::kDatetime, Kind::kBool},
    {Ext::kToTime, Kind::kDatetime, Kind::kBool},
    {Ext::kToMilliseconds, Kind::kDuration, Kind::kBool},
    {Ext::kToSeconds, Kind::kDuration, Kind::kBool},
    {Ext::kToMinutes, Kind::kDuration, Kind::kBool},
    {Ext::kToHours, Kind::kDuration, Kind::kBool},
    {Ext::kToDays, Kind::kDuration, Kind::kBool},
}};

constexpr uint64_t kConstructorSteps = 16;  // reading the text of a decimal, address, date or duration
constexpr uint64_t kBytesRead = 4;          // of a longer text, in the time of one step

constexpr size_t first_method() { return static_cast<size_t>(Ext::kLessThan); }
static_assert(kSignatures[0].ext == Ext::kLessThan && kSignatures[17].ext == Ext::kToDays);

template <class T, class Wrap>
Result<Value> wrapped(Result<T> parsed, const Wrap& wrap) {
  if (!parsed) return std::unexpected(std::move(parsed).error());
  return wrap(*parsed);
}

}  // namespace

Result<Value> apply_constructor(Ext ext, std::string_view text) {
  switch (ext) {
    case Ext::kDecimal: return wrapped(Decimal::parse(text), Value::decimal);
    case Ext::kIp: return wrapped(IpAddr::parse(text), Value::ip);
    case Ext::kDatetime:
      return wrapped(Datetime::parse(text), [](Datetime d) { return Value::datetime_ms(d.ms); });
    default:
      return wrapped(Duration::parse(text), [](Duration d) { return Value::duration_ms(d.ms); });
  }
}

bool Evaluator::eval_extension(const Node& n, Val& out) {
  auto ext = static_cast<Ext>(n.sub);
  std::array<Val, 2> args;
  for (uint32_t i = 0; i < n.count; ++i) {
    Val value;
    if (!eval(p_.kid(n, i), value)) return false;
    if (i < args.size()) args[i] = value;
  }
  if (is_constructor(ext)) {
    if (!spend(kConstructorSteps)) return out_of_steps();
    if (n.count != 1) return fail("an extension constructor takes one argument, not " + std::to_string(n.count));
    if (args[0].kind != Kind::kString) return wrong_kind(args[0], "string");
    if (!spend(args[0].s->size() / kBytesRead)) return out_of_steps();
    auto value = apply_constructor(ext, *args[0].s);
    if (!value) return fail(std::move(value).error().message);
    if (value->kind() == Kind::kIp) return keep(std::move(*value), out);
    out = view(*value);  // a number: nothing is borrowed
    return true;
  }
  const Signature& signature = kSignatures[n.sub - first_method()];
  uint32_t arity = signature.argument == Kind::kBool ? 1 : 2;
  if (n.count != arity) {
    return fail("this method takes " + std::to_string(arity - 1) + " arguments, not " + std::to_string(n.count - 1));
  }
  if (args[0].kind != signature.receiver) return wrong_kind(args[0], kind_name(signature.receiver));
  if (arity == 2 && args[1].kind != signature.argument) {
    return wrong_kind(args[1], kind_name(signature.argument));
  }
  return extension(ext, args[0], args[1], out);
}

bool Evaluator::extension(Ext ext, const Val& a, const Val& b, Val& out) {
  auto boolean = [&out](bool value) {
    out.kind = Kind::kBool;
    out.b = value;
    return true;
  };
  auto number = [&out](Kind kind, int64_t value) {
    out.kind = kind;
    out.i = value;
    return true;
  };
  switch (ext) {
    case Ext::kLessThan: return boolean(a.i < b.i);
    case Ext::kLessThanOrEqual: return boolean(a.i <= b.i);
    case Ext::kGreaterThan: return boolean(a.i > b.i);
    case Ext::kGreaterThanOrEqual: return boolean(a.i >= b.i);
    case Ext::kIsIpv4: return boolean(!a.ip->v6);
    case Ext::kIsIpv6: return boolean(a.ip->v6);
    case Ext::kIsLoopback: return boolean(a.ip->is_loopback());
    case Ext::kIsMulticast: return boolean(a.ip->is_multicast());
    case Ext::kIsInRange: return boolean(a.ip->in_range(*b.ip));
    case Ext::kOffset: {
      auto moved = Datetime{a.i}.offset(Duration{b.i});
      if (!moved) return fail("overflow in `offset`");
      return number(Kind::kDatetime, moved->ms);
    }
    case Ext::kDurationSince: {
      auto between = Datetime{a.i}.since(Datetime{b.i});
      if (!between) return fail("overflow in `durationSince`");
      return number(Kind::kDuration, between->ms);
    }
    case Ext::kToDate: {
      auto date = Datetime{a.i}.to_date();
      if (!date) return fail("overflow in `toDate`");
      return number(Kind::kDatetime, date->ms);
    }
    case Ext::kToTime: return number(Kind::kDuration, Datetime{a.i}.to_time().ms);
    case Ext::kToMilliseconds: return number(Kind::kLong, a.i);
    case Ext::kToSeconds: return number(Kind::kLong, a.i / 1'000);
    case Ext::kToMinutes: return number(Kind::kLong, a.i / 60'000);
    case Ext::kToHours: return number(Kind::kLong, a.i / 3'600'000);
    case Ext::kToDays: return number(Kind::kLong, a.i / kMsPerDay);
    default: return fail("not a method");
  }
}

}  // namespace proviso::cedar
