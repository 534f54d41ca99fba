#include "ledger/cosignature.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kSignatureStart = "\xE2\x80\x94 ";  // U+2014, space

std::unexpected<Error> does_not_hold(const note::VerifierKey& key) {
  return fail(Code::kUnverified, fmt::format("the cosignature of `{}` does not hold", key.name));
}

Result<UtcSeconds> verify(std::string_view text, const note::Signature& line,
                          const note::VerifierKey& key) {
  if (line.bytes.size() != kCosignatureBytes) return does_not_hold(key);
  ByteReader reader(line.bytes);
  PV_TRY(const uint64_t seconds, reader.u64());
  // SPEC tlog-cosignature: the timestamp is at most 2^63-1; 0 is no claim, which a witness MUST NOT make.
  if (seconds == 0 || seconds > static_cast<uint64_t>(INT64_MAX)) return does_not_hold(key);
  const UtcSeconds time{static_cast<int64_t>(seconds)};
  PV_TRY(const PublicKey public_key, PublicKey::create(key.key));
  if (!public_key.verify(cosignature_message(text, time), reader.rest())) return does_not_hold(key);
  return time;
}

}  // namespace

std::string cosignature_message(std::string_view note_text, UtcSeconds time) {
  return fmt::format("cosignature/v1\ntime {}\n{}", time.value, note_text);
}

Result<note::VerifierKey> cosigner_key(std::string_view name, const PublicKey& key) {
  // The name is judged as for any key; the id covers the type, so it is another one.
  PV_TRY(note::VerifierKey out, note::VerifierKey::ed25519(name, key));
  const char type = static_cast<char>(kCosignatureType);
  const Digest id = sha256({name, "\n", std::string_view(&type, 1), key.raw()});
  ByteReader reader(id.view());
  PV_TRY(out.id, reader.u32());
  out.type = kCosignatureType;
  return out;
}

Result<std::string> cosign(std::string_view note_text, const NamedKey& witness, UtcSeconds time) {
  if (time.value <= 0) return fail(Code::kInvalid, "a cosignature says a time after 1970");
  PV_TRY(const note::VerifierKey key, cosigner_key(witness.name, witness.key.public_key()));
  std::string bytes;
  put_u64(bytes, static_cast<uint64_t>(time.value));
  bytes += witness.key.sign(cosignature_message(note_text, time));
  std::string line = signature_line({key.name, key.id, std::move(bytes)});
  PV_TRY_VOID(note::parse(fmt::format("{}\n{}", note_text, line)));
  return line;
}

Result<std::vector<Cosignature>> cosignatures(const note::Note& note,
                                              std::span<const note::VerifierKey> known) {
  std::vector<Cosignature> out;
  for (const note::Signature& line : note.signatures) {
    const auto key = std::ranges::find_if(known, [&](const note::VerifierKey& each) {
      return each.type == kCosignatureType && each.name == line.name && each.id == line.id;
    });
    // SPEC signed-note: signatures by unknown keys MUST be ignored.
    if (key == known.end()) continue;
    PV_TRY(const UtcSeconds time, verify(note.text, line, *key));
    const auto seen = std::ranges::find_if(out, [&](const Cosignature& each) {
      return each.witness.name == key->name && each.witness.id == key->id;
    });
    if (seen == out.end()) {
      out.push_back({*key, time});
    } else {
      seen->time = std::max(seen->time, time);
    }
  }
  return out;
}

std::string signature_line(const note::Signature& signature) {
  std::string blob;
  put_u32(blob, signature.id);
  blob += signature.bytes;
  return fmt::format("{}{} {}\n", kSignatureStart, signature.name, base64_encode(blob));
}

std::string note_text(const note::Note& note) {
  std::string out = note.text + "\n";
  for (const note::Signature& signature : note.signatures) out += signature_line(signature);
  return out;
}

}  // namespace proviso::ledger
