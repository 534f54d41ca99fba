#include "ledger/accuse.h"

#include <fmt/format.h>

#include <array>
#include <tuple>

#include "base/bytes.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/keys.h"
#include "ledger/policy.h"
#include "ledger/tlog_proof.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kFormat = "proviso/evidence@v1";

constexpr std::array kCharges = {
    std::pair{Charge::kTwoLeaves, "two-leaves"}, std::pair{Charge::kBackDated, "back-dated"},
    std::pair{Charge::kTwoRoots, "two-roots"},   std::pair{Charge::kRewritten, "rewritten"},
    std::pair{Charge::kReplaced, "replaced"},    std::pair{Charge::kMissing, "missing"}};

std::unexpected<Error> no_case(std::string why) {
  return fail(Code::kUnverified, "this proves nothing: " + std::move(why));
}

// The documents of a case, each opened under the log's own keys.
struct Case {
  note::VerifierKey log_key;
  std::vector<Receipt> receipts;
  std::vector<note::Checkpoint> checkpoints;
};

Result<Receipt> open_receipt(const std::string& text, const PublicKey& key, std::string_view origin) {
  PV_TRY(Receipt receipt, Receipt::parse(text));
  PV_TRY_VOID(receipt.verify(key));
  if (receipt.origin != origin) return no_case("a receipt is of another log");
  return receipt;
}

Result<note::Checkpoint> open_checkpoint(const std::string& text, const note::VerifierKey& key) {
  PV_TRY(const note::Note note, note::open(text, std::span(&key, 1)));
  PV_TRY(note::Checkpoint checkpoint, note::Checkpoint::parse(note.text));
  if (checkpoint.origin != key.name) return no_case("a checkpoint is of another log");
  return checkpoint;
}

Result<Case> open_case(const std::string& log_key, const std::string& receipt_key,
                       std::span<const std::string> receipts,
                       std::span<const std::string> checkpoints) {
  Case out;
  PV_TRY(out.log_key, note::VerifierKey::parse(log_key));
  for (const std::string& text : checkpoints) {
    PV_TRY(out.checkpoints.emplace_back(), open_checkpoint(text, out.log_key));
  }
  if (receipts.empty()) return out;
  PV_TRY(const note::VerifierKey named, note::VerifierKey::parse(receipt_key));
  if (named.name != receipt_key_name(out.log_key.name)) {
    return no_case("the receipt key is not named after the log");
  }
  PV_TRY(const PublicKey key, ed25519_key(named));
  for (const std::string& text : receipts) {
    PV_TRY(out.receipts.emplace_back(), open_receipt(text, key, out.log_key.name));
  }
  return out;
}

Status expect(const Case& what, size_t receipts, size_t checkpoints) {
  if (what.receipts.size() == receipts && what.checkpoints.size() == checkpoints) return {};
  return fail(Code::kInvalid, "the evidence does not hold the documents of its charge");
}

Result<std::string> judge_two_leaves(const Case& what) {
  PV_TRY_VOID(expect(what, 2, 0));
  const Receipt& a = what.receipts[0];
  const Receipt& b = what.receipts[1];
  if (a.index != b.index) return no_case("the receipts are about different places");
  if (a.leaf == b.leaf) return no_case("the receipts promise the same entry");
  return fmt::format("`{}` gave two receipts for entry {}: one for leaf {}, one for leaf {}", a.origin,
                     a.index, a.leaf.hex(), b.leaf.hex());
}

Result<std::string> judge_back_dated(const Case& what) {
  PV_TRY_VOID(expect(what, 2, 0));
  const Receipt& a = what.receipts[0];
  const Receipt& b = what.receipts[1];
  if (a.index >= b.index || a.time <= b.time) return no_case("times and places run the same way");
  return fmt::format("`{}` signed that entry {} was recorded at {}, and that the later entry {} was "
                     "recorded before it, at {}",
                     a.origin, a.index, format_time(a.time), b.index, format_time(b.time));
}

Result<std::string> judge_two_roots(const Case& what) {
  PV_TRY_VOID(expect(what, 0, 2));
  const auto& [a, b] = std::tie(what.checkpoints[0], what.checkpoints[1]);
  if (a.size != b.size) return no_case("the checkpoints have different sizes");
  if (a.root == b.root) return no_case("the checkpoints agree");
  return fmt::format("`{}` signed two histories of {} entries: root {} and root {}", a.origin, a.size,
                     a.root.hex(), b.root.hex());
}

