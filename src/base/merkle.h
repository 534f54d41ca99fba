#pragma once
// Merkle tree hashing, RFC 6962 section 2.1 as C2SP tlog-tiles uses it: leaf = H(0x00 || entry),
// node = H(0x01 || left || right), the empty root = H(""). Proofs are verified once, for subtrees;
// a plain proof is the subtree that starts at 0 (draft-ietf-plants-merkle-tree-certs). Pure.
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace proviso::merkle {

Digest leaf_hash(std::string_view entry);
Digest node_hash(const Digest& left, const Digest& right);
Digest empty_root();
// Root over leaf hashes in order.
Digest root(std::span<const Digest> leaf_hashes);

// The right edge of a growing tree: the roots of its maximal full subtrees, largest first.
// Appends in amortised constant time; value semantics.
class Frontier {
 public:
  [[nodiscard]] uint64_t size() const { return size_; }
  void append(const Digest& leaf_hash);
  [[nodiscard]] Digest root() const;
  [[nodiscard]] const std::vector<Digest>& nodes() const { return nodes_; }

 private:
  uint64_t size_ = 0;
  std::vector<Digest> nodes_;
};

// True if [start, end) may be a subtree: start is 0 or a multiple of the smallest power of two that is
// at least end - start. An empty range is one too.
bool valid_subtree(uint64_t start, uint64_t end);

struct Subtree {
  uint64_t start = 0;
  uint64_t end = 0;
};
// The two valid subtrees that together cover [start, end): the right one ends at `end` (and is empty
// where there is at most one leaf), the left one may begin before `start`. start <= end.
std::pair<Subtree, Subtree> covering_subtrees(uint64_t start, uint64_t end);

// MTH of leaves [start, end) as a function: how provers read stored hashes. `start` is a multiple of
// the power of two that covers end - start.
using SubtreeHash = std::function<Result<Digest>(uint64_t start, uint64_t end)>;

// The path from leaf `index` to the root of `size` leaves, leaf to root. kInvalid if index >= size.
Result<std::vector<Digest>> inclusion_path(uint64_t index, uint64_t size, const SubtreeHash& hash);
// RFC 6962 consistency path from size `from` to size `to`; empty if from is 0 or equal to `to`.
Result<std::vector<Digest>> consistency_path(uint64_t from, uint64_t to, const SubtreeHash& hash);

// The same within, or for, the subtree [start, end); kInvalid if it is not a valid one.
Result<std::vector<Digest>> subtree_inclusion_path(uint64_t index, uint64_t start, uint64_t end,
                                                   const SubtreeHash& hash);
Result<std::vector<Digest>> subtree_consistency_path(uint64_t start, uint64_t end, uint64_t size,
                                                     const SubtreeHash& hash);

// kUnverified when the proof does not lead to the root; kInvalid when its shape is impossible.
// Consistency from 0 to more is kInvalid: it holds always and proves nothing, so callers treat it apart.
Status verify_inclusion(uint64_t index, uint64_t size, const Digest& leaf,
                        std::span<const Digest> path, const Digest& root);
Status verify_consistency(uint64_t from, uint64_t to, std::span<const Digest> path,
                          const Digest& from_root, const Digest& to_root);
// The same for a leaf within, or the consistency of, the subtree [start, end).
Status verify_subtree_inclusion(uint64_t index, uint64_t start, uint64_t end, const Digest& leaf,
                                std::span<const Digest> path, const Digest& subtree);
Status verify_subtree_consistency(uint64_t start, uint64_t end, uint64_t size,
                                  std::span<const Digest> path, const Digest& subtree,
                                  const Digest& root);

}  // namespace proviso::merkle
