// Decisions at 20 policies shaped like the sample agreement, on requests given as strings, so that
// looking up their entities is inside the timer. Every answer is checked.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cedar/authorizer.h"
#include "cedar/policy_set.h"
#include "cedar/validator.h"

using namespace proviso;
using namespace proviso::cedar;

namespace {

constexpr std::string_view kSchema = R"(
  entity Role, Purpose, ToolClass;
  entity Person in [Role] = { clearance: Long, nationality: String, training_until: datetime };
  entity Vendor = { jurisdiction: String };
  entity Model in [Vendor] = { digest: String, local: Bool, max_marking: Long };
  entity Tool in [ToolClass] = { server: String };
  type Approvals = { commander: Long, legal: Long };
  type Content = { labels: Set<String>, marking: Long, bytes: Long };
  type Moment = { purpose: Purpose, now: datetime, approvals: Approvals, break_glass: Bool };
  action ask, release appliesTo { principal: [Person], resource: [Model], context: { moment: Moment, content: Content } };
  action act appliesTo { principal: [Person], resource: [Tool], context: { moment: Moment, content: Content } };
)";

// Five policies; four rounds with other names make twenty.
std::string round(int i) {
  std::string n = std::to_string(i);
  return R"(
permit (principal in Role::"staff", action in [Action::"ask", Action::"release"], resource)
when { [Purpose::"logistics", Purpose::"p)" + n + R"("].contains(context.moment.purpose)
  && context.moment.now < principal.training_until };
forbid (principal, action in [Action::"ask", Action::"release", Action::"act"], resource)
when { context.content.labels.containsAny(["surveillance)" + n + R"(", "bulk_analysis", "intercept"]) };
forbid (principal, action in [Action::"ask", Action::"release"], resource)
when { resource is Model && resource in Vendor::"barred)" + n + R"(" && context.moment.now >= datetime("2026-03-01") };
forbid (principal, action in [Action::"ask", Action::"release"], resource)
when { resource is Model && context.content.marking > resource.max_marking + )" + n + R"( };
@hold("commander and legal officer")
forbid (principal, action == Action::"act", resource in ToolClass::"spend)" + n + R"(")
unless { context.moment.approvals.commander >= 1 && context.moment.approvals.legal >= 1 };
)";
}

struct Setup {
  Schema schema = *Schema::parse(kSchema, "schema");
  std::shared_ptr<const Entities> base;
  Entities entities;
  Engine engine;
  Request request{{"Person", "ana"}, {"Action", "ask"}, {"Model", "local"}, {}};
  Request denied;

  static Engine compile(const Schema& schema, int rounds) {
    PolicySet set;
    for (int i = 0; i < rounds; ++i) {
      if (auto ok = set.add(round(i), "bench", 1, "r" + std::to_string(i) + "p"); !ok) {
        std::fprintf(stderr, "%s\n", ok.error().message.c_str());
        std::abort();
      }
    }
    for (const Diagnostic& d : validate(schema, set)) {
      std::fprintf(stderr, "%s\n", d.to_string().c_str());
      std::abort();
    }
    return *Engine::compile(std::move(set), &schema);
  }

  explicit Setup(int rounds) : engine(compile(schema, rounds)) {
    base = std::make_shared<const Entities>(*Entities::create(
        {{{"Role", "staff"}, {}, {}, {}},
         {{"Vendor", "house"}, {{"jurisdiction", Value::string("own")}}, {}, {}},
         {{"Model", "local"},
          {{"digest", Value::string("d")}, {"local", Value::boolean(true)}, {"max_marking", Value::integer(2)}},
          {{"Vendor", "house"}},
          {}}}));
    entities = *Entities::extend(base, {person()});
    Record moment{{"approvals", Value::record({{"commander", Value::integer(0)}, {"legal", Value::integer(0)}})},
                  {"break_glass", Value::boolean(false)},
                  {"now", Value::datetime_ms(1'770'000'000'000)},
                  {"purpose", Value::entity("Purpose", "logistics")}};
    Record content{{"bytes", Value::integer(4096)},
                   {"labels", Value::set(Set::of_strings({"secret"}))},
                   {"marking", Value::integer(1)}};
    request.context = Record{{"content", Value::record(content)}, {"moment", Value::record(moment)}};
    denied = request;
    denied.context.find("content")->get_if<Record>()->set("marking", Value::integer(9));
  }

  static Entity person() {
    return {{"Person", "ana"},
            {{"clearance", Value::integer(3)},
             {"nationality", Value::string("X")},
             {"training_until", Value::datetime_ms(1'800'000'000'000)}},
            {{"Role", "staff"}},
            {}};
  }
};

void check(bool right) {
  if (!right) {
    std::fprintf(stderr, "wrong answer\n");
    std::abort();
  }
}

void BM_Decide(benchmark::State& state) {
  Setup s(static_cast<int>(state.range(0)) / 5);
  Response out;
  bool allow = true;
  for (auto _ : state) {
    s.engine.is_authorized(allow ? s.request : s.denied, s.entities, out);
    check((out.decision == Answer::kAllow) == allow);
    check(out.errors.empty());
    allow = !allow;
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_Decide)->Arg(20)->Arg(100)->Arg(1000)->Repetitions(7)->ReportAggregatesOnly(true);

// With the person of the request laid over the store, as the corridor does it.
void BM_ExtendAndDecide(benchmark::State& state) {
  Setup s(static_cast<int>(state.range(0)) / 5);
  Response out;
  for (auto _ : state) {
    auto entities = Entities::extend(s.base, {Setup::person()});
    s.engine.is_authorized(s.request, *entities, out);
    check(out.decision == Answer::kAllow);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_ExtendAndDecide)->Arg(20)->Repetitions(7)->ReportAggregatesOnly(true);

}  // namespace

BENCHMARK_MAIN();
