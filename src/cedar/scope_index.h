#pragma once
// Which policies can a request meet at all? Buckets by what the scopes name: an action, a principal
// and a resource, each a literal entity, a type, or anything. A request looks into the buckets of what
// its variables are and are in, so the cost follows the request, not the number of policies. Only
// policies whose scope is false are left out; scopes cannot err, so errors are never lost. Inner to
// the room. Source: the idea of slicing in the OOPSLA 2024 paper on Cedar.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace proviso::cedar {

inline constexpr size_t kLiteralsMax = 600'000;  // entities, and types, that a policy set names: a key has 21 bits

class ScopeIndex {
 public:
  // A scope's key. Literals and types have their own numbers, below kLiteralsMax.
  using Key = uint32_t;
  static constexpr Key kAny = 0;
  static Key equal_to(uint32_t literal) { return 1 + literal * 3; }
  static Key inside(uint32_t literal) { return 2 + literal * 3; }
  static Key of_type(uint32_t type) { return 3 + type * 3; }

  // A policy may stand under several actions. All add() come before freeze().
  void add(Key action, Key principal, Key resource, uint32_t policy);
  void freeze();

  // Calls `visit(policy, action key)` for each policy under any combination of the keys, and `spend(n)`
  // before n keys are looked at; either ends the walk by false. Keys are ascending, the first resource key
  // is kAny. Of the request's keys and those that policies name the fewer are walked: a principal in many
  // groups and a resource in many folders cost no more than the policies that are there.
  template <class Visit, class Spend>
  void each(std::span<const Key> actions, std::span<const Key> principals, std::span<const Key> resources,
            Visit&& visit, Spend&& spend) const {
    if (!spend(actions.size())) return;
    for (Key action : actions) {
      const Bucket* named = find(packed(action, kAbsent, kAbsent));
      if (named == nullptr) continue;
      bool on = each_key(principals, *named, spend, [&](Key principal) {
        const Bucket* bucket = find(packed(action, principal, kAny));
        if (bucket == nullptr) return true;
        if (!each_of(*bucket, action, visit)) return false;
        if ((bucket->count & kMore) == 0) return true;
        return each_key(resources.subspan(1), *find(packed(action, principal, kAbsent)), spend, [&](Key resource) {
          const Bucket* inner = find(packed(action, principal, resource));
          return inner == nullptr || each_of(*inner, action, visit);
        });
      });
      if (!on) return;
    }
  }

 private:
  static constexpr Key kAbsent = (1U << 21U) - 1;  // the bucket of the keys that go on from here
  struct Entry {
    uint64_t key = 0;
    uint32_t policy = 0;
  };
  // A range of policies_ under one triple of keys; of named_ where keys are absent: the principals under an
  // action, the resources under both. The bucket of any resource is there for every action and principal that
  // have policies, if only to say that there are more.
  struct Bucket {
    uint64_t key = kFree;
    uint32_t begin = 0;
    uint32_t count = 0;  // with kMore: there are buckets of other resources too
  };
  static constexpr uint32_t kMore = 1U << 31U;
  static constexpr uint64_t kFree = UINT64_MAX;

  static uint64_t packed(Key action, Key principal, Key resource) {
    return (static_cast<uint64_t>(action) << 42U) | (static_cast<uint64_t>(principal) << 21U) | resource;
  }
  static Key action_of(uint64_t key) { return static_cast<Key>(key >> 42U); }
  static Key principal_of(uint64_t key) { return static_cast<Key>(key >> 21U) & kAbsent; }
  static size_t spread(uint64_t key) { return (key * 0x9E3779B97F4A7C15ULL) >> 32U; }
  // After freeze().
  [[nodiscard]] const Bucket* find(uint64_t key) const {
    size_t mask = table_.size() - 1;
    for (size_t slot = spread(key) & mask;; slot = (slot + 1) & mask) {
      if (table_[slot].key == key) return &table_[slot];
      if (table_[slot].key == kFree) return nullptr;
    }
  }
  template <class Visit>
  bool each_of(const Bucket& bucket, Key action, Visit& visit) const {
    uint32_t end = bucket.begin + (bucket.count & ~kMore);
    for (uint32_t i = bucket.begin; i < end; ++i) {
      if (!visit(policies_[i], action)) return false;
    }
    return true;
  }
  template <class Spend, class Visit>
  bool each_key(std::span<const Key> wanted, const Bucket& named, Spend& spend, Visit&& visit) const {
    std::span<const Key> there = std::span(named_).subspan(named.begin, named.count);
    bool wanted_is_less = wanted.size() <= there.size();
    for (Key key : wanted_is_less ? wanted : there) {
      if (!spend(1)) return false;
      if (!wanted_is_less && !std::ranges::binary_search(wanted, key)) continue;
      if (!visit(key)) return false;
    }
    return true;
  }
  Bucket& at(uint64_t key);  // made if it is not there
  void name(uint64_t key, Key next);

  std::vector<Entry> entries_;
  std::vector<uint32_t> policies_;
  std::vector<Key> named_;
  std::vector<Bucket> table_;
};

}  // namespace proviso::cedar
