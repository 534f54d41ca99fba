#include "audit/commit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "base/check.h"
#include "base/merkle.h"

namespace proviso::audit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kUnderWayMax = 4;               // batches taken but not yet answered
constexpr auto kQuietPeriod = milliseconds(50);  // this long without a commit is idle

struct Item {
  SealedRecord record;
  Sink* sink;
  uint64_t token;
};

size_t bytes_of(const SealedRecord& record) {
  return record.entry.size() + record.sealed.bytes.size();
}

struct Asked {  // whom a batch's receipts belong to, in order
  Sink* sink;
  uint64_t token;
  bool stale;  // its leaf is too old to stand behind the ones before it: nothing of it is written
};
using Batch = std::vector<Asked>;

// A batch whose records the vault holds, durable, on its way to the log.
struct Kept {
  Batch batch;
  std::vector<std::string> entries;  // of those that are not stale
  UtcSeconds time;
};

// One delivery per sink, each in the order of submission.
class Deliveries {
 public:
  void add(const Asked& asked, Result<ledger::Receipt> receipt) {
    auto found = std::ranges::find(by_sink_, asked.sink, &BySink::first);
    if (found == by_sink_.end()) found = by_sink_.insert(found, {asked.sink, {}});
    found->second.push_back({asked.token, std::move(receipt)});
  }
  void deliver() {
    for (auto& [sink, batch] : by_sink_) sink->deliver(std::move(batch));
    by_sink_.clear();
  }

 private:
  using BySink = std::pair<Sink*, std::vector<Committed>>;
  std::vector<BySink> by_sink_;
};

class CommitterImpl final : public Committer {
 public:
  CommitterImpl(ledger::Log& log, vault::Vault& vault, const Clock& clock)
      : log_(log), vault_(vault), clock_(clock), latest_(log.state().last_time.value), newest_(log.state().last_time) {}
  ~CommitterImpl() override;
  void start_threads();

  bool submit(SealedRecord record, Sink& sink, uint64_t token, Wake wake) override;
  void wake() override;
  Result<ledger::Receipt> commit(SealedRecord record) override;
  [[nodiscard]] bool healthy() const override { return healthy_.load(); }
  [[nodiscard]] std::string failure() const override;
  [[nodiscard]] UtcSeconds now() const override;
  [[nodiscard]] Figures figures() const override;

 private:
  void keep_loop();
  void write_loop();
  void answer_loop();
  void publish_loop();
  std::vector<Item> take_queued();
  void keep_batch(std::span<Item> items);
  Status keep(std::span<Item> items, Kept& kept);
  std::optional<Kept> next_kept();
  Status write(const Kept& kept);
  UtcSeconds not_before(int64_t time) const;
  std::optional<Batch> next_in_flight();
  void answer(const Batch& batch);
  void refuse(const Batch& batch);
  void fail_for_good(const Error& error);
  Error refusal() const;

  ledger::Log& log_;
  vault::Vault& vault_;
  const Clock& clock_;
  mutable std::atomic<int64_t> latest_;  // the newest time given out or written
  std::atomic<bool> healthy_{true};
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> batches_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable queued_;
  std::condition_variable kept_changed_;
  std::condition_variable in_flight_changed_;
  std::condition_variable committed_;
  std::vector<Item> queue_;
  size_t queue_bytes_ = 0;
  bool woken_ = false;        // the queue may be taken
  size_t under_way_ = 0;      // batches that were taken and are not answered
  std::deque<Kept> kept_;
  std::deque<Batch> in_flight_;
  steady_clock::time_point last_commit_;
  bool unpublished_ = false;
  bool closing_ = false;      // nothing more is submitted
  bool keeper_done_ = false;  // nothing more is kept
  bool writer_done_ = false;  // nothing more comes in flight
  bool answers_done_ = false;
  std::string failure_;

  UtcSeconds newest_;  // of the batches taken; the keeper's

  std::thread keeper_;
  std::thread writer_;
  std::thread answerer_;
  std::thread publisher_;
};

CommitterImpl::~CommitterImpl() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  queued_.notify_all();
  keeper_.join();
  writer_.join();
  answerer_.join();
  publisher_.join();
}

void CommitterImpl::start_threads() {
  keeper_ = std::thread([this] { keep_loop(); });
  writer_ = std::thread([this] { write_loop(); });
  answerer_ = std::thread([this] { answer_loop(); });
  publisher_ = std::thread([this] { publish_loop(); });
}

UtcSeconds CommitterImpl::now() const { return not_before(0); }

// The clock's time, but never one before what was given out or `time`.
UtcSeconds CommitterImpl::not_before(int64_t time) const {
  const int64_t at_least = std::max(clock_.now().value, time);
  int64_t latest = latest_.load();
  while (latest < at_least && !latest_.compare_exchange_weak(latest, at_least)) {
  }
  return {std::max(latest, at_least)};
}

