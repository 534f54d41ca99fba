#pragma once
// Oversight as the gate has it: the docket of holds and the stops in force, made from the ledger. An index of
// the leaves that still matter lies in the state store, so that a start reads those and the last moments of
// the log, not all of it; without the index everything is found again by reading the log. Thread-safe.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oversight/docket.h"
#include "state/store.h"

namespace proviso::oversight {

inline constexpr uint64_t kTailLeavesMax = 10'000;  // read again at a start: well under a second

// The ledger as this room reads it. Called on any thread.
struct Source {
  std::string origin;
  std::function<uint64_t()> size;                              // leaves that are durable or about to be
  std::function<Result<std::string>(uint64_t)> entry;          // a leaf's text
  // Every leaf from an index on, in order, until `visit` fails.
  std::function<Status(uint64_t, const std::function<Status(uint64_t, std::string_view)>&)> scan;
  std::function<Result<std::string>(uint64_t)> open_contents;  // what the vault has of it
};

class Oversight {
 public:
  // Reads what matters. `store`, `people` and `source` outlive it. A leaf whose contents were shredded is
  // passed over: what it held open is gone with it.
  static Result<std::unique_ptr<Oversight>> open(state::Store& store, const identity::Directory& people,
                                                 Source source, size_t open_per_person);

  // Every leaf before it is applied, as the last flush() stored it; 0 if none did.
  static Result<uint64_t> place(state::Store& store);

  Docket& docket() { return docket_; }
  [[nodiscard]] std::shared_ptr<const Stops> stops() const;
  [[nodiscard]] std::shared_ptr<const Emergencies> emergencies() const;

  // Taken before a leaf that changes more than the ledger is submitted, and kept until it is applied: until
  // then a restart reads the log from there.
  class Pending {
   public:
    Pending(Pending&& other) noexcept : oversight_(std::exchange(other.oversight_, nullptr)), from_(other.from_) {}
    Pending& operator=(Pending&&) = delete;
    ~Pending();

   private:
    friend class Oversight;
    Pending(Oversight* oversight, uint64_t from) : oversight_(oversight), from_(from) {}
    Oversight* oversight_;
    uint64_t from_;
  };
  [[nodiscard]] Pending begin();

  // `event` stands in the log at `index`, durable.
  void apply(uint64_t index, const Event& event);
  // Writes the index and forgets what has long ended: every second or so, on one thread. kIo: nothing is lost, a later
  // start reads more of the log.
  Status flush(UtcSeconds now);

 private:
  Oversight(state::Store& store, const identity::Directory& people, Source source, size_t open_per_person);
  Status read_index();
  Status read_tail(uint64_t from);
  Status read_leaf(uint64_t index, std::string_view entry);
  [[nodiscard]] bool apply_to_snapshots(uint64_t index, const Event& event);
  void note(uint64_t index, const std::string& subject);
  void drop(const std::string& subject);

  state::Store& store_;
  Source source_;
  Docket docket_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Stops> stops_ = std::make_shared<const Stops>();
  std::shared_ptr<const Emergencies> emergencies_ = std::make_shared<const Emergencies>();
  std::multiset<uint64_t> pending_;
  std::map<std::string, std::set<uint64_t>> leaves_of_;  // subject -> the leaves that tell of it
  std::vector<std::pair<uint64_t, std::string>> to_put_;
  std::vector<uint64_t> to_erase_;
  uint64_t stored_next_ = 0;  // of the thread that flushes
};

}  // namespace proviso::oversight
