#include "gate/admin.h"

#include <fmt/format.h>

#include "gate/ledger_acts.h"
#include "gate/register.h"

namespace proviso::gate {
namespace {

int status_of(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kLimit: return 400;
    case Code::kNotFound: return 404;
    case Code::kConflict: return 409;
    default: return 503;
  }
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::start(Engine& engine, House& house, Caretaker& caretaker,
                                            std::function<std::string()> tools) {
  auto admin = std::unique_ptr<Admin>(new Admin(engine, house, caretaker, std::move(tools)));
  PV_TRY(admin->loops_, http::Loops::create({.count = 1}));
  http::ServerConfig config;
  http::Listen listen;
  listen.unix_path = engine.options().layout.admin_socket();
  listen.unix_mode = 0600;
  config.listeners.push_back(std::move(listen));
  config.limits.body_bytes = kAdminBodyBytesMax;
  Admin* self = admin.get();
  PV_TRY(admin->server_,
         http::Server::create(*admin->loops_, std::move(config),
                              [self](http::Call& call) { return self->handle(call); }));
  return admin;
}

http::Task<void> Admin::handle(http::Call& call) {
  Result<std::string> body = co_await call.read_body();
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  Result<std::string> answered =
      body ? answer(call.head().method, call.head().path, *body)
           : Result<std::string>(std::unexpected(std::move(body.error())));
  if (answered) {
    response.body = std::move(*answered);
  } else {
    response.status = status_of(answered.error().code);
    json::Writer writer(response.body);
    writer.begin_object();
    writer.key("error").string(answered.error().message);
    writer.key("code").string(code_name(answered.error().code));
    writer.end_object();
  }
  co_await call.respond(std::move(response));
}

Result<std::string> Admin::answer(const std::string& method, const std::string& path,
                                  const std::string& body) {
  const Digest agreement = house_.in_force()->agreement->digest();
  if (method == "GET" && path == "/status") return status();
  if (method == "GET" && path == "/tools") return tools_();
  if (method == "GET") return register_list(engine_, path);
  if (method != "POST") return fail(Code::kNotFound, fmt::format("no command `{}`", path));
  PV_TRY(const json::Element command, parser_.parse(body));
  if (path.starts_with("/ledger/")) return ledger_act(engine_, agreement, path, command);
  return register_act(engine_, agreement, path, command);
}

std::string Admin::status() const {
  const auto in_force = house_.in_force();
  const ledger::LogState log = engine_.log().state();
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("agreement").begin_object();
  writer.key("title").string(in_force->agreement->terms().title);
  writer.key("revision").integer(in_force->agreement->terms().revision);
  writer.key("digest").string(in_force->agreement->digest().hex());
  writer.key("red_lines").uinteger(in_force->agreement->red_lines().size());
  writer.key("pending").string(caretaker_.pending());
  writer.end_object();
  writer.key("ledger").begin_object();
  writer.key("origin").string(engine_.options().origin);
  writer.key("size").uinteger(log.size);
  writer.key("checkpoint").uinteger(log.checkpoint_size);
  writer.key("healthy").boolean(house_.committer.healthy());
  writer.key("failure").string(house_.committer.failure());
  writer.end_object();
  writer.key("model").string(house_.ready.load() ? "ready" : "not ready");
  writer.key("detectors").string(house_.inspector.digest().hex());
  writer.end_object();
  return out;
}

}  // namespace proviso::gate
