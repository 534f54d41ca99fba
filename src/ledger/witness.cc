#include "ledger/witness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <filesystem>

#include "base/bytes.h"
#include "ledger/accuse.h"
#include "ledger/receipt.h"

namespace proviso::ledger {
namespace {

WitnessAnswer say(int status, std::string sentence) {
  return {status, "text/plain; charset=utf-8", std::move(sentence) + "\n"};
}

// SPEC tlog-witness: the body of a 409 MUST be the size of the latest cosigned checkpoint.
WitnessAnswer conflict(uint64_t size) {
  return {409, "text/x.tlog.size", fmt::format("{}\n", size)};
}

Result<std::string_view> take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return fail(Code::kInvalid, "a line does not end");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

Status check_continuation(const note::Checkpoint& next, const AddCheckpoint& request,
                          const Digest& old_root) {
  // SPEC tlog-witness: a tree of size 0 has the empty root.
  if (next.size == 0 && next.root != merkle::empty_root()) {
    return fail(Code::kUnverified, "a tree without entries has another root");
  }
  // SPEC tlog-witness: the proof MUST be empty if the old size is zero.
  if (request.old_size == 0 || request.old_size == next.size) {
    if (!request.proof.empty()) return fail(Code::kUnverified, "here a consistency proof is empty");
    if (request.old_size != 0 && next.root != old_root) {
      return fail(Code::kUnverified, "two roots for one size");
    }
    return {};
  }
  return merkle::verify_consistency(request.old_size, next.size, request.proof, old_root, next.root);
}

bool has_signature_lines(std::string_view note) {
  const size_t split = note.rfind("\n\n");
  return split != std::string_view::npos && note.substr(split + 2).starts_with("\xE2\x80\x94 ");
}

// The note with nothing but the lines that note::open() verified, the first of each key: a forged line
// under this witness's own name, stored and read again, would wedge it.
note::Note only_lines_of(const note::Note& note, std::span<const note::VerifierKey> keys) {
  note::Note kept{note.text, {}};
  for (const note::Signature& signature : note.signatures) {
    const auto same = [&](const auto& other) {
      return other.name == signature.name && other.id == signature.id;
    };
    if (std::ranges::any_of(keys, same) && std::ranges::none_of(kept.signatures, same)) {
      kept.signatures.push_back(signature);
    }
  }
  return kept;
}

}  // namespace

std::string AddCheckpoint::text() const {
  std::string out = fmt::format("old {}\n", old_size);
  for (const Digest& hash : proof) out += base64_encode(hash.view()) + "\n";
  return out + "\n" + checkpoint;
}

Result<AddCheckpoint> AddCheckpoint::parse(std::string_view body) {
  if (body.size() > kWitnessBodyBytesMax) return fail(Code::kLimit, "a request is at most 128 KiB");
  AddCheckpoint out;
  PV_TRY(std::string_view line, take_line(body));
  // SPEC tlog-witness: `old`, one space, ASCII decimal without leading zeroes.
  if (!line.starts_with("old ")) return fail(Code::kInvalid, "the first line is `old SIZE`");
  PV_TRY(out.old_size, parse_u64(line.substr(4)));
  while (true) {
    PV_TRY(line, take_line(body));
    if (line.empty()) break;
    // SPEC tlog-witness: no more than 63 consistency proof lines.
    if (out.proof.size() == kConsistencyHashesMax) return fail(Code::kLimit, "more than 63 hashes");
    PV_TRY(const std::string bytes, base64_decode(line));
    PV_TRY(const Digest hash, digest_from_bytes(bytes));
    out.proof.push_back(hash);
  }
  out.checkpoint = body;
  return out;
}

Witness::Witness(WitnessOptions options)
    : options_(std::move(options)), io_(options_.io ? *options_.io : Io::system()) {}

std::string Witness::path_of(std::string_view origin) const {
  return options_.dir + "/logs/" + sha256(origin).hex();
}

Result<std::unique_ptr<Witness>> Witness::open(WitnessOptions options) {
  if (options.logs.size() > kWitnessLogsMax) {
    return fail(Code::kLimit, fmt::format("a witness knows at most {} logs", kWitnessLogsMax));
  }
  auto witness = std::unique_ptr<Witness>(new Witness(std::move(options)));
  PV_TRY_VOID(witness->load());
  return witness;
}

Status Witness::load() {
  PV_TRY_VOID(make_dirs(options_.dir + "/logs"));
  PV_TRY_VOID(make_dirs(options_.dir + "/evidence"));
  PV_TRY(lock_, open_file(io_, options_.dir + "/lock", O_RDWR | O_CREAT, 0600));
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::kConflict, fmt::format("`{}` is held by another witness", options_.dir));
  }
  for (const note::VerifierKey& log : options_.logs) {
    if (!seen_.contains(log.name)) PV_TRY_VOID(load_log(log.name));
  }
  return {};
}

