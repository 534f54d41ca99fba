#pragma once
// Where a tool server is, as the gate's configuration says it. A value.
#include <cstddef>
#include <string>
#include <vector>

namespace proviso::tools {

inline constexpr size_t kServersMax = 64;  // of one gate; a list that people read

// How to reach a server: one of `url` and `command`.
struct ServerConfig {
  std::string id;
  std::string url;                   // "https://host/mcp", "http://127.0.0.1:port/mcp", "unix:/path"
  std::vector<std::string> command;  // a program and its arguments, speaking MCP on its standard streams
  std::vector<std::string> read;     // folders that the child may read
  std::vector<std::string> write;    // folders that it may read and write
  std::string era;                   // "legacy", "modern", or empty: it is asked
  std::string token_file;            // a private file with our bearer token for it; empty: none sent
  std::string client_id;             // for `tools login`: ours at the issuer, or the https URL of our document
  std::string client_secret_file;    // a private file; empty: a public client
  std::string ca_file;
  [[nodiscard]] std::string where() const;  // the url, or the command as one line
};

}  // namespace proviso::tools
