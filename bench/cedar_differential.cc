// Generated (policies, entities, request) triples, judged by this engine; the Rust crate judges the same
// file (bench/cedar_peer), and fuzz/cedar_differential.py compares the answers.
//   cedar_differential COUNT SEED CASES ANSWERS
// CASES gets one JSON case a line, ANSWERS one answer a line: decision|reasons|errors. Operators and
// kinds of run-time errors that were reached are counted on standard error.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json.h"
#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/request_json.h"

namespace {

using namespace proviso;
using namespace proviso::cedar;

enum class T { kBool, kLong, kString, kEntity, kSet, kRecord, kDecimal, kIp, kDatetime, kDuration };

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) {}

  std::string policies() {
    std::string out;
    for (uint64_t n = 1 + pick(3); n > 0; --n) out += policy() + " ";
    return out;
  }

  std::string entities() {
    std::string out = "[";
    for (int i = 0; i < 3; ++i) {
      if (pick(8) == 0) continue;  // a reference to it dangles
      out += fmt::format(R"({}{{"uid":{{"type":"User","id":"u{}"}},"attrs":{{{}}},"parents":[{}],"tags":{{{}}}}})",
                         out.size() > 1 ? "," : "", i, attributes(), parents(), tags());
    }
    for (int i = 0; i < 3; ++i) {
      std::string up = i < 2 && pick(2) == 0 ? fmt::format(R"({{"type":"Group","id":"g{}"}})", i + 1) : "";
      out += fmt::format(R"({}{{"uid":{{"type":"Group","id":"g{}"}},"attrs":{{}},"parents":[{}]}})", out.size() > 1 ? "," : "", i, up);
    }
    std::string up = pick(2) == 0 ? R"({"type":"Action","id":"all"})" : "";
    return out + fmt::format(R"(,{{"uid":{{"type":"Action","id":"a0"}},"attrs":{{}},"parents":[{}]}}])", up);
  }

  std::string request() {
    return fmt::format(R"({{"principal":{{"type":"User","id":"u{}"}},"action":{{"type":"Action","id":"a{}"}},"resource":{{"type":"{}","id":"{}"}},"context":{{{}}}}})",
                       pick(4), pick(2), pick(2) == 0 ? "User" : "Group", pick(2) == 0 ? "u1" : "g0", attributes());
  }

 private:
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  uint64_t pick(uint64_t below) { return next() % below; }
  template <class List>
  std::string one_of(const List& list) { return std::string(list[pick(std::size(list))]); }

  std::string long_text() {
    static constexpr std::string_view kLongs[] = {"0", "1", "-1", "2", "7", "1000", "9223372036854775807", "-9223372036854775808"};
    return one_of(kLongs);
  }
  std::string string_text() {
    static constexpr std::string_view kStrings[] = {"", "a", "ab", "abc", "a*c", "x", "name", "1.5", "10.0.0.1", "2024-01-01", "1h", "é"};
    return one_of(kStrings);
  }
  std::string uid_text() { return pick(2) == 0 ? fmt::format("User::\"u{}\"", pick(4)) : fmt::format("Group::\"g{}\"", pick(4)); }
  std::string uid_json() {
    return pick(2) == 0 ? fmt::format(R"({{"__entity":{{"type":"User","id":"u{}"}}}})", pick(4))
                        : fmt::format(R"({{"__entity":{{"type":"Group","id":"g{}"}}}})", pick(4));
  }
  std::string extension_text(const char* fn) {
    static constexpr std::string_view kDecimals[] = {"0.0", "1.5", "-0.5", "922337203685477.5807", "1.50"};
    static constexpr std::string_view kIps[] = {"10.0.0.1", "10.0.0.0/8", "127.0.0.1", "::1", "ff00::/8", "224.0.0.1", "1:2::/16"};
    static constexpr std::string_view kDates[] = {"2024-01-01", "2024-02-29T12:00:00Z", "1969-12-31T23:59:59.999Z", "0000-01-01", "2024-01-01T00:00:00+0130"};
    static constexpr std::string_view kDurations[] = {"1h", "-1d2h", "0ms", "9223372036854775807ms", "-9223372036854775808ms", "90m"};
    if (pick(12) == 0) return "bad";
    switch (fn[1]) {
      case 'e': return one_of(kDecimals);
      case 'p': return one_of(kIps);
      case 'a': return one_of(kDates);
      default: return one_of(kDurations);
    }
  }
  static constexpr const char* kNames[] = {"decimal", "ip", "datetime", "duration"};

  std::string json_value(int depth) {
    switch (pick(depth > 0 ? 9 : 6)) {
      case 0: return pick(2) == 0 ? "true" : "false";
      case 1: case 2: return long_text();
      case 3: return json::quoted(string_text());
      case 4: case 5: return uid_json();
      case 6: case 7: {
        std::string out = "[";
        for (uint64_t n = pick(4); n > 0; --n) out += json_value(depth - 1) + (n > 1 ? "," : "");
        return out + "]";
      }
      default: return fmt::format(R"({{"a":{},"b c":{}}})", json_value(depth - 1), json_value(depth - 1));
    }
  }
  std::string extension_json(size_t which) {
    static constexpr std::string_view kGood[] = {"1.5", "10.0.0.1", "2024-01-01", "1h"};
    return fmt::format(R"({{"__extn":{{"fn":"{}","arg":"{}"}}}})", kNames[which], kGood[which]);
  }
  std::string attributes() {
    std::vector<std::string> all = {"\"n\":" + long_text(), "\"s\":" + json::quoted(string_text()), "\"e\":" + uid_json(),
                                    "\"t\":" + json_value(2), R"("r":{"a":)" + json_value(1) + "}",
                                    "\"l\":[" + long_text() + "," + json_value(0) + "]", "\"f\":true"};
    static constexpr const char* kAttrs[] = {"d", "i", "w", "u"};
    for (size_t i = 0; i < 4; ++i) all.push_back(fmt::format("\"{}\":{}", kAttrs[i], extension_json(i)));
    std::string out;
    for (const std::string& one : all) {
      if (pick(6) != 0) out += (out.empty() ? "" : ",") + one;
    }
    return out;
  }
  std::string parents() {
    std::string out;
    for (int i = 0; i < 3; ++i) {
      if (pick(3) == 0) out += fmt::format(R"({}{{"type":"Group","id":"g{}"}})", out.empty() ? "" : ",", i);
    }
    return out;
  }
  std::string tags() { return pick(2) == 0 ? "\"a\":" + json_value(1) : ""; }

  std::string scope(const char* variable) {
    switch (pick(7)) {
      case 0: return fmt::format("{} == {}", variable, uid_text());
      case 1: case 2: return fmt::format("{} in {}", variable, uid_text());
      case 3: return fmt::format("{} is User", variable);
      case 4: return fmt::format("{} is User in {}", variable, uid_text());
      default: return variable;
    }
  }
  std::string policy() {
    static constexpr std::string_view kActions[] = {"action", "action", "action == Action::\"a0\"", "action in Action::\"all\"",
                                                    "action in [Action::\"a0\", Action::\"all\"]", "action in []"};
    std::string out = fmt::format("{}({}, {}, {})", pick(2) == 0 ? "permit" : "forbid", scope("principal"), one_of(kActions), scope("resource"));
    for (uint64_t n = pick(3); n > 0; --n) out += (pick(3) == 0 ? " unless { " : " when { ") + expr(T::kBool, 4) + " }";
    return out + ";";
  }

  std::string attribute(T type) {
    static constexpr const char* kByType[] = {"f", "n", "s", "e", "l", "r", "d", "i", "w", "u"};
    static constexpr std::string_view kSubjects[] = {"principal", "resource", "context", "context", "principal.e"};
    return one_of(kSubjects) + "." + kByType[static_cast<size_t>(type)];
  }

  std::string expr(T type, int depth) {
    if (pick(25) == 0) type = static_cast<T>(pick(10));  // sometimes the wrong type, for its error
    if (depth > 0 && pick(12) == 0) {
      return fmt::format("(if {} then {} else {})", expr(T::kBool, depth - 1), expr(type, depth - 1), expr(type, depth - 1));
    }
    if (pick(5) == 0) return attribute(type);
    switch (type) {
      case T::kBool: return boolean(depth);
      case T::kLong: return number(depth);
      case T::kString: return pick(8) == 0 && depth > 0 ? "principal.getTag(\"a\")" : json::quoted(string_text());
      case T::kEntity: return pick(2) == 0 ? uid_text() : pick(2) == 0 ? "principal" : "resource";
      case T::kSet: return set(depth);
      case T::kRecord:
        if (pick(4) == 0) return "context";
        return depth > 0 ? fmt::format("{{a: {}, \"b c\": {}}}", expr(any(), depth - 1), expr(any(), depth - 1)) : "{}";
      default: return extension(type, depth);
    }
  }
  T any() { return static_cast<T>(pick(10)); }

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
      case 4: return fmt::format("{}.{}()", expr(T::kDuration, depth - 1), kParts[pick(5)]);
      case 5: return "{a: " + expr(T::kLong, depth - 1) + "}.a";
      default: return long_text();
    }
  }

  std::string extension(T type, int depth) {
    if (depth > 0 && type == T::kDatetime && pick(3) == 0) {
      return pick(2) == 0 ? expr(type, depth - 1) + ".toDate()" : fmt::format("{}.offset({})", expr(type, depth - 1), expr(T::kDuration, depth - 1));
    }
    if (depth > 0 && type == T::kDuration && pick(3) == 0) {
      return pick(2) == 0 ? expr(T::kDatetime, depth - 1) + ".toTime()"
                          : fmt::format("{}.durationSince({})", expr(T::kDatetime, depth - 1), expr(T::kDatetime, depth - 1));
    }
    const char* name = kNames[static_cast<size_t>(type) - static_cast<size_t>(T::kDecimal)];
    if (pick(10) == 0) return fmt::format("{}({})", name, expr(T::kString, depth - 1));
    return fmt::format("{}(\"{}\")", name, extension_text(name));
  }

  std::string boolean(int depth) {
    if (depth <= 0) return pick(2) == 0 ? "true" : "false";
    static constexpr const char* kOrders[] = {"<", "<=", ">", ">="};
    static constexpr const char* kDecimalOrders[] = {"lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"};
    static constexpr const char* kIpTests[] = {"isIpv4", "isIpv6", "isLoopback", "isMulticast"};
    static constexpr T kOrdered[] = {T::kLong, T::kLong, T::kDatetime, T::kDuration};
    T type = any();
    switch (pick(20)) {
      case 0: return fmt::format("({} && {})", expr(T::kBool, depth - 1), expr(T::kBool, depth - 1));
      case 1: return fmt::format("({} || {})", expr(T::kBool, depth - 1), expr(T::kBool, depth - 1));
      case 2: return fmt::format("(!({}))", expr(T::kBool, depth - 1));
      case 3: return fmt::format("({} == {})", expr(type, depth - 1), expr(type, depth - 1));
      case 4: return fmt::format("({} != {})", expr(type, depth - 1), expr(any(), depth - 1));
      case 5: case 6: {
        T of = kOrdered[pick(4)];
        return fmt::format("({} {} {})", expr(of, depth - 1), kOrders[pick(4)], expr(of, depth - 1));
      }
      case 7: return fmt::format("({} in {})", expr(T::kEntity, depth - 1), expr(pick(2) == 0 ? T::kEntity : T::kSet, depth - 1));
      case 8: return fmt::format("({} is {})", expr(T::kEntity, depth - 1), pick(2) == 0 ? "User" : "Group");
      case 9: return fmt::format("({} is User in {})", expr(T::kEntity, depth - 1), expr(T::kEntity, depth - 1));
      case 10: return fmt::format("({} has {})", expr(pick(2) == 0 ? T::kEntity : T::kRecord, depth - 1), pick(2) == 0 ? "r.a" : "n");
      case 11: return fmt::format("({} has \"b c\")", expr(T::kRecord, depth - 1));
      case 12: return fmt::format("({} like \"{}\")", expr(T::kString, depth - 1), pick(2) == 0 ? "a*" : R"(*\**c)");
      case 13: return fmt::format("{}.contains({})", expr(T::kSet, depth - 1), expr(any(), depth - 1));
      case 14: return fmt::format("{}.containsAll({})", expr(T::kSet, depth - 1), expr(T::kSet, depth - 1));
      case 15: return fmt::format("{}.containsAny({})", expr(T::kSet, depth - 1), expr(T::kSet, depth - 1));
      case 16: return pick(2) == 0 ? expr(T::kSet, depth - 1) + ".isEmpty()" : fmt::format("{}.hasTag({})", expr(T::kEntity, depth - 1), expr(T::kString, depth - 1));
      case 17: return fmt::format("{}.{}({})", expr(T::kDecimal, depth - 1), kDecimalOrders[pick(4)], expr(T::kDecimal, depth - 1));
      case 18: return fmt::format("{}.{}()", expr(T::kIp, depth - 1), kIpTests[pick(4)]);
      default: return fmt::format("{}.isInRange({})", expr(T::kIp, depth - 1), expr(T::kIp, depth - 1));
    }
  }

  uint64_t state_;
};