Result<std::string> judge_rewritten(const Case& what, const Evidence& evidence) {
  PV_TRY_VOID(expect(what, 0, 2));
  const auto& [a, b] = std::tie(what.checkpoints[0], what.checkpoints[1]);
  if (!evidence.root || a.size == 0 || a.size >= b.size) {
    return no_case("the first checkpoint is not the smaller one");
  }
  if (*evidence.root == a.root) return no_case("the later checkpoint continues the earlier one");
  const Status leads =
      merkle::verify_consistency(a.size, b.size, evidence.path, *evidence.root, b.root);
  if (!leads) return no_case("the path does not lead to the later checkpoint");
  return fmt::format("`{}` signed that its first {} entries have root {}, and later a history of {} "
                     "entries in which they have root {}",
                     a.origin, a.size, a.root.hex(), b.size, evidence.root->hex());
}

Result<std::string> judge_replaced(const Case& what, const Evidence& evidence) {
  PV_TRY_VOID(expect(what, 1, 0));
  const Receipt& receipt = what.receipts[0];
  PV_TRY(const TlogProof proof, TlogProof::parse(evidence.proof));
  if (!evidence.leaf || *evidence.leaf == receipt.leaf || proof.index != receipt.index) {
    return no_case("the proof is not of another entry at the receipt's place");
  }
  PV_TRY_VOID(proof.verify(*evidence.leaf, std::span(&what.log_key, 1), receipt.origin));
  return fmt::format("`{}` promised at {} that entry {} is leaf {}, and signed a history in which it is "
                     "leaf {}",
                     receipt.origin, format_time(receipt.time), receipt.index, receipt.leaf.hex(),
                     evidence.leaf->hex());
}

Result<std::string> judge_missing(const Case& what, const Evidence& evidence) {
  PV_TRY_VOID(expect(what, 1, 1));
  const Receipt& receipt = what.receipts[0];
  PV_TRY(const Policy policy, Policy::parse(evidence.policy));
  PV_TRY(const Witnessed seen, open_witnessed(evidence.checkpoints[0], policy,
                                              std::span(&what.log_key, 1)));
  if (!seen.quorum || seen.cosignatures.empty()) return no_case("no quorum of witnesses gives a time");
  if (seen.checkpoint.size > receipt.index) return no_case("the checkpoint covers the entry");
  int64_t later_s = 0;
  if (__builtin_sub_overflow(seen.earliest.value, receipt.time.value, &later_s)) {
    return no_case("its times are too far apart to be compared");
  }
  if (evidence.delay_s < 0 || later_s <= evidence.delay_s) {
    return no_case("the entry still had time to be published");
  }
  return fmt::format("`{}` promised at {} that entry {} is recorded; its witnesses had not been shown it "
                     "{} s after the receipt: what they cosigned had {} entries",
                     receipt.origin, format_time(receipt.time), receipt.index, later_s,
                     seen.checkpoint.size);
}

Status same_key(const std::string& brought, const std::string& stands, std::string_view which) {
  if (brought.empty() || brought == stands) return {};
  return fail(Code::kUnverified,
              fmt::format("the evidence is under another {}, `{}`", which, stands));
}

}  // namespace

const char* charge_name(Charge charge) {
  for (const auto& [each, name] : kCharges) {
    if (each == charge) return name;
  }
  return "";
}

Result<std::string> judge(const Evidence& evidence) {
  PV_TRY(const Case what, open_case(evidence.log_key, evidence.receipt_key, evidence.receipts,
                                    evidence.checkpoints));
  switch (evidence.charge) {
    case Charge::kTwoLeaves: return judge_two_leaves(what);
    case Charge::kBackDated: return judge_back_dated(what);
    case Charge::kTwoRoots: return judge_two_roots(what);
    case Charge::kRewritten: return judge_rewritten(what, evidence);
    case Charge::kReplaced: return judge_replaced(what, evidence);
    case Charge::kMissing: return judge_missing(what, evidence);
  }
  return fail(Code::kInternal, "no such charge");
}

Result<Judgement> judge(Evidence evidence, const Brought& brought) {
  Judgement out;
  const auto want = [&](bool is_there, const char* what) {
    if (!is_there) out.unbrought.emplace_back(what);
  };
  PV_TRY_VOID(same_key(brought.log_key, evidence.log_key, "log key"));
  want(!brought.log_key.empty(), "log key");
  if (!evidence.receipts.empty()) {
    PV_TRY_VOID(same_key(brought.receipt_key, evidence.receipt_key, "receipt key"));
    want(!brought.receipt_key.empty(), "receipt key");
  }
  if (evidence.charge == Charge::kMissing) {
    want(!brought.policy.empty(), "policy");
    want(brought.delay_s.has_value(), "delay");
    if (!brought.policy.empty()) evidence.policy = brought.policy;
    evidence.delay_s = brought.delay_s.value_or(evidence.delay_s);
    out.finding = Finding::kNotShown;
  }
  PV_TRY(out.sentence, judge(evidence));
  if (!out.unbrought.empty()) out.finding = Finding::kOnItsOwnWord;
  return out;
}

