#pragma once
// Generates (policies, entities, request) triples for fuzz/cedar/differential.cc: mostly well typed, with
// faults strewn in, so that every operator gives values and every error is met. One seed, one sequence.
#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace proviso::cedar::fuzz {

class Generator {
 public:
  struct Triple {
    std::string policies;  // Cedar text, templates among them
    std::string links;     // JSON: [{"templateId", "newId", "values"}…] as in a policy set
    std::string entities;  // JSON
    std::string request;   // JSON
    bool as_json = false;  // the peer reads the policies as JSON that we write
  };

  explicit Generator(uint64_t seed) : state_(seed) {}

  Triple next_triple() {
    Triple out;
    links_ = 0;
    for (uint64_t n = 0, count = 1 + pick(3); n < count; ++n) {
      if (pick(8) == 0) {
        add_template(n, out);
      } else {
        out.policies += policy(scope("principal"), scope("resource")) + " ";
      }
    }
    out.links = "[" + out.links + "]";
    out.entities = entities();
    out.request = request();
    out.as_json = pick(16) == 0;
    return out;
  }

 private:
  enum class T { kBool, kLong, kString, kEntity, kSet, kRecord, kDecimal, kIp, kDatetime, kDuration };
  static constexpr uint64_t kTypes = 10;

  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  uint64_t pick(uint64_t below) { return next() % below; }
  template <class List>
  std::string one_of(const List& list) { return std::string(list[pick(std::size(list))]); }

  // Texts and constants.

  std::string long_text() {
    static constexpr std::string_view kLongs[] = {"0", "1", "-1", "2", "7", "1000", "9223372036854775807", "-9223372036854775808"};
    return one_of(kLongs);
  }
  std::string string_text() {
    static constexpr std::string_view kStrings[] = {"", "a", "ab", "abc", "a*c", "x", "name", "1.5", "10.0.0.1", "2024-01-01", "1h",
                                                    "é", "line\nbreak", "q\"uote", "back\\slash", "\xF0\x9F\x98\x80", "b c"};
    return one_of(kStrings);
  }
  std::string pattern_text() {
    static constexpr std::string_view kPieces[] = {"*", "*", "a", "b", "c", "\\*", "é", "\\n", "\\u{1F600}"};
    std::string out;
    for (uint64_t n = pick(5); n > 0; --n) out += one_of(kPieces);
    return out;
  }
  struct Uid {
    const char* type;
    std::string id;
  };
  Uid uid() {
    uint64_t known = pick(8) == 0 ? 4 : 3;  // the fourth is nobody's entity
    switch (pick(16)) {
      case 0: return {"NS::Doc", fmt::format("d{}", pick(2))};
      case 1: return {"Action", fmt::format("a{}", pick(2))};
      case 2: case 3: case 4: case 5: case 6: return {"Group", fmt::format("g{}", pick(known))};
      default: return {"User", fmt::format("u{}", pick(known))};
    }
  }
  std::string uid_text() {
    Uid u = uid();
    return fmt::format("{}::\"{}\"", u.type, u.id);
  }
  std::string uid_json() {
    Uid u = uid();
    return fmt::format(R"({{"type":"{}","id":"{}"}})", u.type, u.id);
  }
  std::string type_text() {
    static constexpr std::string_view kTypeNames[] = {"User", "User", "Group", "NS::Doc", "Action", "Nobody"};
    return one_of(kTypeNames);
  }

