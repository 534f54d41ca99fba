#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"
#include "identity/identity.h"
#include "identity/records.h"

namespace proviso::identity {
namespace {

constexpr std::string_view kPeopleTable = "identity_people";
constexpr std::string_view kKeysTable = "identity_keys";
constexpr std::string_view kApproverKeysTable = "identity_approver_keys";
constexpr std::string_view kKeyPrefix = "pv_";
constexpr size_t kKeySecretBytes = 32;
constexpr size_t kKeyTextBytes = 3 + 43;  // base64url of 32 bytes without padding

// A key's digest is uniform: its first bytes are hash enough.
struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t value;
    std::memcpy(&value, digest.bytes.data(), sizeof value);
    return value;
  }
};

// Everything at one moment. Never changed once it is in force; people and keys are shared between
// one and the next.
struct Snapshot {
  std::map<std::string, std::shared_ptr<const Person>, std::less<>> people;
  std::map<std::string, std::shared_ptr<const StoredKey>, std::less<>> keys;
  std::unordered_map<Digest, std::shared_ptr<const StoredKey>, DigestHash> by_digest;
  std::map<std::string, ApproverKey, std::less<>> approver_keys;  // by fingerprint
};
using Shared = std::shared_ptr<const Snapshot>;

std::unexpected<Error> unknown(std::string_view what, std::string_view id) {
  return fail(Code::kNotFound,
              fmt::format("there is no {} `{}`", what, id.substr(0, kNameBytesMax)));
}

Result<Principal> principal_of(const Snapshot& now_in_force, const StoredKey& key, UtcSeconds now) {
  if (key.info.revoked.value != 0) {
    return fail(Code::kUnverified, fmt::format("API key `{}` was revoked", key.info.id));
  }
  if (now >= key.info.expires) {
    return fail(Code::kUnverified, fmt::format("API key `{}` expired on {}: ask for a new one",
                                               key.info.id, format_time(key.info.expires)));
  }
  const auto found = now_in_force.people.find(key.info.person);
  if (found == now_in_force.people.end()) {
    return fail(Code::kUnverified,
                fmt::format("the person of API key `{}` is not in the register", key.info.id));
  }
  const Person& person = *found->second;
  return Principal{person.id,
                   person.roles,
                   person.clearance,
                   person.nationality,
                   person.training_until,
                   key.info.id,
                   key.info.default_purpose};
}

std::string key_text(std::string_view secret) {
  std::string text = base64_encode(secret);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return std::string(kKeyPrefix) + text;
}

Result<Shared> read_snapshot(state::Store& store) {
  auto snapshot = std::make_shared<Snapshot>();
  PV_TRY(const auto people, store.list(kPeopleTable));
  for (const auto& [id, text] : people) {
    PV_TRY(Person person, decode_person(id, text));
    snapshot->people.emplace(id, std::make_shared<const Person>(std::move(person)));
  }
  PV_TRY(const auto keys, store.list(kKeysTable));
  for (const auto& [id, text] : keys) {
    PV_TRY(StoredKey read, decode_key(id, text));
    const auto key = std::make_shared<const StoredKey>(std::move(read));
    snapshot->keys.emplace(id, key);
    if (!snapshot->by_digest.emplace(key->digest, key).second) {
      return fail(Code::kCorrupt, fmt::format("the stored key `{}` is another key's twin", id));
    }
  }
  PV_TRY(const auto approver_keys, store.list(kApproverKeysTable));
  for (const auto& [fingerprint, text] : approver_keys) {
    PV_TRY(ApproverKey key, decode_approver_key(fingerprint, text));
    snapshot->approver_keys.emplace(fingerprint, std::move(key));
  }
  return snapshot;
}

class DirectoryImpl final : public Directory {
 public:
  DirectoryImpl(state::Store& store, Shared snapshot)
      : store_(store), snapshot_(std::move(snapshot)) {}

  [[nodiscard]] Result<Principal> authenticate(std::string_view key, UtcSeconds now) const override;
  [[nodiscard]] Result<Principal> current(std::string_view key_id, UtcSeconds now) const override;
  Status reload() override;
  [[nodiscard]] uint64_t version() const override {
    return version_.load(std::memory_order_acquire);
  }

  Result<Change> plan_person(Person person) const override;
  Result<Change> plan_person_removal(std::string_view id) const override;
  Result<NewKey> plan_key(std::string_view person, std::string_view default_purpose, UtcSeconds now,
                          UtcSeconds expires) const override;
  Result<Change> plan_revocation(std::string_view key_id, UtcSeconds now) const override;
  Result<Change> plan_approver_key(std::string_view person, std::string_view line) const override;
  Result<Change> plan_approver_key_removal(std::string_view fingerprint) const override;
  Status apply(const Change& change) override;

