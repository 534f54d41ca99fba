#pragma once
// Who must sign an amendment. A red line rests on more than its own text: on the types, roles, labels and registry
// entries that requests of its verbs are judged by. Whoever is its custodian under the agreement in force, with the
// key that *that* agreement names, must have signed a change to any of these; the new agreement's own word about its
// parties counts for nothing here, for whoever writes it could name a key of theirs. Pure; never reads a file.
#include <string>
#include <vector>

#include "agreement/agreement.h"

namespace proviso::agreement {

// A red line of the agreement in force whose text or ground changes, and why, each a sentence.
struct Touched {
  std::string line;
  std::string custodian;  // the role that the agreement in force names
  std::vector<std::string> reasons;
};

// The line itself; the parties that are its custodian; the schema; roles; and, where requests of its verbs read
// them, labels, pinned detectors, how tools, models and vendors are registered, and what its purposes and tool classes
// mean. A change of other clauses touches nothing: the line is proven again under them.
std::vector<Touched> touched_lines(const Agreement& in_force, const Agreement& next);

// kUnverified if the difference in the folder of `next` compares other agreements.
Status check_difference(const Agreement& in_force, const Agreement& next);

// kUnverified, a line a missing signature: which red line, which party, which change. Every party that is custodian
// of a touched line must have signed `next` and its difference from `in_force` with the key that `in_force` names.
Status check_custodians(const Agreement& in_force, const Agreement& next);

// kConflict unless the revision of `next` is higher: an old revision's signatures hold for ever.
Status check_follows(const Agreement& in_force, const Agreement& next);

// What the terms of `next` allow that those of `in_force` did not, rules aside, each a sentence: tools in another
// class, new models, purposes, roles, vendors and passthrough fields, labels dropped, red lines struck or changed,
// other parties or keys, a longer period. A change whose direction nobody can tell is listed.
std::vector<std::string> wider_terms(const Agreement& in_force, const Agreement& next);

}  // namespace proviso::agreement
