#pragma once
// The doorkeeper in front of the local model: it lets a prompt through only with a receipt of the log for an
// `ask` that was allowed, that commits to exactly these bytes, that is fresh and that was not used before. It
// knows the log's receipt key and nothing else, and it stands in the model's sandbox, so that a gate which
// skips the ledger gets no answer. This is its judgement, without sockets; proviso-doorkeeper is the program.
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/digest.h"
#include "base/note.h"
#include "base/result.h"
#include "exchange/commitment.h"
#include "ledger/receipt.h"

namespace proviso::models {

inline constexpr int64_t kReceiptAgeSMax = 30;       // seconds that a receipt's time and the clock may differ
inline constexpr size_t kReceiptsUsedMax = 65'536;   // remembered: a thousand prompts a second, for a minute
inline constexpr size_t kPassBytesMax = 8 * 1024;    // receipt, leaf and opening, one header line
inline constexpr size_t kDoorHeadBytesMax = 16 * 1024;   // of a request, the pass included
inline constexpr uint64_t kDoorBodyBytesMax = 64ull << 20;  // what the gate may be configured to take

// The fact of an `ask` that says what goes to the model: prompt_digest() in hex.
inline constexpr std::string_view kPromptFact = "exchange.prompt";
inline constexpr std::string_view kPassHeader = "Proviso-Pass";

// Over the path of the endpoint and the bytes of the body.
Digest prompt_digest(std::string_view path, std::string_view body);

// What travels beside a prompt.
struct Pass {
  std::string receipt;            // ledger::Receipt::text()
  std::string leaf;               // the entry that it is for
  exchange::FactOpening opening;  // of the leaf's kPromptFact
  [[nodiscard]] std::string text() const;  // one line of canonical JSON
  static Result<Pass> parse(std::string_view text);
};

class Doorkeeper {
 public:
  // `key` is the log's receipt key, named after its origin; kInvalid if it is not one. `model` is the
  // digest of the weights behind the door.
  static Result<Doorkeeper> create(const note::VerifierKey& key, const Digest& model, UtcSeconds started,
                                   size_t used_max = kReceiptsUsedMax);
  Doorkeeper(Doorkeeper&& other) noexcept;

  // True once a receipt of this second was not yet possible before the start: what was used before a
  // restart is then too old to be used again.
  [[nodiscard]] bool open_at(UtcSeconds now) const { return now > started_; }
  // Nothing if the prompt may pass; then its receipt is used up. kUnverified says why not; kInvalid: the
  // pass cannot be read; kLimit: too many prompts at once. Thread-safe.
  Status admit(std::string_view pass, std::string_view path, std::string_view body, UtcSeconds now);
  [[nodiscard]] size_t remembered();

 private:
  Doorkeeper(std::string origin, PublicKey key, const Digest& model, UtcSeconds started, size_t used_max)
      : origin_(std::move(origin)),
        key_(std::move(key)),
        model_(model),
        started_(started),
        used_max_(used_max),
        now_(started) {}
  Status check_receipt(const ledger::Receipt& receipt) const;
  Status check_leaf(const Pass& pass, std::string_view path, std::string_view body) const;
  Status use(const ledger::Receipt& receipt, UtcSeconds now);

  std::string origin_;
  PublicKey key_;
  Digest model_;
  UtcSeconds started_;
  size_t used_max_;
  std::mutex mutex_;  // guards what follows
  UtcSeconds now_;    // never goes back: what was forgotten as old stays old
  std::set<std::pair<int64_t, uint64_t>> used_;  // time and index
};

// A request at the door, as far as it is looked at.
struct DoorRequest {
  enum class Kind { kHealth, kPrompt };
  Kind kind = Kind::kHealth;
  std::string path;
  uint64_t body_bytes = 0;
  std::string pass;
};
// `head` ends with its empty line. kInvalid for what a gate does not send: another method or path, a body
// of unknown length, a field twice.
Result<DoorRequest> read_door_request(std::string_view head);
// What the worker is sent instead: fixed fields, one request a connection.
std::string worker_head(const DoorRequest& request);

}  // namespace proviso::models
