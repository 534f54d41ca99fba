#pragma once
// The MCP endpoint, `/mcp`: both eras at one address, chosen by how a client opens. Here a call is checked as
// HTTP and as a message, its sender identified, and what the gate knows by itself is answered; whatever goes
// to or comes from a tool server walks through the corridor (mcp_walk.h). One per loop, used on it only.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gate/mcp_walk.h"
#include "http/server.h"

namespace proviso::gate {

inline constexpr std::string_view kMcpPath = "/mcp";
// RFC 9728 section 3.1: the well-known path, with the resource's own path behind it.
inline constexpr std::string_view kMcpMetadataPath = "/.well-known/oauth-protected-resource";
inline constexpr std::chrono::seconds kMcpKeepAlive{15};  // a comment on an idle stream, below usual idle limits
inline constexpr std::chrono::seconds kMcpTick{1};        // how often an open stream looks for changes

class Mcp {
 public:
  static Result<std::unique_ptr<Mcp>> create(House& house, http::Loop& loop, Corridor& corridor,
                                             McpShared& shared);
  // Answers whatever happens.
  http::Task<void> handle(http::Call& call);
  // The protected resource's metadata, for anybody.
  http::Task<void> metadata(http::Call& call);
  // Asks every tool server again and says what stands where: ToolBook::report().
  http::Task<std::string> report();
  // Stops the walks of tasks and closes the links; nothing is called afterwards. On its loop.
  http::Task<void> close();

 private:
  Mcp(House& house, http::Loop& loop, Corridor& corridor, McpShared& shared, std::unique_ptr<McpDesk> desk)
      : house_(house), loop_(loop), corridor_(corridor), shared_(shared), desk_(std::move(desk)) {}

  struct Sender {
    identity::Principal principal;
    std::string purpose;
  };
  // Why a call is not served, in HTTP's and JSON-RPC's terms.
  struct Refusal {
    int status = 400;
    int code = tools::kInvalidRequest;
    std::string message;
    std::string data;
    std::string id;
  };
  template <class T = void>
  using Checked = std::expected<T, Refusal>;

  http::Task<void> post(http::Call& call);
  http::Task<void> stream(http::Call& call);
  http::Task<void> end(http::Call& call);
  http::Task<void> respond(http::Call& call, int status, std::string body, std::string session_id);
  http::Task<void> refuse(http::Call& call, Refusal refusal);
  http::Task<Checked<tools::Message>> read(http::Call& call);

  [[nodiscard]] Checked<> check_origin(const http::Call& call) const;
  Checked<Sender> identify(const http::Call& call) const;
  [[nodiscard]] tools::Era era_of(const http::Call& call, const tools::Message& message);
  Checked<McpRequest> modern(const http::Call& call, tools::Message message, const Sender& sender);
  Checked<McpRequest> legacy(const http::Call& call, tools::Message message, const Sender& sender);
  http::Task<void> initialize(http::Call& call, tools::Message message, Sender sender);

  http::Task<void> serve(http::Call& call, McpRequest request, Sender sender);
  http::Task<void> list_tools(http::Call& call, McpRequest request);
  http::Task<void> discover(http::Call& call, McpRequest request);
  http::Task<void> listen(http::Call& call, McpRequest request, Sender sender);
  // Says on an open stream when the admitted tools change; until the client goes, its key falls or `alive` ends.
  http::Task<void> watch(http::Call& call, std::string key_id, std::string changed, std::shared_ptr<McpSession> session);
  [[nodiscard]] std::string admitted_digest() const;
  http::Task<void> set_level(http::Call& call, McpRequest request);
  http::Task<void> finish_task(std::unique_ptr<McpWalk> walk);
  http::Task<void> task(http::Call& call, McpRequest request, Sender sender);
  http::Task<void> walk(http::Call& call, McpRequest request, McpTarget target, Sender sender);
  http::Task<Checked<McpTarget>> target_of(McpRequest& request);
  Checked<McpTarget> tool_target(const McpRequest& request, std::string_view name);
  http::Task<std::optional<std::string>> server_for(McpRequest& request, std::string channel);
  http::Task<std::string> capabilities(bool modern);
  [[nodiscard]] std::string resource_url(const http::Call& call) const;

  House& house_;
  http::Loop& loop_;
  Corridor& corridor_;
  McpShared& shared_;
  std::unique_ptr<McpDesk> desk_;
  json::Parser parser_;
  std::set<std::shared_ptr<http::Cancel>> tasks_;  // walks that go on after their client was answered
  http::Event idle_{loop_};
};

}  // namespace proviso::gate
