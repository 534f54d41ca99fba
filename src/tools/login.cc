#include "tools/login.h"

#include <fmt/format.h>

#include "http/client.h"
#include "tools/message.h"

namespace proviso::tools {
namespace {

constexpr std::chrono::seconds kFetchMax{20};

struct Answer {
  int status = 0;
  std::string body;
};

class Login {
 public:
  Login(http::Loop& loop, Callback& callback, LoginPlan plan)
      : loop_(loop), callback_(callback), plan_(std::move(plan)) {}

  http::Task<Result<Grant>> run() {
    const Challenge challenge = parse_challenge(plan_.challenge);
    Status found = co_await find_resource(challenge);
    if (!found) co_return std::unexpected(std::move(found.error()));
    found = co_await find_issuer();
    if (!found) co_return std::unexpected(std::move(found.error()));
    if (plan_.before && plan_.before->registration.issuer == issuer_.issuer && challenge.scope.empty() &&
        !plan_.before->refresh_token.empty()) {
      Result<Grant> again = co_await refresh();
      if (again) co_return std::move(*again);
    }
    Result<Grant> granted = co_await authorize(challenge);
    co_return granted;
  }

 private:
  http::Task<Result<Answer>> fetch(std::string method, std::string url, std::string type, Form form) {
    const bool here = plan_.server.url.starts_with("http://");
    if (!url.starts_with("https://") && !here) {
      co_return fail(Code::kUnverified, fmt::format("`{}` is not https", url));
    }
    std::string query;
    if (const size_t at = url.find('?'); at != std::string::npos) {
      query = url.substr(at);
      url.resize(at);
    }
    http::ClientConfig config;
    PV_CO_TRY(config.endpoint, http::Endpoint::parse(url));
    config.endpoint.ca_file = plan_.server.ca_file;
    http::RequestSpec spec;
    spec.target = (config.endpoint.base_path.empty() ? "/" : config.endpoint.base_path) + query;
    PV_CO_TRY(const auto client, http::Client::create(loop_, std::move(config)));
    spec.method = std::move(method);
    spec.headers.add("Accept", "application/json");
    if (!type.empty()) spec.headers.add("Content-Type", type);
    if (!form.authorization.empty()) spec.headers.add("Authorization", form.authorization);
    spec.body = std::move(form.body);
    spec.deadline = http::Loop::now() + kFetchMax;
    auto reply = co_await client->send(std::move(spec));
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    Answer answer;
    answer.status = reply->status();
    Result<std::string> body = co_await reply->read_all(kMetadataBytesMax);
    if (!body) co_return std::unexpected(std::move(body.error()));
    answer.body = std::move(*body);
    co_return answer;
  }

  // The first of the documents that is there.
  http::Task<Result<json::Element>> document(std::vector<std::string> urls) {
    for (const std::string& url : urls) {
      Result<Answer> answer = co_await fetch("GET", url, "", {});
      if (!answer) co_return std::unexpected(std::move(answer.error()));
      if (answer->status / 100 != 2) continue;
      co_return parser_.parse(answer->body);
    }
    co_return fail(Code::kNotFound, fmt::format("there is no metadata at `{}`", urls.front()));
  }

  http::Task<Status> find_resource(Challenge challenge) {
    Result<json::Element> metadata = co_await document(resource_metadata_urls(plan_.server.url, challenge));
    if (!metadata) co_return std::unexpected(std::move(metadata.error()));
    PV_CO_TRY(resource_, read_resource(*metadata, plan_.server.url));
    co_return Status{};
  }

  http::Task<Status> find_issuer() {
    Result<json::Element> metadata = co_await document(issuer_metadata_urls(resource_.issuer));
    if (!metadata) co_return std::unexpected(std::move(metadata.error()));
    PV_CO_TRY(issuer_, read_issuer(*metadata, resource_.issuer));
    co_return Status{};
  }

  // SPEC client-registration, priority: registered beforehand, a document of ours, asked for now. What another
  // issuer gave is of no use here.
  http::Task<Status> find_client(std::string redirect_uri) {
    const std::string& own = plan_.server.client_id;
    const bool document = own.starts_with("https://");
    registration_ = Registration{};
    registration_.issuer = issuer_.issuer;
    if (!own.empty() && (!document || issuer_.client_documents)) {
      registration_.client_id = own;
      registration_.client_secret = plan_.client_secret;
      registration_.auth_method = auth_method_for(issuer_, !plan_.client_secret.empty());
      co_return Status{};
    }
    if (issuer_.registration_endpoint.empty()) {
      co_return fail(Code::kUnsupported, "the issuer registers nobody: put `client_id` into [[tool_server]]");
    }
    Result<Answer> answer = co_await fetch("POST", issuer_.registration_endpoint, "application/json",
                                           Form{registration_request(redirect_uri, issuer_), ""});
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    PV_CO_TRY(const json::Element document_said, parser_.parse(answer->body));
    json::Object said;
    if (answer->status / 100 != 2 || document_said.get(said) != simdjson::SUCCESS) {
      co_return fail(Code::kUnavailable, fmt::format("the issuer does not register us (status {})", answer->status));
    }
    registration_.client_id = std::string(text_member(said, "client_id").value_or(""));
    registration_.client_secret = std::string(text_member(said, "client_secret").value_or(""));
    registration_.auth_method = std::string(text_member(said, "token_endpoint_auth_method").value_or(""));
    if (registration_.client_id.empty()) co_return fail(Code::kUnavailable, "the issuer gave no client id");
    if (registration_.auth_method.empty()) {
      registration_.auth_method = auth_method_for(issuer_, !registration_.client_secret.empty());
    }
    co_return Status{};
  }

