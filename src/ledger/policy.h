#pragma once
// C2SP tlog-policy: which logs, which witnesses, and how many of them make a checkpoint valid. One text
// file for gates, clients and verifiers. Pure.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/note.h"
#include "ledger/cosignature.h"

namespace proviso::ledger {

inline constexpr size_t kPolicyBytesMax = 1 << 20;  // a person reads it
inline constexpr size_t kPolicyNamesMax = 1024;     // logs, witnesses and groups; the format asks for 96

class Policy {
 public:
  struct Log {
    note::VerifierKey key;
    std::string url;  // empty if none stands there
  };
  struct Witness {
    std::string name;  // in this file only
    note::VerifierKey key;
    std::string url;  // its submission prefix
  };

  // kInvalid names the line and what is wrong; kLimit beyond the limits.
  static Result<Policy> parse(std::string_view text);

  [[nodiscard]] const std::vector<Log>& logs() const { return logs_; }
  [[nodiscard]] const std::vector<Witness>& witnesses() const { return witnesses_; }
  [[nodiscard]] std::vector<note::VerifierKey> witness_keys() const;
  // True if these witnesses, by their names in this file, are enough.
  [[nodiscard]] bool satisfied_by(std::span<const std::string> names) const;

 private:
  struct Group {
    size_t need = 0;
    std::vector<size_t> members;  // places in members_
  };
  // A witness or a group; groups stand behind their members.
  struct Member {
    std::string name;
    bool is_witness = true;
    Group group;
    bool taken = false;  // it is a member of a group already
  };
  friend class PolicyParser;

  std::vector<Log> logs_;
  std::vector<Witness> witnesses_;
  std::vector<Member> members_;
  size_t quorum_ = 0;
  bool needs_none_ = false;  // quorum none
};

// A checkpoint and who vouches for it.
struct Witnessed {
  note::Checkpoint checkpoint;
  std::vector<Cosignature> cosignatures;
  bool quorum = false;
  UtcSeconds earliest;  // the quorum's earliest cosignature time; 0 without one
};
// Opens a checkpoint under a policy: signed by a log of the policy, or by one of `more_logs` (which a
// policy without logs needs); cosignatures judged. kUnverified if no such log signed, if the origin is
// not that log's name, or if a known witness's line does not hold. A missing quorum is not an error.
Result<Witnessed> open_witnessed(std::string_view note, const Policy& policy,
                                 std::span<const note::VerifierKey> more_logs);

}  // namespace proviso::ledger
