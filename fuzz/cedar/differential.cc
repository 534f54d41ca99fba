// Generated (policies, entities, request) triples with this engine's answers, one JSON case a line, for
// the Rust crate to judge and compare (bench/cedar_peer); fuzz/cedar_differential.py runs both.
//   cedar_differential COUNT SEED
// What was reached (operators, functions, scopes, kinds of run-time errors) is counted on standard
// error, with zeros.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "base/check.h"
#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/functions.h"
#include "cedar/policy_json.h"
#include "cedar/request_json.h"
#include "generator.h"

namespace {

using namespace proviso;
using namespace proviso::cedar;
using fuzz::Generator;

struct Counted {
  std::string_view name;
  size_t times = 0;
};

// In the order of Op.
std::array<Counted, 31> operators = {{
    {"literal"}, {"variable"}, {"&&"}, {"||"}, {"!"}, {"unary -"}, {"if"}, {"=="}, {"!="}, {"<"}, {"<="}, {">"}, {">="}, {"in"},
    {"+"}, {"-"}, {"*"}, {"like"}, {"is"}, {"is … in"}, {"."}, {"has"}, {"contains"}, {"containsAll"}, {"containsAny"},
    {"isEmpty"}, {"getTag"}, {"hasTag"}, {"extension"}, {"set"}, {"record"},
}};
std::array<Counted, 22> functions = {{
    {"decimal"}, {"ip"}, {"datetime"}, {"duration"}, {"lessThan"}, {"lessThanOrEqual"}, {"greaterThan"}, {"greaterThanOrEqual"},
    {"isIpv4"}, {"isIpv6"}, {"isLoopback"}, {"isMulticast"}, {"isInRange"}, {"offset"}, {"durationSince"}, {"toDate"}, {"toTime"},
    {"toMilliseconds"}, {"toSeconds"}, {"toMinutes"}, {"toHours"}, {"toDays"},
}};
// In the order of Scope::Kind; then the same with a slot.
std::array<Counted, 12> scopes = {{
    {"any"}, {"=="}, {"in"}, {"in […]"}, {"is"}, {"is … in"}, {"(slot) any"}, {"(slot) =="}, {"(slot) in"}, {"(slot) in […]"}, {"(slot) is"}, {"(slot) is … in"},
}};

// A kind of run-time error: our sentence holds both parts; the peer's name of its kind.
struct ErrorKind {
  std::string_view begins;
  std::string_view holds;
  std::string_view peer;
  size_t times = 0;
};
std::array<ErrorKind, 31> errors = {{
    {"expected long, datetime or duration,", "", "type"},  // before the next but one, which begins like it
    {"expected bool,", "", "type"},
    {"expected long,", "", "type"},
    {"expected string,", "", "type"},
    {"expected entity,", "", "type"},
    {"expected set,", "", "type"},
    {"expected decimal,", "", "type"},
    {"expected ipaddr,", "", "type"},
    {"expected datetime,", "", "type"},
    {"expected duration,", "", "type"},
    {"expected record or entity,", "", "type"},
    {"expected entity or set of entities,", "", "type"},
    {"overflow while negating", "", "overflow"},
    {"overflow in `", " + ", "overflow"},
    {"overflow in `", " - ", "overflow"},
    {"overflow in `", " * ", "overflow"},
    {"overflow in `offset`", "", "extension"},
    {"overflow in `durationSince`", "", "extension"},
    {"overflow in `toDate`", "", "extension"},
    {"entity `", "does not exist", "entity"},
    {"the record has no attribute", "", "record attribute"},
    {"`", "has no attribute", "entity attribute"},
    {"`", "has no tag", "entity attribute"},
    {"an extension constructor takes one argument", "", "arity"},
    {"this method takes", "", "arity"},
    {"`", "is not a decimal", "extension"},
    {"`", "is outside the range of decimal", "extension"},
    {"`", "is not an IP address", "extension"},
    {"`", "is not a datetime", "extension"},
    {"`", "is not a duration", "extension"},
    {"`", "is outside the range of duration", "extension"},
}};

void count(const Expr& e) {
  ++operators[static_cast<size_t>(e.op)].times;
  if (e.op == Op::kExtension) ++functions[static_cast<size_t>(find_extension(e.name)->ext)].times;
  for (const ExprPtr& arg : e.args) count(*arg);
}

void count(const Policy& policy) {
  for (const Scope* scope : {&policy.principal, &policy.action, &policy.resource}) {
    ++scopes[static_cast<size_t>(scope->kind) + (scope->slot ? scopes.size() / 2 : 0)].times;
  }
  for (const Condition& condition : policy.conditions) count(*condition.body);
}

std::string_view counted_kind(const std::string& message) {
  auto at = std::ranges::find_if(errors, [&](const ErrorKind& kind) {
    return message.starts_with(kind.begins) && message.find(kind.holds) != std::string::npos;
  });
  if (at == errors.end()) fmt::print(stderr, "not a known kind of error: {}\n", message);
  PV_CHECK(at != errors.end());
  ++at->times;
  return at->peer;
}

Status add_links(PolicySet& set, json::Element links) {
  for (json::Element link : json::Array(links)) {
    SlotValues values;
    for (auto field : json::Object(link["values"])) {
      PV_TRY((field.key == "?principal" ? values.principal : values.resource), uid_from_json(field.value));
    }
    PV_TRY_VOID(set.link(std::string_view(link["templateId"]), std::string_view(link["newId"]), std::move(values)));
  }
  return {};
}

struct Parsed {
  PolicySet policies;
  Entities entities;
  Request request;
};

Result<Parsed> parse(const Generator::Triple& triple) {
  json::Parser parser;
  Parsed out;
  PV_TRY(out.policies, PolicySet::parse(triple.policies, "generated"));
  PV_TRY(json::Element links, parser.parse(triple.links));
  PV_TRY_VOID(add_links(out.policies, links));
  PV_TRY(json::Element entities, parser.parse(triple.entities));
  PV_TRY(std::vector<Entity> list, entities_from_json(entities));
  PV_TRY(out.entities, Entities::create(std::move(list)));
  PV_TRY(json::Element request, parser.parse(triple.request));
  PV_TRY(out.request, request_from_json(request));
  return out;
}

std::string listed(std::vector<std::string> names) {
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ","));
}

