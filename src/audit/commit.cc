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
#include "ledger/wal.h"

namespace proviso::audit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kRedoBatchBytesMax = 512u << 10;  // beyond it writing twice costs more than a second sync
constexpr size_t kUnderWayMax = 4;               // batches taken but not yet answered
constexpr auto kQuietPeriod = milliseconds(50);  // this long without a commit is idle
constexpr auto kSettlePeriod = milliseconds(200);  // under load; a redo file holds what comes in this time

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
  CommitterImpl(ledger::Log& log, vault::Vault& vault, Redo& redo, const Clock& clock)
      : log_(log), vault_(vault), redo_(redo), clock_(clock), latest_(log.state().last_time.value), newest_(log.state().last_time) {}
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
  void write_loop();
  void answer_loop();
  void publish_loop();
  std::vector<Item> take_queued();
  void write_batch(std::span<Item> items);
  Status write(std::span<Item> items, const Batch& batch, UtcSeconds time);
  Status write_through(const std::vector<const vault::Sealed*>& records, std::span<const std::string> entries,
                       UtcSeconds time);
  Status settle();
  bool wait_for_quiet(std::unique_lock<std::mutex>& lock, steady_clock::time_point latest);
  UtcSeconds not_before(int64_t time) const;
  std::optional<Batch> next_in_flight();
  void answer(const Batch& batch);
  void refuse(const Batch& batch);
  void fail_for_good(const Error& error);
  Error refusal() const;

  ledger::Log& log_;
  vault::Vault& vault_;
  Redo& redo_;
  const Clock& clock_;
  mutable std::atomic<int64_t> latest_;  // the newest time given out or written
  std::atomic<bool> healthy_{true};
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> batches_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable queued_;
  std::condition_variable in_flight_changed_;
  std::condition_variable committed_;
  std::vector<Item> queue_;
  size_t queue_bytes_ = 0;
  bool woken_ = false;        // the queue may be taken
  std::deque<Batch> in_flight_;  // written, not yet answered
  steady_clock::time_point last_commit_;
  bool unpublished_ = false;
  bool closing_ = false;      // nothing more is submitted
  bool writer_done_ = false;  // nothing more comes in flight
  bool answers_done_ = false;
  std::string failure_;

  UtcSeconds newest_;  // of the batches taken; the writer's

  std::mutex settling_;  // held while a batch is made durable and put in its place

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
  writer_.join();
  answerer_.join();
  publisher_.join();
  if (!healthy()) return;
  if (const auto settled = settle(); settled) (void)redo_.forget();
}

void CommitterImpl::start_threads() {
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
  queued_.wait(lock, [&] { return (woken_ && in_flight_.size() < kUnderWayMax) || closing_; });
  woken_ = false;
  queue_bytes_ = 0;
  return std::exchange(queue_, {});
}

void CommitterImpl::write_loop() {
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
      write_batch(std::span(items).subspan(begin, end - begin));
      begin = end;
    }
  }
  const std::lock_guard lock(mutex_);
  writer_done_ = true;
  in_flight_changed_.notify_all();
}

void CommitterImpl::write_batch(std::span<Item> items) {
  Batch batch;
  int64_t newest = newest_.value;
  for (const Item& item : items) {
    newest = std::max(newest, item.record.time.value);
    batch.push_back({item.sink, item.token, item.record.time.value < newest - kLeafLagSMax});
  }
  if (healthy()) {
    newest_ = not_before(newest);
    if (const auto durable = write(items, batch, newest_); !durable) fail_for_good(durable.error());
  }
  // A failed batch goes the same way, so that answers keep their order and each is given once.
  const std::lock_guard lock(mutex_);
  in_flight_.push_back(std::move(batch));
  in_flight_changed_.notify_all();
}

