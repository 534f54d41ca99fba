#include "gate/ledger_acts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "vault/retention.h"

namespace proviso::gate {
namespace {

constexpr size_t kApproversLeast = 2;

Result<std::string> words_of(json::Element body, std::string_view name) {
  std::string_view text;
  if (body.at_key(name).get(text) != simdjson::SUCCESS || text.empty()) {
    return fail(Code::kInvalid, fmt::format("`{}` must be said", name));
  }
  if (text.size() > kActWordsBytesMax) {
    return fail(Code::kLimit, fmt::format("`{}` is at most {} bytes", name, kActWordsBytesMax));
  }
  return std::string(text);
}

Result<std::vector<std::string>> list_of(json::Element body, std::string_view name) {
  std::vector<std::string> out;
  json::Array items;
  if (body.at_key(name).get(items) != simdjson::SUCCESS) return out;
  for (const json::Element item : items) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS || text.empty()) {
      return fail(Code::kInvalid, fmt::format("`{}` must be strings", name));
    }
    if (out.size() == kActListMax) {
      return fail(Code::kLimit, fmt::format("`{}` has at most {} items", name, kActListMax));
    }
    out.emplace_back(text);
  }
  return out;
}

std::string index_answer(uint64_t index) { return fmt::format(R"({{"index":{}}})", index); }

}  // namespace

Result<std::string> note_disclosure(Engine& engine, const Digest& agreement, json::Element body) {
  exchange::Facts facts;
  int64_t leaf = -1;
  if (body.at_key("leaf").get(leaf) != simdjson::SUCCESS || leaf < 0) {
    return fail(Code::kInvalid, "`leaf` must be a place in the log");
  }
  facts.set("disclose.leaf", leaf);
  PV_TRY(const std::string to, words_of(body, "to"));
  facts.set("disclose.to", to);
  PV_TRY(const auto opened, list_of(body, "opened"));
  facts.set("disclose.opened", opened);
  PV_TRY(const auto absent, list_of(body, "absent"));
  facts.set("disclose.absent", absent);
  PV_TRY(const std::string digest, words_of(body, "digest"));
  facts.set("disclose.digest", digest);
  PV_TRY(const ledger::Receipt noted, engine.note("disclose", std::move(facts), agreement));
  return index_answer(noted.index);
}

Result<std::string> note_report(Engine& engine, const Digest& agreement, json::Element body) {
  exchange::Facts facts;
  for (const char* name : {"from", "to", "about", "digest"}) {
    PV_TRY(const std::string words, words_of(body, name));
    facts.set(fmt::format("report.{}", name), words);
  }
  PV_TRY(const ledger::Receipt noted, engine.note("report", std::move(facts), agreement));
  return index_answer(noted.index);
}

Result<Erased> erase(Engine& engine, const Digest& agreement, const Erasure& erasure) {
  const std::string dir = engine.options().layout.vault();
  Erased out;
  PV_TRY(out.before, vault::survey(dir, erasure.segment));
  // A mark beside a key is an erasure that was cut short: it is done now.
  if (!out.before.has_key) {
    return fail(Code::kConflict, out.before.erased ? fmt::format("`{}` is shredded already", erasure.segment)
                                                   : fmt::format("the key of `{}` is missing", erasure.segment));
  }
  exchange::Facts facts;
  facts.set("shred.segment", erasure.segment);
  facts.set("shred.authority", erasure.authority);
  facts.set("shred.approvers", erasure.approvers);
  facts.set("shred.first", static_cast<int64_t>(out.before.first));
  facts.set("shred.last", static_cast<int64_t>(out.before.last));
  facts.set("shred.records", static_cast<int64_t>(out.before.records));
  if (erasure.months >= 0) facts.set("shred.months", erasure.months);
  PV_TRY(const ledger::Receipt noted, engine.note("shred", std::move(facts), agreement));
  out.index = noted.index;
  PV_TRY_VOID(engine.erase_segment(erasure.segment));
  PV_TRY(out.after, vault::survey(dir, erasure.segment));
  return out;
}

std::vector<Erasure> erasures_due(const std::string& vault_dir, const agreement::Agreement& agreement,
                                  UtcSeconds now) {
  const agreement::Terms& terms = agreement.terms();
  if (terms.retention.empty()) return {};
  std::vector<std::string> parties;
  for (const agreement::Party& party : terms.parties) parties.push_back(party.name);
  std::vector<Erasure> due;
  for (const std::string& segment : vault::segments_with_key(vault_dir)) {
    for (const agreement::Retention& kept : terms.retention) {
      if (kept.retention_class != vault::class_of(segment)) continue;
      const auto over = vault::erasure_due(segment, kept.months);
      if (!over || now.value < over->value + kErasureMarginS) continue;
      due.push_back({segment,
                     fmt::format("agreement `{}`, revision {}: class `{}` is kept {} months", terms.title,
                                 terms.revision, kept.retention_class, kept.months),
                     parties, kept.months});
    }
  }
  return due;
}

Result<std::string> shred(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string segment, words_of(body, "segment"));
  PV_TRY(const std::string authority, words_of(body, "authority"));
  PV_TRY(const auto approvers, list_of(body, "approvers"));
  if (std::set(approvers.begin(), approvers.end()).size() < kApproversLeast) {
    return fail(Code::kInvalid, "an erasure names two different approvers");
  }
  if (segment.starts_with(fmt::format("{}/", agreement::kPermanentClass))) {
    return fail(Code::kInvalid, "what says what was done is never shredded");
  }
  bool running = false;
  (void)body.at_key("even_this_month").get(running);
  if (!running && segment.ends_with(format_time(engine.committer().now()).substr(0, 7))) {
    return fail(Code::kConflict,
                "this month is not over: nothing more of the class could be recorded until it is, so the "
                "gate would refuse everything (--even-this-month does it)");
  }
  PV_TRY(const Erased erased, erase(engine, agreement, {segment, authority, approvers}));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("index").uinteger(erased.index);
  writer.key("segment").string(segment);
  writer.key("first").uinteger(erased.before.first);
  writer.key("last").uinteger(erased.before.last);
  writer.key("records").uinteger(erased.before.records);
  writer.key("bytes_before").uinteger(erased.before.bytes_on_disk);
  writer.key("bytes_after").uinteger(erased.after.bytes_on_disk);
  writer.end_object();
  return out;
}

Result<std::string> ledger_act(Engine& engine, const Digest& agreement, std::string_view path,
                               json::Element body) {
  if (path == "/ledger/disclosed") return note_disclosure(engine, agreement, body);
  if (path == "/ledger/reported") return note_report(engine, agreement, body);
  if (path == "/ledger/shred") return shred(engine, agreement, body);
  return fail(Code::kNotFound, fmt::format("no command `{}`", path));
}

}  // namespace proviso::gate
