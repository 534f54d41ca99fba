#pragma once
// What evaluation writes while it runs: values of shared nodes, where entities stand, the arena. One
// workspace serves one thread, over many requests and engines; an epoch separates them, so that nothing
// is cleared and, once grown, nothing is allocated. Inner to the room.
#include <cstdint>
#include <memory>
#include <vector>

#include "cedar/entities.h"
#include "cedar/placement.h"
#include "cedar/program.h"

namespace proviso::cedar {

class Workspace {
 public:
  struct Slot {
    uint32_t epoch = 0;
    Val value;
  };
  struct Found {
    uint32_t epoch = 0;
    Entities::Id id = Entities::kNone;
  };

  // Makes everything that an earlier request left void.
  void begin(const Program& program, const Entities& entities) {
    arena.clear();
    if (++epoch == 0) {  // after 2^32 requests an old epoch could come back
      *this = Workspace();
      epoch = 1;
    }
    if (memo.size() < program.slots) memo.resize(program.slots);
    if (found.size() < program.literals.size()) found.resize(program.literals.size());
    if (places.size() < program.names.size()) places.resize(program.names.size());
    placement.begin(program, entities);
  }

  uint32_t epoch = 0;
  std::vector<Slot> memo;                      // by Node::slot
  std::vector<Found> found;                    // by literal: its number in the store
  std::vector<uint32_t> places;                // by name: where a record had it the last time, whichever it was
  Placement placement;
  std::vector<std::unique_ptr<Value>> arena;   // values that expressions made
};

}  // namespace proviso::cedar
