#include "cedar/entities.h"

#include <algorithm>
#include <atomic>

namespace proviso::cedar {

Entities::Entities() = default;

Entities::Id Entities::own_id_of(uint64_t hash, std::string_view type, std::string_view id) const {
  if (table_.empty()) return kNone;
  size_t mask = table_.size() - 1;
  for (size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    Slot at = table_[slot];
    if (at.entry == 0) return kNone;
    if (at.tag != hash >> 32U) continue;
    const EntityUid& uid = nodes_[at.entry - 1].entity.uid;
    if (same_text(uid.id, id) && same_text(uid.type, type)) return offset_ + at.entry - 1;
  }
}

Entities::Id Entities::id_of(uint64_t hash, std::string_view type, std::string_view id) const {
  if (!base_) return own_id_of(hash, type, id);
  Id own = own_id_of(hash, type, id);
  return own != kNone ? own : base_->id_of(hash, type, id);
}

void Entities::put(uint64_t hash, Id entry) {
  size_t mask = table_.size() - 1;
  size_t slot = hash & mask;
  while (table_[slot].entry != 0) slot = (slot + 1) & mask;
  table_[slot] = {entry, static_cast<uint32_t>(hash >> 32U)};
}

void Entities::grow() {
  table_.assign(std::max<size_t>(8, table_.size() * 2), {});
  for (size_t i = 0; i < nodes_.size(); ++i) put(nodes_[i].hash, static_cast<Id>(i + 1));
}

Entities::Id Entities::intern(const EntityUid& uid) {
  uint64_t hash = hash_uid(uid.type, uid.id);
  if (Id found = id_of(hash, uid.type, uid.id); found != kNone) return found;
  nodes_.push_back({.hash = hash, .entity = {uid, {}, {}, {}}, .ancestors = {}});
  if (nodes_.size() * 2 > table_.size()) {
    grow();
  } else {
    put(hash, static_cast<Id>(nodes_.size()));
  }
  return offset_ + static_cast<Id>(nodes_.size() - 1);
}

Status Entities::add(std::vector<Entity> entities) {
  size_t room = entities.size();
  for (const Entity& entity : entities) room += entity.parents.size();
  nodes_.reserve(room);
  for (Entity& entity : entities) {
    Id id = intern(entity.uid);
    if (id < offset_) {
      return fail(Code::kConflict, "entity `" + to_string(entity.uid) + "` is already in the store");
    }
    Node& n = nodes_[id - offset_];
    std::ranges::sort(entity.parents);
    auto repeats = std::ranges::unique(entity.parents);
    entity.parents.erase(repeats.begin(), repeats.end());
    if (n.present) {
      const Entity& other = n.entity;
      if (other.attrs == entity.attrs && other.parents == entity.parents && other.tags == entity.tags) {
        continue;
      }
      return fail(Code::kConflict, "entity `" + to_string(entity.uid) + "` is given twice, differently");
    }
    n.present = true;
    n.entity = std::move(entity);
  }
  return close(0);
}

// Ancestors by depth-first search with an explicit stack: hierarchies may be deep.
Status Entities::close(Id first) {
  size_t present = nodes_.size();
  for (size_t i = first; i < present; ++i) {
    for (size_t p = 0; p < nodes_[i].entity.parents.size(); ++p) {
      Id parent = intern(nodes_[i].entity.parents[p]);
      nodes_[i].ancestors.push_back(parent);
    }
  }
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> state(nodes_.size(), kNew);
  std::vector<std::pair<size_t, size_t>> stack;
  for (size_t root = first; root < nodes_.size(); ++root) {
    if (state[root] != kNew) continue;
    state[root] = kOpen;
    stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [at, next] = stack.back();
      Node& n = nodes_[at];
      size_t direct = n.entity.parents.size();
      if (next < direct) {
        Id parent = n.ancestors[next++];
        if (parent < offset_) continue;
        size_t local = parent - offset_;
        if (state[local] == kOpen) {
          return fail(Code::kConflict, "the parents of `" + to_string(nodes_[local].entity.uid) +
                                           "` lead back to itself");
        }
        if (state[local] == kNew) {
          state[local] = kOpen;
          stack.emplace_back(local, 0);
        }
        continue;
      }
      for (size_t p = 0; p < direct; ++p) {
        const Node* parent = node(n.ancestors[p]);
        n.ancestors.insert(n.ancestors.end(), parent->ancestors.begin(), parent->ancestors.end());
      }
      std::ranges::sort(n.ancestors);
      auto repeats = std::ranges::unique(n.ancestors);
      n.ancestors.erase(repeats.begin(), repeats.end());
      if (n.ancestors.size() > kAncestorsMax) {
        return fail(Code::kLimit, "`" + to_string(n.entity.uid) + "` is in more than " + std::to_string(kAncestorsMax) + " others");
      }
      n.reach = fingerprint(n.entity.uid.id);
      for (Id id : n.ancestors) n.reach |= fingerprint(uid_of(id).id);
      state[at] = kDone;
      stack.pop_back();
    }
  }
  return {};
}

Result<Entities> Entities::create(std::vector<Entity> entities) {
  static std::atomic<uint64_t> serials = 0;
  Entities out;
  out.serial_ = ++serials;
  PV_TRY_VOID(out.add(std::move(entities)));
  return out;
}

Result<Entities> Entities::extend(std::shared_ptr<const Entities> base, std::vector<Entity> more) {
  Entities out;
  out.offset_ = base->offset_ + static_cast<Id>(base->nodes_.size());
  out.base_ = std::move(base);
  PV_TRY_VOID(out.add(std::move(more)));
  return out;
}

const Entity* Entities::find(const EntityUid& uid) const {
  return at(id_of(hash_uid(uid.type, uid.id), uid.type, uid.id));
}

bool Entities::has_ancestor(Id descendant, Id ancestor) const {
  const Node* n = node(descendant);
  return n != nullptr && ancestor != kNone && std::ranges::binary_search(n->ancestors, ancestor);
}

bool Entities::is_in(const EntityUid& descendant, const EntityUid& ancestor) const {
  if (descendant == ancestor) return true;
  return has_ancestor(id_of(hash_uid(descendant.type, descendant.id), descendant.type, descendant.id),
                      id_of(hash_uid(ancestor.type, ancestor.id), ancestor.type, ancestor.id));
}

std::vector<const Entity*> Entities::all() const {
  std::vector<const Entity*> out;
  if (base_) out = base_->all();
  for (const Node& n : nodes_) {
    if (n.present) out.push_back(&n.entity);
  }
  return out;
}

}  // namespace proviso::cedar
