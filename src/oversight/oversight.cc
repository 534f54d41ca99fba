#include "oversight/oversight.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace proviso::oversight {
namespace {

constexpr std::string_view kLeavesTable = "oversight_leaves";  // index, 20 digits -> subject
constexpr std::string_view kPlaceTable = "oversight_place";
constexpr std::string_view kNextKey = "next";  // every leaf before it is applied

std::string key_of(uint64_t index) { return fmt::format("{:020}", index); }

std::string subject_of(const Event& event) {
  if (const auto* stopped = std::get_if<Stopped>(&event)) {
    return fmt::format("stop/{}/{}", stopped->stop.type, stopped->stop.id);
  }
  if (const auto* lifted = std::get_if<Lifted>(&event)) {
    return fmt::format("stop/{}/{}", lifted->type, lifted->id);
  }
  if (const auto* declared = std::get_if<Declared>(&event)) return fmt::format("emergency/{}", declared->emergency.leaf);
  if (const auto* reviewed = std::get_if<Reviewed>(&event)) return fmt::format("emergency/{}", reviewed->leaf);
  return hold_of(event);
}

}  // namespace

Oversight::Oversight(state::Store& store, const identity::Directory& people, Source source,
                     size_t open_per_person)
    : store_(store), source_(std::move(source)), docket_(people, source_.origin, open_per_person) {}

Result<std::unique_ptr<Oversight>> Oversight::open(state::Store& store, const identity::Directory& people,
                                                   Source source, size_t open_per_person) {
  auto oversight =
      std::unique_ptr<Oversight>(new Oversight(store, people, std::move(source), open_per_person));
  PV_TRY_VOID(oversight->read_index());
  PV_TRY(oversight->stored_next_, place(store));
  PV_TRY_VOID(oversight->read_tail(oversight->stored_next_));
  return oversight;
}

Result<uint64_t> Oversight::place(state::Store& store) {
  PV_TRY(const auto next, store.get(kPlaceTable, kNextKey));
  return next ? parse_u64(*next) : Result<uint64_t>(0);
}

Status Oversight::read_index() {
  PV_TRY(const auto rows, store_.list(kLeavesTable));
  for (const auto& [key, subject] : rows) {
    const size_t digits = std::min(key.find_first_not_of('0'), key.size() - 1);
    PV_TRY(const uint64_t index, parse_u64(std::string_view(key).substr(digits)));
    if (index >= source_.size()) {
      return fail(Code::kCorrupt, fmt::format("the state speaks of leaf {}, which the log does not have", index));
    }
    PV_TRY(const std::string entry, source_.entry(index));
    PV_TRY_VOID(read_leaf(index, entry));
  }
  return {};
}

Status Oversight::read_tail(uint64_t from) {
  PV_TRY_VOID(source_.scan(from, [this](uint64_t index, std::string_view entry) { return read_leaf(index, entry); }));
  return flush({0});  // so that the next start need not read it again
}

Status Oversight::read_leaf(uint64_t index, std::string_view entry) {
  PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
  if (!can_matter(leaf, !leaves_of_.empty())) return {};
  const auto bytes = source_.open_contents(index);
  if (!bytes && bytes.error().code == Code::kUnavailable) return {};  // shredded
  if (!bytes) return std::unexpected(bytes.error());
  PV_TRY(const audit::Contents contents, audit::Contents::decode(*bytes));
  PV_TRY(const std::vector<Event> events, events_of(source_.origin, index, leaf, contents));
  for (const Event& event : events) apply(index, event);
  return {};
}

std::shared_ptr<const Stops> Oversight::stops() const {
  const std::lock_guard lock(mutex_);
  return stops_;
}

std::shared_ptr<const Emergencies> Oversight::emergencies() const {
  const std::lock_guard lock(mutex_);
  return emergencies_;
}

Oversight::Pending Oversight::begin() {
  const std::lock_guard lock(mutex_);
  const uint64_t from = source_.size();
  pending_.insert(from);
  return {this, from};
}

Oversight::Pending::~Pending() {
  if (oversight_ == nullptr) return;
  const std::lock_guard lock(oversight_->mutex_);
  oversight_->pending_.erase(oversight_->pending_.find(from_));
}

void Oversight::note(uint64_t index, const std::string& subject) {
  if (!leaves_of_[subject].insert(index).second) return;
  to_put_.emplace_back(index, subject);
}

void Oversight::drop(const std::string& subject) {
  const auto leaves = leaves_of_.find(subject);
  if (leaves == leaves_of_.end()) return;
  to_erase_.insert(to_erase_.end(), leaves->second.begin(), leaves->second.end());
  leaves_of_.erase(leaves);
}

// True for an event that is of no hold.
bool Oversight::apply_to_snapshots(uint64_t index, const Event& event) {
  const std::string subject = subject_of(event);
  if (const auto* stopped = std::get_if<Stopped>(&event)) {
    Stop stop = stopped->stop;
    stop.leaf = index;
    stops_ = std::make_shared<const Stops>(stops_->with(std::move(stop)));
    note(index, subject);
  } else if (const auto* lifted = std::get_if<Lifted>(&event)) {
    stops_ = std::make_shared<const Stops>(stops_->without(lifted->type, lifted->id));
    drop(subject);
  } else if (const auto* declared = std::get_if<Declared>(&event)) {
    emergencies_ = std::make_shared<const Emergencies>(emergencies_->with(declared->emergency));
    note(index, subject);
  } else if (const auto* reviewed = std::get_if<Reviewed>(&event)) {
    emergencies_ = std::make_shared<const Emergencies>(emergencies_->without(reviewed->leaf));
    drop(subject);
  } else {
    return false;
  }
  return true;
}

void Oversight::apply(uint64_t index, const Event& event) {
  docket_.apply(index, event);
  const std::lock_guard lock(mutex_);
  if (apply_to_snapshots(index, event)) return;
  const std::string subject = subject_of(event);
  const auto hold = docket_.get(subject);
  if (!hold || hold->end != End::kNone) return drop(subject);
  note(index, subject);
}

Status Oversight::flush(UtcSeconds now) {
  const std::vector<std::string> gone = docket_.sweep(now);
  std::vector<std::pair<uint64_t, std::string>> to_put;
  std::vector<uint64_t> to_erase;
  uint64_t next = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& subject : gone) drop(subject);
    to_put.swap(to_put_);
    to_erase.swap(to_erase_);
    next = pending_.empty() ? source_.size() : *pending_.begin();
  }
  if (to_put.empty() && to_erase.empty() && next < stored_next_ + kTailLeavesMax) return {};
  Status stored = store_.transaction([&](state::Store& store) -> Status {
    for (const auto& [index, subject] : to_put) PV_TRY_VOID(store.put(kLeavesTable, key_of(index), subject));
    for (const uint64_t index : to_erase) PV_TRY_VOID(store.erase(kLeavesTable, key_of(index)));
    return store.put(kPlaceTable, kNextKey, std::to_string(next));
  });
  if (stored) {
    stored_next_ = next;
    return {};
  }
  const std::lock_guard lock(mutex_);
  to_put_.insert(to_put_.begin(), to_put.begin(), to_put.end());
  to_erase_.insert(to_erase_.begin(), to_erase.begin(), to_erase.end());
  return stored;
}

}  // namespace proviso::oversight