// Nothing is trusted but what this witness signed itself.
Status Witness::load_log(const std::string& origin) {
  const std::string path = path_of(origin);
  auto bytes = read_file(path, note::kNoteBytesMax);
  if (!bytes && bytes.error().code == Code::kNotFound) return {};
  if (!bytes) return std::unexpected(bytes.error());
  const auto bad = [&](std::string_view why) {
    return fail(Code::kCorrupt, fmt::format("`{}`: {}", path, why));
  };
  PV_TRY(const note::VerifierKey own, cosigner_key(options_.key.name, options_.key.key.public_key()));
  const auto note = note::parse(*bytes);
  if (!note) return bad(note.error().message);
  const auto found = cosignatures(*note, std::span(&own, 1));
  if (!found) return bad(found.error().message);
  if (found->empty()) return bad("this witness did not cosign it");
  auto checkpoint = note::Checkpoint::parse(note->text);
  if (!checkpoint || checkpoint->origin != origin) return bad("it is not a checkpoint of this log");
  seen_[origin] = {std::move(*checkpoint), found->front().time, std::move(*bytes)};
  return {};
}

// Only what convicts alone, and each fork once however it is dressed: whoever has no key of the log can
// make no file here, and one log cannot take another's room.
void Witness::keep_evidence(const note::Note& refused, const Seen& own,
                            std::span<const note::VerifierKey> keys) {
  const std::string dir = options_.dir + "/evidence/" + sha256(own.checkpoint.origin).hex();
  const std::string path = dir + "/" + sha256(refused.text).hex();
  std::error_code ec;
  if (std::filesystem::exists(path, ec)) return;
  const auto kept = std::filesystem::directory_iterator(dir, ec);
  if (!ec && static_cast<size_t>(std::distance(begin(kept), end(kept))) >= kEvidencePerLogMax) return;
  for (const note::VerifierKey& key : keys) {
    Evidence evidence;
    evidence.charge = Charge::kTwoRoots;
    evidence.log_key = key.text();
    evidence.checkpoints = {own.note, note_text(refused)};
    if (!ledger::judge(evidence)) continue;
    if (make_dirs(dir)) (void)replace_file(io_, path, evidence.text() + "\n", FileMode::kShared);
    return;
  }
}

WitnessAnswer Witness::add_checkpoint(std::string_view body) {
  const auto request = AddCheckpoint::parse(body);
  if (!request) return say(400, request.error().message);
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) return say(500, failure_);
  return judge(*request);
}

WitnessAnswer Witness::judge(const AddCheckpoint& request) {
  const auto parsed = note::parse(request.checkpoint);
  // Signature lines that cannot be read are signatures that do not verify; without any, it is no note.
  if (!parsed && has_signature_lines(request.checkpoint)) return say(403, parsed.error().message);
  if (!parsed) return say(400, parsed.error().message);
  const auto checkpoint = note::Checkpoint::parse(parsed->text);
  if (!checkpoint) return say(400, checkpoint.error().message);
  std::vector<note::VerifierKey> trusted;
  std::ranges::copy_if(options_.logs, std::back_inserter(trusted),
                       [&](const auto& log) { return log.name == checkpoint->origin && log.type == 0x01; });
  // SPEC tlog-witness: an unknown origin MUST be answered with 404.
  if (trusted.empty()) return say(404, "this witness does not know that log");
  // SPEC tlog-witness: if no signature verifies against a trusted key, 403.
  const auto opened = note::open(request.checkpoint, trusted);
  if (!opened) return say(403, opened.error().message);
  // SPEC tlog-witness: an old size above the checkpoint's MUST be answered with 400.
  if (request.old_size > checkpoint->size) return say(400, "the old size is above the new one");

  const auto known = seen_.find(checkpoint->origin);
  const uint64_t seen_size = known == seen_.end() ? 0 : known->second.checkpoint.size;
  const Digest seen_root =
      known == seen_.end() ? merkle::empty_root() : known->second.checkpoint.root;
  // Two roots for one size are evidence, whatever old size was named. A larger size without a proof is not:
  // whoever sent it may just not have the proof.
  if (known != seen_.end() && checkpoint->size == seen_size && checkpoint->root != seen_root) {
    keep_evidence(only_lines_of(*opened, trusted), known->second, trusted);
  }
  // SPEC tlog-witness: the old size MUST be that of the latest cosigned checkpoint, else 409.
  if (request.old_size != seen_size) return conflict(seen_size);
  if (const Status continues = check_continuation(*checkpoint, request, seen_root); !continues) {
    return say(422, continues.error().message);
  }
  return remember(*checkpoint, only_lines_of(*opened, trusted),
                  known == seen_.end() ? UtcSeconds{} : known->second.time);
}

// SPEC tlog-witness: the new checkpoint MUST be persisted before the answer, together with the check.
WitnessAnswer Witness::remember(const note::Checkpoint& checkpoint, const note::Note& note,
                                UtcSeconds last_time) {
  const UtcSeconds now = options_.clock->now();
  if (now < last_time) {
    return say(500, "this witness's clock stands before its last cosignature: set the clock");
  }
  const auto line = cosign(note.text, options_.key, now);
  if (!line) return say(400, line.error().message);
  const std::string stored = note_text(note) + *line;
  if (const Status wrote = replace_file(io_, path_of(checkpoint.origin), stored, FileMode::kShared);
      !wrote) {
    failure_ = "this witness cannot remember what it cosigns: " + wrote.error().message;
    return say(500, failure_);
  }
  seen_[checkpoint.origin] = {checkpoint, now, stored};
  return {200, "text/plain; charset=utf-8", *line};
}

WitnessAnswer Witness::latest(std::string_view origin_hash) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [origin, seen] : seen_) {
    if (sha256(origin).hex() == origin_hash) {
      return {200, "text/plain; charset=utf-8", seen.note};
    }
  }
  return say(404, "nothing of that log was cosigned");
}

}  // namespace proviso::ledger
