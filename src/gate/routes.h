#pragma once
// Which path leads where: the protocols' endpoints into the corridor, and the gate's own small pages
// (health, readiness, metrics, receipts, the agreement in force).
#include <memory>
#include <unordered_map>

#include "gate/corridor.h"
#include "gate/house.h"
#include "gate/mcp.h"
#include "http/server.h"

namespace proviso::gate {

class Routes {
 public:
  // One corridor per loop of `loops`; all outlive the routes.
  static Result<std::unique_ptr<Routes>> create(House& house, http::Loops& loops,
                                                std::shared_ptr<const models::Catalog> catalog,
                                                const models::Worker* worker, tools::Surroundings surroundings);
  http::Task<void> handle(http::Call& call);
  // Ends the streams that only wait for news, so that stopping does not wait for them. Any thread.
  void leave() { mcp_shared_.closing = true; }
  // Closes upstream connections, each on its loop. Blocks; after the server has stopped.
  void close();
  // What stands where among the tools, for the admin socket. Blocks; not from a loop of the routes.
  std::string tools_report();

 private:
  Routes(House& house, tools::Surroundings surroundings)
      : house_(house), mcp_shared_(house.config.tool_servers, std::move(surroundings)) {}
  http::Task<void> models(http::Call& call, Corridor& corridor, std::string id);
  http::Task<void> receipts(http::Call& call, Corridor& corridor, std::string exchange_id);
  http::Task<void> agreement(http::Call& call, Corridor& corridor);
  http::Response readiness() const;

  House& house_;
  McpShared mcp_shared_;
  std::unordered_map<http::Loop*, std::unique_ptr<Corridor>> corridors_;
  std::unordered_map<http::Loop*, std::unique_ptr<Mcp>> mcps_;
};

}  // namespace proviso::gate
