#pragma once
// Which tools there are: what each configured server lists, held against the agreement's registry. Only a tool
// whose id, server and definition the registry pins can be seen and called; the rest waits for `admit`, which
// is a new revision of the agreement. Shared by all loops; thread-safe. It asks nobody: loops put in what they
// were told.
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "inspect/inspector.h"
#include "tools/definition.h"
#include "tools/upstream.h"

namespace proviso::gate {

// A server's list is asked for again after this long: what it changes meanwhile is not seen, as what it does
// behind an unchanged definition never is.
inline constexpr std::chrono::seconds kListAgeMax{10};

struct Listing {
  tools::Greeting greeting;
  std::map<std::string, tools::Definition, std::less<>> tools;
  std::vector<std::string> faults;  // definitions that cannot be offered to anybody, and why
  http::Time taken = {};
  bool stale = false;  // the server said that its list changed
};

enum class Standing { kAdmitted, kChanged, kUnregistered, kMissing };
const char* standing_name(Standing standing);  // "admitted", "changed", "unregistered", "missing"

// A tool, or a channel of a server, as the registry and the server have it.
struct Offer {
  Standing standing = Standing::kUnregistered;
  const agreement::Tool* registered = nullptr;         // of the agreement that was asked
  std::shared_ptr<const Listing> listing;              // keeps `definition` alive
  const tools::Definition* definition = nullptr;       // null for a channel
};

// What the calls of a tool are held to, before they are decided.
struct Holding {
  bool pinned = false;  // the registry pins a definition; otherwise there is nothing to hold them to
  bool known = false;   // it is here: the parties keep it, or its server lists it as pinned
  arguments::Held held;
  // kUnverified: pinned, and not known; else as InputSchema::check_text(). Passes what is too open to tell.
  [[nodiscard]] Status check(std::string_view arguments_json) const;
};

class ToolBook {
 public:
  explicit ToolBook(std::vector<tools::ServerConfig> servers);

  [[nodiscard]] const std::vector<tools::ServerConfig>& servers() const { return servers_; }
  [[nodiscard]] const tools::ServerConfig* server(std::string_view id) const;
  [[nodiscard]] std::string identity(const tools::ServerConfig& server) const;

  [[nodiscard]] std::shared_ptr<const Listing> listing(std::string_view server) const;
  void put(std::string_view server, std::shared_ptr<const Listing> listing);
  void mark_stale(std::string_view server);
  // What a server asked for when it refused our token; empty once it takes it.
  void put_challenge(std::string_view server, std::string challenge);

  // The tool that clients know as `name`.
  [[nodiscard]] Offer find(const agreement::Agreement& agreement, std::string_view name) const;
  // The registry's entry for a channel ("resources", "prompts", …) of a server, if it stands as pinned.
  [[nodiscard]] const agreement::Tool* channel(const agreement::Agreement& agreement, std::string_view server,
                                               std::string_view channel) const;
  // Of a tool that is no channel, whoever calls it.
  [[nodiscard]] Holding holding(const agreement::Agreement& agreement, std::string_view name) const;
  // Every admitted tool, in the registry's order.
  [[nodiscard]] std::vector<Offer> admitted(const agreement::Agreement& agreement) const;

  // What stands where, as JSON: [{"id","server","digest","state","arguments","labels","entry","paper"}].
  [[nodiscard]] std::string report(const agreement::Agreement& agreement, const inspect::Inspector& inspector) const;

 private:
  std::vector<tools::ServerConfig> servers_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Listing>, std::less<>> listings_;
  std::map<std::string, std::string, std::less<>> challenges_;
};

}  // namespace proviso::gate
