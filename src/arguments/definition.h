#pragma once
// A tool's definition as an agreement pins it, and as parties keep it beside the agreement: the digest covers the
// server that it comes from and the canonical JSON of all that the server lists of the tool. Pure.
#include <memory>
#include <string>
#include <string_view>

#include "arguments/schema.h"

namespace proviso::arguments {

// {"id":…,"where":…}: what stays the same about a server.
std::string server_identity(std::string_view id, std::string_view where);
// The pin: SHA-256 over a domain, the server's identity and the definition's canonical JSON.
Digest definition_digest(std::string_view identity, json::Element definition);

// The input schema of a definition, or why calls cannot be held to it.
struct Held {
  std::shared_ptr<const InputSchema> schema;  // null: too open to tell
  std::string why;                            // then a sentence
};
Held held_to(json::Element definition);

// {"server":{"id":…,"where":…},"definition":{…}}: a definition that can be held against its pin by itself.
struct Paper {
  std::string tool;    // its name
  std::string server;  // the id
  Digest pin;
  Held held;
};
// kInvalid: no such paper.
Result<Paper> read_paper(std::string_view text);
std::string paper_text(std::string_view server, std::string_view where, std::string_view definition_json);

}  // namespace proviso::arguments
