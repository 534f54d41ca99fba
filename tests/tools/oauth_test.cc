#include "tools/oauth.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace proviso::tools {
namespace {

Issuer issuer_of(std::string_view more = "") {
  json::Parser parser;
  const auto value = parser.parse(
      R"({"issuer":"https://as.example/t","authorization_endpoint":"https://as.example/a",)"
      R"("token_endpoint":"https://as.example/k","code_challenge_methods_supported":["S256"])" + std::string(more) + "}");
  const auto issuer = read_issuer(*value, "https://as.example/t");
  EXPECT_TRUE(issuer.has_value()) << issuer.error().message;
  return *issuer;
}

TEST(OAuth, ReadsAChallenge) {
  const Challenge said = parse_challenge(
      R"(Bearer error="insufficient_scope", scope="a b", resource_metadata="https://h/.well-known/x", other=1)");
  EXPECT_EQ(said.error, "insufficient_scope");
  EXPECT_EQ(said.scope, "a b");
  EXPECT_EQ(said.resource_metadata, "https://h/.well-known/x");
  EXPECT_EQ(parse_challenge("Basic realm=\"x\"").scope, "");
  EXPECT_EQ(parse_challenge("Bearer").scope, "");
  EXPECT_EQ(parse_challenge(R"(Bearer scope="a\"b)").scope, "a\"b");
}

TEST(OAuth, KnowsWhereMetadataLies) {
  EXPECT_EQ(resource_metadata_urls("https://h:1/mcp", {}),
            (std::vector<std::string>{"https://h:1/.well-known/oauth-protected-resource/mcp",
                                      "https://h:1/.well-known/oauth-protected-resource"}));
  EXPECT_EQ(issuer_metadata_urls("https://as/t"),
            (std::vector<std::string>{"https://as/.well-known/oauth-authorization-server/t",
                                      "https://as/.well-known/openid-configuration/t",
                                      "https://as/t/.well-known/openid-configuration"}));
  EXPECT_EQ(issuer_metadata_urls("https://as").size(), 2U);
}

bool resource_holds(std::string_view resource, std::string_view server) {
  json::Parser parser;
  const auto value = parser.parse(R"({"resource":")" + std::string(resource) + R"(","authorization_servers":["x"]})");
  return read_resource(*value, server).has_value();
}

TEST(OAuth, AResourceIsThisServer) {
  EXPECT_TRUE(resource_holds("https://h/mcp", "https://h/mcp"));
  EXPECT_TRUE(resource_holds("https://h", "https://h/mcp"));
  EXPECT_TRUE(resource_holds("HTTPS://H/", "https://h/mcp"));
  EXPECT_FALSE(resource_holds("https://evil/mcp", "https://h/mcp"));
  EXPECT_FALSE(resource_holds("https://h/other", "https://h/mcp"));
  EXPECT_FALSE(resource_holds("https://h/mc", "https://h/mcp"));
  EXPECT_FALSE(resource_holds("", "https://h/mcp"));
}

TEST(OAuth, AnIssuerIsTheOneThatWasAsked) {
  json::Parser parser;
  const auto value = parser.parse(R"({"issuer":"https://as/","authorization_endpoint":"a","token_endpoint":"t",
                                      "code_challenge_methods_supported":["S256"]})");
  EXPECT_EQ(read_issuer(*value, "https://as").error().code, Code::kUnverified);
  EXPECT_TRUE(read_issuer(*value, "https://as/").has_value());
  const auto bare = parser.parse(R"({"issuer":"i","authorization_endpoint":"a","token_endpoint":"t"})");
  EXPECT_EQ(read_issuer(*bare, "i").error().code, Code::kUnsupported);
}

TEST(OAuth, TheAnswerMustBelongToTheLogin) {
  const Issuer plain = issuer_of();
  const Issuer says = issuer_of(R"(,"authorization_response_iss_parameter_supported":true)");
  Attempt attempt = new_attempt("http://127.0.0.1:1/callback", "");
  attempt.state = "s";
  const char* good = "code=c&state=s&iss=https%3A%2F%2Fas.example%2Ft";
  EXPECT_EQ(code_of("code=c&state=s", plain, attempt).value_or(""), "c");
  EXPECT_EQ(code_of(good, plain, attempt).value_or(""), "c");
  EXPECT_EQ(code_of(good, says, attempt).value_or(""), "c");
  for (const char* bad : {"code=c&state=t", "code=c", "state=s", "error=denied&state=s", "code=c&code=d&state=s",
                          "code=c&state=s&iss=https://as.example/T", "code=c&state=s&iss=https://as.example/t/"}) {
    EXPECT_FALSE(code_of(bad, plain, attempt).has_value()) << bad;
  }
  EXPECT_FALSE(code_of("code=c&state=s", says, attempt).has_value()) << "a missing iss";
}

TEST(OAuth, ScopesAreTheLeastThatIsAsked) {
  Resource resource;
  resource.scopes = {"r", "w"};
  EXPECT_EQ(scope_for({"", "x y", ""}, resource, issuer_of(), ""), "x y");
  EXPECT_EQ(scope_for({}, resource, issuer_of(), ""), "r w");
  EXPECT_EQ(scope_for({}, Resource{}, issuer_of(), ""), "");
  EXPECT_EQ(scope_for({"", "x", ""}, resource, issuer_of(), "r x"), "x r");
  EXPECT_EQ(scope_for({"", "x", ""}, resource, issuer_of(R"(,"scopes_supported":["x","offline_access"])"), ""),
            "x offline_access");
}

TEST(OAuth, ClientsAuthenticateAsTheIssuerTakesIt) {
  const Attempt attempt{"s", "verifier", "http://127.0.0.1:1/callback", ""};
  const Resource resource{"https://h/mcp", "https://as.example/t", {}, false};
  const Form basic = token_request({"i", "a b", "s:t", "client_secret_basic"}, resource, attempt, "c");
  EXPECT_EQ(basic.authorization, "Basic " + base64_encode("a%20b:s%3At"));
  EXPECT_EQ(basic.body.find("client_secret"), std::string::npos);
  const Form post = token_request({"i", "a", "s", "client_secret_post"}, resource, attempt, "c");
  EXPECT_EQ(post.authorization, "");
  EXPECT_NE(post.body.find("client_id=a&client_secret=s"), std::string::npos);
  const Form none = token_request({"i", "a", "", "none"}, resource, attempt, "c");
  EXPECT_EQ(none.body, "grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback&"
                       "code_verifier=verifier&resource=https%3A%2F%2Fh%2Fmcp&client_id=a");
}

}  // namespace
}  // namespace proviso::tools
