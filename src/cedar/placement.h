#pragma once
// Where the entities of a store stand among the literals of a program: which literal each one is and
// which ones it is in, as keys of the scope index. A thread finds the place of an entity when it first
// meets it and keeps it for as long as it stays with the same program and store, which their serials
// tell. One Placement serves one thread. Inner to the room.
#include <cstdint>
#include <span>
#include <vector>

#include "cedar/entities.h"
#include "cedar/program.h"
#include "cedar/scope_index.h"

namespace proviso::cedar {

class Placement {
 public:
  struct Place {
    uint32_t self = Program::kNone;  // the entity as a literal
    uint32_t type = Program::kNone;  // its type, if a scope names it
    uint32_t begin = 0;              // see keys()
    uint32_t end = 0;
    uint32_t steps = 0;    // what finding it cost
    bool lasting = false;  // kept beyond this request
  };

  // Before each request: its places begin, those of the last one end.
  void begin(const Program& program, const Entities& entities);
  // `id` is the number of `uid` in the store, kNone for a stranger, `hash` its hash_uid(). `actions` is
  // asked where the store does not hold it; nullptr: there are none. It must belong to the program.
  Place of(const EntityUid& uid, uint64_t hash, Entities::Id id, const Entities* actions);
  // The keys under which scopes that it satisfies stand: kAny, what it is, what it is in, its type; ascending.
  [[nodiscard]] std::span<const ScopeIndex::Key> keys(const Place& place) const {
    const std::vector<ScopeIndex::Key>& pool = place.lasting ? lasting_ : passing_;
    return {pool.data() + place.begin, place.end - place.begin};
  }
  // What finding places costs since begin(), the same for one that was kept: a decision must not depend on what
  // its thread did before.
  [[nodiscard]] uint64_t steps() const { return steps_; }

 private:
  struct Known {
    uint32_t epoch = 0;
    Place place;
  };
  void add_ancestors(const Entities& store, Entities::Id id, std::vector<ScopeIndex::Key>& pool);

  const Program* program_ = nullptr;
  const Entities* entities_ = nullptr;
  uint64_t program_serial_ = 0;
  uint64_t store_serial_ = 0;
  uint32_t epoch_ = 0;
  uint64_t steps_ = 0;
  Entities::Id known_size_ = 0;
  std::vector<Known> known_;  // by number; of the base, if the store is laid over one
  std::vector<ScopeIndex::Key> lasting_;  // of places in known_
  std::vector<ScopeIndex::Key> passing_;  // of this request's other places
};

}  // namespace proviso::cedar
