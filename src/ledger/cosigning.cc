#include "ledger/cosigning.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/file.h"
#include "ledger/io.h"

namespace proviso::ledger {
namespace {

constexpr size_t kWordsShown = 200;  // of what a witness says when it refuses

std::string shown(std::string_view words) {
  while (words.ends_with('\n')) words.remove_suffix(1);
  std::string out;
  for (const char c : words.substr(0, kWordsShown)) out += c >= ' ' && c < 127 ? c : '?';
  return out;
}

}  // namespace

Result<AddCheckpoint> ask_to_cosign(const LogReader& log, std::string published, uint64_t old_size) {
  AddCheckpoint out;
  out.old_size = old_size;
  out.checkpoint = std::move(published);
  PV_TRY(const note::Note note, note::parse(out.checkpoint));
  PV_TRY(const note::Checkpoint checkpoint, note::Checkpoint::parse(note.text));
  if (checkpoint.size > log.size()) {
    return fail(Code::kInvalid, "the checkpoint covers more than was opened: open the log again");
  }
  if (old_size > checkpoint.size) {
    return fail(Code::kConflict,
                fmt::format("a witness has seen {} entries of this log, it publishes only {}: this "
                            "copy is behind, or another one was signed",
                            old_size, checkpoint.size));
  }
  if (old_size > 0) {
    PV_TRY(out.proof, merkle::consistency_path(old_size, checkpoint.size,
                                               [&](uint64_t start, uint64_t end) {
                                                 return log.subtree(start, end);
                                               }));
  }
  return out;
}

Result<CosignAnswer> read_answer(int status, std::string_view body, std::string_view checkpoint,
                                 const note::VerifierKey& witness) {
  CosignAnswer answer;
  if (status == 409 && body.ends_with('\n')) {
    const auto size = parse_u64(body.substr(0, body.size() - 1));
    if (size) {
      answer.has_seen = *size;
      return answer;
    }
  }
  if (status == 422) {
    return fail(Code::kUnverified,
                fmt::format("witness `{}` saw another history of this log: {}", witness.name, shown(body)));
  }
  if (status != 200) {
    return fail(Code::kUnavailable,
                fmt::format("witness `{}` answered {}: {}", witness.name, status, shown(body)));
  }
  // SPEC tlog-witness: the lines, put behind the checkpoint, are a note again.
  const auto note = note::parse(std::string(checkpoint) + std::string(body));
  Result<std::vector<Cosignature>> found = fail(Code::kInvalid, "no note");
  if (note) found = cosignatures(*note, std::span(&witness, 1));
  if (!found || found->empty()) {
    return fail(Code::kUnavailable,
                fmt::format("witness `{}` answered without a cosignature by its key", witness.name));
  }
  for (const note::Signature& line : note->signatures) {
    if (line.name == witness.name && line.id == witness.id) answer.lines = signature_line(line);
  }
  return answer;
}

Result<Witnessed> keep_cosigned(const std::string& dir, const std::string& checkpoint,
                                std::span<const std::string> lines, const Policy& policy,
                                const note::VerifierKey& log_key) {
  std::string whole = checkpoint;
  for (const std::string& line : lines) whole += line;
  PV_TRY(Witnessed witnessed, open_witnessed(whole, policy, std::span(&log_key, 1)));
  if (!witnessed.quorum) return witnessed;
  PV_TRY_VOID(replace_file(Io::system(), dir + "/" + std::string(kWitnessedName), whole,
                           FileMode::kShared));
  return witnessed;
}

Result<std::string> read_witnessed(const std::string& dir) {
  return read_file(dir + "/" + std::string(kWitnessedName), note::kNoteBytesMax);
}

}  // namespace proviso::ledger
