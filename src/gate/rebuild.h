#pragma once
// Projections made again from log and vault. The ledger is the truth; what state.db holds is what the ledger
// says in a form that can be asked, so it can be thrown away and written anew. Each projection reads the leaves
// of its verbs in their order. A new one is one line in kProjections (rebuild.cc).
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/leaf.h"
#include "gate/layout.h"
#include "identity/identity.h"
#include "state/store.h"

namespace proviso::gate {

class Projection {
 public:
  virtual ~Projection() = default;
  [[nodiscard]] virtual bool reads(std::string_view verb) const = 0;
  // The next of its leaves. An error of this or of the next two ends the rebuilding and leaves everything as
  // it was.
  virtual Status take(const audit::Leaf& leaf, const exchange::Facts& facts) = 0;
  // One of its leaves that cannot be opened: `why` says which.
  virtual Status miss(const Error& why) { return std::unexpected(why); }
  // There are no more.
  virtual Status finish() { return {}; }
  // What came of it, for people: "12 people, 9 keys".
  [[nodiscard]] virtual std::string summary() const = 0;
};

// The change that gate::facts_of() wrote down in `leaf`. kInvalid for what it cannot have written; kUnsupported
// for a key whose leaf does not name its digest, as logs before this version have them.
Result<identity::Change> change_of(const audit::Leaf& leaf, const exchange::Facts& facts);

// Reads log and vault of `layout` and writes every projection into `store`, which is empty. One line for each.
// kUnavailable if a leaf that is needed cannot be opened, which is named.
Result<std::vector<std::string>> project_all(const Layout& layout, state::Store& store);

// Makes `layout`'s database again, beside the old one, and puts it in its place. kConflict while a gate or a
// command holds the state.
Result<std::vector<std::string>> rebuild_database(const Layout& layout);

}  // namespace proviso::gate
