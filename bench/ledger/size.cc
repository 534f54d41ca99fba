// A ledger of a million real leaves: how fast it is written, how long a start takes, what memory it needs, what
// a proof costs, and how fast it is checked and derived again. Every answer that is timed is checked.
//
//   bench_ledger_size STATE_FOLDER PROVISO [LEAVES] [PAYLOAD_BYTES]
//
// Where STATE_FOLDER exists already, nothing is written: the same ledger is measured again.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "audit/replay.h"
#include "audit/verify.h"
#include "base/file.h"
#include "base/merkle.h"
#include "base/sshsig.h"
#include "gate/engine.h"
#include "ledger/keys.h"
#include "ledger/tlog_proof.h"

namespace {

using namespace proviso;
using Clock = std::chrono::steady_clock;
using agreement::Agreement;
using exchange::Verb;

constexpr size_t kUnderWayMax = 2048;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench_ledger_size: %s\n", result.error().message.c_str());
  std::exit(1);
}
void need(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "bench_ledger_size: %s\n", status.error().message.c_str());
  std::exit(1);
}

// Resident megabytes of a process.
double resident(const std::string& pid) {
  std::ifstream status("/proc/" + pid + "/status");
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    double kilobytes = 0;
    status >> kilobytes;
    return kilobytes / 1024;
  }
  return 0;
}
double resident_children() {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (std::string pid; children >> pid;) sum += resident(pid);
  }
  return sum;
}

agreement::Files signed_sample() {
  auto files = need(read_tree("agreements/enclave"));
  std::map<std::string, PrivateKey> keys;
  std::map<std::string, std::string> lines;
  for (const auto& party : need(Agreement::load(files))->terms().parties) {
    const auto key = PrivateKey::generate();
    lines[party.name] = sshsig::format_public_key(key.public_key(), "bench");
    keys.emplace(party.name, key);
  }
  files = need(agreement::with_party_keys(std::move(files), lines));
  for (const auto& [party, key] : keys) files = need(agreement::sign_for_party(std::move(files), party, key));
  return files;
}

class Counter final : public audit::Sink {
 public:
  void deliver(std::vector<audit::Committed> batch) override {
    const std::lock_guard lock(mutex_);
    for (const auto& one : batch) {
      if (!one.receipt) need(Status(std::unexpected(one.receipt.error())));
    }
    done_ += batch.size();
    changed_.notify_all();
  }
  void wait_until(uint64_t done) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= done; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t done_ = 0;
};

audit::Record decided(const Agreement& agreement, UtcSeconds now, Verb verb, uint64_t exchange, size_t payload) {
  audit::Record record;
  exchange::Facts& facts = record.facts;
  facts.set("context.content.bytes", int64_t{2048});
  facts.set("context.content.labels", std::vector<std::string>());
  facts.set("context.content.marking", int64_t{0});
  facts.set("context.content.top_score", int64_t{0});
  facts.set("context.content.unreadable_parts", int64_t{0});
  facts.set("context.moment.break_glass", false);
  facts.set("context.moment.now", now.value);
  facts.set("context.moment.purpose", std::string("analysis"));
  if (verb == Verb::kAsk) facts.set("context.tools_offered", int64_t{0});
  facts.set("principal.clearance", int64_t{2});
  facts.set("principal.id", std::string("p-1"));
  facts.set("principal.nationality", std::string("own"));
  facts.set("principal.roles", std::vector<std::string>{"analyst"});
  facts.set("principal.training_until", int64_t{1'893'456'000});
  facts.set("resource.id", std::string("local"));
  facts.set("resource.type", std::string("Model"));
  const auto decision = agreement.decide(verb, facts);
  std::vector<std::string> clauses;
  for (const auto& clause : decision.clauses) clauses.push_back(clause.number);
  facts.set("decision.clauses", clauses);
  facts.set("exchange.id", "ex_" + std::to_string(exchange));
  if (verb == Verb::kRelease) facts.set("exchange.outcome", std::string("complete"));
  record.leaf.time = now;
  record.leaf.node = "bench";
  record.leaf.verb = exchange::verb_name(verb);
  record.leaf.decision = agreement::outcome_name(decision.outcome);
  record.leaf.agreement = agreement.digest();
  record.leaf.vendor = audit::vendor_digest("house");
  record.leaf.model = audit::model_digest(*agreement.model("local"));
  record.payloads.emplace_back("body", std::string(payload, 'x'));
  return record;
}

gate::EngineOptions options_for(const std::string& state, const std::string& program, const SystemClock& clock) {
  gate::EngineOptions options;
  options.layout.root = state;
  options.node = "bench";
  options.origin = "log.example/bench";
  options.program = program;
  options.clock = &clock;
  return options;
}

void write_leaves(gate::Engine& engine, const Agreement& agreement, uint64_t leaves, size_t payload) {
  Counter counter;
  const auto start = Clock::now();
  for (uint64_t i = 0; i < leaves; ++i) {
    if (i >= kUnderWayMax) counter.wait_until(i - kUnderWayMax + 1);
    const auto verb = i % 2 == 0 ? Verb::kAsk : Verb::kRelease;
    auto sealed = need(audit::seal(engine.vault(), decided(agreement, engine.committer().now(), verb, i / 2, payload)));
    while (!engine.committer().submit(std::move(sealed), counter, i)) std::this_thread::yield();
    if ((i + 1) % (leaves / 4) == 0) {
      counter.wait_until(i + 1);
      std::printf("%9llu leaves: %7.0f a second, resident %.0f MB and the signer %.0f MB\n",
                  static_cast<unsigned long long>(i + 1), static_cast<double>(i + 1) / seconds_since(start),
                  resident("self"), resident_children());
    }
  }
}

// Submissions at a steady pace; how long each waits for its receipt, which is verified.
class Paced final : public audit::Sink {
 public:
  Paced(size_t count, PublicKey key) : asked_(count), key_(std::move(key)) {}
  void asking(uint64_t token) { asked_[token] = Clock::now(); }
  void deliver(std::vector<audit::Committed> batch) override {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    for (const auto& one : batch) {
      if (!one.receipt) need(Status(std::unexpected(one.receipt.error())));
      need(one.receipt->verify(key_));
      waits_.push_back(std::chrono::duration<double, std::milli>(now - asked_[one.token]).count());
    }
    changed_.notify_all();
  }
  std::vector<double> sorted() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waits_.size() == asked_.size(); });
    std::ranges::sort(waits_);
    return waits_;
  }

 private:
  std::vector<Clock::time_point> asked_;
  PublicKey key_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> waits_;
};

