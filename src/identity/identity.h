#pragma once
// Who is it: API keys and the register of people. Keys are stored only as their SHA-256; a look-up reads
// an immutable snapshot and touches no database. Every change is first planned as a value that can be
// written down (its leaf comes first), then applied; what is applied is in force for the next look-up, on
// open streams too. Thread-safe; one writer process.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "state/store.h"

namespace proviso::identity {

inline constexpr size_t kNameBytesMax = 64;    // ids, roles, purposes: short names, not prose
inline constexpr size_t kRolesMax = 32;        // of one person; each becomes part of a fact
inline constexpr size_t kPeopleMax = 100'000;  // the register is held in memory
inline constexpr size_t kKeysMax = 200'000;    // so are keys; expired and revoked ones count
inline constexpr size_t kApproverKeyBytesMax = 512;  // the line of a .pub file, comment and all

// A person as the register has them.
struct Person {
  std::string id;
  std::vector<std::string> roles;  // sorted, unique
  int64_t clearance = 0;
  std::string nationality;
  UtcSeconds training_until;
};

// The person behind a key, as the corridor needs them.
struct Principal {
  std::string id;
  std::vector<std::string> roles;  // sorted, unique
  int64_t clearance = 0;
  std::string nationality;
  UtcSeconds training_until;
  std::string key_id;
  std::string default_purpose;  // empty: every request names its own
};

struct KeyInfo {  // everything about a key but the key
  std::string id;  // "k_" and 16 hex digits
  std::string person;
  std::string default_purpose;
  UtcSeconds created;
  UtcSeconds expires;
  UtcSeconds revoked;  // 0: it stands
};

// The public half of a key with which a person signs approvals. A key is one person's.
struct ApproverKey {
  std::string fingerprint;  // "SHA256:…"
  std::string line;         // "ssh-ed25519 AAAA… comment"
  std::string person;
};

// A change that can be written down before it happens. Holds no secret.
struct Change {
  enum class Kind {
    kPersonPut,
    kPersonRemoved,
    kKeyIssued,
    kKeyRevoked,
    kApproverKeyAdded,
    kApproverKeyRemoved
  };
  Kind kind = Kind::kPersonPut;
  Person person;
  KeyInfo key;
  std::string key_digest;  // SHA-256 of an issued key, raw
  ApproverKey approver_key;
};
const char* change_name(Change::Kind kind);  // "person_put", "key_issued", …

struct NewKey {
  std::string key;  // "pv_…": shown once, kept nowhere
  Change change;
};

class Directory {
 public:
  // Reads what `store` holds; `store` outlives it. kCorrupt names the entry that does not read.
  static Result<std::unique_ptr<Directory>> open(state::Store& store);
  virtual ~Directory() = default;

  // kUnverified, with a sentence for the person, for an empty, unknown, expired or revoked key.
  [[nodiscard]] virtual Result<Principal> authenticate(std::string_view key, UtcSeconds now) const = 0;
  // The same person by the id of a key that was authenticated before: for open streams.
  [[nodiscard]] virtual Result<Principal> current(std::string_view key_id, UtcSeconds now) const = 0;
  // Reads the store again: for a process that looks on while another one writes.
  virtual Status reload() = 0;
  // Grows with every applied change and every reload.
  [[nodiscard]] virtual uint64_t version() const = 0;

  // kInvalid for what is not a short name, a negative clearance or an expiry that is not ahead, with a
  // sentence that says what would do; kNotFound for an unknown person or key; kConflict for a key that
  // is revoked already; kLimit. The planned person has sorted roles. Nothing changes before apply().
  virtual Result<Change> plan_person(Person person) const = 0;
  virtual Result<Change> plan_person_removal(std::string_view id) const = 0;
  virtual Result<NewKey> plan_key(std::string_view person, std::string_view default_purpose,
                                  UtcSeconds now, UtcSeconds expires) const = 0;
  virtual Result<Change> plan_revocation(std::string_view key_id, UtcSeconds now) const = 0;
  // `line` as in a .pub file; kConflict if somebody has that key already, kUnsupported for its type.
  virtual Result<Change> plan_approver_key(std::string_view person, std::string_view line) const = 0;
  virtual Result<Change> plan_approver_key_removal(std::string_view fingerprint) const = 0;
  // Stores it and puts it in force for the next look-up. What was planned is checked again, so a stale
  // plan fails as planning would. A removed person's keys go with them: should the person come back, old
  // keys do not. kIo and kConflict (opened for reading) leave everything as it was.
  virtual Status apply(const Change& change) = 0;

  [[nodiscard]] virtual std::vector<Person> people() const = 0;
  [[nodiscard]] virtual std::vector<KeyInfo> keys() const = 0;
  [[nodiscard]] virtual std::vector<ApproverKey> approver_keys() const = 0;
  // One of each; kNotFound.
  [[nodiscard]] virtual Result<Person> person(std::string_view id) const = 0;
  [[nodiscard]] virtual Result<ApproverKey> approver_key(std::string_view fingerprint) const = 0;
  // The changes that, applied to an empty register, give this one: people, then keys, revoked ones too.
  [[nodiscard]] virtual std::vector<Change> restated() const = 0;
  // Refused keys since the last take: one leaf a minute says how many.
  virtual void count_refusal() = 0;
  virtual uint64_t take_refusals() = 0;
};

}  // namespace proviso::identity