std::map<std::string, size_t> operators;
std::map<std::string, size_t> errors;

void count(const Expr& e) {
  static constexpr const char* kOps[] = {"literal", "var", "&&", "||", "!", "neg", "if", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*",
                                         "like", "is", "is-in", ".", "has", "contains", "containsAll", "containsAny", "isEmpty", "getTag",
                                         "hasTag", "extension", "set", "record"};
  ++operators[e.op == Op::kExtension ? e.name : kOps[static_cast<size_t>(e.op)]];
  for (const ExprPtr& arg : e.args) count(*arg);
}

// The sentence without what it quotes.
std::string kind_of(const std::string& message) {
  std::string out;
  bool quoted = false;
  for (char c : message) {
    if (c == '`') quoted = !quoted;
    if (!quoted && (c < '0' || c > '9')) out += c;
  }
  return out.substr(0, 60);
}

std::string judge(const std::string& policies, const std::string& entities, const std::string& request) {
  json::Parser entity_parser;
  json::Parser request_parser;
  auto set = PolicySet::parse(policies, "generated");
  auto entity_json = entity_parser.parse(entities);
  auto request_json = request_parser.parse(request);
  if (!set || !entity_json || !request_json) return "refused|" + (set ? "JSON" : set.error().message);
  auto list = entities_from_json(*entity_json);
  auto asked = request_from_json(*request_json);
  if (!list || !asked) return "refused|" + (list ? asked.error().message : list.error().message);
  auto store = Entities::create(std::move(*list));
  if (!store) return "refused|" + store.error().message;
  for (const Policy& policy : set->policies()) {
    for (const Condition& c : policy.conditions) count(*c.body);
  }
  Engine engine = *Engine::compile(*set);
  Engine walked = *Engine::compile(std::move(*set), nullptr, {.index = false});
  Response got = engine.is_authorized(*asked, *store);
  Response again = walked.is_authorized(*asked, *store);
  PV_CHECK(got.permits == again.permits && got.forbids == again.forbids && got.errors.size() == again.errors.size());
  std::vector<std::string> reason;
  std::vector<std::string> failed;
  for (uint32_t i : got.reason()) reason.push_back(engine.policies()[i].id);
  for (const PolicyError& e : got.errors) {
    failed.push_back(engine.policies()[e.policy].id);
    ++errors[kind_of(e.message)];
  }
  return fmt::format("{}|{}|{}", got.decision == Answer::kAllow ? "allow" : "deny", fmt::join(reason, ","), fmt::join(failed, ","));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: cedar_differential COUNT SEED CASES ANSWERS\n");
    return 2;
  }
  std::FILE* cases = std::fopen(argv[3], "w");
  std::FILE* answers = std::fopen(argv[4], "w");
  PV_CHECK(cases != nullptr && answers != nullptr);
  Generator generator(std::stoull(argv[2]));
  for (uint64_t n = std::stoull(argv[1]); n > 0; --n) {
    std::string policies = generator.policies();
    std::string entities = generator.entities();
    std::string request = generator.request();
    fmt::print(cases, R"({{"policies":{},"entities":{},"request":{}}})"
                      "\n", json::quoted(policies), entities, request);
    fmt::print(answers, "{}\n", judge(policies, entities, request));
  }
  std::fclose(cases);
  std::fclose(answers);
  for (const auto& [name, times] : operators) fmt::print(stderr, "operator {}: {}\n", name, times);
  for (const auto& [name, times] : errors) fmt::print(stderr, "error {}: {}\n", name, times);
}
