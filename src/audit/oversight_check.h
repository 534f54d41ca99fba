#pragma once
// Replay of oversight: every approval that a decision counted is judged again from the ledger alone. Register,
// holds, votes with their signatures and the intents that consume them all stand in leaves, so a gate that
// makes approvals up, counts a person twice or executes a hold twice is caught by whoever replays it.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/approval.h"
#include "agreement/agreement.h"
#include "audit/leaf.h"

namespace proviso::audit {

class OversightCheck {
 public:
  explicit OversightCheck(std::string origin) : origin_(std::move(origin)) {}
  // In log order, leaves that could be opened. Gives what is wrong with this one, a sentence each. `terms` are its
  // agreement's, or null. `whole` is false once something before it could not be opened: what is then unknown is
  // no fault.
  std::vector<std::string> take(uint64_t index, const Leaf& leaf, const Contents& contents,
                                const agreement::Terms* terms, bool whole);

 private:
  // What held until a moment ago still counts for decisions that were being written.
  struct Person {
    std::vector<std::string> roles;
    std::vector<std::string> roles_before;
    int64_t changed_at = 0;
  };
  struct Key {
    std::string person;
    sshsig::PersonKey key;
    std::optional<int64_t> removed_at;
  };
  struct Vote {
    std::string person;
    std::string role;
    std::string key;
    bool approves = false;
    int64_t time = 0;
  };
  struct Held {
    HoldTerms terms;
    Action action;
    std::vector<std::string> awaits;
    std::string presence;
    std::vector<Vote> votes;
    std::optional<uint64_t> consumed_by;
  };

  struct Emergency {
    uint64_t leaf = 0;
    std::string purpose;
    std::string person;
    int64_t since = 0;
    int64_t until = 0;
    int64_t review_due = 0;
    std::optional<int64_t> reviewed_at;
  };

  void take_declaration(uint64_t index, const Leaf& leaf, const exchange::Facts& facts, const agreement::Terms* terms,
                        bool whole);
  void take_review(const Leaf& leaf, const exchange::Facts& facts, const agreement::Terms* terms, bool whole);
  void check_break_glass(const Leaf& leaf, const exchange::Facts& facts, bool whole);
  [[nodiscard]] bool had_any(const std::string& person, const std::vector<std::string>& roles, int64_t now) const;
  void take_person(const Leaf& leaf, const exchange::Facts& facts);
  void take_key(const Leaf& leaf, const exchange::Facts& facts);
  void take_hold(const Leaf& leaf, const Contents& contents);
  void take_vote(const Leaf& leaf, const Contents& contents, bool whole);
  void take_intent(uint64_t index, const Leaf& leaf, const Contents& contents, bool whole);
  [[nodiscard]] std::string check_vote(const Held& held, const Approval& approval, const std::string& person,
                                       const std::string& statement, const std::string& signature, int64_t now) const;
  [[nodiscard]] std::map<std::string, int64_t> counted(const Held& held, int64_t now) const;
  [[nodiscard]] bool had_role(const std::string& person, const std::string& role, int64_t now) const;
  [[nodiscard]] const Key* key_at(const std::string& fingerprint, int64_t now) const;
  void wrong(std::string sentence) { faults_.push_back(std::move(sentence)); }

  const std::string origin_;
  std::map<std::string, Person> people_;
  std::map<std::string, Key> keys_;  // by fingerprint
  std::map<std::string, Held> holds_;
  std::vector<Emergency> emergencies_;
  std::vector<std::string> faults_;
};

}  // namespace proviso::audit
