#pragma once
// MCP's messages: JSON-RPC 2.0, one a document, read strictly and written from what was read. Two eras of
// the protocol meet here: the legacy one opens a session with `initialize` (2025-11-25 and before), the
// modern one carries version and capabilities in every request (2026-07-28). Pure values.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace proviso::tools {

inline constexpr std::string_view kLegacyVersion = "2025-11-25";
inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr size_t kMethodBytesMax = 128;  // the longest of the specification has 40
inline constexpr size_t kIdBytesMax = 256;      // an id is a counter or a UUID

enum class Era { kLegacy, kModern };

// A version of the legacy era that this gate speaks, or nothing.
std::optional<std::string_view> legacy_version(std::string_view asked);

// Error codes: JSON-RPC 2.0 section 5.1, and MCP 2026-07-28 basic, "Error Codes".
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
inline constexpr int kLegacyResourceNotFound = -32002;
// Ours, outside what JSON-RPC reserves: the agreement refused, or the gate cannot go on.
inline constexpr int kDenied = 403;
inline constexpr int kHeld = 423;
inline constexpr int kUpstreamFailed = 502;
inline constexpr int kNotRecorded = 503;
inline constexpr int kUpstreamLate = 504;

struct Message {
  enum class Kind { kRequest, kNotification, kResult, kError };
  Kind kind = Kind::kRequest;
  std::string id;      // JSON text: a string or an integer; empty for a notification and where none was sent
  std::string method;  // of a request or notification
  std::string params;  // JSON text of an object; "{}" where none was sent
  std::string body;    // of a response: the result object, or the error object

  [[nodiscard]] bool is_response() const { return kind == Kind::kResult || kind == Kind::kError; }
};

// kInvalid: not one JSON-RPC message (batches are not MCP any more), a member that JSON-RPC does not have, a
// params or result that is no object; kLimit: a method or id that is too long. On failure `id_out`, if
// given, gets the id where one could be read.
Result<Message> parse_message(std::string_view text, json::Parser& parser, std::string* id_out = nullptr);

std::string request_text(std::string_view id, std::string_view method, std::string_view params);
std::string notification_text(std::string_view method, std::string_view params);
std::string result_text(std::string_view id, std::string_view result);
// `data`: JSON text, or empty. An empty id is left out, as MCP's errors without one are.
std::string error_text(std::string_view id, int code, std::string_view message, std::string_view data = {});
std::string error_with_body(std::string_view id, std::string_view body);

// A member to put in place of what is there (or at the end), or, without a value, to leave out.
struct Change {
  std::string_view name;
  std::optional<std::string> json;
};
// A copy of an object with these members changed; what `object` borrows from must still live.
std::string changed(json::Object object, const std::vector<Change>& changes);
// The same from text; `object_text` was parsed before, so it is an object (checked).
std::string changed_text(std::string_view object_text, json::Parser& parser, const std::vector<Change>& changes);

// The member of that name, if it is there and of the type.
std::optional<std::string_view> text_member(json::Object object, std::string_view name);
std::optional<json::Object> object_member(json::Object object, std::string_view name);
// The JSON text of a member, or empty.
std::string member_text(json::Object object, std::string_view name);

}  // namespace proviso::tools
