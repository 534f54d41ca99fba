#include "gate/caretaker.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "gate/journal.h"
#include "gate/ledger_acts.h"
#include "gate/succession.h"

namespace proviso::gate {
namespace {

namespace fs = std::filesystem;

// Names, sizes and times: changes whenever a file does, and costs no reading.
std::string fingerprint(const std::string& dir) {
  std::string text;
  std::error_code ec;
  for (fs::recursive_directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code each;
    const auto time = fs::last_write_time(it->path(), each).time_since_epoch().count();
    const auto size = it->is_regular_file(each) ? it->file_size(each) : 0;
    text += fmt::format("{} {} {}\n", it->path().string(), size, time);
  }
  return sha256(text).hex();
}

// Where a model answers, and with which weights, is fixed while the gate runs: a swap that says otherwise would
// let leaves name a model that did not answer. Empty if there is none.
std::string served_otherwise(const agreement::Agreement& now, const agreement::Agreement& next) {
  for (const agreement::Model& model : now.terms().models) {
    const agreement::Model* other = next.model(model.id);
    if (other == nullptr) continue;
    if (other->weights_sha256 == model.weights_sha256 && other->endpoint == model.endpoint &&
        other->vendor == model.vendor && other->local == model.local) {
      continue;
    }
    return fmt::format("it changes where or with which weights model `{}` answers, which a running gate "
                       "cannot; it takes effect when the gate is started again",
                       model.id);
  }
  return {};
}

}  // namespace

Result<Loaded> load_agreement(const std::string& dir, UtcSeconds now) {
  Loaded loaded;
  PV_TRY(loaded.files, read_tree(dir));
  PV_TRY(loaded.agreement, agreement::Agreement::load(loaded.files));
  PV_TRY_VOID(loaded.agreement->check_signatures());
  PV_TRY_VOID(loaded.agreement->check_period(now));
  std::string wrong;
  for (const agreement::ExampleOutcome& example : loaded.agreement->run_examples()) {
    if (example.holds()) continue;
    wrong += fmt::format("\n{}: `{}` gives {}: {}", example.source, example.line,
                         agreement::outcome_name(example.got.outcome), example.got.reason);
  }
  if (!wrong.empty()) {
    return fail(Code::kInvalid, "examples do not hold; change the rule or the example:" + wrong);
  }
  return loaded;
}

Caretaker::Caretaker(Engine& engine, House& house, prove::ProverOptions prover)
    : engine_(engine),
      house_(house),
      desk_(std::move(prover)),
      seen_(fingerprint(engine.options().layout.agreement())),
      last_summary_(house.clock.now().value),
      entries_grew_(house.clock.now().value),
      started_(http::Loop::now()),
      periods_seen_(started_ - std::chrono::seconds(kPeriodLookSeconds)) {
  thread_ = std::thread([this] { run(); });
}

Caretaker::~Caretaker() {
  stopping_ = true;
  thread_.join();
}

std::string Caretaker::pending() const {
  const std::lock_guard lock(mutex_);
  return pending_;
}

void Caretaker::run() {
  while (!stopping_) {
    watch_agreement();
    summarise_refusals();
    beat();
    keep_periods();
    update_gauges();
    keep_docket();
    std::this_thread::sleep_for(std::chrono::milliseconds(kWatchMillis));
  }
}

// Puts it in force, or says why not.
Status Caretaker::swap_to(const Loaded& loaded) {
  const agreement::Agreement& current = *house_.in_force()->agreement;
  const agreement::Agreement& next = *loaded.agreement;
  if (next.digest() == current.digest()) return {};
  PV_TRY_VOID(may_follow(current, next));
  PV_TRY_VOID(detectors_as_pinned(next, house_.inspector));
  if (std::string moved = served_otherwise(current, next); !moved.empty()) return fail(Code::kUnsupported, std::move(moved));
  const std::optional<Status> shown = desk_.ask(loaded.agreement);
  proving_ = !shown;
  if (!shown) return fail(Code::kUnavailable, "its red lines are being proven");
  PV_TRY_VOID(*shown);
  PV_TRY_VOID(engine_.adopt(next, loaded.files, "swap"));
  house_.put_in_force(loaded.agreement);
  journal::info(fmt::format("agreement revision {} is in force, {}{}", next.terms().revision, next.digest().hex(),
                            next.red_lines().empty() ? "; it has no red lines, so nothing is proven of it" : ""));
  return {};
}

void Caretaker::watch_agreement() {
  const std::string dir = engine_.options().layout.agreement();
  std::string now_seen = fingerprint(dir);
  const bool proof_ended = proving_ && !desk_.working();
  // What could not take effect may later: its day comes, the ledger has room again.
  const bool again = !pending().empty() && (!proving_ || proof_ended) && ++ticks_since_try_ * kWatchMillis >= kRetryMillis;
  if (now_seen == seen_ && !again && !proof_ended) return;
  seen_ = std::move(now_seen);
  ticks_since_try_ = 0;
  proving_ = false;
  const auto current = house_.in_force();
  const auto loaded = load_agreement(dir, house_.committer.now());
  const Status swapped = loaded ? swap_to(*loaded) : std::unexpected(loaded.error());
  const std::string why = swapped ? "" : swapped.error().message;
  if (!why.empty() && why != pending()) {
    journal::warn("the agreement's folder changed but revision " +
                  std::to_string(current->agreement->terms().revision) + " stays in force: " + why);
  }
  const std::lock_guard lock(mutex_);
  pending_ = why;
}

void Caretaker::summarise_refusals() {
  const int64_t now = house_.clock.now().value;
  if (now - last_summary_ < kRefusalSummarySeconds) return;
  last_summary_ = now;
  const uint64_t count = house_.people.take_refusals();
  if (count == 0) return;
  exchange::Facts facts;
  facts.set("unauthorized.count", static_cast<int64_t>(count));
  auto noted = engine_.note("unauthorized", std::move(facts), house_.in_force()->agreement->digest());
  if (!noted) journal::error("refused keys could not be recorded: " + noted.error().message);
}

// A log that says nothing for longer than its heartbeat was not running, or was kept from writing.
void Caretaker::beat() {
  const int64_t seconds = house_.config.heartbeat_seconds;
  const int64_t now = house_.clock.now().value;
  const uint64_t entries = house_.committer.figures().entries;
  if (entries != entries_seen_) {
    entries_seen_ = entries;
    entries_grew_ = now;
  }
  if (seconds == 0 || now - entries_grew_ < seconds) return;
  entries_grew_ = now;
  exchange::Facts facts;
  facts.set("heartbeat.seconds", seconds);
  auto noted = engine_.note("heartbeat", std::move(facts), house_.in_force()->agreement->digest());
  if (!noted) journal::error("the heartbeat could not be recorded: " + noted.error().message);
}

// Nothing is lost where this fails: a later start reads more of the log.
void Caretaker::keep_docket() {
  if (++ticks_since_flush_ * kWatchMillis < kDocketMillis) return;
  ticks_since_flush_ = 0;
  Status kept = house_.oversight.flush(house_.clock.now());
  const std::string why = kept ? "" : kept.error().message;
  if (!why.empty() && why != docket_trouble_) journal::warn("the docket's index could not be written: " + why);
  docket_trouble_ = why;
}

// What the agreement in force keeps no longer is erased, each with its tombstone first. By the ledger's own
// time, not before the gate has run for a while: a clock that is ahead must not cost what cannot come back.
void Caretaker::keep_periods() {
  const http::Time now = http::Loop::now();
  if (now - periods_seen_ < std::chrono::seconds(kPeriodLookSeconds)) return;
  const auto in_force = house_.in_force();
  const auto due = erasures_due(engine_.options().layout.vault(), *in_force->agreement, house_.committer.now());
  const auto wait = std::chrono::seconds(house_.config.retention_wait_seconds);
  if (now - started_ < wait) {
    if (announced_) return;
    announced_ = true;
    for (const Erasure& erasure : due) {
      journal::warn(fmt::format("`{}` will be erased {} s after this start ({}); if the clock is wrong, stop the gate",
                                erasure.segment, wait.count(), erasure.authority));
    }
    return;
  }
  periods_seen_ = now;
  for (const Erasure& erasure : due) {
    const auto erased = erase(engine_, in_force->agreement->digest(), erasure);
    if (!erased) {
      journal::error(fmt::format("`{}` could not be erased: {}", erasure.segment, erased.error().message));
      continue;
    }
    journal::info(fmt::format("`{}` is erased: {} records, {} bytes freed, leaf {}", erasure.segment,
                              erased->before.records, erased->before.bytes_on_disk - erased->after.bytes_on_disk,
                              erased->index));
  }
}

void Caretaker::update_gauges() {
  const audit::Committer::Figures figures = house_.committer.figures();
  house_.metrics.gauge("ledger_entries", static_cast<double>(figures.entries));
  house_.metrics.gauge("ledger_batches", static_cast<double>(figures.batches));
  house_.metrics.gauge("ledger_queue_depth", static_cast<double>(figures.queue_depth));
  house_.metrics.gauge("ledger_healthy", house_.committer.healthy() ? 1 : 0);
  house_.metrics.gauge("model_ready", house_.ready.load() ? 1 : 0);
}

}  // namespace proviso::gate