// "decision|reasons|errors, each with its kind". The index must change nothing.
std::string judge(const Parsed& parsed) {
  Engine engine = *Engine::compile(parsed.policies);
  Engine walked = *Engine::compile(parsed.policies, nullptr, {.index = false});
  Response got = engine.is_authorized(parsed.request, parsed.entities);
  Response again = walked.is_authorized(parsed.request, parsed.entities);
  auto same_error = [](const PolicyError& a, const PolicyError& b) { return a.policy == b.policy && a.message == b.message; };
  PV_CHECK(got.decision == again.decision && got.permits == again.permits && got.forbids == again.forbids);
  PV_CHECK(std::ranges::equal(got.errors, again.errors, same_error));
  PV_CHECK(!got.cut_short && !again.cut_short);
  const std::vector<Policy>& policies = engine.policies();
  std::vector<std::string> reasons;
  std::vector<std::string> failed;
  for (uint32_t i : got.reason()) reasons.push_back(policies[i].id);
  for (const PolicyError& e : got.errors) failed.push_back(fmt::format("{}={}", policies[e.policy].id, counted_kind(e.message)));
  return fmt::format("{}|{}|{}", got.decision == Answer::kAllow ? "allow" : "deny", listed(reasons), listed(failed));
}

void write_case(Generator& generator) {
  Generator::Triple triple = generator.next_triple();
  auto parsed = parse(triple);
  std::string line;
  json::Writer w(line);
  w.begin_object();
  if (parsed && triple.as_json) {
    w.key("policySet").raw(to_json(parsed->policies));
  } else {
    w.key("policies").string(triple.policies).key("links").raw(triple.links);
  }
  w.key("entities").raw(triple.entities).key("request").raw(triple.request);
  if (parsed) {
    for (const auto* family : {&parsed->policies.policies(), &parsed->policies.templates()}) {
      for (const Policy& policy : *family) count(policy);
    }
  }
  w.key("ours").string(parsed ? judge(*parsed) : "refused|" + parsed.error().message);
  w.end_object();
  line += '\n';
  PV_CHECK(std::fwrite(line.data(), 1, line.size(), stdout) == line.size());  // the peer has gone
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: cedar_differential COUNT SEED\n");
    return 2;
  }
  Generator generator(std::stoull(argv[2]));
  for (uint64_t n = std::stoull(argv[1]); n > 0; --n) write_case(generator);
  PV_CHECK(std::fflush(stdout) == 0);
  for (const Counted& one : operators) fmt::print(stderr, "operator {}\t{}\n", one.name, one.times);
  for (const Counted& one : functions) fmt::print(stderr, "function {}\t{}\n", one.name, one.times);
  for (const Counted& one : scopes) {
    bool sayable = one.name != "(slot) any" && one.name != "(slot) is" && one.name != "(slot) in […]";
    if (sayable) fmt::print(stderr, "scope {}\t{}\n", one.name, one.times);
  }
  for (const ErrorKind& one : errors) fmt::print(stderr, "error {}…{}\t{}\n", one.begins, one.holds, one.times);
}
