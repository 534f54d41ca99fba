#include "audit/verify_withheld.h"

#include <filesystem>
#include <fmt/format.h>

#include "prove/red_lines.h"

namespace proviso::audit {
namespace {

using Answer = prove::Withheld::Answer;

agreement::Sight sight_of(const Disclosure& disclosure, const Shown& shown) {
  agreement::Sight sight;
  sight.all_named = shown.unnamed == 0;
  for (const DisclosedFact& fact : disclosure.facts) {
    if (!fact.salt) {
      sight.withheld.insert(fact.path);
    } else if (auto value = exchange::parse_value(fact.value)) {
      sight.facts.set(fact.path, std::move(*value));
    }
  }
  // A decision knows one clock value, and the leaf shows it.
  sight.withheld.erase("context.moment.now");
  sight.facts.set("context.moment.now", shown.leaf.time.value);
  return sight;
}

const char* answer_name(Answer answer) {
  switch (answer) {
    case Answer::kSame: return "same";
    case Answer::kDepends: return "depends";
    case Answer::kContradicts: return "contradicts";
    case Answer::kUnknown: return "unknown";
  }
  return "";
}

}  // namespace

std::optional<prove::Withheld> judge_withheld(const Disclosure& disclosure, const Shown& shown) {
  const auto verb = exchange::parse_verb(shown.leaf.verb);
  const std::string& decision = shown.leaf.decision;
  const bool decided = decision == "allow" || decision == "deny" || decision == "hold" ||
                       decision == "redact";
  if (shown.replay != Replayed::kFactsWithheld || shown.agreement == nullptr || !verb || !decided) return std::nullopt;
  std::error_code ec;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path().string();
  const agreement::Knowledge knowledge = shown.agreement->knowledge(*verb, sight_of(disclosure, shown));
  return prove::whatever_is_withheld(*shown.agreement, *verb, knowledge, decision == "allow",
                                     prove::usual_prover(own + "/proviso-launch", ""));
}

std::string said_of(const prove::Withheld& withheld) {
  const std::string why = prove::shown(withheld.why);
  switch (withheld.answer) {
    case Answer::kSame: return "verified, whatever is withheld: both solvers find no value that decides it otherwise";
    case Answer::kContradicts: return why + "\nNOT VERIFIED";
    case Answer::kUnknown: return "verified, but not replayable: facts are withheld, and whether they matter is not known: " + why;
    case Answer::kDepends: break;
  }
  std::string matters = "several of them together matter";
  if (!withheld.matters.empty()) matters = fmt::format("{} would matter", prove::shown(fmt::format("{}", fmt::join(withheld.matters, ", "))));
  return fmt::format("verified, but not replayable: of what is withheld, {}\n  {}", matters, why);
}

void put_withheld(json::Writer& writer, const prove::Withheld& withheld) {
  writer.key("withheld_facts").begin_object().key("answer").string(answer_name(withheld.answer));
  writer.key("why").string(withheld.why).key("matters").begin_array();
  for (const std::string& path : withheld.matters) writer.string(path);
  writer.end_array().end_object();
}

}  // namespace proviso::audit
