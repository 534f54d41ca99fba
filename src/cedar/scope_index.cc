#include "cedar/scope_index.h"

#include <algorithm>
#include <utility>

namespace proviso::cedar {

void ScopeIndex::add(Key action, Key principal, Key resource, uint32_t policy) {
  entries_.push_back({packed(action, principal, resource), policy});
}

void ScopeIndex::insert(Bucket bucket) {
  size_t mask = table_.size() - 1;
  size_t slot = spread(bucket.key) & mask;
  while (table_[slot].key != kFree) slot = (slot + 1) & mask;
  table_[slot] = bucket;
}

void ScopeIndex::freeze() {
  std::ranges::sort(entries_, {}, [](const Entry& e) { return std::pair(e.key, e.policy); });
  size_t room = 16;
  while (room < entries_.size() * 6) room *= 2;  // three keys for a policy at most, half full
  table_.assign(room, {});
  for (size_t begin = 0; begin < entries_.size();) {
    uint64_t key = entries_[begin].key;
    size_t end = begin;
    for (; end < entries_.size() && entries_[end].key == key; ++end) policies_.push_back(entries_[end].policy);
    insert({key, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    Key action = static_cast<Key>(key >> 42U);
    Key principal = static_cast<Key>(key >> 21U) & kAbsent;
    for (uint64_t prefix : {packed(action, kAbsent, kAbsent), packed(action, principal, kAbsent)}) {
      if (find(prefix) == nullptr) insert({prefix, 0, 0});
    }
    begin = end;
  }
  entries_ = {};
}

}  // namespace proviso::cedar
