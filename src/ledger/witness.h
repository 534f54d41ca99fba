#pragma once
// C2SP tlog-witness: the judgement of a witness and what it must remember. For each log it knows it keeps
// the newest checkpoint that it cosigned, and cosigns another only if that is a continuation. A second root
// for the size that it cosigned it keeps as evidence, both notes in one file. How requests arrive is not its business.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/merkle.h"
#include "ledger/cosignature.h"
#include "ledger/io.h"

namespace proviso::ledger {

inline constexpr size_t kConsistencyHashesMax = 63;        // tlog-witness: no more lines are sent
inline constexpr size_t kWitnessBodyBytesMax = 128 << 10;  // as Sunlight's witness
inline constexpr size_t kWitnessLogsMax = 1000;            // each costs a file and its checkpoint in memory
inline constexpr size_t kEvidencePerLogMax = 16;           // forks kept of one log; one convicts it

// The body of an add-checkpoint request.
struct AddCheckpoint {
  uint64_t old_size = 0;
  std::vector<Digest> proof;
  std::string checkpoint;  // a signed note
  [[nodiscard]] std::string text() const;
  // kInvalid unless text() gives the same bytes back; kLimit beyond the limits.
  static Result<AddCheckpoint> parse(std::string_view body);
};

// What goes back to whoever asked.
struct WitnessAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};

struct WitnessOptions {
  std::string dir;  // holds logs/<hex of SHA-256 of the origin>, evidence/<the same>/…, lock
  NamedKey key;
  std::vector<note::VerifierKey> logs;  // the logs that it knows; one origin may have several keys
  const Clock* clock = nullptr;
  Io* io = nullptr;  // tests put faults here; null is the system
};

class Witness {
 public:
  // Reads what was cosigned before. kConflict if another process holds the folder; kCorrupt if a stored
  // checkpoint does not carry this witness's own cosignature.
  static Result<std::unique_ptr<Witness>> open(WitnessOptions options);

  // Thread-safe; one at a time. What is cosigned is durable before this returns. After a failed write the
  // witness answers 500 for good.
  WitnessAnswer add_checkpoint(std::string_view body);
  // The monitoring endpoint: the newest cosigned checkpoint of the origin with this SHA-256, in hex.
  WitnessAnswer latest(std::string_view origin_hash) const;

 private:
  struct Seen {
    note::Checkpoint checkpoint;
    UtcSeconds time;
    std::string note;
  };
  explicit Witness(WitnessOptions options);
  Status load();
  Status load_log(const std::string& origin);
  WitnessAnswer judge(const AddCheckpoint& request);
  WitnessAnswer remember(const note::Checkpoint& checkpoint, const note::Note& note,
                         UtcSeconds last_time);
  void keep_evidence(const note::Note& refused, const Seen& own,
                     std::span<const note::VerifierKey> keys);
  [[nodiscard]] std::string path_of(std::string_view origin) const;

  WitnessOptions options_;
  Io& io_;
  Fd lock_;
  mutable std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by origin
  std::string failure_;
};

}  // namespace proviso::ledger
