#pragma once
// How one loop reaches tool servers: a link to each, their lists kept fresh in the book, and a legacy session
// where one is needed. One desk per loop, used on it only.
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "gate/mcp_session.h"
#include "gate/tool_book.h"
#include "http/loop.h"
#include "tools/upstream.h"

namespace proviso::gate {

class McpDesk {
 public:
  static Result<std::unique_ptr<McpDesk>> create(http::Loop& loop, ToolBook& book,
                                                 const tools::Surroundings& surroundings);

  // The server's list, asked for again when it is older than kListAgeMax or known to be stale. kNotFound: no
  // such server; else as tools::Link. A list that cannot be renewed is an error: nobody knows what it would say.
  http::Task<Result<std::shared_ptr<const Listing>>> listing(std::string server);
  // Every server's, as far as they answer: what does not is missing from the book's answers.
  http::Task<void> refresh_all();

  [[nodiscard]] tools::Link* link(std::string_view server) const;
  // The session with `server` that belongs to the client's, opened when there is none.
  http::Task<Result<tools::Session>> session(std::shared_ptr<McpSession> client, std::string server,
                                             std::string capabilities);

 private:
  explicit McpDesk(ToolBook& book) : book_(book) {}
  http::Task<Result<std::shared_ptr<const Listing>>> fetch(std::string server);
  std::shared_ptr<const Listing> keep(const std::string& server, std::shared_ptr<Listing> listing);
  http::Task<Result<std::string>> page(tools::Link& link, tools::Era era, tools::Session session,
                                       std::string params);

  ToolBook& book_;
  std::map<std::string, std::unique_ptr<tools::Link>, std::less<>> links_;
  json::Parser parser_;
};

}  // namespace proviso::gate
