#include "audit/what_if.h"

#include <optional>

#include "audit/leaf.h"
#include "base/json.h"

namespace proviso::audit {
namespace {

// Nothing if the record's key is gone.
Result<std::optional<exchange::Facts>> facts_of(const vault::Vault& vault, uint64_t index) {
  const auto bytes = vault.open_record(index);
  if (!bytes && bytes.error().code == Code::kUnavailable) return std::optional<exchange::Facts>();
  if (!bytes) return std::unexpected(bytes.error());
  PV_TRY(Contents contents, Contents::decode(*bytes));
  return std::optional(std::move(contents.facts));
}

}  // namespace

Result<WhatIf> what_if(const ledger::LogReader& log, const vault::Vault& vault, const agreement::Agreement& draft,
                       UtcSeconds from, UtcSeconds to, uint64_t size_max) {
  WhatIf out;
  PV_TRY_VOID(log.scan(0, [&](uint64_t index, std::string_view entry) -> Status {
    if (index >= size_max) return {};
    PV_TRY(const Leaf leaf, Leaf::parse(entry));
    const auto verb = exchange::parse_verb(leaf.verb);
    if (leaf.decision == "-" || !verb || leaf.time < from || leaf.time >= to) return {};
    PV_TRY(const auto facts, facts_of(vault, index));
    if (!facts) {
      ++out.unopened;
      return {};
    }
    ++out.decisions;
    const agreement::Decision decision = draft.decide(*verb, *facts, agreement::Period::kAnyTime);
    const std::string outcome = agreement::outcome_name(decision.outcome);
    if (outcome == leaf.decision) return {};
    ++out.flipped;
    Flips& flips = out.flips[{leaf.verb, leaf.decision, outcome}];
    if (flips.count++ == 0) flips.reason = decision.reason;
    if (flips.leaves.size() < kFlipsShownMax) flips.leaves.push_back(index);
    return {};
  }));
  return out;
}

std::string WhatIf::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("decisions").uinteger(decisions).key("flipped").uinteger(flipped);
  writer.key("flips").begin_array();
  for (const auto& [key, each] : flips) {
    writer.begin_object().key("count").uinteger(each.count).key("leaves").begin_array();
    for (const uint64_t leaf : each.leaves) writer.uinteger(leaf);
    writer.end_array().key("now").string(std::get<2>(key)).key("reason").string(each.reason);
    writer.key("verb").string(std::get<0>(key)).key("was").string(std::get<1>(key)).end_object();
  }
  writer.end_array().key("unopened").uinteger(unopened).end_object();
  return out;
}

}  // namespace proviso::audit
