// How long can a decision take? Policies, stores and requests within every limit, made to be slow, each
// decided under the bound on steps; prints the time of the first decision, when nothing is known yet, and the
// median and the slowest of the next.
//   bench_cedar_worst [DECISIONS]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/check.h"
#include "cedar/authorizer.h"
#include "cedar/policy_set.h"

namespace {

using namespace proviso;
using namespace proviso::cedar;

struct Trial {
  const char* name;
  std::string policies;
  std::vector<Entity> entities;
  Request request;
};

std::string repeated(size_t count, const std::function<std::string(size_t)>& one) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += one(i);
  return out;
}

// `permit (…) when { TEXT };` so many times, # standing for the number.
std::string policies(size_t count, std::string_view condition, std::string_view head = "principal, action, resource") {
  return repeated(count, [&](size_t i) {
    std::string body(condition);
    for (size_t at; (at = body.find('#')) != std::string::npos;) body.replace(at, 1, std::to_string(i));
    return fmt::format("permit ({}) when {{ {} }};\n", head, body);
  });
}

Value text_set(size_t count, const std::string& prefix) {
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) out.push_back(fmt::format("{}{:08}", prefix, i));
  return Value::set(Set::of_strings(out));
}

Value entity_set(size_t count, const std::string& prefix) {
  std::vector<Value> out;
  for (size_t i = 0; i < count; ++i) out.push_back(Value::entity("Group", fmt::format("{}{}", prefix, i)));
  return Value::set(Set(std::move(out)));
}

