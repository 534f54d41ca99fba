#pragma once
// The docket: every hold that is open or ended a moment ago, who has voted, and what may count. It changes
// only by events that stand in the ledger already (apply()); it plans what is then written down. What the
// gate asks is answered from memory. Thread-safe.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "identity/identity.h"
#include "oversight/records.h"

namespace proviso::oversight {

inline constexpr size_t kHoldsMax = 100'000;         // held in memory, some kilobytes each
inline constexpr size_t kHoldBytesMax = 512u << 20;  // actions and renderings of all holds together
inline constexpr size_t kNoncesMax = 65'536;         // renderings shown and not yet voted on
inline constexpr int64_t kEndedKeptSeconds = 3600;   // an ended hold can be looked at for so long
inline constexpr int64_t kClockSkewSecondsMax = 60;  // between an approver's machine and the gate

// What a hold is opened for, beside the action.
struct HoldPlan {
  audit::Action action;
  audit::RenderingWords words;
  std::vector<std::string> clauses;
  std::vector<std::string> awaits;
  agreement::Presence presence = agreement::Presence::kNone;
  std::string exchange;
};

// The votes that count at a moment.
struct Approvals {
  std::map<std::string, int64_t> by_role;
  std::vector<std::string> votes;  // leaves that they stand in, decimal, for the record
};

// What an approver needs to sign: the hold, and a nonce that is good for one vote of theirs.
struct Showing {
  Hold hold;
  std::string nonce;
  UtcSeconds shown_at;
};

class Docket {
 public:
  // `people` outlives it. `origin` is the log's. At most `open_per_person` holds of one requester wait, and no
  // new one while all together are beyond `bytes_max`.
  Docket(const identity::Directory& people, std::string origin, size_t open_per_person,
         size_t bytes_max = kHoldBytesMax);

  // A hold that can be written down and then applied. kLimit: the requester has too many open, or all
  // together are too many. kUnsupported: the action is longer than people can be asked to read.
  Result<Hold> plan_hold(HoldPlan plan, UtcSeconds now, UtcSeconds expires) const;
  // The open hold of exactly this action. None if it has expired, ended or is being consumed.
  [[nodiscard]] std::optional<Hold> open_hold(const Digest& action, UtcSeconds now) const;
  [[nodiscard]] Result<Hold> get(std::string_view id) const;  // kNotFound
  // Those that `person` asked for or may vote on, oldest first; without the texts of action and rendering.
  [[nodiscard]] std::vector<Hold> concerning(const identity::Person& person) const;

  // True if `person` may vote on it: not the requester, and of a role that it awaits.
  [[nodiscard]] static bool may_vote(const Hold& hold, const identity::Person& person);
  // kNotFound, also for who may not vote and did not ask; kLimit.
  Result<Showing> show(std::string_view id, std::string_view person, UtcSeconds now);
  // Everything that a vote must be, or why it is none: kInvalid, kUnverified, kConflict (ended, expired,
  // voted already), kNotFound. The nonce is used up by a statement that is signed as it must be.
  struct Judged {
    std::string hold;
    Vote vote;  // without its leaf
  };
  Result<Judged> judge_vote(std::string_view statement, std::string_view signature,
                            std::string_view person, UtcSeconds now);
  // Different people of each role, other than the requester, whose key and role stand now. Nothing counts
  // of a hold that has ended.
  [[nodiscard]] Approvals approvals(const Hold& hold, UtcSeconds now) const;

  // Takes the hold for one execution: true once. Never given back: an intent whose writing failed may be
  // durable all the same. A restart reads which.
  bool claim(std::string_view id);

  // `index` is the leaf's. What contradicts what is known (a vote on a hold that has ended) changes nothing.
  void apply(uint64_t index, const Event& event);
  // Forgets what has ended for kEndedKeptSeconds; gives the ids.
  std::vector<std::string> sweep(UtcSeconds now);

  // `fn` is called on any thread after each event of that hold, until unwatch(), which waits for a call
  // that is running. It must not call back.
  uint64_t watch(const std::string& hold, std::function<void()> fn);
  void unwatch(const std::string& hold, uint64_t token);

 private:
  struct Entry {
    Hold hold;
    bool claimed = false;
    bool counted = true;  // in open_of_
  };
  struct Nonce {
    std::string hold;
    std::string person;
    UtcSeconds shown_at;
    UtcSeconds expires;
  };
  [[nodiscard]] Result<const Entry*> entry(std::string_view id) const;
  Status check_voter(const Hold& hold, const audit::Approval& approval, std::string_view person) const;
  void take(uint64_t index, const Event& event);
  void end(Entry& entry, End how);
  void uncount(Entry& entry);
  static size_t bytes_of(const Hold& hold) { return hold.action.arguments.size() + hold.rendering.size(); }
  void forget_nonces(UtcSeconds now);

  const identity::Directory& people_;
  const std::string origin_;
  const size_t open_per_person_;
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> holds_;
  std::unordered_map<std::string, std::string> by_action_;  // action digest -> newest hold of it
  std::map<std::string, size_t> open_of_;                   // requester -> holds that have not ended
  size_t bytes_ = 0;                                        // bytes_of() all holds
  std::map<std::string, Nonce, std::less<>> nonces_;
  std::map<std::string, std::map<uint64_t, std::function<void()>>, std::less<>> watchers_;  // by hold
  uint64_t next_watcher_ = 1;
};

}  // namespace proviso::oversight
