#pragma once
// OAuth 2.1 as a client of a tool server needs it (MCP 2026-07-28, basic/authorization): what a challenge says,
// where metadata lies, what must match before anything is sent, and the requests themselves. Pure; login.h does
// the talking.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace proviso::tools {

inline constexpr size_t kChallengeBytesMax = 4096;  // a WWW-Authenticate header that is looked at

// `WWW-Authenticate: Bearer …`; members are empty where it says nothing.
struct Challenge {
  std::string resource_metadata;
  std::string scope;
  std::string error;
};
Challenge parse_challenge(std::string_view header);

// Where the protected resource's metadata may lie, in the order to try (RFC 9728 section 3.1).
std::vector<std::string> resource_metadata_urls(std::string_view server_url, const Challenge& challenge);
// Where the issuer's metadata may lie (RFC 8414 section 3.1, OpenID Connect Discovery section 4).
std::vector<std::string> issuer_metadata_urls(std::string_view issuer);

struct Resource {
  std::string resource;
  std::string issuer;  // the first of authorization_servers
  std::vector<std::string> scopes;
  bool scopes_given = false;
};
// kUnverified if it speaks of another resource than `server_url`.
Result<Resource> read_resource(json::Element metadata, std::string_view server_url);

struct Issuer {
  std::string issuer;
  std::string authorization_endpoint, token_endpoint, registration_endpoint;
  std::vector<std::string> scopes, auth_methods;
  bool client_documents = false;  // client_id_metadata_document_supported
  bool says_iss = false;          // authorization_response_iss_parameter_supported
};
// kUnverified if it is not the issuer that was asked for, byte for byte; kUnsupported without PKCE S256.
Result<Issuer> read_issuer(json::Element metadata, std::string_view issuer);

struct Registration {
  std::string issuer;  // of which it is good, and of no other
  std::string client_id, client_secret;
  std::string auth_method;  // "none", "client_secret_basic", "client_secret_post"
};

// Of a challenge, else of the resource, else none; `offline_access` where the issuer offers it; what was granted
// before stays. Empty: leave the parameter out.
std::string scope_for(const Challenge& challenge, const Resource& resource, const Issuer& issuer,
                      std::string_view granted);

struct Attempt {  // one authorization, until its code comes back
  std::string state, verifier, redirect_uri, scope;
};
Attempt new_attempt(std::string redirect_uri, std::string scope);
std::string authorization_url(const Issuer& issuer, const Registration& registration, const Resource& resource,
                              const Attempt& attempt);
// The code of the query that came back. kUnverified: another state, another issuer (RFC 9207), an error.
Result<std::string> code_of(std::string_view query, const Issuer& issuer, const Attempt& attempt);

struct Form {
  std::string body;           // application/x-www-form-urlencoded
  std::string authorization;  // header, or empty
};
Form token_request(const Registration& registration, const Resource& resource, const Attempt& attempt,
                   std::string_view code);
Form refresh_request(const Registration& registration, const Resource& resource, std::string_view refresh_token);
std::string registration_request(std::string_view redirect_uri, const Issuer& issuer);
// Which way of the issuer's our client authenticates by, with or without a secret.
std::string auth_method_for(const Issuer& issuer, bool secret);

std::string percent_encoded(std::string_view text);

}  // namespace proviso::tools
