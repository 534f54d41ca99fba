#include "gate/engine.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <mutex>

#include "agreement/difference.h"
#include "audit/replay.h"
#include "base/bytes.h"
#include "base/file.h"
#include "gate/rebuild.h"
#include "gate/rotate.h"
#include "ledger/keys.h"
#include "ledger/rotation.h"

namespace proviso::gate {
namespace {

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

Status ensure_keys(const Layout& layout, std::string_view origin) {
  PV_TRY_VOID(make_dirs(layout.keys()));
  if (exists(layout.log_key())) {
    PV_TRY_VOID(read_private_file(layout.log_key()));
    PV_TRY_VOID(read_private_file(layout.receipt_key()));
    PV_TRY_VOID(check_not_rotating(layout));
    PV_TRY(const note::VerifierKey key, ledger::read_verifier_key(layout.log_vkey()));
    if (key.name != origin) {
      return fail(Code::kConflict,
                  fmt::format("the log in `{}` is of origin `{}`, the configuration says `{}`; an "
                              "origin cannot change, use another state folder",
                              layout.root, key.name, origin));
    }
    return {};
  }
  if (exists(layout.log() + "/log.wal")) {
    return fail(Code::kNotFound,
                fmt::format("`{}` is missing but there is a log; restore the key from its backup",
                            layout.log_key()));
  }
  return ledger::create_keys(layout.keys(), origin);
}

// A committer that can be stopped from outside: the ledger itself is whole, but another history of it is
// signed, and every further leaf would be a lie to somebody.
class Engine::Stoppable final : public audit::Committer {
 public:
  explicit Stoppable(std::unique_ptr<audit::Committer> inner) : inner_(std::move(inner)) {}
  void stop(const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = why;
    stopped_ = true;
  }
  using audit::Committer::submit;
  bool submit(audit::SealedRecord record, audit::Sink& sink, uint64_t token, Wake wake) override {
    return !stopped_ && inner_->submit(std::move(record), sink, token, wake);
  }
  void wake() override { inner_->wake(); }
  Result<ledger::Receipt> commit(audit::SealedRecord record) override {
    if (stopped_) {
      return proviso::fail(Code::kUnavailable,
                           "the ledger has failed and nothing is recorded any more: " + failure());
    }
    return inner_->commit(std::move(record));
  }
  [[nodiscard]] bool healthy() const override { return !stopped_ && inner_->healthy(); }
  [[nodiscard]] std::string failure() const override {
    const std::lock_guard lock(mutex_);
    return stopped_ ? why_ : inner_->failure();
  }
  [[nodiscard]] UtcSeconds now() const override { return inner_->now(); }
  [[nodiscard]] Figures figures() const override { return inner_->figures(); }

