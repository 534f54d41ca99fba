#pragma once
// Where things lie in the state folder, which lives outside the tree and belongs to the user that runs
// the gate. docs/formats.md has the same list.
#include <string>

#include "audit/redo.h"
#include "base/digest.h"

namespace proviso::gate {

struct Layout {
  std::string root;

  [[nodiscard]] std::string config() const { return root + "/proviso.toml"; }
  [[nodiscard]] std::string log() const { return root + "/log"; }
  [[nodiscard]] std::string vault() const { return root + "/vault"; }
  // Batches that are durable and not yet in their places in log and vault.
  [[nodiscard]] audit::RedoPlaces redo() const { return {root + "/redo", log(), vault() + "/segments"}; }
  [[nodiscard]] std::string keys() const { return root + "/keys"; }
  [[nodiscard]] std::string log_key() const { return keys() + "/log.key"; }
  [[nodiscard]] std::string log_vkey() const { return keys() + "/log.vkey"; }
  [[nodiscard]] std::string receipt_key() const { return keys() + "/receipt.key"; }
  [[nodiscard]] std::string receipt_pub() const { return keys() + "/receipt.pub"; }
  // The log's changes of keys, a signed note each, and the keys of one that is under way.
  [[nodiscard]] std::string rotations() const { return keys() + "/rotations"; }
  [[nodiscard]] std::string next_keys() const { return keys() + "/next"; }
  [[nodiscard]] std::string signer_state() const { return keys() + "/signer.state"; }
  // The signed agreement that the gate serves, watched for changes.
  [[nodiscard]] std::string agreement() const { return root + "/agreement"; }
  // Every agreement ever in force, by digest: what replay needs.
  [[nodiscard]] std::string agreements() const { return root + "/agreements"; }
  [[nodiscard]] std::string agreement_of(const Digest& digest) const {
    return agreements() + "/" + digest.hex();
  }
  // What both solvers have refuted, by the digests of the questions.
  [[nodiscard]] std::string proofs() const { return root + "/proofs"; }
  [[nodiscard]] std::string database() const { return root + "/state.db"; }
  [[nodiscard]] std::string worker() const { return root + "/worker"; }
  [[nodiscard]] std::string admin_socket() const { return root + "/admin.sock"; }
  // Stands where a backup was restored, until witnesses confirmed that it is not behind.
  [[nodiscard]] std::string restored() const { return root + "/restored"; }
  // Sample keys of parties and people, made on a first start with --sample.
  [[nodiscard]] std::string sample() const { return root + "/sample"; }
  [[nodiscard]] std::string sample_approvers() const { return sample() + "/approvers"; }
  [[nodiscard]] std::string sample_keys() const { return sample() + "/api-keys.json"; }
};

}  // namespace proviso::gate