  http::Task<Result<Grant>> authorize(Challenge challenge) {
    const std::string redirect_uri = callback_.uri();
    Status known = co_await find_client(redirect_uri);
    if (!known) co_return std::unexpected(std::move(known.error()));
    const bool same = plan_.before && plan_.before->registration.issuer == issuer_.issuer;
    const Attempt attempt = new_attempt(
        redirect_uri, scope_for(challenge, resource_, issuer_, same ? plan_.before->scope : std::string()));
    plan_.show(authorization_url(issuer_, registration_, resource_, attempt));
    Result<std::string> query = co_await callback_.query(http::Loop::now() + kLoginMax);
    if (!query) co_return std::unexpected(std::move(query.error()));
    PV_CO_TRY(const std::string code, code_of(*query, issuer_, attempt));
    Result<Grant> granted = co_await token(token_request(registration_, resource_, attempt, code), attempt.scope);
    co_return granted;
  }

  http::Task<Result<Grant>> refresh() {
    registration_ = plan_.before->registration;
    Result<Grant> granted = co_await token(
        refresh_request(registration_, resource_, plan_.before->refresh_token), plan_.before->scope);
    if (granted && granted->refresh_token.empty()) granted->refresh_token = plan_.before->refresh_token;
    co_return granted;
  }

  http::Task<Result<Grant>> token(Form form, std::string scope) {
    Result<Answer> answer =
        co_await fetch("POST", issuer_.token_endpoint, "application/x-www-form-urlencoded", std::move(form));
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    PV_CO_TRY(const json::Element document_said, parser_.parse(answer->body));
    json::Object said;
    if (answer->status / 100 != 2 || document_said.get(said) != simdjson::SUCCESS) {
      co_return fail(Code::kUnverified, fmt::format("the issuer gives no token (status {})", answer->status));
    }
    Grant grant;
    grant.registration = registration_;
    grant.resource = resource_.resource;
    grant.access_token = std::string(text_member(said, "access_token").value_or(""));
    grant.refresh_token = std::string(text_member(said, "refresh_token").value_or(""));
    grant.scope = std::string(text_member(said, "scope").value_or(scope));
    if (grant.access_token.empty() || !http::equal_fold(text_member(said, "token_type").value_or(""), "bearer")) {
      co_return fail(Code::kUnsupported, "the issuer gives no bearer token");
    }
    co_return grant;
  }

  http::Loop& loop_;
  Callback& callback_;
  LoginPlan plan_;
  Resource resource_;
  Issuer issuer_;
  Registration registration_;
  json::Parser parser_;
};

}  // namespace

std::string Grant::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("issuer").string(registration.issuer);
  writer.key("client_id").string(registration.client_id);
  writer.key("client_secret").string(registration.client_secret);
  writer.key("auth_method").string(registration.auth_method);
  writer.key("resource").string(resource);
  writer.key("refresh_token").string(refresh_token);
  writer.key("scope").string(scope);
  writer.end_object();
  return out + "\n";
}

Result<Grant> Grant::parse(std::string_view text) {
  json::Parser parser;
  PV_TRY(const json::Element document, parser.parse(text));
  json::Object object;
  if (document.get(object) != simdjson::SUCCESS) return fail(Code::kCorrupt, "a kept login is no object");
  const auto read = [&object](std::string_view name) { return std::string(text_member(object, name).value_or("")); };
  Grant grant;
  grant.registration = {read("issuer"), read("client_id"), read("client_secret"), read("auth_method")};
  grant.resource = read("resource");
  grant.refresh_token = read("refresh_token");
  grant.scope = read("scope");
  return grant;
}

Callback::~Callback() = default;

Result<std::unique_ptr<Callback>> Callback::listen(http::Loops& loops) {
  auto callback = std::unique_ptr<Callback>(new Callback(loops.at(0)));
  http::ServerConfig config;
  config.listeners.emplace_back();
  Callback* const into = callback.get();
  PV_TRY(callback->server_, http::Server::create(loops, std::move(config),
                                                 [into](http::Call& call) { return into->take(call); }));
  return callback;
}

std::string Callback::uri() const { return fmt::format("http://127.0.0.1:{}/callback", server_->bound_port()); }

http::Task<void> Callback::take(http::Call& call) {
  http::Response response;
  response.headers.add("Content-Type", "text/plain");
  if (call.head().path == "/callback" && !came_.is_set()) {
    query_ = call.head().query;
    came_.set();
    response.body = "Thank you. This window can be closed; the terminal says how it went.\n";
  } else {
    response.status = 404;
    response.body = "nothing here\n";
  }
  co_await call.respond(std::move(response));
}

http::Task<Result<std::string>> Callback::query(http::Time deadline) {
  const http::Woken woken = co_await came_.wait(deadline);
  if (woken != http::Woken::kSet) co_return fail(Code::kTimeout, "nobody came back from the browser");
  co_return query_;
}

http::Task<Result<Grant>> log_in(http::Loop& loop, Callback& callback, LoginPlan plan) {
  const auto login = std::make_unique<Login>(loop, callback, std::move(plan));
  Result<Grant> granted = co_await login->run();
  co_return granted;
}

}  // namespace proviso::tools
