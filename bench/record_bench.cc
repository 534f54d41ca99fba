// The record path: one fact root, one sealed record, and whole commits at several depths of load,
// each answer checked. Beside each figure stands what one plain sync costs on the same disk in the
// same run.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "audit/commit.h"
#include "base/check.h"
#include "ledger/keys.h"
#include "ledger/signer.h"

namespace {

using namespace proviso;
using Clock_ = std::chrono::steady_clock;

double micros(Clock_::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

audit::Record record(UtcSeconds time, size_t body) {
  audit::Record out;
  out.leaf.time = time;
  out.leaf.node = "node-1";
  out.leaf.verb = "ask";
  out.leaf.decision = "allow";
  for (int i = 0; i < 16; ++i)
    out.facts.set(fmt::format("context.content.fact_{:02}", i), int64_t{i} * 1000);
  out.facts.set("exchange.id", std::string("ex_0123456789abcdef0123456789abcdef"));
  out.facts.set("context.content.labels", std::vector<std::string>{"pii", "secret"});
  out.facts.set("context.moment.purpose", std::string("analysis"));
  out.facts.set("principal.roles", std::vector<std::string>{"analyst"});
  out.payloads.emplace_back("request", std::string(body, 'x'));
  return out;
}

template <class F>
double per_call(size_t calls, F&& f) {
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    const auto begin = Clock_::now();
    for (size_t i = 0; i < calls; ++i) f();
    best = std::min(best, micros(Clock_::now() - begin) / static_cast<double>(calls));
  }
  return best;
}

// `depth` submissions are always under way; how long each waits for its receipt.
class Load final : public audit::Sink {
 public:
  Load(audit::Committer& committer, vault::Vault& vault, size_t body)
      : committer_(committer), vault_(vault), body_(body) {}

  void run(size_t depth, size_t total, const PublicKey& key) {
    started_.resize(total);
    waits_.clear();
    size_t next = 0;
    const auto before = committer_.figures();
    const auto begin = Clock_::now();
    std::unique_lock lock(mutex_);
    while (answered_ < total) {
      while (next < total && next - answered_ < depth) {
        const size_t token = next++;
        lock.unlock();
        auto sealed = audit::seal(vault_, record(committer_.now(), body_));
        PV_CHECK(sealed.has_value());
        started_[token] = Clock_::now();
        PV_CHECK(committer_.submit(std::move(*sealed), *this, token));
        lock.lock();
      }
      changed_.wait(lock,
                    [&] { return next == total ? answered_ == total : next - answered_ < depth; });
    }
    const double seconds = micros(Clock_::now() - begin) / 1e6;
    const auto after = committer_.figures();
    PV_CHECK(last_ && last_->verify(key).has_value());
    std::ranges::sort(waits_);
    fmt::print(
        "commit depth {:>4}, {} B: {:>7.0f}/s  p50 {:>6.0f} us  p99 {:>6.0f} us  {:.1f} leaves a "
        "sync\n",
        depth, body_, static_cast<double>(total) / seconds, waits_[total / 2],
        waits_[total * 99 / 100],
        static_cast<double>(total) / static_cast<double>(after.batches - before.batches));
    answered_ = 0;
  }
  void deliver(std::vector<audit::Committed> batch) override {
    const auto now = Clock_::now();
    const std::lock_guard lock(mutex_);
    for (auto& one : batch) {
      PV_CHECK(one.receipt.has_value());
      waits_.push_back(micros(now - started_[one.token]));
    }
    last_ = *batch.back().receipt;
    answered_ += batch.size();
    changed_.notify_one();
  }

 private:
  audit::Committer& committer_;
  vault::Vault& vault_;
  size_t body_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Clock_::time_point> started_;
  std::vector<double> waits_;
  std::optional<ledger::Receipt> last_;
  size_t answered_ = 0;
};

void plain_sync(const std::string& dir) {
  const int fd = open((dir + "/plain").c_str(), O_RDWR | O_CREAT, 0600);
  PV_CHECK(fallocate(fd, 0, 0, 16 << 20) == 0);
  const std::string block(1700, 'x');
  std::vector<double> times;
  for (int i = 0; i < 500; ++i) {
    const auto begin = Clock_::now();
    PV_CHECK(pwrite(fd, block.data(), block.size(), i * 1700) == 1700);
    PV_CHECK(fdatasync(fd) == 0);
    times.push_back(micros(Clock_::now() - begin));
  }
  std::ranges::sort(times);
  fmt::print("plain write and sync of 1.7 KB: p50 {:.0f} us  p99 {:.0f} us\n", times[250],
             times[495]);
  close(fd);
}

std::unique_ptr<ledger::SignerClient> signer_for(const ledger::SignerOptions& options) {
  int pair[2];
  PV_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  if (fork() == 0) _exit(ledger::run_signer(pair[1], options));
  close(pair[1]);
  return ledger::SignerClient::attach(pair[0]).value();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string base = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  std::string dir = base + "/proviso-bench-XXXXXX";
  PV_CHECK(mkdtemp(dir.data()) != nullptr);
  PV_CHECK(ledger::create_keys(dir + "/keys", "bench.example").has_value());
  const auto signer = signer_for(
      {dir + "/log", dir + "/keys/log.key", dir + "/keys/receipt.key", dir + "/keys/state", 0});
  auto redo = audit::Redo::open({dir + "/redo", dir + "/log", dir + "/vault/segments"}).value();
  auto log = ledger::Log::open({dir + "/log", "bench.example", nullptr}, *signer).value();
  auto vault = vault::Vault::open(dir + "/vault").value();
  const SystemClock clock;
  const std::string secret(32, 's');
  const auto one = record(clock.now(), 2400);
  fmt::print("fact root of {} facts: {:.1f} us\n", one.facts.items().size(),
             per_call(2000, [&] { (void)audit::fact_root(one.facts, secret); }));
  for (const size_t body : {1000u, 2400u, 4000u}) {
    const auto whole = record(clock.now(), body);
    fmt::print("seal of 20 facts and {} B: {:.1f} us\n", body,
               per_call(1000, [&] { PV_CHECK(audit::seal(*vault, whole).has_value()); }));
  }
  plain_sync(dir);
  auto committer = audit::Committer::start(*log, *vault, *redo, clock).value();
  const auto key =
      ledger::ed25519_key(*ledger::read_verifier_key(dir + "/keys/receipt.pub")).value();
  for (const size_t body : {1000u, 4000u}) {
    for (const size_t depth : {1u, 16u, 64u, 256u, 1024u}) {
      Load load(*committer, *vault, body);
      load.run(depth, depth == 1 ? 500 : std::min<size_t>(depth * 100, 20'000), key);
    }
  }
  plain_sync(dir);
  committer.reset();
  log.reset();
  std::filesystem::remove_all(dir);
}
