#include "base/merkle.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/data.h"
#include "base/json.h"

namespace proviso::merkle {
namespace {

using test::Tally;

std::vector<Digest> leaves_of_single_bytes(size_t count) {
  std::vector<Digest> leaves;
  for (size_t i = 0; i < count; ++i)
    leaves.push_back(leaf_hash(std::string(1, static_cast<char>(i))));
  return leaves;
}

SubtreeHash hashes_of(const std::vector<Digest>& leaves) {
  return [&leaves](uint64_t start, uint64_t end) -> Result<Digest> {
    return root(std::span(leaves).subspan(start, end - start));
  };
}

std::string text_of(json::Element value) { return std::string(value.get_string().value()); }

// Upstream compares roots of any length; here a root of another length stands for itself by its
// hash.
Digest digest_of(json::Element value) {
  const std::string bytes = base64_decode(text_of(value)).value();
  return digest_from_bytes(bytes).value_or(sha256(bytes));
}
bool has_digest_length(json::Element value) {
  return base64_decode(text_of(value)).value().size() == 32;
}

// A hash of another length in a proof, or as a leaf, can only be refused.
std::optional<std::vector<Digest>> proof_of(json::Element value) {
  std::vector<Digest> proof;
  if (value.is_null()) return proof;
  for (const json::Element item : value.get_array().value()) {
    const auto digest = digest_from_bytes(base64_decode(text_of(item)).value());
    if (!digest) return std::nullopt;
    proof.push_back(*digest);
  }
  return proof;
}

uint64_t number_of(json::Element value) { return value.get_uint64().value(); }

template <class Verify>
void run_family(const std::string& name, const Verify& verify) {
  const auto path =
      test::data_path("Merkle proofs: " + name, "tlog-vectors/merkle-proofs/" + name + ".json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  Tally tally("merkle " + name);
  for (const json::Element item : file["cases"].get_array().value()) {
    const auto proof = proof_of(item["proof"].value());
    const bool accepted = proof && verify(item, *proof).has_value();
    EXPECT_TRUE(tally.count(accepted != item["wantErr"].get_bool().value()))
        << text_of(item["id"].value());
  }
  EXPECT_EQ(tally.total(), number_of(file["count"].value()));
}

TEST(MerkleVectors, Inclusion) {
  run_family("inclusion", [](json::Element c, const std::vector<Digest>& proof) -> Status {
    if (!has_digest_length(c["leafHash"].value())) return fail(Code::kInvalid, "no digest");
    return verify_inclusion(number_of(c["leafIdx"].value()), number_of(c["treeSize"].value()),
                            digest_of(c["leafHash"].value()), proof, digest_of(c["root"].value()));
  });
}
TEST(MerkleVectors, Consistency) {
  run_family("consistency", [](json::Element c, const std::vector<Digest>& proof) {
    return verify_consistency(number_of(c["size1"].value()), number_of(c["size2"].value()), proof,
                              digest_of(c["root1"].value()), digest_of(c["root2"].value()));
  });
}
TEST(MerkleVectors, SubtreeInclusion) {
  run_family("subtreeinclusion", [](json::Element c, const std::vector<Digest>& proof) -> Status {
    if (!has_digest_length(c["leafHash"].value())) return fail(Code::kInvalid, "no digest");
    return verify_subtree_inclusion(number_of(c["leafIdx"].value()), number_of(c["start"].value()),
                                    number_of(c["end"].value()), digest_of(c["leafHash"].value()),
                                    proof, digest_of(c["root"].value()));
  });
}
TEST(MerkleVectors, SubtreeConsistency) {
  run_family("subtreeconsistency", [](json::Element c, const std::vector<Digest>& proof) {
    return verify_subtree_consistency(number_of(c["start"].value()), number_of(c["end"].value()),
                                      number_of(c["size"].value()), proof,
                                      digest_of(c["root1"].value()), digest_of(c["root2"].value()));
  });
}

TEST(MerkleVectors, Constants) {
  const auto path =
      test::data_path("Merkle constants", "tlog-vectors/merkle-proofs/constants.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  Tally tally("merkle constants");
  EXPECT_TRUE(tally.count(empty_root().hex() == text_of(file["empty_root"].value())));
  std::vector<Digest> leaves;
  for (const json::Element input : file["leaf_inputs_hex"].get_array().value()) {
    leaves.push_back(leaf_hash(hex_decode(text_of(input)).value()));
    const size_t i = leaves.size() - 1;
    EXPECT_TRUE(tally.count(leaves[i].hex() == text_of(file["leaf_hashes"].at(i).value())));
    EXPECT_TRUE(
        tally.count(root(leaves).hex() == text_of(file["root_by_size_1_to_8"].at(i).value())));
  }
  for (size_t level = 1; level <= 3; ++level) {
    const auto nodes = file[fmt::format("level{}", level)].get_array().value();
    for (size_t i = 0; i < nodes.size(); ++i) {
      const size_t width = size_t{1} << level;
      const Digest node = root(std::span(leaves).subspan(i * width, width));
      EXPECT_TRUE(tally.count(node.hex() == text_of(nodes.at(i).value())));
    }
  }
}

// The rolling hashes of draft-ietf-plants-merkle-tree-certs: every subtree, proof and covering of
// all trees up to 130 leaves, in one digest each.
class Rolling : public testing::Test {
 protected:
  static constexpr uint64_t kLeaves = 130;
  const std::vector<Digest> leaves_ = leaves_of_single_bytes(kLeaves);
  const SubtreeHash hash_ = hashes_of(leaves_);
  Sha256 digest_;

  static std::string hashes(const std::vector<Digest>& path) {
    std::string out;
    for (const Digest& node : path) out += " " + node.hex();
    return out;
  }
  void expect(const char* name) {
    const auto path = test::data_path("rolling hash", "tlog-vectors/merkle-proofs/constants.json");
    if (!path) return;
    json::Parser parser;
    const json::Element file = parser.parse(test::slurp(*path)).value();
    Tally tally(fmt::format("merkle rolling {}", name));
    EXPECT_TRUE(
        tally.count(digest_.finish().hex() == text_of(file["rolling"][name]["sha256"].value())));
  }
};

TEST_F(Rolling, SubtreeHash) {
  for (uint64_t end = 0; end <= kLeaves; ++end) {
    for (uint64_t start = 0; start <= end; ++start) {
      if (!valid_subtree(start, end)) continue;
      digest_.update(fmt::format("[{}, {}) {}\n", start, end, hash_(start, end)->hex()));
    }
  }
  expect("subtree_hash");
}

TEST_F(Rolling, SubtreeInclusion) {
  size_t wrong = 0;
  for (uint64_t end = 0; end <= kLeaves; ++end) {
    for (uint64_t start = 0; start <= end; ++start) {
      if (!valid_subtree(start, end)) continue;
      const Digest subtree = hash_(start, end).value();
      for (uint64_t index = start; index < end; ++index) {
        const auto path = subtree_inclusion_path(index, start, end, hash_).value();
        digest_.update(fmt::format("{} [{}, {}){}\n", index, start, end, hashes(path)));
        wrong += verify_subtree_inclusion(index, start, end, leaves_[index], path, subtree) ? 0 : 1;
      }
    }
  }
  EXPECT_EQ(wrong, 0u);
  expect("subtree_inclusion");
}

TEST_F(Rolling, SubtreeConsistency) {
  size_t wrong = 0;
  for (uint64_t size = 0; size <= kLeaves; ++size) {
    const Digest whole = hash_(0, size).value();
    for (uint64_t end = 0; end <= size; ++end) {
      for (uint64_t start = 0; start <= end; ++start) {
        if (!valid_subtree(start, end)) continue;
        const auto path = subtree_consistency_path(start, end, size, hash_).value();
        digest_.update(fmt::format("[{}, {}) {}{}\n", start, end, size, hashes(path)));
        const Digest subtree = hash_(start, end).value();
        wrong += verify_subtree_consistency(start, end, size, path, subtree, whole) ? 0 : 1;
      }
    }
  }
  EXPECT_EQ(wrong, 0u);
  expect("subtree_consistency");
}

TEST_F(Rolling, Covering) {
  for (uint64_t end = 0; end <= kLeaves; ++end) {
    for (uint64_t start = 0; start <= end; ++start) {
      const auto [left, right] = covering_subtrees(start, end);
      EXPECT_TRUE(valid_subtree(left.start, left.end) && valid_subtree(right.start, right.end));
      EXPECT_TRUE(left.start <= start && left.end == right.start && right.end == end);
      digest_.update(
          fmt::format("[{}, {}) [{}, {})\n", left.start, left.end, right.start, right.end));
    }
  }
  expect("covering");
}

TEST(Merkle, FrontierAgreesWithTheWholeTree) {
  const std::vector<Digest> leaves = leaves_of_single_bytes(200);
  Frontier frontier;
  EXPECT_EQ(frontier.root(), empty_root());
  for (size_t i = 0; i < leaves.size(); ++i) {
    frontier.append(leaves[i]);
    // The definition of RFC 6962 section 2.1, written out.
    const std::function<Digest(size_t, size_t)> mth = [&](size_t start, size_t end) -> Digest {
      if (end - start == 1) return leaves[start];
      size_t k = 1;
      while (k * 2 < end - start) k *= 2;
      return node_hash(mth(start, start + k), mth(start + k, end));
    };
    ASSERT_EQ(frontier.root(), mth(0, i + 1));
    ASSERT_EQ(frontier.size(), i + 1);
  }
}

TEST(Merkle, AnyFlippedBitOfAProofIsFound) {
  const std::vector<Digest> leaves = leaves_of_single_bytes(21);
  const SubtreeHash hash = hashes_of(leaves);
  const Digest whole = root(leaves);
  std::vector<Digest> path = inclusion_path(13, 21, hash).value();
  ASSERT_TRUE(verify_inclusion(13, 21, leaves[13], path, whole));
  for (Digest& node : path) {
    for (uint8_t& byte : node.bytes) {
      byte ^= 0x10;
      EXPECT_EQ(verify_inclusion(13, 21, leaves[13], path, whole).error().code, Code::kUnverified);
      byte ^= 0x10;
    }
  }
  EXPECT_EQ(verify_inclusion(21, 21, leaves[13], path, whole).error().code, Code::kInvalid);
  path.push_back(whole);
  EXPECT_EQ(verify_inclusion(13, 21, leaves[13], path, whole).error().code, Code::kInvalid);
}

TEST(Merkle, ConsistencyOfEveryPairOfSizes) {
  const std::vector<Digest> leaves = leaves_of_single_bytes(40);
  const SubtreeHash hash = hashes_of(leaves);
  for (uint64_t to = 0; to <= 40; ++to) {
    for (uint64_t from = 0; from <= to; ++from) {
      const auto path = consistency_path(from, to, hash).value();
      EXPECT_EQ(path.empty(), from == 0 || from == to);
      const Digest old_root = hash(0, from).value();
      const Digest new_root = hash(0, to).value();
      EXPECT_EQ(verify_consistency(from, to, path, old_root, new_root).has_value(),
                from > 0 || to == 0);
      if (from > 0) EXPECT_FALSE(verify_consistency(from, to, path, leaf_hash("other"), new_root));
    }
  }
}

}  // namespace
}  // namespace proviso::merkle
