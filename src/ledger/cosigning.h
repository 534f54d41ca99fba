#pragma once
// The log's side of tlog-witness: what it asks of witnesses, what it takes from their answers, and the
// checkpoint with their cosignatures that it keeps. Messages only: who carries them is not its business.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/log.h"
#include "ledger/policy.h"
#include "ledger/witness.h"

namespace proviso::ledger {

// Beside `checkpoint` in the log's folder: the newest one that has the policy's quorum.
inline constexpr std::string_view kWitnessedName = "checkpoint.witnessed";

// A request to cosign `checkpoint`, which `log` published, by somebody who has seen `old_size` entries.
// kConflict, and nothing else is, if they saw more than it covers; kInvalid if `log` holds less.
Result<AddCheckpoint> ask_to_cosign(const LogReader& log, std::string checkpoint, uint64_t old_size);

// What a witness answered about `checkpoint`.
struct CosignAnswer {
  std::string lines;                 // its cosignatures, verified; empty if it gave none
  std::optional<uint64_t> has_seen;  // 409: ask again from here
};
// kUnverified if it says (422) that this is no continuation of what it saw; kUnavailable, with its words,
// for any other answer, a 200 without a line that holds under `witness` among them: who cannot sign for the
// witness accuses nobody in its name either.
Result<CosignAnswer> read_answer(int status, std::string_view body, std::string_view checkpoint,
                                 const note::VerifierKey& witness);

// Adds lines to the log's own note. Returns it whole with what is known about it; stores it in `dir` as
// kWitnessedName, durable, if it has the quorum.
Result<Witnessed> keep_cosigned(const std::string& dir, const std::string& checkpoint,
                                std::span<const std::string> lines, const Policy& policy,
                                const note::VerifierKey& log_key);

// The witnessed checkpoint of a log's folder. kNotFound if there never was a quorum.
Result<std::string> read_witnessed(const std::string& dir);

}  // namespace proviso::ledger
