#pragma once
// A first start without ceremony: keys for every party of a sample agreement, the agreement signed with
// them, the people of its examples entered, and an API key per role. For trying things out and for
// tests; who signs for real uses `proviso agreement init` and `sign`.
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "gate/engine.h"

namespace proviso::gate {

struct SampleKey {
  std::string role;
  std::string person;
  std::string key;
};

// Writes LAYOUT.agreement from `source`, a folder's bytes, each party signed for with a fresh key that is
// kept in LAYOUT.sample. `weights_sha256`, if given, replaces that of the local model: the sample admits
// the file that is there. Nothing happens when LAYOUT.agreement exists and admits those weights; with
// other weights the sample is signed again as its next revision, its difference by every party as custodian;
// `launcher`, proviso-launch, runs the solvers for that.
Status make_sample_agreement(const Layout& layout, agreement::Files source, const std::string& weights_sha256,
                             const std::string& launcher);

// Enters the people of examples.json and gives one key per role, on first use; later calls read them
// back. Empty when the state was not made from a sample.
Result<std::vector<SampleKey>> sample_keys(Engine& engine, const agreement::Agreement& agreement);

}  // namespace proviso::gate
