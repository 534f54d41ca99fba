#pragma once
// What a gate answers, over its socket or the network, and its JSON members.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "http/client.h"

namespace proviso::cli {

struct Answer {
  int status = 0;
  std::string body;
};
// One request on a loop of its own.
Result<Answer> fetch(http::ClientConfig config, http::RequestSpec spec);

// A member as it is; empty if it is missing or no text.
std::string text_of(json::Element object, std::string_view name);
std::vector<std::string> texts_of(json::Element object, std::string_view name);
// The same for a table: models and strangers name things, and a terminal obeys what it prints.
std::string cell_of(json::Element object, std::string_view name);
std::string cells_of(json::Element object, std::string_view name);  // joined by ", "

}  // namespace proviso::cli