std::string CommitterImpl::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Error CommitterImpl::refusal() const {
  return {Code::kUnavailable,
          "the ledger has failed and nothing is recorded any more: " + failure()};
}

Committer::Figures CommitterImpl::figures() const {
  const std::lock_guard lock(mutex_);
  return {entries_.load(), batches_.load(), queue_.size()};
}

bool CommitterImpl::submit(SealedRecord record, Sink& sink, uint64_t token, Wake wake) {
  const size_t bytes = bytes_of(record);
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty() || closing_ || queue_.size() >= kCommitQueueMax ||
        (!queue_.empty() && queue_bytes_ + bytes > kCommitQueueBytesMax)) {
      return false;
    }
    queue_.push_back({std::move(record), &sink, token});
    queue_bytes_ += bytes;
    if (wake == Wake::kLater || std::exchange(woken_, true)) return true;
  }
  queued_.notify_one();
  return true;
}

void CommitterImpl::wake() {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty() || std::exchange(woken_, true)) return;
  }
  queued_.notify_one();
}

Result<ledger::Receipt> CommitterImpl::commit(SealedRecord record) {
  using Answer = std::promise<Result<ledger::Receipt>>;
  struct Waiter final : Sink {
    std::shared_ptr<Answer> answer = std::make_shared<Answer>();
    // The waiting thread goes on, and this object away, while set_value() has not returned yet.
    void deliver(std::vector<Committed> batch) override {
      const auto kept = answer;
      kept->set_value(std::move(batch[0].receipt));
    }
  };
  Waiter waiter;
  auto answer = waiter.answer->get_future();
  if (!submit(std::move(record), waiter, 0, Wake::kNow)) {
    if (!healthy()) return std::unexpected(refusal());
    return fail(Code::kLimit, "the ledger's queue is full");
  }
  return answer.get();
}

std::vector<Item> CommitterImpl::take_queued() {
  std::unique_lock lock(mutex_);
  // More than a few unanswered batches only add to everyone's wait: let the queue fill instead.
  queued_.wait(lock, [&] { return (woken_ && under_way_ < kUnderWayMax) || closing_; });
  woken_ = false;
  queue_bytes_ = 0;
  return std::exchange(queue_, {});
}

void CommitterImpl::keep_loop() {
  for (;;) {
    auto items = take_queued();
    if (items.empty()) break;
    for (size_t begin = 0; begin < items.size();) {
      size_t end = begin;
      size_t bytes = 0;
      while (end < items.size() && end - begin < ledger::kBatchEntriesMax) {
        bytes += 2 + items[end].record.entry.size();
        if (end > begin && bytes > ledger::kBatchBytesMax) break;
        ++end;
      }
      keep_batch(std::span(items).subspan(begin, end - begin));
      begin = end;
    }
  }
  const std::lock_guard lock(mutex_);
  keeper_done_ = true;
  kept_changed_.notify_all();
}

void CommitterImpl::keep_batch(std::span<Item> items) {
  Kept kept;
  int64_t newest = newest_.value;
  for (const Item& item : items) {
    newest = std::max(newest, item.record.time.value);
    kept.batch.push_back({item.sink, item.token, item.record.time.value < newest - kLeafLagSMax});
  }
  if (healthy()) {
    kept.time = newest_ = not_before(newest);
    if (const auto durable = keep(items, kept); !durable) fail_for_good(durable.error());
  }
  // A failed batch goes the same way, so that answers keep their order and each is given once.
  const std::lock_guard lock(mutex_);
  ++under_way_;
  kept_.push_back(std::move(kept));
  kept_changed_.notify_all();
}

// The order is the design. The vault first: a leaf whose record is missing could never be replayed,
// a record whose leaf is missing is dropped at the next start. Then the log: its sync is the
// commit. Nothing is signed before both are durable. The two have a thread each: while the log
// syncs a batch, the vault syncs the next.
Status CommitterImpl::keep(std::span<Item> items, Kept& kept) {
  std::vector<const vault::Sealed*> records;
  for (size_t i = 0; i < items.size(); ++i) {
    if (kept.batch[i].stale) continue;
    records.push_back(&items[i].record.sealed);
    kept.entries.push_back(std::move(items[i].record.entry));
  }
  if (records.empty()) return {};
  PV_TRY_VOID(vault_.append(vault_.size(), records));
  return vault_.sync();
}

std::optional<Kept> CommitterImpl::next_kept() {
  std::unique_lock lock(mutex_);
  kept_changed_.wait(lock, [&] { return !kept_.empty() || keeper_done_; });
  if (kept_.empty()) return std::nullopt;
  Kept kept = std::move(kept_.front());
  kept_.pop_front();
  return kept;
}

