#pragma once
// What an Agreement holds once loaded. Immutable after load(), so that every thread may read it.
// Not a face: only this room includes it.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/examples.h"
#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "cedar/schema.h"

namespace proviso::agreement {

// What a policy's annotations say, by its index in the engine.
struct PolicyNotes {
  ClauseRef clause;
  std::string mark;
  bool hold = false;
  bool whole = false;
  std::vector<std::string> redacts;        // @redact: the labels that the policy names, sorted; else empty
  std::vector<std::string> counted_roles;  // `context.moment.approvals.ROLE` stands in it; sorted
  Presence presence = Presence::kNone;
};

// Where a typed value of a request comes from: a leaf names a fact, a record has inner slots.
struct Slot {
  std::string name;  // the attribute
  std::string path;  // the fact, "context.moment.now"
  cedar::Type type;
  bool required = true;
  bool zero_if_absent = false;  // approvals: nobody has signed
  std::vector<Slot> inner;      // of a record, in the order of its attributes
};

// A record to be filled from facts. `blank` has every required attribute, so that filling a copy moves
// no fields: this is the hot path.
struct Shape {
  std::vector<Slot> slots;
  cedar::Record blank;
};

// One verb as the schema types it.
struct VerbPlan {
  cedar::EntityUid action;
  std::vector<std::string> resources;  // types
  Shape context;
};

struct Agreement::Impl {
  Terms terms;
  std::vector<Clause> clauses;
  std::vector<RedLine> red_lines;
  std::map<std::string, arguments::Paper, std::less<>> papers;  // by tool
  std::vector<std::string> warnings;
  std::string manifest;
  Digest digest;
  Files signatures;

  std::optional<cedar::Schema> schema;
  std::optional<cedar::Engine> engine;
  std::shared_ptr<const cedar::Entities> entities;  // models, vendors, tools, classes, roles, purposes
  std::vector<PolicyNotes> notes;
  std::array<std::optional<VerbPlan>, exchange::kVerbCount> plans;  // by Verb
  Shape person;
  Shape dataset;
  std::vector<std::string> fact_paths;  // every path that some verb reads, sorted
  Cast cast;
  std::vector<Example> examples;
};

// The request that facts describe, with the entities that only this request has. The error's sentence
// is the reason of a denial.
struct Question {
  cedar::Request request;
  std::vector<cedar::Entity> more;
};
Result<Question> question_of(const Agreement::Impl& impl, exchange::Verb verb,
                             const exchange::Facts& facts);

// A fact as the value of a slot; kInvalid and kNotFound as question_of().
Result<cedar::Value> value_of(const Agreement::Impl& impl, const Slot& slot, const exchange::FactValue& fact);

// Fills plans, person, dataset and fact_paths from the schema. kUnsupported names an attribute whose
// type no fact can have.
Status make_plans(Agreement::Impl& impl);
// The static entities of the terms.
Result<std::shared_ptr<const cedar::Entities>> registry_entities(const Terms& terms);

// The sentence of a denial or hold.
std::string reason_of(const Agreement::Impl& impl, const cedar::Request& request,
                      const cedar::Entities& entities, const cedar::Response& response,
                      const Decision& decision);

}  // namespace proviso::agreement
