#include "audit/leaf.h"

#include <algorithm>
#include <array>

#include "audit/json_members.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/json.h"
#include "base/merkle.h"

namespace proviso::audit {
namespace {

constexpr std::string_view kFormat = "proviso/leaf@v1";
constexpr std::array<std::string_view, 5> kDecisions = {"allow", "deny", "hold", "redact", "-"};
constexpr std::array<std::string_view, 14> kOtherVerbs = {
    "key",   "agreement", "worker", "person", "unauthorized", "start",    "report",
    "shred", "heartbeat", "rotate", "vote",   "withdraw",     "review", "emergency_review"};
// With the secret and a position these are 55 bytes: one block of SHA-256.
constexpr std::string_view kSaltDomain{"proviso/salt/v1", 15};
constexpr std::string_view kContentsMagic{"pvcontents\x01", 11};

bool known_verb(std::string_view verb) {
  return exchange::parse_verb(verb).has_value() ||
         std::ranges::find(kOtherVerbs, verb) != kOtherVerbs.end();
}

void put_text(std::string& out, std::string_view text) {
  PV_CHECK(text.size() <= UINT16_MAX);
  put_u16(out, static_cast<uint16_t>(text.size()));
  out += text;
}
void put_blob(std::string& out, std::string_view bytes) {
  PV_CHECK(bytes.size() <= UINT32_MAX);
  put_u32(out, static_cast<uint32_t>(bytes.size()));
  out += bytes;
}
Result<std::string_view> take_text(ByteReader& reader) {
  PV_TRY(const auto length, reader.u16());
  return reader.bytes(length);
}
Result<std::string_view> take_blob(ByteReader& reader) {
  PV_TRY(const auto length, reader.u32());
  return reader.bytes(length);
}

Result<exchange::Facts> take_facts(ByteReader& reader) {
  PV_TRY(const auto count, reader.u16());
  if (count > exchange::kFactsMax) return fail(Code::kLimit, "a leaf has at most 256 facts");
  exchange::Facts facts;
  std::string_view before;
  for (uint16_t i = 0; i < count; ++i) {
    PV_TRY(const auto path, take_text(reader));
    PV_TRY(const auto value, take_blob(reader));
    if (path.empty() || path.size() > exchange::kFactPathBytesMax || (i > 0 && path <= before)) {
      return fail(Code::kInvalid, "facts are not in the order of their paths");
    }
    PV_TRY(auto parsed, exchange::parse_value(value));
    facts.set(path, std::move(parsed));
    before = path;
  }
  return facts;
}

}  // namespace

std::string Leaf::text() const {
  std::string out;
  out.reserve(600);
  json::Writer writer(out);
  writer.begin_object();
  writer.key("agreement").string(agreement.hex());
  writer.key("decision").string(decision);
  writer.key("fact_count").uinteger(fact_count);
  writer.key("fact_root").string(fact_root.hex());
  writer.key("format").string(kFormat);
  writer.key("model").string(model.hex());
  writer.key("node").string(node);
  writer.key("sealed").string(sealed.hex());
  writer.key("time").integer(time.value);
  writer.key("vendor").string(vendor.hex());
  writer.key("verb").string(verb);
  writer.end_object();
  return out;
}

Result<Leaf> Leaf::parse(std::string_view text) {
  if (text.size() > kLeafBytesMax) return fail(Code::kLimit, "a leaf is at most 2048 bytes");
  json::Parser parser;
  PV_TRY(const auto element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "a leaf is an object");
  Leaf leaf;
  PV_TRY(const auto format, text_member(object, "format"));
  if (format != kFormat) return fail(Code::kUnsupported, "not a leaf of version 1");
  PV_TRY(leaf.agreement, digest_member(object, "agreement"));
  PV_TRY(leaf.decision, text_member(object, "decision"));
  PV_TRY(const auto count, count_member(object, "fact_count"));
  PV_TRY(leaf.fact_root, digest_member(object, "fact_root"));
  PV_TRY(leaf.model, digest_member(object, "model"));
  PV_TRY(leaf.node, text_member(object, "node"));
  PV_TRY(leaf.sealed, digest_member(object, "sealed"));
  PV_TRY(leaf.time.value, count_member(object, "time"));
  PV_TRY(leaf.vendor, digest_member(object, "vendor"));
  PV_TRY(leaf.verb, text_member(object, "verb"));
  leaf.fact_count = static_cast<uint64_t>(count);
  if (leaf.fact_count > exchange::kFactsMax)
    return fail(Code::kLimit, "a leaf has at most 256 facts");
  if (leaf.node.empty() || leaf.node.size() > kNodeBytesMax) {
    return fail(Code::kInvalid, "a leaf's `node` is 1 to 128 bytes");
  }
  if (std::ranges::find(kDecisions, leaf.decision) == kDecisions.end()) {
    return fail(Code::kInvalid, "a leaf's `decision` is allow, deny, hold or -");
  }
  if (!known_verb(leaf.verb)) return fail(Code::kInvalid, "a leaf's `verb` is not known");
  const bool decides = exchange::parse_verb(leaf.verb).has_value();
  // A release from which nothing could leave, and a disclosure by whoever holds the vault's keys, are
  // no decisions of the agreement.
  const bool may_be_either = leaf.verb == "release" || leaf.verb == "disclose";
  if (decides == (leaf.decision == "-") && !may_be_either) {
    return fail(Code::kInvalid, "a leaf's `decision` does not fit its `verb`");
  }
  if (leaf.text() != text) return fail(Code::kInvalid, "a leaf is not in its one spelling");
  return leaf;
}

Digest fact_salt(std::string_view secret, uint64_t position) {
  PV_CHECK(secret.size() == kLeafSecretBytes);
  std::array<char, 8> number;
  for (size_t i = 0; i < 8; ++i) number[i] = static_cast<char>(position >> (56 - 8 * i));
  return sha256({kSaltDomain, secret, std::string_view(number.data(), number.size())});
}

Digest vendor_digest(std::string_view vendor_id) {
  return sha256({"proviso/vendor/v1\n", vendor_id});
}

Digest model_digest(const agreement::Model& model) {
  if (const auto weights = digest_from_hex(model.weights_sha256)) return *weights;
  return sha256({"proviso/model/v1\n", model.id});
}

std::vector<Digest> fact_commitments(const exchange::Facts& facts, std::string_view secret) {
  std::vector<Digest> commitments;
  commitments.reserve(facts.items().size());
  for (const auto& [path, value] : facts.items()) {
    const Digest salt = fact_salt(secret, commitments.size());
    const Digest value_hash = fact_value_hash(salt, exchange::canonical_value(value));
    commitments.push_back(fact_commitment(path, value_hash));
  }
  return commitments;
}

Digest fact_root(const exchange::Facts& facts, std::string_view secret) {
  return merkle::root(fact_commitments(facts, secret));
}

Result<exchange::FactOpening> open_fact(const exchange::Facts& facts, std::string_view secret,
                                        std::span<const Digest> commitments, std::string_view path) {
  const auto& items = facts.items();
  const auto found = std::ranges::find(items, path, &exchange::Facts::Item::first);
  if (found == items.end()) return fail(Code::kNotFound, "there is no fact `" + std::string(path) + "`");
  const auto position = static_cast<uint64_t>(found - items.begin());
  const auto subtree = [&](uint64_t start, uint64_t end) -> Result<Digest> {
    return merkle::root(commitments.subspan(start, end - start));
  };
  exchange::FactOpening opening{position, fact_salt(secret, position), {}};
  PV_TRY(opening.proof, merkle::inclusion_path(position, commitments.size(), subtree));
  return opening;
}

std::string Contents::encode() const {
  PV_CHECK(secret.size() == kLeafSecretBytes && payloads.size() <= kPayloadsMax);
  std::string out(kContentsMagic);
  out += secret;
  put_u16(out, static_cast<uint16_t>(facts.items().size()));
  for (const auto& [path, value] : facts.items()) {
    put_text(out, path);
    put_blob(out, exchange::canonical_value(value));
  }
  put_u16(out, static_cast<uint16_t>(payloads.size()));
  for (const auto& [name, bytes] : payloads) {
    put_text(out, name);
    put_blob(out, bytes);
  }
  return out;
}

Result<Contents> Contents::decode(std::string_view bytes) {
  ByteReader reader(bytes);
  PV_TRY(const auto magic, reader.bytes(kContentsMagic.size()));
  if (magic != kContentsMagic)
    return fail(Code::kUnsupported, "not a record's contents of version 1");
  Contents contents;
  PV_TRY(const auto secret, reader.bytes(kLeafSecretBytes));
  contents.secret = secret;
  PV_TRY(contents.facts, take_facts(reader));
  PV_TRY(const auto payloads, reader.u16());
  if (payloads > kPayloadsMax) return fail(Code::kLimit, "a record has at most 64 payloads");
  for (uint16_t i = 0; i < payloads; ++i) {
    PV_TRY(const auto name, take_text(reader));
    PV_TRY(const auto payload, take_blob(reader));
    if (name.empty() || name.size() > kPayloadNameBytesMax) {
      return fail(Code::kInvalid, "a payload's name is 1 to 255 bytes");
    }
    contents.payloads.emplace_back(name, payload);
  }
  if (!reader.rest().empty()) return fail(Code::kInvalid, "bytes stand behind a record's contents");
  if (contents.encode() != bytes) {
    return fail(Code::kInvalid, "a record's contents are not in their one spelling");
  }
  return contents;
}

}  // namespace proviso::audit
