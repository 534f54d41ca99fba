#include "gate/ledger_acts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "vault/survey.h"

namespace proviso::gate {
namespace {

// What says what was shredded must not be shredded with it.
constexpr const char* kPermanentClass = "permanent";
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
  PV_TRY(const ledger::Receipt noted, engine.note("disclose", std::move(facts), agreement, kPermanentClass));
  return index_answer(noted.index);
}

Result<std::string> note_report(Engine& engine, const Digest& agreement, json::Element body) {
  exchange::Facts facts;
  for (const char* name : {"from", "to", "about", "digest"}) {
    PV_TRY(const std::string words, words_of(body, name));
    facts.set(fmt::format("report.{}", name), words);
  }
  PV_TRY(const ledger::Receipt noted, engine.note("report", std::move(facts), agreement, kPermanentClass));
  return index_answer(noted.index);
}

Result<std::string> shred(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string segment, words_of(body, "segment"));
  PV_TRY(const std::string authority, words_of(body, "authority"));
  PV_TRY(const auto approvers, list_of(body, "approvers"));
  if (std::set(approvers.begin(), approvers.end()).size() < kApproversLeast) {
    return fail(Code::kInvalid, "an erasure names two different approvers");
  }
  if (segment.starts_with(fmt::format("{}/", kPermanentClass))) {
    return fail(Code::kInvalid, "what says what was done is never shredded");
  }
  bool running = false;
  (void)body.at_key("even_this_month").get(running);
  if (!running && segment.ends_with(format_time(engine.committer().now()).substr(0, 7))) {
    return fail(Code::kConflict,
                "this month is not over: nothing more of the class could be recorded until it is, so the "
                "gate would refuse everything (--even-this-month does it)");
  }
  const std::string dir = engine.options().layout.vault();
  PV_TRY(const vault::SegmentSurvey before, vault::survey(dir, segment));
  // A mark beside a key is an erasure that was cut short: it is done now.
  if (!before.has_key) {
    return fail(Code::kConflict, before.erased ? fmt::format("`{}` is shredded already", segment)
                                               : fmt::format("the key of `{}` is missing", segment));
  }
  exchange::Facts facts;
  facts.set("shred.segment", segment);
  facts.set("shred.authority", authority);
  facts.set("shred.approvers", approvers);
  facts.set("shred.first", static_cast<int64_t>(before.first));
  facts.set("shred.last", static_cast<int64_t>(before.last));
  facts.set("shred.records", static_cast<int64_t>(before.records));
  PV_TRY(const ledger::Receipt noted, engine.note("shred", std::move(facts), agreement, kPermanentClass));
  PV_TRY_VOID(engine.erase_segment(segment));
  PV_TRY(const vault::SegmentSurvey after, vault::survey(dir, segment));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("index").uinteger(noted.index);
  writer.key("segment").string(segment);
  writer.key("first").uinteger(before.first);
  writer.key("last").uinteger(before.last);
  writer.key("records").uinteger(before.records);
  writer.key("bytes_before").uinteger(before.bytes_on_disk);
  writer.key("bytes_after").uinteger(after.bytes_on_disk);
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