Request request(Record context = {}) { return {{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, std::move(context)}; }

std::vector<Entity> in_groups(size_t count) {
  Entity user{{"User", "u"}, {}, {}, {}};
  Entity doc{{"Doc", "d"}, {}, {}, {}};
  for (size_t i = 0; i < count; ++i) {
    user.parents.push_back({"Group", fmt::format("g{}", i)});
    doc.parents.push_back({"Group", fmt::format("h{}", i)});
  }
  return {user, doc};
}

std::vector<Entity> many_entities(size_t count) {
  std::vector<Entity> out;
  for (size_t i = 0; i < count; ++i) out.push_back({{"Group", fmt::format("s{}", i)}, {}, {}, {}});
  return out;
}

std::vector<Trial> sets_and_texts() {
  const std::string kilo(1000, 'x');
  const std::string mega(1'000'000, 'a');
  std::vector<Trial> out;
  out.push_back({"in a set of strangers", policies(200, "principal in context.s || # == -1"), {}, request({{"s", entity_set(90'000, "s")}})});
  out.push_back({"in a set of 4,000 known", policies(200, "principal in context.s || # == -1"), many_entities(100'000), request({{"s", entity_set(4'000, "s")}})});
  out.push_back({"in small sets of known", policies(5'000, "principal in [resource, Group::\"s#\"]"), many_entities(100'000), request()});
  out.push_back({"contains, long texts", policies(5'000, "context.s.contains(context.t) && # == -1"), {},
                 request({{"s", text_set(20'000, kilo)}, {"t", Value::string(kilo + "00019999")}})});
  out.push_back({"containsAll", policies(200, "context.s.containsAll(context.t) && # == -1"), {}, request({{"s", text_set(90'000, "p")}, {"t", text_set(90'000, "p")}})});
  out.push_back({"containsAny of small sets", policies(5'000, "context.s.containsAny([\"p00000100\", \"q#\"]) && # == -1"), {}, request({{"s", text_set(90'000, "p")}})});
  out.push_back({"equal sets", policies(200, "context.s == context.t && # == -1"), {}, request({{"s", text_set(90'000, "p")}, {"t", text_set(90'000, "p")}})});
  out.push_back({"like on a megabyte", policies(500, "context.t like \"*aaaaaaaaaaaaaaab*aaaaaaaab#*\""), {}, request({{"t", Value::string(mega)}})});
  out.push_back({"like on a short text", policies(20'000, "context.t like \"*aab*b#*\""), {}, request({{"t", Value::string(std::string(31, 'a'))}})});
  out.push_back({"equal long ids", policies(500, "context.e == context.f && # == -1"), {}, request({{"e", Value::entity("T", mega)}, {"f", Value::entity("T", mega)}})});
  out.push_back({"decimal of a megabyte", policies(500, "decimal(context.t) == decimal(context.u) && # == 1"), {}, request({{"t", Value::string(std::string(1'000'000, '1'))}, {"u", Value::string("1.0")}})});
  out.push_back({"reading addresses", policies(20'000, "ip(if # == -1 then \"\" else context.t).isInRange(ip(\"1::/16\")) && # == -1"), {},
                 request({{"t", Value::string("1111:2222:3333:4444:5555:6666:7777:8888/128")}})});
  return out;
}

std::vector<Trial> shapes_and_scopes() {
  std::vector<Trial> out;
  out.push_back({"60,000 policies without scope", policies(60'000, "context.n == #"), {}, request({{"n", Value::integer(-1)}})});
  out.push_back({"20,000 of `is T in E`", policies(20'000, "true", "principal is User in Group::\"none\", action, resource"), {}, request()});
  out.push_back({"sums", policies(20'000, "context.n + # + # * # - # == -1 && # == 0"), {}, request({{"n", Value::integer(-1)}})});
  out.push_back({"errors", policies(20'000, "context.missing# == 1"), {}, request()});
  out.push_back({"errors of overflow", policies(20'000, "context.n + # > 0"), {}, request({{"n", Value::integer(INT64_MAX)}})});
  out.push_back({"new sets", policies(20'000, "[context.n, #, 3, 2, 1].contains(-2)"), {}, request({{"n", Value::integer(-1)}})});
  out.push_back({"new records of a record", policies(5'000, "{a: context, b: #} == {a: context, b: -#}"), {}, request({{"r", Value::record({{"x", text_set(10, "p")}})}})});
  out.push_back({"many actions", policies(200, "false", "principal, action in [" + repeated(400, [](size_t i) { return fmt::format("Action::\"g{}\",", i); }) + "], resource"),
                 [] {
                   Entity action{{"Action", "a"}, {}, {}, {}};
                   for (size_t i = 0; i < 400; ++i) action.parents.push_back({"Action", fmt::format("g{}", i)});
                   return std::vector<Entity>{action};
                 }(),
                 request()});
  out.push_back({"1,024 groups each", policies(1, "false") + repeated(1'000, [](size_t i) {
                   return fmt::format("permit (principal in Group::\"g{}\", action, resource in Group::\"h{}\") when {{ false }};\n", i, (i * 7) % 1'000);
                 }), in_groups(kAncestorsMax), request()});
  out.push_back({"tags", policies(20'000, "principal.hasTag(\"t#\") && principal.getTag(\"t#\") == 1"),
                 [] {
                   Entity user{{"User", "u"}, {}, {}, {}};
                   for (int i = 0; i < 20'000; ++i) user.tags.set(fmt::format("t{:05}", i), Value::integer(0));
                   return std::vector<Entity>{user};
                 }(),
                 request()});
  return out;
}

double microseconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

double run(const Trial& trial, int decisions) {
  auto set = PolicySet::parse(trial.policies, trial.name);
  if (!set) fmt::print(stderr, "{}: {}\n", trial.name, set.error().message);
  PV_CHECK(set.has_value());
  auto store = Entities::create(trial.entities);
  PV_CHECK(store.has_value());
  auto engine = Engine::compile(std::move(*set));
  PV_CHECK(engine.has_value());
  Response response;
  const double first = microseconds([&] { engine->is_authorized(trial.request, *store, response); });
  std::vector<double> times;
  for (int i = 0; i < decisions; ++i) {
    times.push_back(microseconds([&] { engine->is_authorized(trial.request, *store, response); }));
  }
  std::ranges::sort(times);
  fmt::print("{:32} {:8} {:9.1f} {:9.1f} {:9.1f}  {}\n", trial.name, engine->policies().size(), first, times[times.size() / 2], times.back(),
             response.cut_short ? "cut short" : "whole");
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int decisions = argc > 1 ? std::atoi(argv[1]) : 200;
  fmt::print("{:32} {:>8} {:>9} {:>9} {:>9}\n", "what is slow", "policies", "first µs", "median", "slowest");
  double worst = 0;
  for (const auto& trials : {sets_and_texts(), shapes_and_scopes()}) {
    for (const Trial& trial : trials) worst = std::max(worst, run(trial, decisions));
  }
  fmt::print("worst median: {:.1f} µs under {} steps\n", worst, kDecisionStepsMax);
}
