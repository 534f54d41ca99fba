#include "cedar/text.h"
#include "cedar/value.h"

namespace proviso::cedar {
namespace {

std::string call(std::string_view function, const std::string& argument) {
  return std::string(function) + "(\"" + argument + "\")";
}

// A datetime as the epoch moved by a duration: every value has this spelling, also years that the
// literal cannot write.
std::string datetime_text(Datetime value) {
  std::string out = "datetime(\"1970-01-01\")";
  if (value.ms != 0) out += ".offset(" + call("duration", Duration{value.ms}.to_string()) + ")";
  return out;
}

template <class Range, class Each>
std::string joined(char open, const Range& range, char close, const Each& each) {
  std::string out(1, open);
  for (const auto& item : range) {
    if (out.size() > 1) out += ", ";
    out += each(item);
  }
  return out + close;
}

}  // namespace

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kBool: return "bool";
    case Kind::kLong: return "long";
    case Kind::kString: return "string";
    case Kind::kEntity: return "entity";
    case Kind::kSet: return "set";
    case Kind::kRecord: return "record";
    case Kind::kDecimal: return "decimal";
    case Kind::kIp: return "ipaddr";
    case Kind::kDatetime: return "datetime";
    case Kind::kDuration: return "duration";
  }
  return "value";
}

std::string to_string(const EntityUid& uid) { return uid.type + "::" + quoted(uid.id); }

std::string to_string(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool: return *value.get_if<bool>() ? "true" : "false";
    case Kind::kLong: return std::to_string(*value.get_if<int64_t>());
    case Kind::kString: return quoted(*value.get_if<std::string>());
    case Kind::kEntity: return to_string(*value.get_if<EntityUid>());
    case Kind::kDecimal: return call("decimal", value.get_if<Decimal>()->to_string());
    case Kind::kIp: return call("ip", value.get_if<IpAddr>()->to_string());
    case Kind::kDatetime: return datetime_text(*value.get_if<Datetime>());
    case Kind::kDuration: return call("duration", value.get_if<Duration>()->to_string());
    case Kind::kSet:
      return joined('[', value.get_if<Set>()->elements(), ']',
                    [](const Value& v) { return to_string(v); });
    case Kind::kRecord:
      return joined('{', value.get_if<Record>()->fields(), '}',
                    [](const Field& f) { return quoted(f.name) + ": " + to_string(f.value); });
  }
  return {};
}

}  // namespace proviso::cedar
