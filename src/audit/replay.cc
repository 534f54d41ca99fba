#include "audit/replay.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>
#include <unordered_map>

#include "base/file.h"

namespace proviso::audit {
namespace {

using agreement::Agreement;

std::string joined(const std::vector<std::string>& set) {
  return set.empty() ? "none" : fmt::format("`{}`", fmt::join(set, "`, `"));
}

class Replay {
 public:
  Replay(const vault::Vault* vault, AgreementShelf& agreements)
      : vault_(vault), agreements_(agreements) {}

  void take(uint64_t index, std::string_view entry);
  ReplayReport finish();

 private:
  void fault(std::string_view part, std::string message) {
    ++report_.fault_count;
    if (report_.faults.size() < kReplayFaultsMax) {
      report_.faults.push_back({index_, std::string(part), std::move(message)});
    }
  }
  void check_time(const Leaf& leaf);
  std::optional<Contents> open(const Leaf& leaf);
  bool check_facts(const Leaf& leaf, const Contents& contents);
  void check_decision(const Leaf& leaf, const exchange::Facts& facts);
  bool same_clauses(const agreement::Decision& decision, const exchange::Facts& facts);
  bool same_model(const Leaf& leaf, const Agreement& in_force, const exchange::Facts& facts);
  bool same_moment(const Leaf& leaf, const exchange::Facts& facts);
  void check_pairing(const Leaf& leaf, const exchange::Facts& facts);
  void note_agreement(const Leaf& leaf);
  void note_tombstone(const exchange::Facts& facts);
  bool was_in_force(const Leaf& leaf);

