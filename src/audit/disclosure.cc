#include "audit/disclosure.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/rederive.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/tlog_proof.h"

namespace proviso::audit {
namespace {

constexpr std::string_view kFormat = "proviso/disclosure@v1";

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("a disclosure has no usable `{}`", what));
}

// Nothing that would steer a terminal on which a path is shown: C0, DEL, C1.
bool has_controls(std::string_view utf8) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0) return true;
  }
  return false;
}

Status check_fact(const DisclosedFact& fact, const Leaf& leaf) {
  const auto wrong = [&](std::string_view why) {
    return fail(Code::kUnverified, fmt::format("fact `{}`: {}", fact.path, why));
  };
  if (fact.path.empty() || fact.path.size() > exchange::kFactPathBytesMax || has_controls(fact.path)) {
    return fail(Code::kInvalid, fmt::format("the fact at position {} has no usable path", fact.position));
  }
  if (fact.salt) {
    if (!exchange::parse_value(fact.value)) return wrong("its value is not in its one spelling");
    if (fact_value_hash(*fact.salt, fact.value) != fact.hash) {
      return wrong("value and salt are not what the leaf commits to");
    }
  }
  const Status holds = merkle::verify_inclusion(fact.position, leaf.fact_count,
                                                fact_commitment(fact.path, fact.hash), fact.proof,
                                                leaf.fact_root);
  return holds ? Status{} : wrong("it is not a fact of this leaf");
}

Result<std::shared_ptr<const agreement::Agreement>> open_agreement(const agreement::Files& files,
                                                                   const Digest& digest) {
  if (sha256(agreement::manifest_of(files)) != digest) {
    return fail(Code::kUnverified, "the agreement is not the one that the leaf names");
  }
  PV_TRY(auto loaded, agreement::Agreement::load(files));
  PV_TRY_VOID(loaded->check_signatures());
  return loaded;
}

}  // namespace

Result<std::vector<DisclosedFact>> open_facts(const Contents& contents,
                                              const std::set<std::string>& paths,
                                              const std::set<std::string>& around, Naming naming) {
  const auto& items = contents.facts.items();
  for (const std::string& path : paths) {
    if (contents.facts.find(path) == nullptr) {
      return fail(Code::kNotFound, fmt::format("the leaf has no fact `{}`; --absent shows that", path));
    }
  }
  std::set<size_t> named;
  for (const std::string& path : around) {
    if (contents.facts.find(path) != nullptr) {
      return fail(Code::kConflict, fmt::format("the leaf does have a fact `{}`", path));
    }
    const auto after = std::ranges::lower_bound(items, path, {}, &exchange::Facts::Item::first);
    const auto place = static_cast<size_t>(after - items.begin());
    if (place > 0) named.insert(place - 1);
    if (place < items.size()) named.insert(place);
  }
  std::vector<Digest> commitments;
  std::vector<DisclosedFact> out;
  for (size_t i = 0; i < items.size(); ++i) {
    DisclosedFact fact;
    fact.position = i;
    fact.path = items[i].first;
    const Digest salt = fact_salt(contents.secret, i);
    const std::string value = exchange::canonical_value(items[i].second);
    fact.hash = fact_value_hash(salt, value);
    commitments.push_back(fact_commitment(fact.path, fact.hash));
    const bool opened = paths.contains(fact.path);
    if (opened) {
      fact.salt = salt;
      fact.value = value;
    }
    if (opened || naming == Naming::kAll || named.contains(i)) out.push_back(std::move(fact));
  }
  const auto hash = [&](uint64_t start, uint64_t end) -> Result<Digest> {
    return merkle::root(std::span(commitments).subspan(start, end - start));
  };
  for (DisclosedFact& fact : out) {
    PV_TRY(fact.proof, merkle::inclusion_path(fact.position, items.size(), hash));
  }
  return out;
}

Result<Shown> judge(const Disclosure& disclosure, const ledger::Policy& policy,
                    std::span<const note::VerifierKey> logs) {
  Shown shown;
  PV_TRY(shown.leaf, Leaf::parse(disclosure.leaf));
  PV_TRY(const ledger::TlogProof proof, ledger::TlogProof::parse(disclosure.proof));
  PV_TRY(shown.witnessed, ledger::open_witnessed(proof.checkpoint, policy, logs));
  shown.index = proof.index;
  const auto& checkpoint = shown.witnessed.checkpoint;
  PV_TRY_VOID(merkle::verify_inclusion(proof.index, checkpoint.size,
                                       merkle::leaf_hash(disclosure.leaf), proof.hashes,
                                       checkpoint.root));
  if (!shown.witnessed.quorum) return fail(Code::kUnverified, "no quorum of witnesses cosigned the proof");
  // No inclusion path says anything about a root over nothing.
  if (shown.leaf.fact_count == 0 && shown.leaf.fact_root != merkle::empty_root()) {
    return fail(Code::kUnverified, "a leaf without facts commits to a root that is not the empty one");
  }
  exchange::Facts facts;
  for (size_t i = 0; i < disclosure.facts.size(); ++i) {
    const DisclosedFact& fact = disclosure.facts[i];
    if (i > 0 && (fact.position <= disclosure.facts[i - 1].position ||
                  fact.path <= disclosure.facts[i - 1].path)) {
      return fail(Code::kInvalid, "facts do not stand in their order");
    }
    PV_TRY_VOID(check_fact(fact, shown.leaf));
    if (!fact.salt) {
      shown.withheld.push_back(fact.path);
      continue;
    }
    PV_TRY(exchange::FactValue value, exchange::parse_value(fact.value));
    facts.set(fact.path, std::move(value));
  }
  shown.unnamed = shown.leaf.fact_count - disclosure.facts.size();
  if (!disclosure.agreement.empty()) {
    PV_TRY(shown.agreement, open_agreement(disclosure.agreement, shown.leaf.agreement));
  }
  if (!shown.withheld.empty() || shown.unnamed > 0) {
    shown.replay = Replayed::kFactsWithheld;
  } else if (shown.leaf.decision == "-") {
    shown.replay = Replayed::kNothingDecided;
  } else if (shown.agreement != nullptr) {
    const auto disagreements = rederive(shown.leaf, facts, *shown.agreement);
    if (!disagreements.empty()) return fail(Code::kUnverified, disagreements.front().message);
    shown.replay = Replayed::kSame;
  }
  return shown;
}

