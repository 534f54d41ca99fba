// What a decision costs under the enclave sample: an allowed ask and release, a tool call, a denial and
// a hold with their sentences. Every answer is checked. The yardstick of the run is SHA-256 over 4 KB.
//   bench_agreement [FOLDER]
#include <algorithm>
#include <fmt/core.h>
#include <string>
#include <time.h>
#include <vector>

#include "agreement/agreement.h"
#include "base/check.h"
#include "base/file.h"

namespace {

using namespace proviso;

constexpr int kRounds = 21;
constexpr int kPerRound = 2000;

// CPU time of this thread, so that a busy machine does not count.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <class Body>
double median_us(Body&& body) {
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const double start = cpu_us();
    for (int i = 0; i < kPerRound; ++i) body();
    rounds.push_back((cpu_us() - start) / kPerRound);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[rounds.size() / 2];
}

exchange::Facts facts_of(const std::string& role, const std::string& purpose, const std::string& type,
                         const std::string& id) {
  exchange::Facts facts;
  facts.set("exchange.id", std::string("x-0123456789abcdef"));
  facts.set("exchange.protocol", std::string("openai.chat"));
  facts.set("principal.id", std::string("p-7f3a"));
  facts.set("principal.roles", std::vector<std::string>{role});
  facts.set("principal.clearance", int64_t{2});
  facts.set("principal.nationality", std::string("own"));
  facts.set("principal.training_until", int64_t{1'790'000'000});
  facts.set("resource.type", type);
  facts.set("resource.id", id);
  facts.set("context.moment.purpose", purpose);
  facts.set("context.moment.now", int64_t{1'780'000'000});
  facts.set("context.moment.break_glass", false);
  facts.set("context.content.labels", std::vector<std::string>());
  facts.set("context.content.top_score", int64_t{0});
  facts.set("context.content.marking", int64_t{0});
  facts.set("context.content.unreadable_parts", int64_t{0});
  facts.set("context.content.bytes", int64_t{2048});
  return facts;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "agreements/enclave";
  const auto files = read_tree(folder);
  if (!files) return fmt::print(stderr, "{}\n", files.error().message), 1;
  const auto loaded = agreement::Agreement::load(*files);
  if (!loaded) return fmt::print(stderr, "{}\n", loaded.error().message), 1;
  const agreement::Agreement& enclave = **loaded;

  struct Case {
    const char* name;
    exchange::Verb verb;
    exchange::Facts facts;
    agreement::Outcome outcome;
  };
  std::vector<Case> cases = {
      {"ask, allowed", exchange::Verb::kAsk, facts_of("analyst", "analysis", "Model", "local"),
       agreement::Outcome::kAllow},
      {"release, allowed", exchange::Verb::kRelease, facts_of("analyst", "analysis", "Model", "local"),
       agreement::Outcome::kAllow},
      {"act on a client's tool, allowed", exchange::Verb::kAct,
       facts_of("analyst", "coding", "Tool", "grep"), agreement::Outcome::kAllow},
      {"ask, denied", exchange::Verb::kAsk, facts_of("analyst", "targeting", "Model", "local"),
       agreement::Outcome::kDeny},
      {"act, held", exchange::Verb::kAct, facts_of("planner", "logistics", "Tool", "order_parts"),
       agreement::Outcome::kHold},
  };
  const std::string block(4096, 'x');
  const double yardstick = median_us([&] { PV_CHECK(sha256(block).bytes[0] != 0xff); });
  fmt::print("{:<34}{:>8.2f} µs\n", "SHA-256 over 4 KB", yardstick);
  for (Case& one : cases) {
    if (one.verb == exchange::Verb::kAsk) one.facts.set("context.tools_offered", int64_t{0});
    const double us = median_us([&] {
      PV_CHECK(enclave.decide(one.verb, one.facts).outcome == one.outcome);
    });
    fmt::print("{:<34}{:>8.2f} µs  {:>5.2f} × the yardstick\n", one.name, us, us / yardstick);
  }
  constexpr int kLoads = 20;
  const double start = cpu_us();
  for (int i = 0; i < kLoads; ++i) PV_CHECK(agreement::Agreement::load(*files).has_value());
  fmt::print("{:<34}{:>8.0f} µs\n", "load, all examples run", (cpu_us() - start) / kLoads);
  return 0;
}
