#include "base/merkle.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace proviso::merkle {
namespace {

constexpr std::string_view kLeafPrefix{"\x00", 1};
constexpr std::string_view kNodePrefix{"\x01", 1};

// The largest power of two below n; n >= 2.
uint64_t split_point(uint64_t n) { return std::bit_floor(n - 1); }

std::unexpected<Error> wrong_root() {
  return fail(Code::kUnverified, "the proof does not lead to the expected root");
}

// The path of `index` within [start, end), appended leaf to root.
Status append_inclusion(uint64_t index, uint64_t start, uint64_t end, const SubtreeHash& hash,
                        std::vector<Digest>& path) {
  if (end - start == 1) return {};
  const uint64_t middle = start + split_point(end - start);
  if (index < middle) {
    PV_TRY_VOID(append_inclusion(index, start, middle, hash, path));
    PV_TRY(path.emplace_back(), hash(middle, end));
  } else {
    PV_TRY_VOID(append_inclusion(index, middle, end, hash, path));
    PV_TRY(path.emplace_back(), hash(start, middle));
  }
  return {};
}

// SUBTREE_SUBPROOF of draft-ietf-plants-merkle-tree-certs for [start, end) in the tree [low, high);
// `known` while the verifier still holds the hash of what remains of the subtree.
Status append_consistency(uint64_t start, uint64_t end, uint64_t low, uint64_t high, bool known,
                          const SubtreeHash& hash, std::vector<Digest>& path) {
  if (start == low && end == high) {
    if (!known) {
      PV_TRY(path.emplace_back(), hash(low, high));
    }
    return {};
  }
  const uint64_t middle = low + split_point(high - low);
  if (end <= middle) {
    PV_TRY_VOID(append_consistency(start, end, low, middle, known, hash, path));
    PV_TRY(path.emplace_back(), hash(middle, high));
  } else if (start >= middle) {
    PV_TRY_VOID(append_consistency(start, end, middle, high, known, hash, path));
    PV_TRY(path.emplace_back(), hash(low, middle));
  } else {
    PV_TRY_VOID(append_consistency(middle, end, middle, high, false, hash, path));
    PV_TRY(path.emplace_back(), hash(low, middle));
  }
  return {};
}

struct Walk {
  uint64_t first;
  uint64_t last;
  uint64_t tree_last;
  void up() {
    first >>= 1;
    last >>= 1;
    tree_last >>= 1;
  }
};

}  // namespace

Digest leaf_hash(std::string_view entry) { return sha256({kLeafPrefix, entry}); }

Digest node_hash(const Digest& left, const Digest& right) {
  return sha256({kNodePrefix, left.view(), right.view()});
}

Digest empty_root() { return sha256(std::string_view{}); }

Digest root(std::span<const Digest> leaf_hashes) {
  Frontier frontier;
  for (const Digest& leaf : leaf_hashes) frontier.append(leaf);
  return frontier.root();
}

void Frontier::append(const Digest& leaf_hash) {
  Digest node = leaf_hash;
  for (uint64_t full = size_; (full & 1) != 0; full >>= 1) {
    node = node_hash(nodes_.back(), node);
    nodes_.pop_back();
  }
  nodes_.push_back(node);
  ++size_;
}

Digest Frontier::root() const {
  if (nodes_.empty()) return empty_root();
  Digest node = nodes_.back();
  for (size_t i = nodes_.size() - 1; i > 0; --i) node = node_hash(nodes_[i - 1], node);
  return node;
}

bool valid_subtree(uint64_t start, uint64_t end) {
  if (start > end) return false;
  if (start == 0 || start == end) return true;
  const uint64_t length = end - start;
  // SPEC merkle-tree-certs 4.1: start MUST be a multiple of the smallest power of two >= length.
  if (length > (uint64_t{1} << 63)) return false;
  return start % std::bit_ceil(length) == 0;
}

std::pair<Subtree, Subtree> covering_subtrees(uint64_t start, uint64_t end) {
  PV_CHECK(start <= end);
  if (end - start <= 1) return {{start, end}, {end, end}};
  const uint64_t last = end - 1;
  const auto split = std::bit_width(start ^ last) - 1;
  const uint64_t mask = (uint64_t{1} << split) - 1;
  const uint64_t middle = last & ~mask;
  const auto left = std::bit_width(~start & mask);
  const uint64_t left_start = start & ~((uint64_t{1} << left) - 1);
  return {{left_start, middle}, {middle, end}};
}

Result<std::vector<Digest>> inclusion_path(uint64_t index, uint64_t size, const SubtreeHash& hash) {
  return subtree_inclusion_path(index, 0, size, hash);
}

