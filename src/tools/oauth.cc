#include "tools/oauth.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/digest.h"
#include "http/message.h"
#include "tools/message.h"

namespace proviso::tools {
namespace {

struct Parts {
  std::string_view origin;  // "https://host:port"
  std::string_view path;    // "" or "/…", without a trailing '/'
};

Parts parts_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {url, {}};
  const size_t slash = url.find('/', scheme + 3);
  if (slash == std::string_view::npos) return {url, {}};
  std::string_view path = url.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  return {url.substr(0, slash), path};
}

std::string base64url(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::vector<std::string> texts(json::Object object, std::string_view name, bool* there = nullptr) {
  std::vector<std::string> out;
  json::Array list;
  if (object.at_key(name).get(list) != simdjson::SUCCESS) return out;
  if (there != nullptr) *there = true;
  for (const json::Element item : list) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS) out.emplace_back(text);
  }
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void add_words(std::vector<std::string>& into, std::string_view words) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (end > 0 && !has(into, words.substr(0, end))) into.emplace_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

class FormWriter {
 public:
  FormWriter& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    if (!text_.empty()) text_ += '&';
    text_ += percent_encoded(name) + "=" + percent_encoded(value);
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

Form with_client(FormWriter& form, const Registration& registration) {
  Form out;
  if (registration.auth_method == "client_secret_basic") {
    out.authorization = "Basic " + base64_encode(percent_encoded(registration.client_id) + ":" +
                                                 percent_encoded(registration.client_secret));
  } else {
    form.add("client_id", registration.client_id);
    if (registration.auth_method == "client_secret_post") form.add("client_secret", registration.client_secret);
  }
  out.body = form.take();
  return out;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return fail(Code::kInvalid, "a query ends within an escape");
      std::string hex(text.substr(i + 1, 2));
      std::transform(hex.begin(), hex.end(), hex.begin(), [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
      PV_TRY(const std::string byte, hex_decode(hex));
      out += byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<std::map<std::string, std::string>> query_of(std::string_view query) {
  std::map<std::string, std::string> out;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    PV_TRY(std::string name, decoded(pair.substr(0, equals)));
    PV_TRY(std::string value, decoded(pair.substr(std::min(equals + 1, pair.size()))));
    if (!out.emplace(name, std::move(value)).second) {
      return fail(Code::kUnverified, fmt::format("the answer says `{}` twice", name));
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Challenge parse_challenge(std::string_view header) {
  Challenge challenge;
  constexpr std::string_view kScheme = "bearer";
  if (header.size() > kChallengeBytesMax || header.size() < kScheme.size() ||
      !http::equal_fold(header.substr(0, kScheme.size()), kScheme)) {
    return challenge;
  }
  header.remove_prefix(kScheme.size());
  while (true) {
    while (!header.empty() && (header.front() == ' ' || header.front() == ',' || header.front() == '\t')) {
      header.remove_prefix(1);
    }
    const size_t equals = header.find('=');
    if (equals == std::string_view::npos) return challenge;
    const std::string_view name = header.substr(0, equals);
    header.remove_prefix(equals + 1);
    std::string value;
    if (header.starts_with('"')) {
      size_t at = 1;
      for (; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size()) ++at;
        value += header[at];
      }
      header.remove_prefix(std::min(at + 1, header.size()));
    } else {
      const size_t end = std::min(header.find_first_of(", \t"), header.size());
      value = header.substr(0, end);
      header.remove_prefix(end);
    }
    if (http::equal_fold(name, "resource_metadata")) challenge.resource_metadata = value;
    if (http::equal_fold(name, "scope")) challenge.scope = value;
    if (http::equal_fold(name, "error")) challenge.error = value;
  }
}

std::vector<std::string> resource_metadata_urls(std::string_view server_url, const Challenge& challenge) {
  if (!challenge.resource_metadata.empty()) return {challenge.resource_metadata};
  const Parts parts = parts_of(server_url);
  constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";
  std::vector<std::string> urls;
  if (!parts.path.empty()) urls.push_back(fmt::format("{}{}{}", parts.origin, kWellKnown, parts.path));
  urls.push_back(fmt::format("{}{}", parts.origin, kWellKnown));
  return urls;
}

std::vector<std::string> issuer_metadata_urls(std::string_view issuer) {
  const Parts parts = parts_of(issuer);
  std::vector<std::string> urls = {
      fmt::format("{}/.well-known/oauth-authorization-server{}", parts.origin, parts.path),
      fmt::format("{}/.well-known/openid-configuration{}", parts.origin, parts.path)};
  if (!parts.path.empty()) urls.push_back(fmt::format("{}{}/.well-known/openid-configuration", parts.origin, parts.path));
  return urls;
}

Result<Resource> read_resource(json::Element metadata, std::string_view server_url) {
  json::Object object;
  if (metadata.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "the resource's metadata is no object");
  Resource resource;
  resource.resource = std::string(text_member(object, "resource").value_or(""));
  const Parts mine = parts_of(server_url);
  const Parts theirs = parts_of(resource.resource);
  const bool within = theirs.path.empty() || mine.path == theirs.path ||
                      mine.path.starts_with(std::string(theirs.path) + "/");
  if (!http::equal_fold(mine.origin, theirs.origin) || !within) {
    return fail(Code::kUnverified, fmt::format("the metadata speaks of `{}`, which is not this server", resource.resource));
  }
  const auto issuers = texts(object, "authorization_servers");
  if (issuers.empty()) return fail(Code::kInvalid, "the resource's metadata names no authorization server");
  resource.issuer = issuers.front();
  resource.scopes = texts(object, "scopes_supported", &resource.scopes_given);
  return resource;
}

Result<Issuer> read_issuer(json::Element metadata, std::string_view issuer) {
  json::Object object;
  if (metadata.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "the issuer's metadata is no object");
  Issuer out;
  out.issuer = std::string(text_member(object, "issuer").value_or(""));
  // SPEC RFC 8414 section 3.3: the issuer MUST be identical to what the URL was made of.
  if (out.issuer != issuer) {
    return fail(Code::kUnverified, fmt::format("the metadata is of the issuer `{}`, not of `{}`", out.issuer, issuer));
  }
  out.authorization_endpoint = std::string(text_member(object, "authorization_endpoint").value_or(""));
  out.token_endpoint = std::string(text_member(object, "token_endpoint").value_or(""));
  out.registration_endpoint = std::string(text_member(object, "registration_endpoint").value_or(""));
  out.scopes = texts(object, "scopes_supported");
  out.auth_methods = texts(object, "token_endpoint_auth_methods_supported");
  bool flag = false;
  out.client_documents =
      object.at_key("client_id_metadata_document_supported").get(flag) == simdjson::SUCCESS && flag;
  flag = false;
  out.says_iss =
      object.at_key("authorization_response_iss_parameter_supported").get(flag) == simdjson::SUCCESS && flag;
  if (out.authorization_endpoint.empty() || out.token_endpoint.empty()) {
    return fail(Code::kInvalid, "the issuer's metadata lacks an endpoint");
  }
  if (!has(texts(object, "code_challenge_methods_supported"), "S256")) {
    return fail(Code::kUnsupported, "the issuer does not say that it supports PKCE with S256");
  }
  return out;
}

std::string scope_for(const Challenge& challenge, const Resource& resource, const Issuer& issuer,
                      std::string_view granted) {
  std::vector<std::string> words;
  if (!challenge.scope.empty()) {
    add_words(words, challenge.scope);
  } else {
    for (const std::string& scope : resource.scopes) add_words(words, scope);
  }
  add_words(words, granted);
  if (!words.empty() && has(issuer.scopes, "offline_access")) add_words(words, "offline_access");
  if (words.empty() && has(issuer.scopes, "offline_access")) add_words(words, "offline_access");
  return fmt::format("{}", fmt::join(words, " "));
}

Attempt new_attempt(std::string redirect_uri, std::string scope) {
  return {base64url(random_bytes(24)), base64url(random_bytes(48)), std::move(redirect_uri), std::move(scope)};
}

std::string authorization_url(const Issuer& issuer, const Registration& registration, const Resource& resource,
                              const Attempt& attempt) {
  FormWriter form;
  form.add("response_type", "code")
      .add("client_id", registration.client_id)
      .add("redirect_uri", attempt.redirect_uri)
      .add("code_challenge", base64url(sha256(attempt.verifier).view()))
      .add("code_challenge_method", "S256")
      .add("state", attempt.state)
      .add("resource", resource.resource)
      .add("scope", attempt.scope);
  if ((" " + attempt.scope + " ").find(" offline_access ") != std::string::npos) form.add("prompt", "consent");
  const char* joint = issuer.authorization_endpoint.find('?') == std::string::npos ? "?" : "&";
  return issuer.authorization_endpoint + joint + form.take();
}

Result<std::string> code_of(std::string_view query, const Issuer& issuer, const Attempt& attempt) {
  PV_TRY(auto said, query_of(query));
  if (!equal_secret(said["state"], attempt.state)) {
    return fail(Code::kUnverified, "the answer belongs to another login");
  }
  // SPEC MCP authorization, "Authorization Response Validation": simple string comparison, before anything else
  // of the answer is used.
  const auto iss = said.find("iss");
  if (iss == said.end() ? issuer.says_iss : iss->second != issuer.issuer) {
    return fail(Code::kUnverified, "the answer does not come from the issuer that was asked");
  }
  if (said.contains("error")) return fail(Code::kUnverified, "the issuer refused the login");
  if (said["code"].empty()) return fail(Code::kInvalid, "the answer holds no code");
  return said["code"];
}

Form token_request(const Registration& registration, const Resource& resource, const Attempt& attempt,
                   std::string_view code) {
  FormWriter form;
  form.add("grant_type", "authorization_code")
      .add("code", code)
      .add("redirect_uri", attempt.redirect_uri)
      .add("code_verifier", attempt.verifier)
      .add("resource", resource.resource);
  return with_client(form, registration);
}

Form refresh_request(const Registration& registration, const Resource& resource, std::string_view refresh_token) {
  FormWriter form;
  form.add("grant_type", "refresh_token").add("refresh_token", refresh_token).add("resource", resource.resource);
  return with_client(form, registration);
}

std::string registration_request(std::string_view redirect_uri, const Issuer& issuer) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("client_name").string("Proviso");
  writer.key("redirect_uris").begin_array().string(redirect_uri).end_array();
  writer.key("grant_types").begin_array().string("authorization_code").string("refresh_token").end_array();
  writer.key("response_types").begin_array().string("code").end_array();
  writer.key("application_type").string("native");
  writer.key("token_endpoint_auth_method").string(auth_method_for(issuer, true));
  writer.end_object();
  return out;
}

std::string auth_method_for(const Issuer& issuer, bool secret) {
  if (!secret) return "none";
  for (const char* method : {"client_secret_basic", "client_secret_post", "none"}) {
    if (has(issuer.auth_methods, method)) return method;
  }
  return "client_secret_basic";  // RFC 8414 section 2: the default where nothing is said
}

}  // namespace proviso::tools