void time_acknowledgements(gate::Engine& engine, const Agreement& agreement, const std::string& state, size_t payload) {
  constexpr size_t kCount = 6000;
  constexpr auto kPace = std::chrono::microseconds(500);
  Paced paced(kCount, need(ledger::ed25519_key(need(ledger::read_verifier_key(state + "/keys/receipt.pub")))));
  const auto start = Clock::now();
  for (uint64_t i = 0; i < kCount; ++i) {
    std::this_thread::sleep_until(start + i * kPace);
    paced.asking(i);
    auto sealed = need(audit::seal(
        engine.vault(), decided(agreement, engine.committer().now(), Verb::kAsk, (uint64_t{1} << 40) + i, payload)));
    if (!engine.committer().submit(std::move(sealed), paced, i)) need(Status(fail(Code::kLimit, "not taken")));
  }
  const auto waits = paced.sorted();
  std::printf("acknowledged at 2000 a second, sealing included: p50 %.2f ms, p99 %.2f ms\n", waits[kCount / 2],
              waits[kCount * 99 / 100]);
}

void time_proofs(const ledger::LogReader& log, uint64_t size) {
  const std::string checkpoint = need(log.checkpoint());
  const auto root = need(note::Checkpoint::parse(need(note::parse(checkpoint)).text));
  std::vector<double> micros;
  for (uint64_t i = 0; i < 2000; ++i) {
    const uint64_t index = i * 7919 % size;
    const auto start = Clock::now();
    const auto path = need(merkle::inclusion_path(index, root.size, [&](uint64_t from, uint64_t to) {
      return log.subtree(from, to);
    }));
    micros.push_back(seconds_since(start) * 1e6);
    need(merkle::verify_inclusion(index, root.size, need(log.leaf_hash(index)), path, root.root));
  }
  std::ranges::sort(micros);
  std::printf("a proof from tiles of %llu leaves: p50 %.0f us, p99 %.0f us\n",
              static_cast<unsigned long long>(root.size), micros[micros.size() / 2], micros[micros.size() * 99 / 100]);
}

void check_again(const std::string& state) {
  const auto key = need(ledger::read_verifier_key(state + "/keys/log.vkey"));
  const auto log = need(ledger::LogReader::open(state + "/log"));
  time_proofs(*log, log->size());
  uint64_t bytes = 0;
  need(log->scan(0, [&](uint64_t, std::string_view entry) -> Status {
    bytes += entry.size();
    return {};
  }));
  auto start = Clock::now();
  if (!log->check(key.text()).empty()) need(Status(fail(Code::kCorrupt, "the log does not hold")));
  double took = seconds_since(start);
  std::printf("every byte of log and tiles: %.1f s, %.0f MB of leaves a second\n", took,
              static_cast<double>(bytes) / took / 1e6);
  const auto vault = need(vault::Vault::open_reader(state + "/vault"));
  audit::AgreementShelf shelf(state + "/agreements");
  start = Clock::now();
  const auto report = need(audit::replay(*log, vault.get(), shelf));
  took = seconds_since(start);
  if (report.fault_count != 0) need(Status(fail(Code::kCorrupt, report.faults.front().message)));
  std::printf("replay with opened facts: %.1f s, %.0f decisions a second, resident %.0f MB\n", took,
              static_cast<double>(report.decisions) / took, resident("self"));
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: bench_ledger_size STATE_FOLDER PROVISO [LEAVES] [PAYLOAD_BYTES]\n", stderr);
    return 2;
  }
  const std::string state = argv[1];
  const uint64_t leaves = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1'000'000;
  const size_t payload = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1024;
  const SystemClock clock;
  const auto files = signed_sample();
  const auto agreement = need(Agreement::load(files));
  if (!std::filesystem::exists(state)) {
    auto engine = need(gate::Engine::open(options_for(state, argv[2], clock)));
    need(engine->adopt(*agreement, files, "start"));
    write_leaves(*engine, *agreement, leaves, payload);
    time_acknowledgements(*engine, *agreement, state, payload);
    need(engine->oversight().flush(clock.now()));  // as a gate does from time to time
  }
  const auto start = Clock::now();
  {
    auto engine = need(gate::Engine::open(options_for(state, argv[2], clock)));
    std::printf("start over %llu leaves: %.2f s, resident %.0f MB and the signer %.0f MB\n",
                static_cast<unsigned long long>(engine->log().state().size), seconds_since(start), resident("self"),
                resident_children());
  }
  check_again(state);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // minutes pass between the lines
  return run(argc, argv);
}
