#include "ledger/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/bytes.h"

namespace proviso::ledger {
namespace {

constexpr uint8_t kMlDsaCosignatureType = 0x06;

std::vector<std::string_view> items_of(std::string_view line) {
  std::vector<std::string_view> items;
  while (true) {
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return items;
    line.remove_prefix(start);
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    items.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool allowed_octet(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet == 0x09 || octet == 0x0A || (octet >= 0x20 && octet != 0x7F);
}

}  // namespace

class PolicyParser {
 public:
  Result<Policy> run(std::string_view text);

 private:
  Status line(std::span<const std::string_view> items);
  Status log(std::span<const std::string_view> items);
  Status witness(std::span<const std::string_view> items);
  Status group(std::span<const std::string_view> items);
  Status quorum(std::span<const std::string_view> items);
  Status name_is_free(std::string_view name) const;
  std::optional<size_t> find(std::string_view name) const;

  Policy policy_;
  bool has_quorum_ = false;
};

std::optional<size_t> PolicyParser::find(std::string_view name) const {
  const auto at = std::ranges::find(policy_.members_, name, &Policy::Member::name);
  if (at == policy_.members_.end()) return std::nullopt;
  return static_cast<size_t>(at - policy_.members_.begin());
}

Status PolicyParser::name_is_free(std::string_view name) const {
  if (name == "none") return fail(Code::kInvalid, "`none` is not a name to give");
  if (find(name)) return fail(Code::kInvalid, fmt::format("`{}` is defined twice", name));
  if (policy_.members_.size() + policy_.logs_.size() == kPolicyNamesMax) {
    return fail(Code::kLimit, fmt::format("a policy has at most {} names", kPolicyNamesMax));
  }
  return {};
}

Status PolicyParser::log(std::span<const std::string_view> items) {
  if (items.size() < 2 || items.size() > 3) {
    return fail(Code::kInvalid, "write `log VKEY [URL]`");
  }
  PV_TRY(note::VerifierKey key, note::VerifierKey::parse(items[1]));
  if (key.type == kCosignatureType) {
    return fail(Code::kInvalid, "a log's key is not a cosignature key");
  }
  if (policy_.members_.size() + policy_.logs_.size() == kPolicyNamesMax) {
    return fail(Code::kLimit, fmt::format("a policy has at most {} names", kPolicyNamesMax));
  }
  // SPEC tlog-policy: multiple log lines with the same public key are not allowed.
  if (std::ranges::any_of(policy_.logs_,
                          [&](const Policy::Log& each) { return each.key.key == key.key; })) {
    return fail(Code::kInvalid, "this log's public key stands twice");
  }
  policy_.logs_.push_back({std::move(key), items.size() == 3 ? std::string(items[2]) : ""});
  return {};
}

Status PolicyParser::witness(std::span<const std::string_view> items) {
  if (items.size() < 3 || items.size() > 4) {
    return fail(Code::kInvalid, "write `witness NAME VKEY [URL]`");
  }
  PV_TRY_VOID(name_is_free(items[1]));
  PV_TRY(note::VerifierKey key, note::VerifierKey::parse(items[2]));
  // SPEC tlog-policy: keys MUST use a signature type appropriate for their function.
  if (key.type != kCosignatureType && key.type != kMlDsaCosignatureType) {
    return fail(Code::kInvalid, "a witness's key is of a cosignature type (04 or 06)");
  }
  // SPEC tlog-policy: multiple witness lines with the same public key are not allowed.
  if (std::ranges::any_of(policy_.witnesses_,
                          [&](const Policy::Witness& each) { return each.key.key == key.key; })) {
    return fail(Code::kInvalid, "this witness's public key stands twice");
  }
  policy_.members_.push_back({std::string(items[1]), true, {}, false});
  policy_.witnesses_.push_back({std::string(items[1]), std::move(key),
                                items.size() == 4 ? std::string(items[3]) : std::string()});
  return {};
}

Status PolicyParser::group(std::span<const std::string_view> items) {
  if (items.size() < 4) {
    return fail(Code::kInvalid, "write `group NAME all|any|K MEMBER…`");
  }
  PV_TRY_VOID(name_is_free(items[1]));
  const auto members = items.subspan(3);
  Policy::Group group;
  if (items[2] == "all") {
    group.need = members.size();
  } else if (items[2] == "any") {
    group.need = 1;
  } else {
    PV_TRY(const uint64_t need, parse_u64(items[2]));
    // SPEC tlog-policy: it is required that 1 <= k <= n.
    if (need < 1 || need > members.size()) {
      return fail(Code::kInvalid, fmt::format("`{}` of {} members cannot be", need, members.size()));
    }
    group.need = need;
  }
  for (const std::string_view member : members) {
    const auto place = find(member);
    if (!place) return fail(Code::kInvalid, fmt::format("`{}` is not defined above", member));
    // SPEC tlog-policy: each defined name can be listed as a group member at most once.
    if (policy_.members_[*place].taken) {
      return fail(Code::kInvalid, fmt::format("`{}` is a member of a group already", member));
    }
    policy_.members_[*place].taken = true;
    group.members.push_back(*place);
  }
  policy_.members_.push_back({std::string(items[1]), false, std::move(group), false});
  return {};
}

Status PolicyParser::quorum(std::span<const std::string_view> items) {
  if (items.size() != 2) return fail(Code::kInvalid, "write `quorum NAME` or `quorum none`");
  // SPEC tlog-policy: a policy file must include exactly one quorum line.
  if (has_quorum_) return fail(Code::kInvalid, "there is a second quorum line");
  has_quorum_ = true;
  policy_.needs_none_ = items[1] == "none";
  if (policy_.needs_none_) return {};
  const auto place = find(items[1]);
  if (!place) return fail(Code::kInvalid, fmt::format("`{}` is not defined above", items[1]));
  policy_.quorum_ = *place;
  return {};
}

Status PolicyParser::line(std::span<const std::string_view> items) {
  if (items[0] == "log") return log(items);
  if (items[0] == "witness") return witness(items);
  if (items[0] == "group") return group(items);
  if (items[0] == "quorum") return quorum(items);
  return fail(Code::kInvalid,
              fmt::format("`{}` begins no line; known: log, witness, group, quorum", items[0]));
}

Result<Policy> PolicyParser::run(std::string_view text) {
  if (text.size() > kPolicyBytesMax) return fail(Code::kLimit, "a policy is at most 1 MiB");
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string where = fmt::format("line {} of the policy", number);
    // SPEC tlog-policy: the allowed octets are 09, 0A, 20-7E and 80-FF.
    if (!std::ranges::all_of(one, allowed_octet)) {
      return fail(Code::kInvalid, where + ": it holds a control character");
    }
    const auto items = items_of(one);
    // SPEC tlog-policy: comments are lines starting with `#`, possibly preceded by whitespace.
    if (items.empty() || items[0].starts_with('#')) continue;
    if (const Status read = line(items); !read) return fail_at(where, read.error());
  }
  if (!has_quorum_) return fail(Code::kInvalid, "the policy has no quorum line");
  return std::move(policy_);
}

Result<Policy> Policy::parse(std::string_view text) { return PolicyParser().run(text); }

std::vector<note::VerifierKey> Policy::witness_keys() const {
  std::vector<note::VerifierKey> keys;
  for (const Witness& witness : witnesses_) keys.push_back(witness.key);
  return keys;
}

bool Policy::satisfied_by(std::span<const std::string> names) const {
  if (needs_none_) return true;
  std::vector<bool> holds(members_.size(), false);
  for (size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    if (member.is_witness) {
      holds[i] = std::ranges::find(names, member.name) != names.end();
    } else {
      const auto held = std::ranges::count_if(member.group.members,
                                              [&](size_t place) { return holds[place]; });
      holds[i] = static_cast<size_t>(held) >= member.group.need;
    }
  }
  return holds[quorum_];
}

namespace {

// The time since when this quorum has vouched: take cosignatures newest first until they suffice; the
// last one that was needed says how far back the claim reaches.
UtcSeconds quorum_time(const Policy& policy, std::vector<Cosignature> found) {
  std::ranges::sort(found, std::greater{}, [](const Cosignature& each) { return each.time; });
  std::vector<std::string> names;
  for (const Cosignature& each : found) {
    for (const Policy::Witness& witness : policy.witnesses()) {
      if (witness.key.key == each.witness.key) names.push_back(witness.name);
    }
    if (policy.satisfied_by(names)) return each.time;
  }
  return {};
}

}  // namespace

Result<Witnessed> open_witnessed(std::string_view bytes, const Policy& policy,
                                 std::span<const note::VerifierKey> more_logs) {
  std::vector<note::VerifierKey> logs;
  for (const Policy::Log& log : policy.logs()) logs.push_back(log.key);
  for (const note::VerifierKey& log : more_logs) {
    const bool known = std::ranges::any_of(
        logs, [&](const note::VerifierKey& each) { return each.id == log.id && each.name == log.name; });
    if (!known) logs.push_back(log);
  }
  std::vector<std::string> signers;
  PV_TRY(const note::Note note, note::open(bytes, logs, &signers));
  Witnessed out;
  PV_TRY(out.checkpoint, note::Checkpoint::parse(note.text));
  // SPEC tlog-policy: the log key's name MUST correspond to the log's origin line.
  if (std::ranges::find(signers, out.checkpoint.origin) == signers.end()) {
    return fail(Code::kUnverified, fmt::format("the checkpoint is of `{}`, which did not sign it",
                                               out.checkpoint.origin));
  }
  PV_TRY(out.cosignatures, cosignatures(note, policy.witness_keys()));
  std::vector<std::string> names;
  for (const Policy::Witness& witness : policy.witnesses()) {
    const bool signed_it = std::ranges::any_of(out.cosignatures, [&](const Cosignature& each) {
      return each.witness.key == witness.key.key;
    });
    if (signed_it) names.push_back(witness.name);
  }
  out.quorum = policy.satisfied_by(names);
  if (out.quorum) out.earliest = quorum_time(policy, out.cosignatures);
  return out;
}

}  // namespace proviso::ledger
