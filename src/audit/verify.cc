#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "audit/redo.h"
#include "base/note.h"
#include "ledger/keys.h"
#include "vault/survey.h"

namespace proviso::audit {
namespace {

constexpr int kOnItsWayMsMax = 200;  // from the redo log to log and vault

// A fault's sentence names its file in backticks first: that is where.
Finding finding_of(std::string what, const Error& error) {
  const auto begin = error.message.find('`');
  const auto end = begin == std::string::npos ? begin : error.message.find('`', begin + 1);
  if (end == std::string::npos) return {std::move(what), code_name(error.code), error.message};
  return {std::move(what), error.message.substr(begin + 1, end - begin - 1), error.message};
}

uint64_t published_size(const ledger::LogReader& log) {
  const auto bytes = log.checkpoint();
  if (!bytes) return 0;
  const auto note = note::parse(*bytes);
  if (!note) return 0;
  const auto checkpoint = note::Checkpoint::parse(note->text);
  return checkpoint ? checkpoint->size : 0;
}

void find(Verdict& verdict, std::string where, std::string why) {
  ++verdict.finding_count;
  verdict.findings.push_back({"vault", std::move(where), std::move(why)});
}

bool covers(const Tombstone& stone, const std::string& segment, const Closed& closed) {
  return stone.segment == segment && stone.first <= closed.first && closed.last <= stone.last &&
         closed.leaves <= stone.records;
}

// Whoever erases a wrapping key says so first, and answers for what was named there, no more.
void check_erasures(const std::string& vault, Verdict& verdict) {
  const auto& stones = verdict.replay.tombstones;
  for (const auto& [segment, closed] : verdict.replay.closed) {
    const auto names_it = [&](const Tombstone& stone) { return stone.segment == segment; };
    const auto covers_it = [&](const Tombstone& stone) { return covers(stone, segment, closed); };
    if (std::ranges::any_of(stones, covers_it)) continue;
    find(verdict, "segment " + segment,
         fmt::format("{} leaves cannot be opened, {} to {}, and {} on whose authority", closed.leaves,
                     closed.first, closed.last,
                     std::ranges::any_of(stones, names_it) ? "not for all of them a `shred` leaf says"
                                                           : "no `shred` leaf says"));
  }
  for (const Tombstone& stone : stones) {
    const auto found = vault::survey(vault, stone.segment);
    if (!found || !found->has_key) continue;
    find(verdict, "segment " + stone.segment,
         "a `shred` leaf says that its key is destroyed, but it is there: give `proviso ledger shred` "
         "again");
  }
}

// Without the root key nothing opens and no erasure can be told from another. A vault that holds anything
// had one.
void check_vault(const std::string& vault, Verdict& verdict) {
  if (vault.empty()) return;
  if (vault::has_root_key(vault)) return check_erasures(vault, verdict);
  const auto held = vault::survey_all(vault);
  if (held && held->empty()) return;
  find(verdict, "keys/root.key",
       "the root key is not there, so nothing can be opened: whoever only judges the log says "
       "`--no-vault`");
}

// Batches that a stop without an end left in the redo log. Beside a running gate one may be on its way: it
// counts if it still stands there a moment later.
void check_redo(const VerifyPlaces& places, Verdict& verdict) {
  if (places.redo.empty() || places.vault.empty()) return;
  const RedoPlaces redo{places.redo, places.log, places.vault + "/segments"};
  auto first = Redo::first_outstanding(redo);
  if (first && *first != 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kOnItsWayMsMax));
    const auto again = Redo::first_outstanding(redo);
    if (again && *again != *first) return;
  }
  if (!first) verdict.findings.push_back(finding_of("redo", first.error()));
  if (first && *first != 0) {
    verdict.findings.push_back({"redo", places.redo, "batches are durable here and not yet in log and vault, since "
                                                     "the gate ended without notice: start it, which puts them there"});
  }
}

}  // namespace

bool Verdict::nothing_opened() const {
  return replay.withheld != 0 && replay.decisions == 0 && replay.others == 0;
}

int Verdict::exit_code() const {
  if (finding_count != 0) return 1;
  return replay.withheld != 0 ? 3 : 0;
}

Result<Verdict> verify_state(const VerifyPlaces& places) {
  Verdict verdict;
  check_redo(places, verdict);
  auto opened = ledger::LogReader::open(places.log);
  if (!opened && !verdict.findings.empty()) return fail_at("`" + places.redo + "`: " + verdict.findings[0].why, opened.error());
  if (!opened) return std::unexpected(opened.error());
  const auto log = std::move(*opened);
  verdict.origin = log->origin();
  verdict.checkpoint_size = published_size(*log);
  PV_TRY(const ledger::KeyChain keys, chain_of(places.log_key, places.rotations));
  // Whichever key of the chain signed the newest checkpoint in its time; what none signed is a fault of it.
  std::string log_key = places.log_key;
  if (const auto checkpoint = log->checkpoint()) {
    const auto signer = keys.signer_of(*checkpoint);
    if (signer) log_key = signer->text();
    if (!signer) verdict.findings.push_back({"log", "checkpoint", signer.error().message});
  }
  for (const auto& fault : log->check(log_key)) {
    verdict.findings.push_back(finding_of("log", fault));
  }
  std::unique_ptr<vault::Vault> vault;
  if (!places.vault.empty()) {
    PV_TRY(vault, vault::Vault::open_reader(places.vault));
    for (const auto& fault : vault->faults())
      verdict.findings.push_back(finding_of("vault", fault));
  }
  verdict.finding_count = verdict.findings.size();
  AgreementShelf agreements(places.agreements);
  auto replayed = replay(*log, vault.get(), agreements);
  if (!replayed) {  // the log's own damage, which check() has named
    if (verdict.findings.empty()) verdict.findings.push_back(finding_of("log", replayed.error()));
    verdict.finding_count = std::max<uint64_t>(verdict.finding_count, 1);
    return verdict;
  }
  verdict.replay = std::move(*replayed);
  verdict.finding_count += verdict.replay.fault_count;
  for (const auto& fault : verdict.replay.faults) {
    verdict.findings.push_back({fmt::format("leaf {}", fault.index), fault.part, fault.message});
  }
  check_vault(places.vault, verdict);
  return verdict;
}

Result<ledger::KeyChain> chain_of(std::string_view key, const std::string& rotations) {
  PV_TRY(const auto held, note::VerifierKey::parse(key));
  PV_TRY(const auto notes, ledger::read_rotations(rotations));
  return ledger::KeyChain::create(held, notes);
}

Status verify_receipt(const ledger::Receipt& receipt, const ledger::KeyChain& keys,
                      const ledger::LogReader* log) {
  PV_TRY_VOID(keys.verify(receipt));
  if (log == nullptr) return {};
  if (log->origin() != receipt.origin) {
    return fail(Code::kUnverified, fmt::format("the receipt is of the log `{}`, this is `{}`",
                                               receipt.origin, log->origin()));
  }
  if (receipt.index >= log->size()) {
    return fail(Code::kUnverified,
                fmt::format("entry {} was receipted, the log ends before it at {}: it "
                            "was omitted",
                            receipt.index, log->size()));
  }
  PV_TRY(const auto leaf, log->leaf_hash(receipt.index));
  if (leaf != receipt.leaf) {
    return fail(Code::kUnverified,
                fmt::format("the log holds another entry at {} than the one that was "
                            "receipted",
                            receipt.index));
  }
  return {};
}

}  // namespace proviso::audit
