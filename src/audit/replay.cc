#include "audit/replay.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "agreement/custody.h"
#include "agreement/difference.h"
#include "audit/oversight_check.h"
#include "audit/redaction_check.h"
#include "audit/rederive.h"
#include "base/file.h"
#include "vault/retention.h"

namespace proviso::audit {
namespace {

using agreement::Agreement;

class Replay {
 public:
  Replay(const std::string& origin, const vault::Vault* vault, AgreementShelf& agreements)
      : vault_(vault), agreements_(agreements), oversight_(origin) {}

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
  void check_pairing(const Leaf& leaf, const exchange::Facts& facts);
  void note_agreement(const Leaf& leaf);
  void check_succession(const Leaf& leaf);
  void check_difference(const Leaf& leaf, const exchange::Facts& facts);
  void note_tombstone(const Leaf& leaf, const exchange::Facts& facts);
  void check_period(const Leaf& leaf, const Tombstone& stone, int64_t months);
  bool was_in_force(const Leaf& leaf);

  const vault::Vault* vault_;
  AgreementShelf& agreements_;
  OversightCheck oversight_;
  RedactionCheck redaction_;
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
  if (record->digest != leaf.sealed) {  // that the bytes give this digest, record() has checked
    fault("vault", fmt::format("the record in segment `{}` is not the one that the leaf names",
                               record->segment));
    return std::nullopt;
  }
  const auto bytes = vault_->open(*record);
  if (!bytes && bytes.error().code == Code::kUnavailable) {
    ++report_.withheld;
    auto [place, is_new] = report_.closed.try_emplace(record->segment);
    Closed& closed = place->second;
    if (is_new) closed.first = index_;
    closed.last = index_;
    ++closed.leaves;
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

// What the gate checks at a swap and at a start. An agreement that cannot be read is a fault where it decides.
void Replay::check_succession(const Leaf& leaf) {
  const auto was = agreements_.get(in_force_);
  const auto is = agreements_.get(leaf.agreement);
  if (!was || !is) return;
  if (const Status follows = agreement::check_follows(**was, **is); !follows) fault("agreement", follows.error().message);
  if (const Status custodians = agreement::check_custodians(**was, **is); !custodians) {
    fault("agreement", custodians.error().message);
  }
}

// The leaf of a change names the difference that custodians signed, the one that lies with the agreement.
void Replay::check_difference(const Leaf& leaf, const exchange::Facts& facts) {
  const auto kept = agreements_.get(leaf.agreement);
  if (!kept) return;
  const std::string& bytes = (*kept)->difference();
  const std::string there = bytes.empty() ? "none" : sha256(bytes).hex();
  const auto* fact = facts.find(agreement::kDifferenceFact);
  const auto* named = fact != nullptr ? std::get_if<std::string>(fact) : nullptr;
  const std::string said = named != nullptr ? *named : "none";
  if (said != there) fault("agreement", fmt::format("the leaf names the difference {}, with the agreement lies {}", said, there));
}

void Replay::note_agreement(const Leaf& leaf) {
  if (leaf.agreement == in_force_) return;
  if (in_force_ != Digest{}) check_succession(leaf);
  before_ = in_force_;
  in_force_ = leaf.agreement;
  replaced_at_ = leaf.time.value;
}

// What an erasure says about itself. It answers for the leaves that it names and for no others.
void Replay::note_tombstone(const Leaf& leaf, const exchange::Facts& facts) {
  const auto text = [&](const char* path) {
    const auto* value = facts.find(path);
    const auto* words = value ? std::get_if<std::string>(value) : nullptr;
    return words ? *words : std::string();
  };
  bool whole = true;
  const auto number = [&](const char* path) {
    const auto* value = facts.find(path);
    const auto* count = value ? std::get_if<int64_t>(value) : nullptr;
    whole = whole && count != nullptr && *count >= 0;
    return whole ? static_cast<uint64_t>(*count) : 0;
  };
  Tombstone stone;
  stone.index = index_;
  stone.segment = text("shred.segment");
  stone.authority = text("shred.authority");
  stone.first = number("shred.first");
  stone.last = number("shred.last");
  stone.records = number("shred.records");
  if (stone.segment.empty() || !whole) {
    return fault("facts", "a tombstone does not say which segment, first and last leaf, and records");
  }
  const auto* approvers = facts.find("shred.approvers");
  if (const auto* names = approvers ? std::get_if<std::vector<std::string>>(approvers) : nullptr) {
    stone.claimed_approvers = *names;
  }
  if (const auto* months = facts.find("shred.months")) {
    stone.by_agreement = true;
    const auto* count = std::get_if<int64_t>(months);
    check_period(leaf, stone, count ? *count : -1);
  }
  report_.tombstones.push_back(std::move(stone));
}

// An erasure that calls on the agreement: that agreement names the class and this period, and it was over.
void Replay::check_period(const Leaf& leaf, const Tombstone& stone, int64_t months) {
  const auto in_force = agreements_.get(leaf.agreement);
  if (!in_force) return fault("agreement", in_force.error().message);
  const auto due = vault::erasure_due(stone.segment, months);
  if (!due) return fault("facts", due.error().message);
  const auto& kept = (*in_force)->terms().retention;
  const auto rule = std::ranges::find(kept, vault::class_of(stone.segment), &agreement::Retention::retention_class);
  if (rule == kept.end() || rule->months != months) {
    return fault("agreement", fmt::format("`{}` was shredded as if the agreement kept it {} months; it says {}",
                                          stone.segment, months,
                                          rule == kept.end() ? "no period" : std::to_string(rule->months)));
  }
  if (leaf.time < *due) {
    fault("time", fmt::format("`{}` was shredded on {}, though the agreement keeps it until {}", stone.segment,
                              format_time(leaf.time), format_time(*due)));
  }
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
  const auto disagreements = rederive(leaf, facts, **in_force);
  for (const Disagreement& each : disagreements) fault(each.part, each.message);
  for (std::string& sentence : redaction_.take(leaf, facts, **in_force, report_.withheld == 0)) {
    fault("redaction", std::move(sentence));
  }
  const bool was = was_in_force(leaf);
  if (was && disagreements.empty()) ++report_.decisions;
}

void Replay::check_pairing(const Leaf& leaf, const exchange::Facts& facts) {
  if (leaf.verb != "ask" && leaf.verb != "release" && leaf.verb != "act") return;
  const auto* value = facts.find("exchange.id");
  const auto* id = value ? std::get_if<std::string>(value) : nullptr;
  if (id == nullptr) return fault("pairing", "no fact `exchange.id` says which exchange this is");
  const auto found = open_.find(*id);
  if (leaf.verb == "act") {
    // A tool call is an exchange of its own where the client speaks MCP; elsewhere it is part of an answer.
    const auto* protocol = facts.find("exchange.protocol");
    const bool own = protocol != nullptr && *protocol == exchange::FactValue(std::string("mcp"));
    if (own && found == open_.end() && leaf.decision == "allow") open_.emplace(*id, index_);
    return;
  }
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
      fault("pairing", fmt::format("exchange `{}` is released, but no `ask` or `act` of it is open", *id));
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
  const auto in_force = agreements_.get(leaf->agreement);
  const agreement::Terms* terms = in_force ? &(*in_force)->terms() : nullptr;
  for (std::string& sentence : oversight_.take(index, *leaf, *contents, terms, report_.withheld == 0)) {
    fault("oversight", std::move(sentence));
  }
  if (leaf->verb == "agreement") check_difference(*leaf, contents->facts);
  if (leaf->verb == "shred") note_tombstone(*leaf, contents->facts);
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
  Replay replaying(log.origin(), vault, agreements);
  PV_TRY_VOID(log.scan(0, [&](uint64_t index, std::string_view entry) -> Status {
    replaying.take(index, entry);
    return {};
  }));
  return replaying.finish();
}

}  // namespace proviso::audit
