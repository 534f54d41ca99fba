#include "cedar/placement.h"

#include <algorithm>

namespace proviso::cedar {

void Placement::begin(const Program& program, const Entities& entities) {
  program_ = &program;
  entities_ = &entities;
  passing_.clear();
  steps_ = 0;
  bool same = program.serial == program_serial_ && entities.serial() == store_serial_;
  if (same && program.serial != 0) return;
  program_serial_ = 0;  // until everything stands
  lasting_.clear();
  known_size_ = entities.base_size();
  if (known_.size() < known_size_) known_.resize(known_size_);
  if (++epoch_ == 0) {  // an old epoch must not come back
    std::ranges::fill(known_, Known{});
    epoch_ = 1;
  }
  program_serial_ = program.serial;
  store_serial_ = entities.serial();
}

void Placement::add_ancestors(const Entities& store, Entities::Id id, std::vector<ScopeIndex::Key>& pool) {
  std::span<const Entities::Id> ancestors = store.ancestors(id);
  steps_ += ancestors.size() * 2;
  for (Entities::Id ancestor : ancestors) {
    const EntityUid& uid = store.uid_of(ancestor);
    uint32_t literal = program_->literal_of(store.hash_of(ancestor), uid.type, uid.id);
    if (literal != Program::kNone) pool.push_back(ScopeIndex::inside(literal));
  }
}

Placement::Place Placement::of(const EntityUid& uid, uint64_t hash, Entities::Id id, const Entities* actions) {
  bool lasting = id < known_size_;
  if (lasting && known_[id].epoch == epoch_) {
    steps_ += known_[id].place.steps;
    return known_[id].place;
  }
  uint64_t before = steps_;
  std::vector<ScopeIndex::Key>& pool = lasting ? lasting_ : passing_;
  Place out;
  out.lasting = lasting;
  out.type = program_->type_of(uid.type);
  out.self = program_->literal_of(hash, uid.type, uid.id);
  auto begin = static_cast<ptrdiff_t>(pool.size());
  pool.push_back(ScopeIndex::kAny);
  if (out.self != Program::kNone) {
    pool.push_back(ScopeIndex::equal_to(out.self));
    pool.push_back(ScopeIndex::inside(out.self));
  }
  if (out.type != Program::kNone) pool.push_back(ScopeIndex::of_type(out.type));
  add_ancestors(*entities_, id, pool);
  if (actions != nullptr && entities_->at(id) == nullptr) add_ancestors(*actions, actions->id_of(hash, uid.type, uid.id), pool);
  std::sort(pool.begin() + begin, pool.end());
  pool.erase(std::unique(pool.begin() + begin, pool.end()), pool.end());
  out.begin = static_cast<uint32_t>(begin);
  out.end = static_cast<uint32_t>(pool.size());
  out.steps = static_cast<uint32_t>(steps_ - before);
  if (lasting) known_[id] = {epoch_, out};
  return out;
}

}  // namespace proviso::cedar