  // The text of an extension value: from a list of good and bad ones, or put together.
  std::string extension_text(T type) {
    static constexpr std::string_view kDecimals[] = {"0.0", "1.5", "-0.5", "922337203685477.5807", "1.50", "-922337203685477.5808",
                                                     "922337203685477.5808", "1.", ".5", "1.00000", "+1.0", "-0.0", "00.1"};
    static constexpr std::string_view kIps[] = {"10.0.0.1", "10.0.0.0/8", "127.0.0.1", "::1", "ff00::/8", "224.0.0.1", "1:2::/16", "::",
                                                "127.0.0.0/7", "1.2.3", "256.0.0.1", "1.2.3.4/33", "::/129", "::1/128", "1::2::3", "0.0.0.0/0", "::ffff:1.2.3.4"};
    static constexpr std::string_view kDates[] = {"2024-01-01", "2024-02-29T12:00:00Z", "1969-12-31T23:59:59.999Z", "0000-01-01", "9999-12-31T23:59:59.999-2359",
                                                  "2024-01-01T00:00:00+0130", "1970-01-01", "2023-02-29", "2024-01-01T24:00:00Z", "2024-1-1", "2024-01-01T00:00:00+2400"};
    static constexpr std::string_view kDurations[] = {"1h", "-1d2h", "0ms", "9223372036854775807ms", "-9223372036854775808ms", "90m", "9223372036854775808ms",
                                                      "1h1d", "1s1s", "", "-", "1", "106751991167d7h12m55s807ms", "106751991167d7h12m55s808ms", "-106751991167d7h12m55s808ms"};
    static constexpr std::string_view kPlain[] = {"1.5", "10.0.0.1", "2024-01-01", "1h"};
    if (pick(60) == 0) return "bad";
    if (pick(2) == 0) return std::string(kPlain[static_cast<size_t>(type) - static_cast<size_t>(T::kDecimal)]);
    if (pick(4) == 0) return composed(type);
    switch (type) {
      case T::kDecimal: return one_of(kDecimals);
      case T::kIp: return one_of(kIps);
      case T::kDatetime: return one_of(kDates);
      default: return one_of(kDurations);
    }
  }
  std::string composed(T type) {
    switch (type) {
      case T::kDecimal: return fmt::format("{}{}.{}", pick(3) == 0 ? "-" : "", pick(2000), pick(20000));
      case T::kIp:
        if (pick(2) == 0) return fmt::format("{}.{}.{}.{}/{}", pick(260), pick(260), pick(260), pick(260), pick(34));
        return fmt::format("{:x}:{:x}::{:x}/{}", pick(70000), pick(70000), pick(70000), pick(130));
      case T::kDatetime:
        return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}{:02}{:02}", pick(10000), pick(13), pick(32), pick(25), pick(61), pick(61),
                           pick(1000), pick(2) == 0 ? "+" : "-", pick(25), pick(61));
      default: {
        static constexpr const char* kUnits[] = {"d", "h", "m", "s", "ms"};
        std::string out = pick(3) == 0 ? "-" : "";
        for (const char* unit : kUnits) {
          if (pick(2) == 0) out += std::to_string(pick(40) == 0 ? next() >> 1U : pick(5000)) + unit;
        }
        return out;
      }
    }
  }
  static constexpr const char* kNames[] = {"decimal", "ip", "datetime", "duration"};
  static const char* constructor_of(T type) { return kNames[static_cast<size_t>(type) - static_cast<size_t>(T::kDecimal)]; }

  // Entities and the request.

  std::string json_value(int depth) {
    switch (pick(depth > 0 ? 9 : 6)) {
      case 0: return pick(2) == 0 ? "true" : "false";
      case 1: case 2: return long_text();
      case 3: return json::quoted(string_text());
      case 4: case 5: return R"({"__entity":)" + uid_json() + "}";
      case 6: case 7: {
        std::string out = "[";
        for (uint64_t n = pick(4); n > 0; --n) out += json_value(depth - 1) + (n > 1 ? "," : "");
        return out + "]";
      }
      default: return fmt::format(R"({{"a":{},"b c":{}}})", json_value(depth - 1), json_value(depth - 1));
    }
  }
  std::string attributes() {
    static constexpr std::string_view kGood[] = {"1.5", "10.0.0.1", "2024-01-01", "1h"};
    static constexpr std::string_view kEdge[] = {"-922337203685477.5808", "::/0", "9999-12-31T23:59:59Z", "-9223372036854775808ms"};
    static constexpr const char* kAttrs[] = {"d", "i", "w", "u"};
    std::vector<std::string> all = {"\"n\":" + long_text(), "\"s\":" + json::quoted(string_text()), R"("e":{"__entity":)" + uid_json() + "}",
                                    "\"t\":" + json_value(2), R"("r":{"a":)" + json_value(1) + "}",
                                    "\"l\":[" + long_text() + "," + json_value(0) + "]", "\"f\":true"};
    for (size_t i = 0; i < 4; ++i) {
      all.push_back(fmt::format(R"("{}":{{"__extn":{{"fn":"{}","arg":"{}"}}}})", kAttrs[i], kNames[i], pick(4) == 0 ? kEdge[i] : kGood[i]));
    }
    std::string out;
    for (const std::string& one : all) {
      if (pick(12) != 0) out += (out.empty() ? "" : ",") + one;
    }
    return out;
  }
  std::string tags() {
    std::string out;
    for (const char* key : {"a", "", "name"}) {
      if (pick(2) == 0) out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", key, json_value(1));
    }
    return out;
  }
  static std::string entity(std::string_view type, const std::string& id, const std::string& attrs, const std::string& parents, const std::string& tags) {
    return fmt::format(R"({{"uid":{{"type":"{}","id":"{}"}},"attrs":{{{}}},"parents":[{}],"tags":{{{}}}}})", type, id, attrs, parents, tags);
  }
  std::string groups_from(uint64_t first) {
    std::string out;
    for (uint64_t i = first; i < 4; ++i) {  // g3 is nobody's entity
      if (pick(3) == 0) out += fmt::format(R"({}{{"type":"Group","id":"g{}"}})", out.empty() ? "" : ",", i);
    }
    return out;
  }
  std::string entities() {
    std::string out = "[";
    out += entity("Action", "a0", "", pick(2) == 0 ? R"({"type":"Action","id":"all"})" : "", "");
    for (uint64_t i = 0; i < 3; ++i) {
      if (pick(8) != 0) out += "," + entity("User", fmt::format("u{}", i), attributes(), groups_from(0), tags());
      out += "," + entity("Group", fmt::format("g{}", i), pick(4) != 0 ? attributes() : "", groups_from(i + 1), pick(3) == 0 ? tags() : "");
    }
    if (pick(2) == 0) out += "," + entity("NS::Doc", "d0", attributes(), R"({"type":"User","id":"u1"})", tags());
    return out + "]";
  }
  std::string request() {
    return fmt::format(R"({{"principal":{},"action":{{"type":"Action","id":"a{}"}},"resource":{},"context":{{{}}}}})", uid_json(), pick(2), uid_json(),
                       attributes());
  }

  // Policies.

  std::string scope(const char* variable) {
    switch (pick(16)) {
      case 0: return fmt::format("{} == {}", variable, uid_text());
      case 1: case 2: return fmt::format("{} in {}", variable, uid_text());
      case 3: return fmt::format("{} is {}", variable, type_text());
      case 4: return fmt::format("{} is {} in {}", variable, type_text(), uid_text());
      default: return variable;
    }
  }
  std::string action_scope() {
    static constexpr std::string_view kActions[] = {"action", "action", "action", "action", "action == Action::\"a0\"", "action in Action::\"all\"",
                                                    "action in [Action::\"a0\", Action::\"all\"]", "action in []", "action in [Action::\"all\"]"};
    return one_of(kActions);
  }
  std::string policy(const std::string& principal, const std::string& resource) {
    static constexpr std::string_view kNotes[] = {"@id(\"same\") ", "@a ", "@if(\"é\\n\") "};
    std::string out = pick(10) == 0 ? one_of(kNotes) : "";
    out += fmt::format("{}({}, {}, {})", pick(2) == 0 ? "permit" : "forbid", principal, action_scope(), resource);
    for (uint64_t n = pick(4) % 3; n > 0; --n) out += (pick(3) == 0 ? " unless { " : " when { ") + expr(T::kBool, 4) + " }";
    return out + ";";
  }
  std::string slot_scope(const char* variable) {
    switch (pick(3)) {
      case 0: return fmt::format("{0} == ?{0}", variable);
      case 1: return fmt::format("{0} in ?{0}", variable);
      default: return fmt::format("{0} is {1} in ?{0}", variable, type_text());
    }
  }
  void add_template(uint64_t number, Triple& out) {
    bool principal = pick(3) != 0;
    bool resource = !principal || pick(2) == 0;
    out.policies += policy(principal ? slot_scope("principal") : scope("principal"), resource ? slot_scope("resource") : scope("resource")) + " ";
    for (uint64_t n = pick(3); n > 0; --n) {
      std::string values = principal ? "\"?principal\":" + uid_json() : "";
      if (resource) values += (principal ? "," : "") + std::string("\"?resource\":") + uid_json();
      out.links += fmt::format(R"({}{{"templateId":"policy{}","newId":"link{}","values":{{{}}}}})", out.links.empty() ? "" : ",", number, links_++, values);
    }
  }

  // Expressions that mostly have the type asked for.

  T any() { return static_cast<T>(pick(kTypes)); }
  std::string attribute(T type) {
    static constexpr const char* kByType[] = {"f", "n", "s", "e", "l", "r", "d", "i", "w", "u"};
    static constexpr std::string_view kSubjects[] = {"principal", "resource", "context", "context", "context", "principal.e", "resource.e.e"};
    if (pick(60) == 0) return std::string("action.") + kByType[static_cast<size_t>(type)];
    return one_of(kSubjects) + "." + kByType[static_cast<size_t>(type)];
  }
  std::string expr(T type, int depth) {
    if (pick(25) == 0) type = any();  // the wrong type, for its error
    if (depth > 0 && pick(12) == 0) {
      return fmt::format("(if {} then {} else {})", expr(T::kBool, depth - 1), expr(type, depth - 1), expr(type, depth - 1));
    }
    if (pick(5) == 0) return attribute(type);
    switch (type) {
      case T::kBool: return boolean(depth);
      case T::kLong: return number(depth);
      case T::kString: return pick(8) == 0 && depth > 0 ? fmt::format("{}.getTag({})", expr(T::kEntity, depth - 1), expr(T::kString, depth - 1)) : string_literal();
      case T::kEntity: {
        static constexpr std::string_view kVariables[] = {"principal", "resource", "action", "principal"};
        return pick(2) == 0 ? uid_text() : one_of(kVariables);
      }
      case T::kSet: return set(depth);
      case T::kRecord:
        if (pick(4) == 0) return "context";
        return depth > 0 ? fmt::format("{{a: {}, \"b c\": {}}}", expr(any(), depth - 1), expr(any(), depth - 1)) : "{}";
      default: return extension(type, depth);
    }
  }
  // A string literal of Cedar.
  std::string string_literal() {
    std::string out = "\"";
    for (char c : string_text()) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }
  std::string set(int depth) {
    std::string out = "[";
    T of = any();
    for (uint64_t n = pick(4); n > 0; --n) out += expr(of, depth - 1) + (n > 1 ? ", " : "");
    return out + "]";
  }
  std::string number(int depth) {
    if (depth <= 0) return long_text();
    static constexpr const char* kParts[] = {"toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"};
    switch (pick(7)) {
      case 0: return fmt::format("({} + {})", expr(T::kLong, depth - 1), expr(T::kLong, depth - 1));
      case 1: return fmt::format("({} - {})", expr(T::kLong, depth - 1), expr(T::kLong, depth - 1));
      case 2: return fmt::format("({} * {})", expr(T::kLong, depth - 1), expr(T::kLong, depth - 1));
      case 3: return fmt::format("(-({}))", expr(T::kLong, depth - 1));
      case 4: return method(T::kDuration, kParts[pick(5)], depth);
      case 5: return "{a: " + expr(T::kLong, depth - 1) + "}.a";
      default: return long_text();
    }
  }
  // Extension methods; seldom with an argument too many.
  std::string method(T on, const char* name, int depth) {
    return fmt::format("{}.{}({})", expr(on, depth - 1), name, pick(40) == 0 ? expr(any(), 0) : "");
  }
  std::string method(T on, const char* name, T argument, int depth) {
    std::string given = pick(40) == 0 ? "" : expr(argument, depth - 1);
    return fmt::format("{}.{}({}{})", expr(on, depth - 1), name, given, !given.empty() && pick(40) == 0 ? ", 1" : "");
  }
  std::string extension(T type, int depth) {
    if (depth > 0 && type == T::kDatetime && pick(3) == 0) {
      if (pick(6) == 0) return R"(datetime("1970-01-01").offset(duration("-9223372036854775808ms")).toDate())";
      return pick(2) == 0 ? method(type, "toDate", depth) : method(type, "offset", T::kDuration, depth);
    }
    if (depth > 0 && type == T::kDuration && pick(3) == 0) {
      if (pick(12) == 0) return R"(datetime("1970-01-01").offset(duration("9223372036854775807ms")).durationSince(datetime("1969-12-31")))";
      return pick(2) == 0 ? method(T::kDatetime, "toTime", depth) : method(T::kDatetime, "durationSince", T::kDatetime, depth);
    }
    const char* name = constructor_of(type);
    if (pick(10) == 0) return fmt::format("{}({})", name, expr(T::kString, depth - 1));
    if (pick(60) == 0) return fmt::format("{}({})", name, pick(2) == 0 ? "" : "\"1\", \"2\"");
    return fmt::format("{}(\"{}\")", name, extension_text(type));
  }
  std::string has(int depth) {
    static constexpr std::string_view kPaths[] = {"n", "r.a", "e.n", "e.e.r.a", "\"b c\"", "\"\"", "r", "t"};
    return fmt::format("({} has {})", expr(pick(2) == 0 ? T::kEntity : T::kRecord, depth - 1), one_of(kPaths));
  }

  std::string boolean(int depth) {
    if (depth <= 0) return pick(2) == 0 ? "true" : "false";
    static constexpr const char* kOrders[] = {"<", "<=", ">", ">="};
    static constexpr const char* kDecimalOrders[] = {"lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"};
    static constexpr const char* kIpTests[] = {"isIpv4", "isIpv6", "isLoopback", "isMulticast"};
    static constexpr T kOrdered[] = {T::kLong, T::kLong, T::kDatetime, T::kDuration};
    T type = any();
    switch (pick(21)) {
      case 0: return fmt::format("({} && {})", expr(T::kBool, depth - 1), expr(T::kBool, depth - 1));
      case 1: return fmt::format("({} || {})", expr(T::kBool, depth - 1), expr(T::kBool, depth - 1));
      case 2: return fmt::format("({}({}))", std::string(1 + pick(4), '!'), expr(T::kBool, depth - 1));
      case 3: return fmt::format("({} == {})", expr(type, depth - 1), expr(type, depth - 1));
      case 4: return fmt::format("({} != {})", expr(type, depth - 1), expr(any(), depth - 1));
      case 5: case 6: {
        T of = pick(20) == 0 ? any() : kOrdered[pick(4)];
        return fmt::format("({} {} {})", expr(of, depth - 1), kOrders[pick(4)], expr(of, depth - 1));
      }
      case 7: return fmt::format("({} in {})", expr(T::kEntity, depth - 1), expr(pick(2) == 0 ? T::kEntity : T::kSet, depth - 1));
      case 8: return fmt::format("({} is {})", expr(T::kEntity, depth - 1), type_text());
      case 9: return fmt::format("({} is {} in {})", expr(T::kEntity, depth - 1), type_text(), expr(T::kEntity, depth - 1));
      case 10: case 11: return has(depth);
      case 12: return fmt::format("({} like \"{}\")", expr(T::kString, depth - 1), pattern_text());
      case 13: return fmt::format("{}.contains({})", expr(T::kSet, depth - 1), expr(any(), depth - 1));
      case 14: return fmt::format("{}.containsAll({})", expr(T::kSet, depth - 1), expr(T::kSet, depth - 1));
      case 15: return fmt::format("{}.containsAny({})", expr(T::kSet, depth - 1), expr(T::kSet, depth - 1));
      case 16: return expr(T::kSet, depth - 1) + ".isEmpty()";
      case 17: return fmt::format("{}.hasTag({})", expr(T::kEntity, depth - 1), expr(T::kString, depth - 1));
      case 18: return method(T::kDecimal, kDecimalOrders[pick(4)], T::kDecimal, depth);
      case 19: return method(T::kIp, kIpTests[pick(4)], depth);
      default: return method(T::kIp, "isInRange", T::kIp, depth);
    }
  }

  uint64_t state_;
  uint64_t links_ = 0;
};

}  // namespace proviso::cedar::fuzz