bool shows_absent(const Disclosure& disclosure, const Leaf& leaf, std::string_view path) {
  if (leaf.fact_count == 0) return leaf.fact_root == merkle::empty_root();
  const auto& facts = disclosure.facts;
  for (size_t i = 0; i < facts.size(); ++i) {
    if (facts[i].path == path) return false;
    // Before the first fact, behind the last, or between two that are neighbours.
    if (facts[i].position == 0 && path < facts[i].path) return true;
    if (facts[i].position == leaf.fact_count - 1 && path > facts[i].path) return true;
    if (i + 1 < facts.size() && facts[i + 1].position == facts[i].position + 1 &&
        facts[i].path < path && path < facts[i + 1].path) {
      return true;
    }
  }
  return false;
}

std::string Disclosure::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  // Files in base64: they are bytes, and their digest is over bytes.
  writer.key("agreement").begin_object();
  for (const auto& [path, bytes] : agreement) writer.key(path).string(base64_encode(bytes));
  writer.end_object();
  writer.key("facts").begin_array();
  for (const DisclosedFact& fact : facts) {
    writer.begin_object();
    writer.key("hash").string(fact.hash.hex());
    writer.key("path").string(fact.path);
    writer.key("position").uinteger(fact.position);
    writer.key("proof").begin_array();
    for (const Digest& hash : fact.proof) writer.string(base64_encode(hash.view()));
    writer.end_array();
    if (fact.salt) {
      writer.key("salt").string(fact.salt->hex());
      writer.key("value").string(fact.value);
    }
    writer.end_object();
  }
  writer.end_array();
  writer.key("format").string(kFormat);
  writer.key("leaf").string(leaf);
  writer.key("proof").string(proof);
  writer.end_object();
  return out;
}

namespace {

Result<std::string_view> text_of(json::Object object, std::string_view name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) return malformed(name);
  return text;
}

Result<DisclosedFact> fact_of(json::Element element) {
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) return malformed("facts");
  DisclosedFact fact;
  PV_TRY(const auto hash, text_of(object, "hash"));
  PV_TRY(fact.hash, digest_from_hex(hash));
  PV_TRY(const auto path, text_of(object, "path"));
  fact.path = path;
  if (object["position"].get(fact.position) != simdjson::SUCCESS) return malformed("position");
  json::Array proof;
  if (object["proof"].get(proof) != simdjson::SUCCESS) return malformed("proof");
  for (const json::Element each : proof) {
    std::string_view text;
    if (each.get(text) != simdjson::SUCCESS || fact.proof.size() == 16) return malformed("proof");
    PV_TRY(const std::string bytes, base64_decode(text));
    PV_TRY(fact.proof.emplace_back(), digest_from_bytes(bytes));
  }
  if (object["salt"].error() != simdjson::SUCCESS) return fact;
  PV_TRY(const auto salt, text_of(object, "salt"));
  PV_TRY(fact.salt, digest_from_hex(salt));
  PV_TRY(const auto value, text_of(object, "value"));
  fact.value = value;
  return fact;
}

}  // namespace

Result<Disclosure> Disclosure::parse(std::string_view text) {
  if (text.size() > kDisclosureBytesMax) return fail(Code::kLimit, "a disclosure is at most 24 MiB");
  json::Parser parser;
  PV_TRY(const auto element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "a disclosure is an object");
  PV_TRY(const auto format, text_of(object, "format"));
  if (format != kFormat) return fail(Code::kUnsupported, "not a disclosure of version 1");
  Disclosure out;
  PV_TRY(const auto leaf, text_of(object, "leaf"));
  out.leaf = leaf;
  PV_TRY(const auto proof, text_of(object, "proof"));
  out.proof = proof;
  json::Object files;
  if (object["agreement"].get(files) != simdjson::SUCCESS) return malformed("agreement");
  for (const auto& [path, value] : files) {
    std::string_view encoded;
    if (value.get(encoded) != simdjson::SUCCESS) return malformed("agreement");
    PV_TRY(out.agreement[std::string(path)], base64_decode(encoded));
  }
  json::Array facts;
  if (object["facts"].get(facts) != simdjson::SUCCESS) return malformed("facts");
  for (const json::Element each : facts) {
    if (out.facts.size() == exchange::kFactsMax) return fail(Code::kLimit, "a leaf has at most 256 facts");
    PV_TRY(out.facts.emplace_back(), fact_of(each));
  }
  if (out.text() != text) return fail(Code::kInvalid, "a disclosure is not in its one spelling");
  return out;
}

}  // namespace proviso::audit
