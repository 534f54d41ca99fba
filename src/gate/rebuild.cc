#include "gate/rebuild.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/file.h"
#include "gate/engine.h"
#include "ledger/log.h"
#include "vault/vault.h"

namespace proviso::gate {
namespace {

namespace fs = std::filesystem;

template <class T>
Result<T> fact(const exchange::Facts& facts, std::string_view path) {
  const auto* value = facts.find(path);
  const auto* typed = value != nullptr ? std::get_if<T>(value) : nullptr;
  if (typed == nullptr) return fail(Code::kInvalid, fmt::format("a change does not say `{}`", path));
  return *typed;
}

int64_t number_or_zero(const exchange::Facts& facts, std::string_view path) {
  const auto number = fact<int64_t>(facts, path);
  return number ? *number : 0;
}

Result<identity::Person> person_of(const exchange::Facts& facts) {
  identity::Person person;
  PV_TRY(person.id, fact<std::string>(facts, "person.id"));
  PV_TRY(person.roles, fact<std::vector<std::string>>(facts, "person.roles"));
  PV_TRY(person.clearance, fact<int64_t>(facts, "person.clearance"));
  PV_TRY(person.nationality, fact<std::string>(facts, "person.nationality"));
  PV_TRY(person.training_until.value, fact<int64_t>(facts, "person.training_until"));
  return person;
}

Result<identity::KeyInfo> key_of(const exchange::Facts& facts) {
  identity::KeyInfo key;
  PV_TRY(key.id, fact<std::string>(facts, "key.id"));
  PV_TRY(key.person, fact<std::string>(facts, "key.person"));
  PV_TRY(key.default_purpose, fact<std::string>(facts, "key.purpose"));
  PV_TRY(key.expires.value, fact<int64_t>(facts, "key.expires"));
  key.created.value = number_or_zero(facts, "key.created");
  key.revoked.value = number_or_zero(facts, "key.revoked");
  return key;
}

Result<identity::ApproverKey> approver_key_of(const exchange::Facts& facts) {
  identity::ApproverKey key;
  PV_TRY(key.fingerprint, fact<std::string>(facts, "approver_key.fingerprint"));
  PV_TRY(key.line, fact<std::string>(facts, "approver_key.line"));
  PV_TRY(key.person, fact<std::string>(facts, "approver_key.person"));
  return key;
}

// People, their keys, and the keys with which they approve.
class Register final : public Projection {
 public:
  static Result<std::unique_ptr<Projection>> create(state::Store& store) {
    auto made = std::make_unique<Register>();
    PV_TRY(made->people_, identity::Directory::open(store));
    return std::unique_ptr<Projection>(std::move(made));
  }
  [[nodiscard]] bool reads(std::string_view verb) const override { return verb == "person" || verb == "key"; }
  Status take(const audit::Leaf& leaf, const exchange::Facts& facts) override {
    // The first of a register written anew as a whole: what stood before counts no more.
    const bool restated = facts.find(kRestated) != nullptr;
    if (restated && !within_) changes_.clear();
    if (restated && !within_) nameless_ = 0;
    within_ = restated;
    if (restated) missed_.reset();
    auto change = change_of(leaf, facts);
    if (!change && change.error().code == Code::kUnsupported) {
      ++nameless_;
      return {};
    }
    if (!change) return std::unexpected(std::move(change.error()));
    changes_.push_back(std::move(*change));
    return {};
  }
  // An older version kept these leaves with what exchanges said; they may be gone if all was written anew.
  Status miss(const Error& why) override {
    within_ = false;
    if (!missed_) missed_ = why;
    return {};
  }
  Status finish() override {
    if (missed_) return std::unexpected(*missed_);
    for (const identity::Change& change : changes_) {
      const Status applied = people_->apply(change);
      // About a key that an older version did not describe.
      if (!applied && applied.error().code != Code::kNotFound) return applied;
    }
    return {};
  }
  [[nodiscard]] std::string summary() const override {
    std::string out = fmt::format("{} people, {} keys, {} approver keys", people_->people().size(),
                                  people_->keys().size(), people_->approver_keys().size());
    if (nameless_ != 0) {
      out += fmt::format("; {} keys were issued by an older version, which wrote down too little: issue new ones",
                         nameless_);
    }
    return out;
  }

