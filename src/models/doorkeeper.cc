#include "models/doorkeeper.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/keys.h"

namespace proviso::models {
namespace {

constexpr std::string_view kPromptDomain = "proviso/prompt/v1\n";
constexpr std::string_view kReceiptsName = "/receipts";
constexpr size_t kFactProofMax = 8;  // a leaf has at most 256 facts
constexpr std::array<std::string_view, 3> kPaths = {"/v1/chat/completions", "/v1/messages",
                                                    "/v1/messages/count_tokens"};

std::unexpected<Error> refuse(std::string why) { return fail(Code::kUnverified, std::move(why)); }

template <class T>
Result<T> member(json::Object object, std::string_view name, const char* of) {
  T value{};
  if (object[name].get(value) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, std::string(of) + " has no usable `" + std::string(name) + "`");
  }
  return value;
}

Result<json::Object> object_of(json::Parser& parser, std::string_view text, const char* what) {
  PV_TRY(const auto element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, std::string(what) + " is not an object");
  }
  return object;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_fold(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// The next line of `text` without its CR LF, taken off the front.
Result<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return fail(Code::kInvalid, "a line has no end");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return fail(Code::kInvalid, "a line holds a control character");
  }
  return line;
}

Status take_request_line(std::string_view line, DoorRequest& request) {
  if (line == "GET /health HTTP/1.1") {
    request.kind = DoorRequest::Kind::kHealth;
    request.path = "/health";
    return {};
  }
  for (const std::string_view path : kPaths) {
    if (line != "POST " + std::string(path) + " HTTP/1.1") continue;
    request.kind = DoorRequest::Kind::kPrompt;
    request.path = path;
    return {};
  }
  return fail(Code::kInvalid, "the model is asked nothing of this kind");
}

Status take_field(std::string_view name, std::string_view value, bool& length_seen, DoorRequest& request) {
  if (equal_fold(name, "transfer-encoding") || equal_fold(name, "expect")) {
    return fail(Code::kInvalid, "a body comes at once, with its length");
  }
  if (equal_fold(name, "content-length")) {
    if (length_seen) return fail(Code::kInvalid, "a body has two lengths");
    length_seen = true;
    PV_TRY(request.body_bytes, parse_u64(value));
    if (request.body_bytes > kDoorBodyBytesMax) return fail(Code::kLimit, "a body is at most 64 MiB");
  }
  if (equal_fold(name, kPassHeader)) {
    if (!request.pass.empty()) return fail(Code::kInvalid, "there are two passes");
    request.pass = value;
  }
  return {};
}

}  // namespace

Digest prompt_digest(std::string_view path, std::string_view body) {
  return sha256({kPromptDomain, path, "\n", body});
}

std::string Pass::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("leaf").string(leaf);
  writer.key("position").uinteger(opening.position);
  writer.key("proof").begin_array();
  for (const Digest& hash : opening.proof) writer.string(base64_encode(hash.view()));
  writer.end_array();
  writer.key("receipt").string(receipt);
  writer.key("salt").string(base64_encode(opening.salt.view()));
  writer.end_object();
  return out;
}

Result<Pass> Pass::parse(std::string_view text) {
  if (text.size() > kPassBytesMax) return fail(Code::kLimit, "a pass is at most 8192 bytes");
  constexpr const char* kWhat = "a pass";
  json::Parser parser;
  PV_TRY(const auto object, object_of(parser, text, kWhat));
  Pass pass;
  PV_TRY(const auto leaf, member<std::string_view>(object, "leaf", kWhat));
  PV_TRY(pass.opening.position, member<uint64_t>(object, "position", kWhat));
  PV_TRY(const auto receipt, member<std::string_view>(object, "receipt", kWhat));
  PV_TRY(const auto salt, member<std::string_view>(object, "salt", kWhat));
  PV_TRY(const auto proof, member<json::Array>(object, "proof", kWhat));
  pass.leaf = leaf;
  pass.receipt = receipt;
  PV_TRY(const auto salt_bytes, base64_decode(salt));
  PV_TRY(pass.opening.salt, digest_from_bytes(salt_bytes));
  for (const auto hash : proof) {
    std::string_view encoded;
    if (hash.get(encoded) != simdjson::SUCCESS || pass.opening.proof.size() == kFactProofMax) {
      return fail(Code::kInvalid, "a pass's `proof` is at most 8 hashes");
    }
    PV_TRY(const auto bytes, base64_decode(encoded));
    PV_TRY(pass.opening.proof.emplace_back(), digest_from_bytes(bytes));
  }
  return pass;
}

Result<Doorkeeper> Doorkeeper::create(const note::VerifierKey& key, const Digest& model, UtcSeconds started,
                                      size_t used_max) {
  PV_TRY(PublicKey receipt_key, ledger::ed25519_key(key));
  const std::string_view name = key.name;
  if (!name.ends_with(kReceiptsName)) {
    return fail(Code::kInvalid, "`" + key.name + "` is not the receipt key of a log");
  }
  std::string origin(name.substr(0, name.size() - kReceiptsName.size()));
  PV_TRY_VOID(ledger::check_origin(origin));
  return Doorkeeper(std::move(origin), std::move(receipt_key), model, started, used_max);
}