 private:
  std::unique_ptr<audit::Committer> inner_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;  // guards why_
  std::string why_;
};

Engine::Engine(EngineOptions options) : options_(std::move(options)) {}
Engine::~Engine() = default;

audit::Committer& Engine::committer() { return *committer_; }
void Engine::fail(const std::string& why) { committer_->stop(why); }

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options) {
  const Layout& layout = options.layout;
  PV_TRY_VOID(make_dirs(layout.root));
  PV_TRY_VOID(make_dirs(layout.log()));
  PV_TRY_VOID(make_dirs(layout.agreements()));
  PV_TRY_VOID(ensure_keys(layout, options.origin));
  if (exists(layout.restored())) {
    return proviso::fail(Code::kConflict,
                fmt::format("`{}` was restored from a backup, which may be older than what was signed; a "
                            "gate whose witnesses confirm that it is not takes it up (docs/ledger.md)",
                            layout.root));
  }

  auto engine = std::unique_ptr<Engine>(new Engine(std::move(options)));
  const Layout& at = engine->options_.layout;
  const ledger::SignerOptions signer{.log_dir = at.log(),
                                     .log_key_file = at.log_key(),
                                     .receipt_key_file = at.receipt_key(),
                                     .state_file = at.signer_state()};
  std::vector<std::string> argv = {engine->options_.program, "signer"};
  for (std::string& arg : ledger::signer_args(signer)) argv.push_back(std::move(arg));
  PV_TRY(engine->redo_, audit::Redo::open(at.redo()));
  PV_TRY(engine->signer_, ledger::SignerClient::spawn(argv));
  PV_TRY(const note::VerifierKey log_key, ledger::read_verifier_key(at.log_vkey()));
  PV_TRY(const auto rotations, ledger::read_rotations(at.rotations()));
  PV_TRY(const ledger::KeyChain chain, ledger::KeyChain::create(log_key, rotations));
  std::vector<note::VerifierKey> former = chain.log_keys();
  std::erase_if(former, [&](const note::VerifierKey& key) { return key.id == log_key.id; });
  // Beside the log, for each of them is read as a whole.
  auto vault = std::async(std::launch::async, [dir = at.vault()] { return vault::Vault::open(dir); });
  PV_TRY(engine->log_, ledger::Log::open({.dir = at.log(),
                                          .origin = engine->options_.origin,
                                          .io = nullptr,
                                          .former_keys = std::move(former)},
                                         *engine->signer_));
  PV_TRY(engine->vault_, vault.get());
  PV_TRY(std::unique_ptr<audit::Committer> committer,
         audit::Committer::start(*engine->log_, *engine->vault_, *engine->redo_, *engine->options_.clock));
  engine->committer_ = std::make_unique<Stoppable>(std::move(committer));
  PV_TRY(engine->store_, state::Store::open(at.database()));
  PV_TRY(engine->people_, identity::Directory::open(*engine->store_));
  PV_TRY_VOID(engine->catch_up_register());
  PV_TRY(engine->oversight_,
         oversight::Oversight::open(*engine->store_, *engine->people_, engine->ledger_source(),
                                    engine->options_.holds_per_person));
  return engine;
}

// Changes whose leaf is durable but which a crash, or an older copy of the database, kept from the register.
// One that it has already changes nothing.
Status Engine::catch_up_register() {
  PV_TRY(const uint64_t from, oversight::Oversight::place(*store_));
  return log_->scan(from, [this](uint64_t index, std::string_view entry) -> Status {
    PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
    if (leaf.verb != "person" && leaf.verb != "key") return {};
    const auto record = vault_->open_record(index);
    if (!record && record.error().code == Code::kUnavailable) return {};  // shredded
    if (!record) return std::unexpected(record.error());
    PV_TRY(const audit::Contents contents, audit::Contents::decode(*record));
    if (contents.facts.find("change.kind") == nullptr) return {};
    const auto change = change_of(leaf, contents.facts);
    if (!change && change.error().code == Code::kUnsupported) return {};
    if (!change) return fail_at(fmt::format("leaf {}", index), change.error());
    const Status applied = people_->apply(*change);
    const bool had_it = !applied && (applied.error().code == Code::kConflict || applied.error().code == Code::kNotFound);
    return had_it ? Status{} : applied;
  });
}

oversight::Source Engine::ledger_source() {
  oversight::Source source;
  source.origin = options_.origin;
  source.size = [this] { return log_->state().size; };
  source.entry = [this](uint64_t index) { return log_->entry(index); };
  source.scan = [this](uint64_t from, const ledger::EntryVisit& visit) { return log_->scan(from, visit); };
  source.open_contents = [this](uint64_t index) { return vault_->open_record(index); };
  return source;
}

Result<ledger::Receipt> Engine::note(std::string_view verb, exchange::Facts facts,
                                     const Digest& agreement,
                                     std::string_view retention_class) {
  audit::Record record;
  record.retention_class = std::string(retention_class);
  record.leaf.time = committer_->now();
  record.leaf.node = options_.node;
  record.leaf.verb = std::string(verb);
  record.leaf.decision = "-";
  record.leaf.agreement = agreement;
  record.facts = std::move(facts);
  PV_TRY(audit::SealedRecord sealed, audit::seal(*vault_, std::move(record)));
  return committer_->commit(std::move(sealed));
}

Status Engine::change(const identity::Change& change, const Digest& agreement) {
  const bool person = change.kind == identity::Change::Kind::kPersonPut ||
                      change.kind == identity::Change::Kind::kPersonRemoved;
  const auto pending = oversight_->begin();
  auto noted = note(person ? "person" : "key", facts_of(change), agreement, agreement::kRegisterClass);
  if (!noted) return std::unexpected(std::move(noted.error()));
  return people_->apply(change);
}

Status Engine::restate_register(const Digest& agreement) {
  constexpr std::string_view kTable = "gate_versions";
  constexpr std::string_view kWritten = "register_class";
  PV_TRY(const auto written, store_->get(kTable, kWritten));
  if (written) return {};
  for (const identity::Change& change : people_->restated()) {
    const bool person = change.kind == identity::Change::Kind::kPersonPut;
    exchange::Facts facts = facts_of(change);
    facts.set(kRestated, true);
    auto noted = note(person ? "person" : "key", std::move(facts), agreement, agreement::kRegisterClass);
    if (!noted) return std::unexpected(std::move(noted.error()));
  }
  return store_->put(kTable, kWritten, "1");
}

Status Engine::adopt(const agreement::Agreement& agreement, const agreement::Files& files,
                     std::string_view why) {
  const std::string dir = options_.layout.agreement_of(agreement.digest());
  for (const auto& [path, bytes] : files) {
    const std::string file = dir + "/" + path;
    // What was signed when it first took effect stays: the leaf of that moment speaks of it.
    if (path.starts_with("signatures/") && exists(file)) continue;
    PV_TRY_VOID(make_dirs(file.substr(0, file.rfind('/'))));
    PV_TRY_VOID(write_file_durable(file, bytes, FileMode::kPrivate));
  }
  exchange::Facts facts;
  facts.set("agreement.title", agreement.terms().title);
  facts.set("agreement.revision", agreement.terms().revision);
  facts.set("agreement.why", std::string(why));
  PV_TRY(const auto kept, audit::AgreementShelf(options_.layout.agreements()).get(agreement.digest()));
  if (!kept->difference().empty()) facts.set(std::string(agreement::kDifferenceFact), sha256(kept->difference()).hex());
  auto noted = note("agreement", std::move(facts), agreement.digest());
  if (!noted) return std::unexpected(std::move(noted.error()));
  return {};
}

exchange::Facts facts_of(const identity::Change& change) {
  exchange::Facts facts;
  facts.set("change.kind", std::string(identity::change_name(change.kind)));
  switch (change.kind) {
    case identity::Change::Kind::kPersonPut:
    case identity::Change::Kind::kPersonRemoved:
      facts.set("person.id", change.person.id);
      facts.set("person.roles", change.person.roles);
      facts.set("person.clearance", change.person.clearance);
      facts.set("person.nationality", change.person.nationality);
      facts.set("person.training_until", change.person.training_until.value);
      break;
    case identity::Change::Kind::kKeyIssued:
    case identity::Change::Kind::kKeyRevoked:
      facts.set("key.id", change.key.id);
      facts.set("key.person", change.key.person);
      facts.set("key.purpose", change.key.default_purpose);
      facts.set("key.created", change.key.created.value);
      facts.set("key.expires", change.key.expires.value);
      facts.set("key.revoked", change.key.revoked.value);
      // Of an issued key: what the register knows a key by. It opens nothing.
      if (!change.key_digest.empty()) facts.set("key.digest", hex_encode(change.key_digest));
      break;
    case identity::Change::Kind::kApproverKeyAdded:
    case identity::Change::Kind::kApproverKeyRemoved:
      facts.set("approver_key.fingerprint", change.approver_key.fingerprint);
      facts.set("approver_key.line", change.approver_key.line);
      facts.set("approver_key.person", change.approver_key.person);
      break;
  }
  return facts;
}

}  // namespace proviso::gate