  [[nodiscard]] std::vector<Person> people() const override;
  [[nodiscard]] std::vector<KeyInfo> keys() const override;
  [[nodiscard]] std::vector<ApproverKey> approver_keys() const override;
  [[nodiscard]] Result<Person> person(std::string_view id) const override;
  [[nodiscard]] Result<ApproverKey> approver_key(std::string_view fingerprint) const override;
  [[nodiscard]] std::vector<Change> restated() const override;
  void count_refusal() override { refusals_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t take_refusals() override { return refusals_.exchange(0, std::memory_order_relaxed); }

 private:
  [[nodiscard]] Shared snapshot() const {
    const std::shared_lock lock(mutex_);
    return snapshot_;
  }
  void put_in_force(Shared next);
  Status put_person(const Person& person, Snapshot& next);
  Status remove_person(const std::string& id, Snapshot& next);
  Status issue_key(const Change& change, Snapshot& next);
  Status revoke_key(const KeyInfo& info, Snapshot& next);
  Status add_approver_key(const ApproverKey& key, Snapshot& next);
  Status remove_approver_key(const std::string& fingerprint, Snapshot& next);

  state::Store& store_;
  std::mutex changing_;              // one change at a time
  mutable std::shared_mutex mutex_;  // of the pointer alone, held for a copy of it
  Shared snapshot_;
  std::atomic<uint64_t> version_ = 1;
  std::atomic<uint64_t> refusals_ = 0;
};

Result<Principal> DirectoryImpl::authenticate(std::string_view key, UtcSeconds now) const {
  if (key.empty()) return fail(Code::kUnverified, "no API key was given");
  if (key.size() != kKeyTextBytes || !key.starts_with(kKeyPrefix)) {
    return fail(Code::kUnverified, "this is no API key of ours: they start with `pv_`");
  }
  const Shared in_force = snapshot();
  const auto found = in_force->by_digest.find(sha256(key));
  if (found == in_force->by_digest.end())
    return fail(Code::kUnverified, "this API key is not known here");
  return principal_of(*in_force, *found->second, now);
}

Result<Principal> DirectoryImpl::current(std::string_view key_id, UtcSeconds now) const {
  const Shared in_force = snapshot();
  const auto found = in_force->keys.find(key_id);
  if (found == in_force->keys.end()) {
    return fail(Code::kUnverified,
                fmt::format("API key `{}` is not known here", key_id.substr(0, kNameBytesMax)));
  }
  return principal_of(*in_force, *found->second, now);
}

Status DirectoryImpl::reload() {
  const std::lock_guard one_at_a_time(changing_);
  PV_TRY(Shared next, read_snapshot(store_));
  put_in_force(std::move(next));
  return {};
}

void DirectoryImpl::put_in_force(Shared next) {
  {
    const std::unique_lock lock(mutex_);
    snapshot_.swap(next);
  }
  version_.fetch_add(1, std::memory_order_acq_rel);
}

Result<Change> DirectoryImpl::plan_person(Person person) const {
  std::sort(person.roles.begin(), person.roles.end());
  person.roles.erase(std::unique(person.roles.begin(), person.roles.end()), person.roles.end());
  PV_TRY_VOID(check_person(person));
  const Shared in_force = snapshot();
  if (in_force->people.size() >= kPeopleMax && !in_force->people.contains(person.id)) {
    return fail(Code::kLimit, fmt::format("the register holds {} people already", kPeopleMax));
  }
  Change change;
  change.kind = Change::Kind::kPersonPut;
  change.person = std::move(person);
  return change;
}

Result<Change> DirectoryImpl::plan_person_removal(std::string_view id) const {
  const Shared in_force = snapshot();
  const auto found = in_force->people.find(id);
  if (found == in_force->people.end()) return unknown("person", id);
  Change change;
  change.kind = Change::Kind::kPersonRemoved;
  change.person = *found->second;
  return change;
}

Result<NewKey> DirectoryImpl::plan_key(std::string_view person, std::string_view default_purpose,
                                       UtcSeconds now, UtcSeconds expires) const {
  const Shared in_force = snapshot();
  if (!in_force->people.contains(person)) {
    const Error missing = unknown("person", person).error();
    return fail(missing.code, missing.message + " in the register: add the person first");
  }
  if (!default_purpose.empty()) PV_TRY_VOID(check_name("purpose", default_purpose));
  if (expires <= now) {
    return fail(Code::kInvalid, fmt::format("the key would expire on {}, which is not ahead",
                                            format_time(expires)));
  }
  if (in_force->keys.size() >= kKeysMax) {
    return fail(Code::kLimit, fmt::format("there are {} keys already", kKeysMax));
  }
  NewKey made;
  made.key = key_text(random_bytes(kKeySecretBytes));
  made.change.kind = Change::Kind::kKeyIssued;
  made.change.key.id = "k_" + hex_encode(random_bytes(8));
  made.change.key.person = person;
  made.change.key.default_purpose = default_purpose;
  made.change.key.created = now;
  made.change.key.expires = expires;
  made.change.key_digest = sha256(made.key).view();
  return made;
}

Result<Change> DirectoryImpl::plan_revocation(std::string_view key_id, UtcSeconds now) const {
  const Shared in_force = snapshot();
  const auto found = in_force->keys.find(key_id);
  if (found == in_force->keys.end()) return unknown("key", key_id);
  if (found->second->info.revoked.value != 0) {
    return fail(Code::kConflict, fmt::format("key `{}` was revoked on {}", key_id,
                                             format_time(found->second->info.revoked)));
  }
  if (now.value <= 0) return fail(Code::kInvalid, "a revocation needs its time");
  Change change;
  change.kind = Change::Kind::kKeyRevoked;
  change.key = found->second->info;
  change.key.revoked = now;
  return change;
}

Result<Change> DirectoryImpl::plan_approver_key(std::string_view person, std::string_view line) const {
  const Shared in_force = snapshot();
  if (!in_force->people.contains(person)) return unknown("person", person);
  Change change;
  change.kind = Change::Kind::kApproverKeyAdded;
  PV_TRY(change.approver_key, read_approver_key(person, line));
  const auto known = in_force->approver_keys.find(change.approver_key.fingerprint);
  if (known != in_force->approver_keys.end()) {
    return fail(Code::kConflict, fmt::format("approver key {} is `{}`'s already: a key is one person's",
                                             known->first, known->second.person));
  }
  return change;
}

Result<Change> DirectoryImpl::plan_approver_key_removal(std::string_view fingerprint) const {
  PV_TRY(ApproverKey key, approver_key(fingerprint));
  Change change;
  change.kind = Change::Kind::kApproverKeyRemoved;
  change.approver_key = std::move(key);
  return change;
}

Status DirectoryImpl::put_person(const Person& person, Snapshot& next) {
  PV_TRY_VOID(check_person(person));
  PV_TRY_VOID(store_.put(kPeopleTable, person.id, encode_person(person)));
  next.people.insert_or_assign(person.id, std::make_shared<const Person>(person));
  return {};
}

Status DirectoryImpl::remove_person(const std::string& id, Snapshot& next) {
  if (next.people.erase(id) == 0) return unknown("person", id);
  std::vector<std::string> gone;
  for (const auto& [key_id, key] : next.keys) {
    if (key->info.person == id) gone.push_back(key_id);
  }
  for (const std::string& key_id : gone) {
    next.by_digest.erase(next.keys.at(key_id)->digest);
    next.keys.erase(key_id);
  }
  std::vector<std::string> fingerprints;
  for (const auto& [fingerprint, key] : next.approver_keys) {
    if (key.person == id) fingerprints.push_back(fingerprint);
  }
  for (const std::string& fingerprint : fingerprints) next.approver_keys.erase(fingerprint);
  return store_.transaction([&](state::Store& store) -> Status {
    for (const std::string& key_id : gone) PV_TRY_VOID(store.erase(kKeysTable, key_id));
    for (const std::string& fingerprint : fingerprints) {
      PV_TRY_VOID(store.erase(kApproverKeysTable, fingerprint));
    }
    return store.erase(kPeopleTable, id);
  });
}

Status DirectoryImpl::issue_key(const Change& change, Snapshot& next) {
  PV_TRY_VOID(check_name("key", change.key.id));
  if (!next.people.contains(change.key.person)) return unknown("person", change.key.person);
  const Result<Digest> digest = digest_from_bytes(change.key_digest);
  if (!digest) return fail(Code::kInvalid, "an issued key comes with its digest");
  const auto key = std::make_shared<const StoredKey>(StoredKey{change.key, *digest});
  if (!next.keys.emplace(change.key.id, key).second ||
      !next.by_digest.emplace(*digest, key).second) {
    return fail(Code::kConflict, fmt::format("key `{}` exists already", change.key.id));
  }
  return store_.put(kKeysTable, change.key.id, encode_key(*key));
}

Status DirectoryImpl::revoke_key(const KeyInfo& info, Snapshot& next) {
  const auto found = next.keys.find(info.id);
  if (found == next.keys.end()) return unknown("key", info.id);
  if (found->second->info.revoked.value != 0) {
    return fail(Code::kConflict, fmt::format("key `{}` was revoked already", info.id));
  }
  if (info.revoked.value <= 0) return fail(Code::kInvalid, "a revocation needs its time");
  StoredKey revoked = *found->second;
  revoked.info.revoked = info.revoked;
  const auto key = std::make_shared<const StoredKey>(std::move(revoked));
  found->second = key;
  next.by_digest[key->digest] = key;
  return store_.put(kKeysTable, info.id, encode_key(*key));
}

Status DirectoryImpl::add_approver_key(const ApproverKey& key, Snapshot& next) {
  if (!next.people.contains(key.person)) return unknown("person", key.person);
  PV_TRY(ApproverKey read, read_approver_key(key.person, key.line));
  if (read.fingerprint != key.fingerprint) {
    return fail(Code::kInvalid, "the fingerprint is not the approver key's");
  }
  if (!next.approver_keys.emplace(key.fingerprint, key).second) {
    return fail(Code::kConflict, fmt::format("approver key {} is somebody's already", key.fingerprint));
  }
  return store_.put(kApproverKeysTable, key.fingerprint, encode_approver_key(key));
}

Status DirectoryImpl::remove_approver_key(const std::string& fingerprint, Snapshot& next) {
  if (next.approver_keys.erase(fingerprint) == 0) return unknown("approver key", fingerprint);
  return store_.erase(kApproverKeysTable, fingerprint);
}

Status DirectoryImpl::apply(const Change& change) {
  const std::lock_guard one_at_a_time(changing_);
  auto next = std::make_shared<Snapshot>(*snapshot());
  Status stored;
  switch (change.kind) {
    case Change::Kind::kPersonPut:
      stored = put_person(change.person, *next);
      break;
    case Change::Kind::kPersonRemoved:
      stored = remove_person(change.person.id, *next);
      break;
    case Change::Kind::kKeyIssued:
      stored = issue_key(change, *next);
      break;
    case Change::Kind::kKeyRevoked:
      stored = revoke_key(change.key, *next);
      break;
    case Change::Kind::kApproverKeyAdded:
      stored = add_approver_key(change.approver_key, *next);
      break;
    case Change::Kind::kApproverKeyRemoved:
      stored = remove_approver_key(change.approver_key.fingerprint, *next);
      break;
  }
  if (!stored) return stored;
  put_in_force(std::move(next));
  return {};
}

std::vector<Person> DirectoryImpl::people() const {
  std::vector<Person> all;
  for (const auto& [id, person] : snapshot()->people) all.push_back(*person);
  return all;
}

std::vector<KeyInfo> DirectoryImpl::keys() const {
  std::vector<KeyInfo> all;
  for (const auto& [id, key] : snapshot()->keys) all.push_back(key->info);
  return all;
}

std::vector<ApproverKey> DirectoryImpl::approver_keys() const {
  std::vector<ApproverKey> all;
  for (const auto& [fingerprint, key] : snapshot()->approver_keys) all.push_back(key);
  return all;
}

Result<Person> DirectoryImpl::person(std::string_view id) const {
  const Shared in_force = snapshot();
  const auto found = in_force->people.find(id);
  if (found == in_force->people.end()) return unknown("person", id);
  return *found->second;
}

Result<ApproverKey> DirectoryImpl::approver_key(std::string_view fingerprint) const {
  const Shared in_force = snapshot();
  const auto found = in_force->approver_keys.find(fingerprint);
  if (found == in_force->approver_keys.end()) return unknown("approver key", fingerprint);
  return found->second;
}

std::vector<Change> DirectoryImpl::restated() const {
  const Shared in_force = snapshot();
  std::vector<Change> all;
  const auto next = [&all](Change::Kind kind) -> Change& {
    all.emplace_back();
    all.back().kind = kind;
    return all.back();
  };
  for (const auto& [id, person] : in_force->people) next(Change::Kind::kPersonPut).person = *person;
  for (const auto& [id, key] : in_force->keys) {
    Change& issued = next(Change::Kind::kKeyIssued);
    issued.key = key->info;
    issued.key_digest = key->digest.view();
  }
  for (const auto& [fingerprint, key] : in_force->approver_keys) {
    next(Change::Kind::kApproverKeyAdded).approver_key = key;
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<Directory>> Directory::open(state::Store& store) {
  PV_TRY(Shared snapshot, read_snapshot(store));
  return std::make_unique<DirectoryImpl>(store, std::move(snapshot));
}

}  // namespace proviso::identity