void CommitterImpl::write_loop() {
  while (auto kept = next_kept()) {
    if (healthy()) {
      if (const auto durable = write(*kept); !durable) fail_for_good(durable.error());
    }
    const std::lock_guard lock(mutex_);
    in_flight_.push_back(std::move(kept->batch));
    in_flight_changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  writer_done_ = true;
  in_flight_changed_.notify_all();
}

Status CommitterImpl::write(const Kept& kept) {
  if (kept.entries.empty()) return {};
  PV_TRY_VOID(log_.append(kept.entries, kept.time));
  return log_.request_signature();
}

std::optional<Batch> CommitterImpl::next_in_flight() {
  std::unique_lock lock(mutex_);
  in_flight_changed_.wait(lock, [&] { return !in_flight_.empty() || writer_done_; });
  if (in_flight_.empty()) return std::nullopt;
  return in_flight_.front();
}

void CommitterImpl::answer_loop() {
  while (const auto batch = next_in_flight()) {
    answer(*batch);
    const std::lock_guard lock(mutex_);
    in_flight_.pop_front();
    --under_way_;
    queued_.notify_one();
    last_commit_ = steady_clock::now();
    if (unpublished_ || !healthy()) continue;  // the publisher was woken for the first
    unpublished_ = true;
    committed_.notify_one();
  }
  const std::lock_guard lock(mutex_);
  answers_done_ = true;
  committed_.notify_one();
}

void CommitterImpl::answer(const Batch& batch) {
  if (!healthy()) return refuse(batch);
  const auto stale = static_cast<size_t>(std::ranges::count(batch, true, &Asked::stale));
  Result<std::vector<ledger::Receipt>> receipts;
  if (stale < batch.size()) receipts = log_.collect();
  if (receipts && receipts->size() + stale != batch.size()) {
    receipts = fail(Code::kInternal, "a batch came back with another number of receipts");
  }
  if (!receipts) {
    fail_for_good(receipts.error());
    return refuse(batch);
  }
  Deliveries deliveries;
  auto receipt = receipts->begin();
  for (const auto& asked : batch) {
    if (asked.stale) {
      deliveries.add(
          asked, fail(Code::kConflict, "the decision waited too long to be recorded: ask again"));
    } else {
      deliveries.add(asked, std::move(*receipt++));
    }
  }
  entries_ += receipts->size();
  ++batches_;
  deliveries.deliver();
}

void CommitterImpl::refuse(const Batch& batch) {
  Deliveries deliveries;
  for (const auto& asked : batch) deliveries.add(asked, std::unexpected(refusal()));
  deliveries.deliver();
}

void CommitterImpl::fail_for_good(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = error.message.empty() ? "no reason given" : error.message;
  healthy_ = false;
}

// Beside the batches, on a thread of its own: tiles and checkpoint are derived, nobody waits for
// them.
void CommitterImpl::publish_loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    committed_.wait(lock, [&] { return unpublished_ || answers_done_; });
    if (!unpublished_) return;
    const auto latest = steady_clock::now() + milliseconds(kPublishPeriodMsMax);
    while (!answers_done_) {
      const auto quiet_at = last_commit_ + kQuietPeriod;
      if (std::min(quiet_at, latest) <= steady_clock::now()) break;
      committed_.wait_until(lock, std::min(quiet_at, latest));
    }
    unpublished_ = false;
    if (!healthy()) continue;
    lock.unlock();
    if (const auto published = log_.publish(); !published) fail_for_good(published.error());
    lock.lock();
  }
}

}  // namespace

Result<std::unique_ptr<Committer>> Committer::start(ledger::Log& log, vault::Vault& vault,
                                                    const Clock& clock) {
  const auto state = log.state();
  if (clock.now() < state.last_time) {
    return fail(Code::kConflict, "the clock stands at " + format_time(clock.now()) +
                                     ", before the newest leaf (" + format_time(state.last_time) +
                                     "): set the clock right, then start again");
  }
  PV_TRY_VOID(vault.recover(state.size));
  auto committer = std::make_unique<CommitterImpl>(log, vault, clock);
  committer->start_threads();
  return std::unique_ptr<Committer>(std::move(committer));
}

Result<SealedRecord> seal(const vault::Vault& vault, Record record) {
  PV_TRY_VOID(record.facts.within_limits());
  if (record.payloads.size() > kPayloadsMax)
    return fail(Code::kLimit, "a leaf has at most 64 payloads");
  Contents contents{random_bytes(kLeafSecretBytes), std::move(record.facts),
                    std::move(record.payloads)};
  Leaf& leaf = record.leaf;
  leaf.fact_count = contents.facts.items().size();
  const std::vector<Digest> commitments = fact_commitments(contents.facts, contents.secret);
  leaf.fact_root = merkle::root(commitments);
  SealedRecord sealed;
  if (!record.opened.empty()) {
    PV_TRY(sealed.opening, open_fact(contents.facts, contents.secret, commitments, record.opened));
  }
  PV_TRY(sealed.sealed, vault.seal(record.retention_class, leaf.time, contents.encode()));
  leaf.sealed = sealed.sealed.digest;
  sealed.entry = leaf.text();
  sealed.time = leaf.time;
  return sealed;
}

}  // namespace proviso::audit
