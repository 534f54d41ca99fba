#pragma once
// What the gate hands to a client to bring back: a server's `requestState`, sealed with who asked, for what,
// until when. MCP 2026-07-28, basic/patterns/mrtr: state that comes back is the attacker's until it is
// verified; here it also works once. Shared by all loops; thread-safe.
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "vault/cipher.h"

namespace proviso::gate {

inline constexpr size_t kRequestStateBytesMax = 64 * 1024;  // of a server's own state
inline constexpr int64_t kRequestStateSecondsMax = 900;     // a person answers a question in minutes
inline constexpr size_t kRequestStatesMax = 100'000;        // used ones that are remembered until they expire

// What a state belongs to: it opens for exactly the same again.
struct StateOwner {
  std::string person;
  std::string server;
  std::string request;  // digest of what was asked, in hex
};

class RequestStates {
 public:
  RequestStates() : key_(vault::Key::random()) {}
  [[nodiscard]] std::string seal(const StateOwner& owner, std::string_view state, UtcSeconds now) const;
  // What was sealed. kUnverified: not by this gate since it started, of another person, server or request, late, or
  // used before.
  Result<std::string> open(const StateOwner& owner, std::string_view sealed, UtcSeconds now);
  // The same, and from now on it is used: right before the server gets it, so that a call that is held comes back
  // with it. kLimit as well: too many were used within their time.
  Status use(const StateOwner& owner, std::string_view sealed, UtcSeconds now);

 private:
  struct Opened {
    std::string nonce;
    int64_t expires = 0;
    std::string state;
  };
  Result<Opened> unseal(const StateOwner& owner, std::string_view sealed, UtcSeconds now) const;

  vault::Key key_;
  std::mutex mutex_;
  std::map<std::string, int64_t> used_;  // nonce -> when it would expire
};

}  // namespace proviso::gate
