#pragma once
// The entity store: entities by uid with the transitive closure of their parents. Immutable after
// create(), safe to read from many threads. A store can be extended by a few entities of one request
// without copying it. Dangling parents and references are accepted, as Cedar accepts them.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cedar/value.h"

namespace proviso::cedar {

// A request's own entities are placed anew each time, at some ten nanoseconds for each that they are in.
inline constexpr size_t kAncestorsMax = 1024;

struct Entity {
  EntityUid uid;
  Record attrs;
  std::vector<EntityUid> parents;
  Record tags;
};

class Entities {
 public:
  // Dense number of a uid within one store; ancestors are kept as sorted ids.
  using Id = uint32_t;
  static constexpr Id kNone = UINT32_MAX;

  Entities();
  // kConflict: two differing entries for one uid, or a cycle among parents (named). kLimit: an entity
  // that is in more than kAncestorsMax others.
  static Result<Entities> create(std::vector<Entity> entities);
  // `base` with the entities of one request laid over it; costs only what is added. kConflict: a uid
  // that `base` knows, as an entity or as somebody's parent, or a cycle among the added ones. kLimit.
  static Result<Entities> extend(std::shared_ptr<const Entities> base, std::vector<Entity> more);

  [[nodiscard]] const Entity* find(const EntityUid& uid) const;
  // Reflexive and transitive; a uid that is not in the store is in itself only.
  [[nodiscard]] bool is_in(const EntityUid& descendant, const EntityUid& ancestor) const;
  [[nodiscard]] std::vector<const Entity*> all() const;

  // For the evaluator. `hash` is hash_uid(). kNone: never heard of.
  [[nodiscard]] Id id_of(uint64_t hash, std::string_view type, std::string_view id) const;
  // nullptr for one that is only named as a parent.
  [[nodiscard]] const Entity* at(Id id) const {
    const Node* n = node(id);
    return n != nullptr && n->present ? &n->entity : nullptr;
  }
  [[nodiscard]] bool has_ancestor(Id descendant, Id ancestor) const;  // strict; kNone gives false
  // Strict, sorted; kNone: empty.
  [[nodiscard]] std::span<const Id> ancestors(Id id) const {
    const Node* n = node(id);
    return n != nullptr ? std::span<const Id>(n->ancestors) : std::span<const Id>();
  }
  // The fingerprints of its id and of those of all that it is in; kNone: none.
  [[nodiscard]] uint64_t reach(Id id) const {
    const Node* n = node(id);
    return n != nullptr ? n->reach : 0;
  }
  // Of an id that id_of() or ancestors() gave.
  [[nodiscard]] const EntityUid& uid_of(Id id) const { return node(id)->entity.uid; }
  [[nodiscard]] uint64_t hash_of(Id id) const { return node(id)->hash; }
  // A number of this store alone in this process, the base's for what is laid over one: ids below
  // base_size() mean the same as long as the number does.
  [[nodiscard]] uint64_t serial() const { return base_ ? base_->serial() : serial_; }
  [[nodiscard]] Id base_size() const { return base_ ? base_->base_size() : static_cast<Id>(nodes_.size()); }

 private:
  struct Node {
    uint64_t hash = 0;
    Entity entity;  // only its uid if it is not present
    std::vector<Id> ancestors;  // sorted, strict
    uint64_t reach = 0;
    bool present = false;
  };
  struct Slot {
    Id entry = 0;  // index in nodes_ + 1; 0 is free
    uint32_t tag = 0;  // the upper half of its hash: most strangers are told apart here
  };
  [[nodiscard]] const Node* node(Id id) const {
    if (id == kNone) return nullptr;
    const Entities* store = this;
    while (id < store->offset_) store = store->base_.get();
    return &store->nodes_[id - store->offset_];
  }
  [[nodiscard]] Id own_id_of(uint64_t hash, std::string_view type, std::string_view id) const;
  Id intern(const EntityUid& uid);
  void put(uint64_t hash, Id entry);
  void grow();
  Status add(std::vector<Entity> entities);
  Status close(Id first);

  std::shared_ptr<const Entities> base_;
  Id offset_ = 0;  // ids below it are the base's
  std::vector<Node> nodes_;
  std::vector<Slot> table_;  // open addressing over nodes_
  uint64_t serial_ = 0;      // of a store without a base; 0: empty
};

}  // namespace proviso::cedar