namespace {

// Builds candidates from documents; whether one proves anything is for judge() alone to say.
class Accuser {
 public:
  explicit Accuser(const Documents& documents) : documents_(documents) {}
  Result<std::optional<Evidence>> run();

 private:
  Evidence blank(Charge charge) const {
    Evidence out;
    out.charge = charge;
    out.log_key = documents_.log_key;
    return out;
  }
  bool proves(const Evidence& candidate) {
    if (!judge(candidate)) return false;
    found_ = candidate;
    return true;
  }
  bool try_receipts();
  bool try_checkpoints(const std::string& a, const std::string& b);
  bool try_published(const std::string& older, const note::Checkpoint& checkpoint);
  bool try_replaced(const std::string& text, const Receipt& receipt);
  bool try_missing(const std::string& receipt, const std::string& checkpoint);

  const Documents& documents_;
  std::optional<Evidence> found_;
};

bool Accuser::try_receipts() {
  if (documents_.receipts.size() != 2) return false;
  const auto& [a, b] = std::tie(documents_.receipts[0], documents_.receipts[1]);
  for (const Charge charge : {Charge::kTwoLeaves, Charge::kBackDated}) {
    for (const auto& order : {std::vector{a, b}, std::vector{b, a}}) {
      Evidence candidate = blank(charge);
      candidate.receipt_key = documents_.receipt_key;
      candidate.receipts = order;
      if (proves(candidate)) return true;
    }
  }
  return false;
}

bool Accuser::try_checkpoints(const std::string& a, const std::string& b) {
  Evidence candidate = blank(Charge::kTwoRoots);
  candidate.checkpoints = {a, b};
  return proves(candidate);
}

// What is published against a checkpoint that was signed before: the roots of their common beginning.
bool Accuser::try_published(const std::string& older, const note::Checkpoint& checkpoint) {
  const LogReader& log = *documents_.published;
  const auto newer = log.checkpoint();
  if (!newer) return false;
  if (try_checkpoints(older, *newer)) return true;
  if (checkpoint.size == 0 || checkpoint.size >= log.size()) return false;
  const auto hash = [&](uint64_t start, uint64_t end) { return log.subtree(start, end); };
  const auto root = log.subtree(0, checkpoint.size);
  const auto path = merkle::consistency_path(checkpoint.size, log.size(), hash);
  if (!root || !path) return false;
  Evidence candidate = blank(Charge::kRewritten);
  candidate.checkpoints = {older, *newer};
  candidate.root = *root;
  candidate.path = *path;
  return proves(candidate);
}

bool Accuser::try_replaced(const std::string& text, const Receipt& receipt) {
  const LogReader& log = *documents_.published;
  const auto leaf = log.leaf_hash(receipt.index);
  const auto proof = tlog_proof(log, receipt.index);
  if (!leaf || !proof) return false;
  Evidence candidate = blank(Charge::kReplaced);
  candidate.receipt_key = documents_.receipt_key;
  candidate.receipts = {text};
  candidate.leaf = *leaf;
  candidate.proof = *proof;
  return proves(candidate);
}

bool Accuser::try_missing(const std::string& receipt, const std::string& checkpoint) {
  Evidence candidate = blank(Charge::kMissing);
  candidate.receipt_key = documents_.receipt_key;
  candidate.receipts = {receipt};
  candidate.checkpoints = {checkpoint};
  candidate.policy = documents_.policy;
  candidate.delay_s = documents_.delay_s;
  return proves(candidate);
}

Result<std::optional<Evidence>> Accuser::run() {
  PV_TRY(const Case what, open_case(documents_.log_key, documents_.receipt_key, documents_.receipts,
                                    documents_.checkpoints));
  std::vector<std::string> checkpoints = documents_.checkpoints;
  if (documents_.published != nullptr) {
    PV_TRY(checkpoints.emplace_back(), documents_.published->checkpoint());
    PV_TRY(const auto own, open_checkpoint(checkpoints.back(), what.log_key));
    (void)own;
  }
  if (try_receipts()) return found_;
  if (documents_.checkpoints.size() == 2 &&
      try_checkpoints(documents_.checkpoints[0], documents_.checkpoints[1])) {
    return found_;
  }
  for (size_t i = 0; i < what.checkpoints.size() && documents_.published != nullptr; ++i) {
    if (try_published(documents_.checkpoints[i], what.checkpoints[i])) return found_;
  }
  for (size_t i = 0; i < what.receipts.size(); ++i) {
    const std::string& text = documents_.receipts[i];
    if (documents_.published != nullptr && try_replaced(text, what.receipts[i])) return found_;
    for (const std::string& checkpoint : checkpoints) {
      if (!documents_.policy.empty() && try_missing(text, checkpoint)) return found_;
    }
  }
  return std::optional<Evidence>();
}

void put_texts(json::Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name).begin_array();
  for (const std::string& text : texts) writer.string(text);
  writer.end_array();
}

