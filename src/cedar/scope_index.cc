#include "cedar/scope_index.h"

#include <algorithm>
#include <utility>

namespace proviso::cedar {

void ScopeIndex::add(Key action, Key principal, Key resource, uint32_t policy) {
  entries_.push_back({packed(action, principal, resource), policy});
}

ScopeIndex::Bucket& ScopeIndex::at(uint64_t key) {
  size_t mask = table_.size() - 1;
  size_t slot = spread(key) & mask;
  while (table_[slot].key != key && table_[slot].key != kFree) slot = (slot + 1) & mask;
  table_[slot].key = key;
  return table_[slot];
}

void ScopeIndex::freeze() {
  std::ranges::sort(entries_, {}, [](const Entry& e) { return std::pair(e.key, e.policy); });
  size_t room = 16;
  while (room < entries_.size() * 8) room *= 2;  // four keys for a policy at most, half full
  table_.assign(room, {});
  for (const Entry& entry : entries_) {
    Bucket& bucket = at(entry.key);
    if (bucket.count == 0) bucket.begin = static_cast<uint32_t>(policies_.size());
    ++bucket.count;  // entries of one key stand together
    policies_.push_back(entry.policy);
  }
  for (const Entry& entry : entries_) name(packed(action_of(entry.key), kAbsent, kAbsent), principal_of(entry.key));
  for (const Entry& entry : entries_) {
    uint64_t any = packed(action_of(entry.key), principal_of(entry.key), kAny);
    Bucket& bucket = at(any);
    if (entry.key == any) continue;
    bucket.count |= kMore;
    name(any | kAbsent, static_cast<Key>(entry.key & kAbsent));
  }
  entries_ = {};
}

// Entries are sorted: the names under one key come together, repeats one after another.
void ScopeIndex::name(uint64_t key, Key next) {
  Bucket& bucket = at(key);
  if (bucket.count == 0) bucket.begin = static_cast<uint32_t>(named_.size());
  if (bucket.count > 0 && named_.back() == next) return;
  ++bucket.count;
  named_.push_back(next);
}

}  // namespace proviso::cedar