Doorkeeper::Doorkeeper(Doorkeeper&& other) noexcept
    : origin_(std::move(other.origin_)),
      key_(std::move(other.key_)),
      model_(other.model_),
      started_(other.started_),
      used_max_(other.used_max_),
      now_(other.now_),
      used_(std::move(other.used_)) {}

Status Doorkeeper::check_receipt(const ledger::Receipt& receipt) const {
  if (receipt.origin != origin_) return refuse("the receipt is of another log");
  if (const auto held = receipt.verify(key_); !held) return refuse(held.error().message);
  return {};
}

// What the log's receipt vouches for is the leaf; what the leaf says decides.
Status Doorkeeper::check_leaf(const Pass& pass, std::string_view path, std::string_view body) const {
  constexpr const char* kWhat = "the leaf";
  json::Parser parser;
  PV_TRY(const auto leaf, object_of(parser, pass.leaf, kWhat));
  PV_TRY(const auto format, member<std::string_view>(leaf, "format", kWhat));
  if (format != "proviso/leaf@v1") return refuse("the leaf is of another format");
  PV_TRY(const auto verb, member<std::string_view>(leaf, "verb", kWhat));
  if (verb != "ask") return refuse("the receipt is not for an `ask`");
  PV_TRY(const auto decision, member<std::string_view>(leaf, "decision", kWhat));
  if (decision != "allow") return refuse("the `ask` was not allowed");
  PV_TRY(const auto model, member<std::string_view>(leaf, "model", kWhat));
  if (model != model_.hex()) return refuse("the `ask` is for another model");
  PV_TRY(const auto fact_count, member<uint64_t>(leaf, "fact_count", kWhat));
  PV_TRY(const auto root_text, member<std::string_view>(leaf, "fact_root", kWhat));
  PV_TRY(const Digest fact_root, digest_from_hex(root_text));
  const std::string value = json::quoted(prompt_digest(path, body).hex());
  if (!exchange::verify_fact(pass.opening, kPromptFact, value, fact_count, fact_root)) {
    return refuse("the `ask` is for another prompt");
  }
  return {};
}

Status Doorkeeper::use(const ledger::Receipt& receipt, UtcSeconds now) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, now);
  const int64_t time = receipt.time.value;
  if (time <= started_.value) return refuse("the receipt is from before this doorkeeper's start");
  if (time < now_.value - kReceiptAgeSMax) return refuse("the receipt is too old");
  if (time > now_.value + kReceiptAgeSMax) return refuse("the receipt is from the future");
  while (!used_.empty() && used_.begin()->first < now_.value - kReceiptAgeSMax) used_.erase(used_.begin());
  if (used_.size() >= used_max_) return fail(Code::kLimit, "too many prompts at once");
  if (!used_.emplace(time, receipt.index).second) return refuse("the receipt was used before");
  return {};
}

size_t Doorkeeper::remembered() {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

Status Doorkeeper::admit(std::string_view pass_text, std::string_view path, std::string_view body,
                         UtcSeconds now) {
  if (pass_text.empty()) return refuse("no prompt without a receipt");
  PV_TRY(const Pass pass, Pass::parse(pass_text));
  PV_TRY(const auto receipt, ledger::Receipt::parse(pass.receipt));
  PV_TRY_VOID(check_receipt(receipt));
  if (merkle::leaf_hash(pass.leaf) != receipt.leaf) return refuse("the receipt is for another leaf");
  PV_TRY_VOID(check_leaf(pass, path, body));
  return use(receipt, now);
}

Result<DoorRequest> read_door_request(std::string_view head) {
  DoorRequest request;
  PV_TRY(const auto first, take_line(head));
  PV_TRY_VOID(take_request_line(first, request));
  bool length_seen = false;
  for (;;) {
    PV_TRY(const auto line, take_line(head));
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos || line.front() == ' ' || line.front() == '\t') {
      return fail(Code::kInvalid, "a line is no field");
    }
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    PV_TRY_VOID(take_field(line.substr(0, colon), value, length_seen, request));
  }
  if (!head.empty()) return fail(Code::kInvalid, "bytes stand behind the head");
  const bool prompt = request.kind == DoorRequest::Kind::kPrompt;
  if (prompt != length_seen) return fail(Code::kInvalid, "a prompt has a body, a question for health has none");
  return request;
}

std::string worker_head(const DoorRequest& request) {
  if (request.kind == DoorRequest::Kind::kHealth) {
    return "GET /health HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n";
  }
  return "POST " + request.path +
         " HTTP/1.1\r\nHost: worker\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
         std::to_string(request.body_bytes) + "\r\n\r\n";
}

}  // namespace proviso::models