Result<std::vector<std::string>> texts_of(json::Object object, std::string_view name) {
  json::Array array;
  std::vector<std::string> out;
  if (object[name].get(array) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, fmt::format("evidence has no usable `{}`", name));
  }
  for (const json::Element each : array) {
    std::string_view text;
    if (each.get(text) != simdjson::SUCCESS || out.size() == 63) {
      return fail(Code::kInvalid, fmt::format("evidence has no usable `{}`", name));
    }
    out.emplace_back(text);
  }
  return out;
}

Result<std::string> text_of(json::Object object, std::string_view name) {
  std::string_view text;
  if (object[name].get(text) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, fmt::format("evidence has no usable `{}`", name));
  }
  return std::string(text);
}

Result<Digest> hash_of(std::string_view text) {
  PV_TRY(const std::string bytes, base64_decode(text));
  return digest_from_bytes(bytes);
}

std::string optional_hash(const std::optional<Digest>& hash) {
  return hash ? base64_encode(hash->view()) : std::string();
}

Result<std::optional<Digest>> optional_hash_of(json::Object object, std::string_view name) {
  PV_TRY(const std::string text, text_of(object, name));
  if (text.empty()) return std::optional<Digest>();
  PV_TRY(const Digest hash, hash_of(text));
  return std::optional(hash);
}

Result<Charge> charge_of(std::string_view name) {
  for (const auto& [charge, each] : kCharges) {
    if (name == each) return charge;
  }
  return fail(Code::kUnsupported, fmt::format("`{}` is no charge that is known here", name));
}

}  // namespace

Result<std::optional<Evidence>> accuse(const Documents& documents) {
  if (documents.receipts.size() > 2 || documents.checkpoints.size() > 2) {
    return fail(Code::kLimit, "at most two receipts and two checkpoints are judged together");
  }
  if (!is_utf8(documents.policy)) return fail(Code::kInvalid, "evidence holds a policy in UTF-8 only");
  return Accuser(documents).run();
}

std::string Evidence::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("charge").string(charge_name(charge));
  put_texts(writer, "checkpoints", checkpoints);
  writer.key("delay").integer(delay_s);
  writer.key("format").string(kFormat);
  writer.key("leaf").string(optional_hash(leaf));
  writer.key("log_key").string(log_key);
  writer.key("path").begin_array();
  for (const Digest& hash : path) writer.string(base64_encode(hash.view()));
  writer.end_array();
  writer.key("policy").string(policy);
  writer.key("proof").string(proof);
  writer.key("receipt_key").string(receipt_key);
  put_texts(writer, "receipts", receipts);
  writer.key("root").string(optional_hash(root));
  writer.end_object();
  return out;
}

Result<Evidence> Evidence::parse(std::string_view text) {
  if (text.size() > kEvidenceBytesMax) return fail(Code::kLimit, "evidence is at most 4 MiB");
  json::Parser parser;
  PV_TRY(const auto element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "evidence is an object");
  PV_TRY(const std::string format, text_of(object, "format"));
  if (format != kFormat) return fail(Code::kUnsupported, "not evidence of version 1");
  Evidence out;
  PV_TRY(const std::string charge, text_of(object, "charge"));
  PV_TRY(out.charge, charge_of(charge));
  PV_TRY(out.checkpoints, texts_of(object, "checkpoints"));
  PV_TRY(out.receipts, texts_of(object, "receipts"));
  PV_TRY(out.log_key, text_of(object, "log_key"));
  PV_TRY(out.receipt_key, text_of(object, "receipt_key"));
  PV_TRY(out.policy, text_of(object, "policy"));
  PV_TRY(out.proof, text_of(object, "proof"));
  PV_TRY(out.leaf, optional_hash_of(object, "leaf"));
  PV_TRY(out.root, optional_hash_of(object, "root"));
  PV_TRY(const auto path, texts_of(object, "path"));
  for (const std::string& hash : path) {
    PV_TRY(out.path.emplace_back(), hash_of(hash));
  }
  if (object["delay"].get(out.delay_s) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "evidence has no usable `delay`");
  }
  if (out.text() != text) return fail(Code::kInvalid, "evidence is not in its one spelling");
  return out;
}

}  // namespace proviso::ledger