 private:
  std::unique_ptr<identity::Directory> people_;
  std::vector<identity::Change> changes_;
  bool within_ = false;  // a register written anew
  std::optional<Error> missed_;
  size_t nameless_ = 0;
};

using Make = Result<std::unique_ptr<Projection>> (*)(state::Store&);
constexpr std::array kProjections = {
    Make{&Register::create},
};

Status read_leaves(const Layout& layout, std::span<const std::unique_ptr<Projection>> projections) {
  PV_TRY(const auto log, ledger::LogReader::open(layout.log()));
  PV_TRY(const auto vault, vault::Vault::open_reader(layout.vault()));
  return log->scan(0, [&](uint64_t index, std::string_view entry) -> Status {
    PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
    for (const auto& projection : projections) {
      if (!projection->reads(leaf.verb)) continue;
      const std::string where = fmt::format("leaf {}", index);
      const auto record = vault->open_record(index);
      if (!record && record.error().code == Code::kUnavailable) {
        PV_TRY_VOID(projection->miss({Code::kUnavailable, where + ": " + record.error().message}));
        continue;
      }
      if (!record) return fail_at(where, record.error());
      const auto contents = audit::Contents::decode(*record);
      if (!contents) return fail_at(where, contents.error());
      if (audit::fact_root(contents->facts, contents->secret) != leaf.fact_root) {
        return fail(Code::kCorrupt, where + ": its record holds other facts than it commits to");
      }
      if (const Status taken = projection->take(leaf, contents->facts); !taken) return fail_at(where, taken.error());
    }
    return {};
  });
}

// The lock that every writer of the log holds.
Result<Fd> hold_log(const Layout& layout) {
  const std::string path = layout.log() + "/lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::kConflict, fmt::format("a gate or a command holds `{}`: stop it first", layout.root));
  }
  return fd;
}

}  // namespace

Result<identity::Change> change_of(const audit::Leaf& leaf, const exchange::Facts& facts) {
  using Kind = identity::Change::Kind;
  PV_TRY(const std::string name, fact<std::string>(facts, "change.kind"));
  constexpr std::array kKinds = {Kind::kPersonPut,  Kind::kPersonRemoved,    Kind::kKeyIssued,
                                 Kind::kKeyRevoked, Kind::kApproverKeyAdded, Kind::kApproverKeyRemoved};
  const auto kind = std::ranges::find(kKinds, name, [](Kind each) { return std::string(identity::change_name(each)); });
  if (kind == kKinds.end()) return fail(Code::kInvalid, fmt::format("`{}` is no change of the register", name));
  identity::Change change;
  change.kind = *kind;
  if (change.kind == Kind::kPersonPut || change.kind == Kind::kPersonRemoved) {
    PV_TRY(change.person, person_of(facts));
    return change;
  }
  if (change.kind == Kind::kApproverKeyAdded || change.kind == Kind::kApproverKeyRemoved) {
    PV_TRY(change.approver_key, approver_key_of(facts));
    return change;
  }
  PV_TRY(change.key, key_of(facts));
  if (change.kind == Kind::kKeyRevoked) {
    if (change.key.revoked.value == 0) change.key.revoked = leaf.time;
    return change;
  }
  const auto digest = fact<std::string>(facts, "key.digest");
  if (!digest) return fail(Code::kUnsupported, "an issued key without its digest");
  PV_TRY(change.key_digest, hex_decode(*digest));
  return change;
}

Result<std::vector<std::string>> project_all(const Layout& layout, state::Store& store) {
  std::vector<std::unique_ptr<Projection>> projections;
  for (const Make make : kProjections) {
    PV_TRY(auto projection, make(store));
    projections.push_back(std::move(projection));
  }
  PV_TRY_VOID(read_leaves(layout, projections));
  for (const auto& projection : projections) PV_TRY_VOID(projection->finish());
  std::vector<std::string> out;
  for (const auto& projection : projections) out.push_back(projection->summary());
  return out;
}

Result<std::vector<std::string>> rebuild_database(const Layout& layout) {
  PV_TRY(const Fd lock, hold_log(layout));
  const std::string fresh = layout.database() + ".rebuilt";
  std::error_code ec;
  for (const char* tail : {"", "-wal", "-shm", ".lock"}) fs::remove(fresh + tail, ec);
  std::vector<std::string> summaries;
  {
    PV_TRY(const auto store, state::Store::open(fresh));
    PV_TRY(summaries, project_all(layout, *store));
  }
  // The old one folds in what stands beside it; what is left, of one that cannot be opened, belongs to it alone.
  (void)state::Store::open(layout.database());
  for (const char* tail : {"-wal", "-shm"}) fs::remove(layout.database() + tail, ec);
  fs::rename(fresh, layout.database(), ec);
  if (ec) return fail(Code::kIo, fmt::format("put the database in place: {}", ec.message()));
  for (const char* tail : {"-wal", "-shm", ".lock"}) fs::remove(fresh + tail, ec);
  PV_TRY_VOID(sync_dir(layout.root));
  return summaries;
}

}  // namespace proviso::gate