  const vault::Vault* vault_;
  AgreementShelf& agreements_;
  ReplayReport report_;
  uint64_t index_ = 0;
  int64_t latest_ = 0;
  Digest in_force_;         // as the newest `agreement` leaf says; zero before the first
  Digest before_;           // what that one replaced
  int64_t replaced_at_ = 0;
  std::unordered_map<std::string, uint64_t> open_;  // exchange id -> its `ask`
};

// DESIGN: time is one value per decision, from a clock that is never before the last leaf. Event
// loops decide side by side, so neighbours may cross, by no more than the committer lets through.
void Replay::check_time(const Leaf& leaf) {
  if (leaf.time.value < latest_ - kLeafLagSMax) {
    fault("time", fmt::format("the leaf says {}, an earlier one {}", format_time(leaf.time),
                              format_time({latest_})));
  }
  // Before a `start`, and the `agreement` in front of it, no gate ran: that silence says nothing.
  if (latest_ > 0 && leaf.verb != "start" && leaf.verb != "agreement") {
    report_.silence_s = std::max(report_.silence_s, leaf.time.value - latest_);
  }
  latest_ = std::max(latest_, leaf.time.value);
}

std::optional<Contents> Replay::open(const Leaf& leaf) {
  if (vault_ == nullptr) {
    ++report_.withheld;
    return std::nullopt;
  }
  const auto record = vault_->record(index_);
  if (!record) {
    fault("vault", record.error().message);
    return std::nullopt;
  }
  if (record->digest != leaf.sealed || sha256(record->bytes) != leaf.sealed) {
    fault("vault", fmt::format("the record in segment `{}` is not the one that the leaf names",
                               record->segment));
    return std::nullopt;
  }
  const auto bytes = vault_->open_record(index_);
  if (!bytes && bytes.error().code == Code::kUnavailable) {
    ++report_.withheld;
    ++report_.closed[record->segment];
    return std::nullopt;
  }
  if (!bytes) {
    fault("vault", bytes.error().message);
    return std::nullopt;
  }
  auto contents = Contents::decode(*bytes);
  if (!contents) {
    fault("facts", contents.error().message);
    return std::nullopt;
  }
  return std::move(*contents);
}

bool Replay::check_facts(const Leaf& leaf, const Contents& contents) {
  const size_t count = contents.facts.items().size();
  if (count != leaf.fact_count) {
    fault("facts",
          fmt::format("the record holds {} facts, the leaf commits to {}", count, leaf.fact_count));
    return false;
  }
  if (fact_root(contents.facts, contents.secret) != leaf.fact_root) {
    fault("facts", "the opened facts do not give the leaf's fact root");
    return false;
  }
  return true;
}

bool Replay::same_clauses(const agreement::Decision& decision, const exchange::Facts& facts) {
  std::vector<std::string> derived;
  for (const auto& clause : decision.clauses) derived.push_back(clause.number);
  exchange::Facts as_set;  // sorted and without repeats, as the fact is
  as_set.set("decision.clauses", derived);
  const auto* recorded = facts.find("decision.clauses");
  if (recorded != nullptr && *recorded == *as_set.find("decision.clauses")) return true;
  const auto* set = recorded ? std::get_if<std::vector<std::string>>(recorded) : nullptr;
  fault("clauses", fmt::format("the facts give the clauses {}, the record says {}", joined(derived),
                               set ? joined(*set) : "nothing"));
  return false;
}

bool Replay::same_model(const Leaf& leaf, const Agreement& in_force, const exchange::Facts& facts) {
  const auto* type = facts.find("resource.type");
  const auto* id = facts.find("resource.id");
  if (type == nullptr || id == nullptr || *type != exchange::FactValue(std::string("Model")))
    return true;
  const auto* name = std::get_if<std::string>(id);
  const auto* model = name ? in_force.model(*name) : nullptr;
  const Digest vendor = model ? vendor_digest(model->vendor) : Digest{};
  const Digest digest = model ? model_digest(*model) : Digest{};
  if (leaf.vendor == vendor && leaf.model == digest) return true;
  fault("decision", "the leaf names another vendor or model than its facts");
  return false;
}

bool Replay::same_moment(const Leaf& leaf, const exchange::Facts& facts) {
  const auto* now = facts.find("context.moment.now");
  if (now == nullptr || *now == exchange::FactValue(leaf.time.value)) return true;
  fault("time", "the decision was taken at another time than the leaf says");
  return false;
}

void Replay::note_agreement(const Leaf& leaf) {
  if (leaf.agreement == in_force_) return;
  before_ = in_force_;
  in_force_ = leaf.agreement;
  replaced_at_ = leaf.time.value;
}

void Replay::note_tombstone(const exchange::Facts& facts) {
  const auto* value = facts.find("shred.segment");
  const auto* segment = value ? std::get_if<std::string>(value) : nullptr;
  if (segment == nullptr) return fault("facts", "a tombstone does not name a segment");
  report_.tombstones.insert(*segment);
}

// Decisions under the agreement before may stand just behind the leaf that replaced it: loops decide
// while it is written.
bool Replay::was_in_force(const Leaf& leaf) {
  if (in_force_ == Digest{}) note_agreement(leaf);  // a log that names none: the first holds until one is named
  if (leaf.agreement == in_force_) return true;
  if (leaf.agreement == before_ && before_ != Digest{} &&
      leaf.time.value <= replaced_at_ + kLeafLagSMax) {
    return true;
  }
  fault("agreement", fmt::format("decided under agreement {}, but {} was in force",
                                 leaf.agreement.hex(), in_force_.hex()));
  return false;
}

void Replay::check_decision(const Leaf& leaf, const exchange::Facts& facts) {
  const auto in_force = agreements_.get(leaf.agreement);
  if (!in_force) return fault("agreement", in_force.error().message);
  const auto verb = exchange::parse_verb(leaf.verb);
  const auto decision = (*in_force)->decide(*verb, facts);
  const std::string_view outcome = agreement::outcome_name(decision.outcome);
  bool same = outcome == leaf.decision;
  if (!same) {
    fault("decision",
          fmt::format("the facts give `{}`, the leaf says `{}`{}", outcome, leaf.decision,
                      decision.reason.empty() ? "" : ": " + decision.reason));
  }
  if (leaf.decision == "allow") {
    if (const auto period = (*in_force)->check_period(leaf.time); !period) {
      fault("agreement", "allowed outside the agreement's period: " + period.error().message);
      same = false;
    }
  }
  same = was_in_force(leaf) && same;
  same = same_clauses(decision, facts) && same;
  same = same_model(leaf, **in_force, facts) && same;
  same = same_moment(leaf, facts) && same;
  if (same) ++report_.decisions;
}

void Replay::check_pairing(const Leaf& leaf, const exchange::Facts& facts) {
  if (leaf.verb != "ask" && leaf.verb != "release" && leaf.verb != "act") return;
  const auto* value = facts.find("exchange.id");
  const auto* id = value ? std::get_if<std::string>(value) : nullptr;
  if (id == nullptr) return fault("pairing", "no fact `exchange.id` says which exchange this is");
  if (leaf.verb == "act") return;
  const auto found = open_.find(*id);
  if (leaf.verb == "ask") {
    if (found != open_.end()) {
      fault("pairing",
            fmt::format("exchange `{}` was asked already by leaf {}", *id, found->second));
    } else if (leaf.decision == "allow") {
      open_.emplace(*id, index_);
    }
    return;
  }
  if (found == open_.end()) {
    // The intent may be among what is withheld: then nothing is known about it.
    if (report_.withheld == 0) {
      fault("pairing", fmt::format("exchange `{}` is released, but no `ask` of it is open", *id));
    }
    return;
  }
  const auto* outcome = facts.find("exchange.outcome");
  if (outcome == nullptr || *outcome != exchange::FactValue(std::string("open")))
    open_.erase(found);
}

void Replay::take(uint64_t index, std::string_view entry) {
  index_ = index;
  ++report_.leaves;
  const auto leaf = Leaf::parse(entry);
  if (!leaf) return fault("leaf", leaf.error().message);
  check_time(*leaf);
  if (leaf->verb == "agreement") note_agreement(*leaf);
  const auto contents = open(*leaf);
  if (!contents || !check_facts(*leaf, *contents)) return;
  check_pairing(*leaf, contents->facts);
  if (leaf->verb == "shred") note_tombstone(contents->facts);
  if (leaf->decision == "-")
    ++report_.others;
  else
    check_decision(*leaf, contents->facts);
}

ReplayReport Replay::finish() {
  report_.open_intents = open_.size();
  return std::move(report_);
}

}  // namespace

Result<std::shared_ptr<const Agreement>> AgreementShelf::load(const Digest& digest) const {
  const std::string folder = dir_ + "/" + digest.hex();
  struct stat found{};
  if (::stat(folder.c_str(), &found) != 0) {
    return fail(Code::kNotFound, fmt::format("no agreement `{}` in `{}`", digest.hex(), dir_));
  }
  PV_TRY(const auto files, read_tree(folder));
  const std::string manifest = agreement::manifest_of(files);
  if (sha256(manifest) != digest) {
    return fail(Code::kUnverified,
                fmt::format("`{}`: its files are not those that were in force (their digest is {})",
                            folder, sha256(manifest).hex()));
  }
  auto loaded = Agreement::load(files);
  if (!loaded) return fail_at("`" + folder + "`", loaded.error());
  if (const auto holds = (*loaded)->check_signatures(); !holds) {
    return fail_at("`" + folder + "`", holds.error());
  }
  return loaded;
}

Result<std::shared_ptr<const Agreement>> AgreementShelf::get(const Digest& digest) {
  auto found = loaded_.find(digest);
  if (found == loaded_.end()) found = loaded_.emplace(digest, load(digest)).first;
  return found->second;
}

Result<ReplayReport> replay(const ledger::LogReader& log, const vault::Vault* vault,
                            AgreementShelf& agreements) {
  Replay replaying(vault, agreements);
  PV_TRY_VOID(log.scan(0, [&](uint64_t index, std::string_view entry) -> Status {
    replaying.take(index, entry);
    return {};
  }));
  return replaying.finish();
}

}  // namespace proviso::audit
