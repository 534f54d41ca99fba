#pragma once
// The signer: a small process that alone holds the log's two keys. It opens log.wal read-only,
// reads each batch back, checks its frame, hashes its leaves and keeps a tree of its own, and signs
// exactly what it read: a receipt interval per batch, a checkpoint for all. Nothing that the caller
// says enters a signature, so a gate that skips the log cannot make a receipt. What it signed last
// stands in a state file; a log that is shorter than that, or differs from it, is refused for good.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace proviso::ledger {

inline constexpr size_t kSignerMessageBytesMax =
    4096;  // one seqpacket datagram, checkpoints included

struct SignerOptions {
  std::string log_dir;           // where log.wal is
  std::string log_key_file;      // private, signs checkpoints
  std::string receipt_key_file;  // private, another key, signs receipts
  std::string state_file;        // what was signed last
  int64_t skew_s_max = 0;  // refuse batches whose time is further from the clock; 0: do not look
};

// For the hidden subcommand: `{"--log-dir", …}` and back. kInvalid names the argument.
std::vector<std::string> signer_args(const SignerOptions& options);
Result<SignerOptions> parse_signer_args(std::span<const std::string> args);

// The signer process's loop on a connected SOCK_SEQPACKET socket. Gives up what it does not need
// (other descriptors, new privileges, core dumps, tracing by others), then serves until the other
// end is closed, which the kernel does when the parent dies. Returns the exit status: 0 after a
// close.
int run_signer(int fd, const SignerOptions& options);

// The file descriptor on which spawn() hands the socket to the child.
inline constexpr int kSignerFd = 3;

// The other end. Thread-safe: requests are answered in order, any thread may wait for its own.
class SignerClient {
 public:
  // Starts `argv` (argv[0] a path) with the socket as descriptor kSignerFd, an empty environment
  // but PATH, and stderr shared. kIo if it cannot be started; a child that fails later shows at the
  // first call, as kUnavailable.
  static Result<std::unique_ptr<SignerClient>> spawn(const std::vector<std::string>& argv);
  // Speaks over a socket whose other end is served already. Takes the descriptor.
  static Result<std::unique_ptr<SignerClient>> attach(int fd);
  virtual ~SignerClient() = default;  // closes the socket, waits for a spawned child

  // Where the signer stands after it has read everything complete on disk.
  struct Standing {
    std::string origin;
    std::string log_key;      // verifier key text
    std::string receipt_key;  // verifier key text
    uint64_t size = 0;
    Digest root;
  };
  virtual Result<Standing> replay() = 0;

  // One signed interval.
  struct Interval {
    uint64_t start = 0, end = 0;
    Digest root;  // over the interval
    UtcSeconds time;
    std::string signature;
  };
  using Ticket = uint64_t;
  // Asks to read and sign the next batch on disk; wait() answers. kNotFound there if none is
  // complete.
  virtual Result<Ticket> request_batch() = 0;
  virtual Result<Interval> wait(Ticket ticket) = 0;
  // The interval that holds `index`, signed again: the same bytes.
  virtual Result<Interval> interval_of(uint64_t index) = 0;
  // A signed checkpoint for exactly what the signer has read.
  virtual Result<std::string> checkpoint() = 0;
};

}  // namespace proviso::ledger
