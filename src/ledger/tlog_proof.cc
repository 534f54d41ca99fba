#include "ledger/tlog_proof.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/merkle.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kFormat = "c2sp.org/tlog-proof@v1";

std::unexpected<Error> bad(std::string_view why) {
  return fail(Code::kInvalid, fmt::format("not a tlog-proof: {}", why));
}

Result<std::string_view> take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == rest.npos) return bad("it ends within a line");
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string TlogProof::text() const {
  std::string out(kFormat);
  out += '\n';
  if (extra) out += fmt::format("extra {}\n", base64_encode(*extra));
  out += fmt::format("index {}\n", index);
  for (const auto& hash : hashes) out += base64_encode(hash.view()) + "\n";
  return out + "\n" + checkpoint;
}

Result<TlogProof> TlogProof::parse(std::string_view text) {
  if (text.size() > kProofBytesMax)
    return fail(Code::kLimit, "a tlog-proof is at most 1100000 bytes");
  TlogProof proof;
  std::string_view rest = text;
  PV_TRY(const auto format, take_line(rest));
  if (format != kFormat) return bad("its first line is another");
  PV_TRY(auto line, take_line(rest));
  if (line.starts_with("extra ")) {
    PV_TRY(proof.extra, base64_decode(line.substr(6)));
    PV_TRY(line, take_line(rest));
  }
  if (!line.starts_with("index ")) return bad("no `index` line");
  // SPEC tlog-proof: the index is ASCII decimal without leading zeroes.
  PV_TRY(proof.index, parse_u64(line.substr(6)));
  for (;;) {
    PV_TRY(line, take_line(rest));
    if (line.empty()) break;
    if (proof.hashes.size() == kProofHashesMax) return fail(Code::kLimit, "more than 63 hashes");
    PV_TRY(const auto bytes, base64_decode(line));
    PV_TRY(const auto hash, digest_from_bytes(bytes));
    proof.hashes.push_back(hash);
  }
  if (rest.empty()) return bad("no checkpoint follows");
  proof.checkpoint = rest;
  return proof;
}

Status TlogProof::verify(const Digest& leaf, std::span<const note::VerifierKey> known,
                         std::string_view origin) const {
  PV_TRY(const auto note, note::open(checkpoint, known));
  PV_TRY(const auto parsed, note::Checkpoint::parse(note.text));
  if (parsed.origin != origin) {
    return fail(Code::kUnverified,
                fmt::format("the checkpoint is of `{}`, not of `{}`", parsed.origin, origin));
  }
  return merkle::verify_inclusion(index, parsed.size, leaf, hashes, parsed.root);
}

Result<std::string> tlog_proof(const LogReader& reader, uint64_t index) {
  PV_TRY(std::string checkpoint, reader.checkpoint());
  return tlog_proof(reader, index, std::move(checkpoint));
}

Result<std::string> tlog_proof(const LogReader& reader, uint64_t index, std::string bytes) {
  TlogProof proof;
  proof.index = index;
  proof.checkpoint = std::move(bytes);
  PV_TRY(const auto note, note::parse(proof.checkpoint));
  PV_TRY(const auto checkpoint, note::Checkpoint::parse(note.text));
  if (index >= checkpoint.size) {
    return fail(Code::kNotFound,
                fmt::format("the checkpoint covers {} entries, not entry {}",
                            checkpoint.size, index));
  }
  PV_TRY(proof.hashes,
         merkle::inclusion_path(index, checkpoint.size, [&](uint64_t start, uint64_t end) {
           return reader.subtree(start, end);
         }));
  PV_TRY(const auto leaf, reader.leaf_hash(index));
  const auto holds =
      merkle::verify_inclusion(index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
  if (!holds) {
    return fail(Code::kCorrupt,
                fmt::format("the tiles do not lead from entry {} to the checkpoint's root: "
                            "run `proviso ledger verify`",
                            index));
  }
  return proof.text();
}

}  // namespace proviso::ledger
