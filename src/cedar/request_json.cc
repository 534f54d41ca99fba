#include "cedar/request_json.h"

#include "cedar/entities_json.h"
#include "cedar/policy_set.h"

namespace proviso::cedar {
namespace {

Result<EntityUid> part(json::Object object, std::string_view key) {
  json::Element element;
  if (object[key].get(element) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the request needs `" + std::string(key) + "`");
  }
  std::string_view text;
  auto uid = element.get_string().get(text) == simdjson::SUCCESS ? uid_from_text(text) : uid_from_json(element);
  if (!uid) return fail_at(key, std::move(uid).error());
  return uid;
}

}  // namespace

Result<EntityUid> uid_from_text(std::string_view text) {
  PV_TRY(ExprPtr expr, parse_expression(text, "entity"));
  const EntityUid* uid = expr->op == Op::kLiteral ? expr->value.get_if<EntityUid>() : nullptr;
  if (uid == nullptr) return fail(Code::kInvalid, "`" + std::string(text) + "` is not an entity, as User::\"a\"");
  return *uid;
}

Result<Request> request_from_json(json::Element element, const Schema* schema) {
  json::Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "a request must be an object");
  }
  Request out;
  PV_TRY(out.principal, part(object, "principal"));
  PV_TRY(out.action, part(object, "action"));
  PV_TRY(out.resource, part(object, "resource"));
  json::Element context;
  if (object["context"].get(context) != simdjson::SUCCESS) return out;
  auto record = context_from_json(context, schema, &out.action);
  if (!record) return fail_at("context", std::move(record).error());
  out.context = std::move(*record);
  return out;
}

void write_response(const Engine& engine, const Response& response, std::string& out) {
  json::Writer w(out);
  w.begin_object().key("decision").string(response.decision == Answer::kAllow ? "allow" : "deny");
  w.key("diagnostics").begin_object().key("reason").begin_array();
  for (uint32_t policy : response.reason()) w.string(engine.policies()[policy].id);
  w.end_array().key("errors").begin_array();
  for (const PolicyError& error : response.errors) {
    w.begin_object().key("policyId").string(engine.policies()[error.policy].id);
    w.key("message").string(error.message).end_object();
  }
  w.end_array();
  if (response.cut_short) w.key("cutShort").boolean(true);
  w.end_object().end_object();
}

}  // namespace proviso::cedar