// The order is the design. The redo log first: its sync is the commit, of records and leaves at once. Then
// the vault, then the log, so that no leaf is ever seen without its record. Nothing is signed before.
Status CommitterImpl::write(std::span<Item> items, const Batch& batch, UtcSeconds time) {
  std::vector<const vault::Sealed*> records;
  std::vector<std::string> entries;
  size_t bytes = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (batch[i].stale) continue;
    bytes += bytes_of(items[i].record);
    records.push_back(&items[i].record.sealed);
    entries.push_back(std::move(items[i].record.entry));
  }
  if (records.empty()) return {};
  const std::lock_guard lock(settling_);
  if (bytes > kRedoBatchBytesMax) return write_through(records, entries, time);
  PV_TRY(auto kept, vault_.prepare(vault_.size(), records));
  PV_TRY(auto logged, log_.prepare(entries, time));
  std::vector<RedoWrite> writes;
  for (const auto& one : kept.writes) writes.push_back({one.file, one.offset, one.bytes});
  writes.push_back({ledger::kWalName, logged.offset, logged.frame});
  if (!redo_.fits(writes)) return write_through(records, entries, time);
  PV_TRY_VOID(redo_.write(writes));
  PV_TRY_VOID(vault_.write(std::move(kept)));
  PV_TRY_VOID(log_.write(std::move(logged)));
  return log_.request_signature();
}

// A batch that the redo log has no room for goes to its places at once: the vault first, for a leaf whose
// record is missing could never be replayed, while a record without a leaf is dropped at the next start.
Status CommitterImpl::write_through(const std::vector<const vault::Sealed*>& records,
                                    std::span<const std::string> entries, UtcSeconds time) {
  PV_TRY_VOID(vault_.append(vault_.size(), records));
  PV_TRY_VOID(vault_.sync());
  PV_TRY_VOID(log_.append(entries, time));
  return log_.request_signature();
}

// What was written so far becomes durable in its place, and the redo log may forget it.
Status CommitterImpl::settle() {
  {
    const std::lock_guard lock(settling_);
    if (!redo_.turn()) return {};
  }
  PV_TRY_VOID(vault_.sync());
  PV_TRY_VOID(log_.sync());
  redo_.release();
  return {};
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

// Beside the batches, on a thread of its own: what was committed is settled in its place again and again,
// and where nobody commits any more, or after a while, tiles and checkpoint are derived. Nobody waits for it.
void CommitterImpl::publish_loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    committed_.wait(lock, [&] { return unpublished_ || answers_done_; });
    if (!unpublished_) return;
    const auto publish_at = steady_clock::now() + milliseconds(kPublishPeriodMsMax);
    bool due = false;
    while (healthy() && !due) {
      const bool quiet = wait_for_quiet(lock, steady_clock::now() + kSettlePeriod);
      due = quiet || steady_clock::now() >= publish_at;
      if (due) unpublished_ = false;
      lock.unlock();
      Status published = settle();
      if (published && due) published = log_.publish();
      if (!published) fail_for_good(published.error());
      lock.lock();
    }
    if (!healthy()) unpublished_ = false;
  }
}

// True when nothing was committed for a moment, or nothing will be; false at `latest`.
bool CommitterImpl::wait_for_quiet(std::unique_lock<std::mutex>& lock, steady_clock::time_point latest) {
  while (!answers_done_) {
    const auto quiet_at = last_commit_ + kQuietPeriod;
    const auto now = steady_clock::now();
    if (quiet_at <= now) return true;
    if (latest <= now) return false;
    committed_.wait_until(lock, std::min(quiet_at, latest));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Committer>> Committer::start(ledger::Log& log, vault::Vault& vault, Redo& redo,
                                                    const Clock& clock) {
  const auto state = log.state();
  if (clock.now() < state.last_time) {
    return fail(Code::kConflict, "the clock stands at " + format_time(clock.now()) +
                                     ", before the newest leaf (" + format_time(state.last_time) +
                                     "): set the clock right, then start again");
  }
  PV_TRY_VOID(vault.recover(state.size));
  auto committer = std::make_unique<CommitterImpl>(log, vault, redo, clock);
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