Result<std::vector<Digest>> subtree_inclusion_path(uint64_t index, uint64_t start, uint64_t end,
                                                   const SubtreeHash& hash) {
  if (!valid_subtree(start, end)) return fail(Code::kInvalid, "not a valid subtree");
  if (index < start || index >= end) return fail(Code::kInvalid, "the leaf lies outside the tree");
  std::vector<Digest> path;
  PV_TRY_VOID(append_inclusion(index, start, end, hash, path));
  return path;
}

Result<std::vector<Digest>> consistency_path(uint64_t from, uint64_t to, const SubtreeHash& hash) {
  return subtree_consistency_path(0, from, to, hash);
}

Result<std::vector<Digest>> subtree_consistency_path(uint64_t start, uint64_t end, uint64_t size,
                                                     const SubtreeHash& hash) {
  if (!valid_subtree(start, end) || end > size) {
    return fail(Code::kInvalid, "not a valid subtree of a tree of that size");
  }
  std::vector<Digest> path;
  if (start == end) return path;
  PV_TRY_VOID(append_consistency(start, end, 0, size, true, hash, path));
  return path;
}

Status verify_inclusion(uint64_t index, uint64_t size, const Digest& leaf,
                        std::span<const Digest> path, const Digest& root) {
  return verify_subtree_inclusion(index, 0, size, leaf, path, root);
}

Status verify_consistency(uint64_t from, uint64_t to, std::span<const Digest> path,
                          const Digest& from_root, const Digest& to_root) {
  if (from == 0 && to != 0) {
    return fail(Code::kInvalid, "every tree is consistent with the empty one: that needs no proof");
  }
  if (from == to && from_root != to_root) return wrong_root();
  return verify_subtree_consistency(0, from, to, path, from_root, to_root);
}

Status verify_subtree_inclusion(uint64_t index, uint64_t start, uint64_t end, const Digest& leaf,
                                std::span<const Digest> path, const Digest& subtree) {
  if (!valid_subtree(start, end)) return fail(Code::kInvalid, "not a valid subtree");
  if (index < start || index >= end) return fail(Code::kInvalid, "the leaf lies outside the tree");
  const uint64_t position = index - start;
  const auto inner = static_cast<size_t>(std::bit_width(position ^ (end - start - 1)));
  const size_t border = inner == 64 ? 0 : static_cast<size_t>(std::popcount(position >> inner));
  if (path.size() != inner + border) {
    return fail(Code::kInvalid, "the proof has an impossible number of hashes");
  }
  Digest node = leaf;
  for (size_t level = 0; level < path.size(); ++level) {
    const bool left = level < inner && (position >> level & 1) == 0;
    node = left ? node_hash(node, path[level]) : node_hash(path[level], node);
  }
  if (node != subtree) return wrong_root();
  return {};
}

// The procedure of draft-ietf-plants-merkle-tree-certs, "Verifying a Subtree Consistency Proof".
Status verify_subtree_consistency(uint64_t start, uint64_t end, uint64_t size,
                                  std::span<const Digest> path, const Digest& subtree,
                                  const Digest& root) {
  if (!valid_subtree(start, end) || end > size) {
    return fail(Code::kInvalid, "not a valid subtree of a tree of that size");
  }
  if (start == end) {
    if (!path.empty()) return fail(Code::kInvalid, "a proof from nothing holds no hashes");
    if (subtree != empty_root()) return wrong_root();
    return {};
  }
  Walk walk{start, end - 1, size - 1};
  if (end == size) {
    while (walk.first != walk.last) walk.up();
  } else {
    while (walk.first != walk.last && (walk.last & 1) != 0) walk.up();
  }
  Digest known = subtree;
  if (walk.first != walk.last) {
    if (path.empty()) return fail(Code::kInvalid, "the proof holds too few hashes");
    known = path.front();
    path = path.subspan(1);
  }
  Digest whole = known;
  for (const Digest& hash : path) {
    if (walk.tree_last == 0) return fail(Code::kInvalid, "the proof holds too many hashes");
    if ((walk.last & 1) != 0 || walk.last == walk.tree_last) {
      if (walk.first < walk.last) known = node_hash(hash, known);
      whole = node_hash(hash, whole);
      while ((walk.last & 1) == 0 && walk.last != 0) walk.up();
    } else {
      whole = node_hash(whole, hash);
    }
    walk.up();
  }
  if (walk.tree_last != 0) return fail(Code::kInvalid, "the proof holds too few hashes");
  if (known != subtree || whole != root) return wrong_root();
  return {};
}

}  // namespace proviso::merkle
