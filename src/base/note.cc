#include "base/note.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"

namespace proviso::note {
namespace {

constexpr std::string_view kSignatureStart = "\xE2\x80\x94 ";  // U+2014, space
constexpr uint8_t kEd25519 = 0x01;
constexpr uint8_t kEcdsa = 0x02;
constexpr uint8_t kReserved = 0x03;
constexpr uint8_t kEd25519Cosignature = 0x04;
constexpr uint8_t kTreeHead = 0x05;

bool holds_unicode_space(std::string_view name) {
  static constexpr std::string_view kSpaces[] = {" ",
                                                 "\t",
                                                 "\n",
                                                 "\v",
                                                 "\f",
                                                 "\r",
                                                 "\xC2\x85",
                                                 "\xC2\xA0",
                                                 "\xE1\x9A\x80",
                                                 "\xE2\x80\xA8",
                                                 "\xE2\x80\xA9",
                                                 "\xE2\x80\xAF",
                                                 "\xE2\x81\x9F",
                                                 "\xE3\x80\x80"};
  for (const std::string_view space : kSpaces) {
    if (name.find(space) != std::string_view::npos) return true;
  }
  for (char last = '\x80'; last <= '\x8A'; ++last) {  // U+2000..U+200A
    const char space[] = {'\xE2', '\x80', last};
    if (name.find(std::string_view(space, 3)) != std::string_view::npos) return true;
  }
  return false;
}

// SPEC signed-note: a key name MUST be non-empty, without Unicode spaces and without plus.
bool valid_name(std::string_view name) {
  return !name.empty() && is_utf8(name) && name.find('+') == std::string_view::npos &&
         !holds_unicode_space(name);
}

uint32_t key_id(std::string_view name, uint8_t type, std::string_view key) {
  // Type 0x02 predates names in ids; type 0x05 hashes the log id, which is itself the key's digest.
  Digest digest;
  if (type == kEcdsa) {
    digest = sha256(key);
  } else {
    const char type_byte = static_cast<char>(type);
    const Digest log_id = sha256(key);
    const bool hashed = type == kTreeHead && key.size() != log_id.bytes.size();
    digest = sha256({name, "\n", std::string_view(&type_byte, 1), hashed ? log_id.view() : key});
  }
  return static_cast<uint32_t>(digest.bytes[0]) << 24 |
         static_cast<uint32_t>(digest.bytes[1]) << 16 |
         static_cast<uint32_t>(digest.bytes[2]) << 8 | static_cast<uint32_t>(digest.bytes[3]);
}

std::string hex_id(uint32_t id) { return fmt::format("{:08x}", id); }

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("malformed signed note: {}", what));
}

// SPEC signed-note: the text MUST be valid UTF-8 without control characters other than line feed.
bool valid_text(std::string_view text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 && c != '\n';
         });
}

Result<Signature> parse_signature(std::string_view line) {
  if (!line.starts_with(kSignatureStart))
    return malformed("a signature line does not start with a dash");
  line.remove_prefix(kSignatureStart.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return malformed("a signature line has no signature");
  const std::string_view name = line.substr(0, space);
  if (!valid_name(name)) return malformed("a signature line has an impossible key name");
  const Result<std::string> bytes = base64_decode(line.substr(space + 1));
  if (!bytes || bytes->size() < 5)
    return malformed("a signature line does not hold base64 of a signature");
  ByteReader reader(*bytes);
  PV_TRY(const uint32_t id, reader.u32());
  return Signature{std::string(name), id, std::string(reader.rest())};
}

// Takes one line, without its line feed, off the front.
Result<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos)
    return fail(Code::kInvalid, "malformed checkpoint: it ends too early");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::kInvalid, fmt::format("verifier key `{}`: {}", text.substr(0, 200), why));
  };
  const size_t first = text.find('+');
  if (first == std::string_view::npos) return refuse("it is not name+id+key");
  const size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos) return refuse("it is not name+id+key");
  const std::string_view name = text.substr(0, first);
  if (!valid_name(name)) return refuse("its name is empty, not UTF-8, or holds a space");
  const Result<std::string> id = hex_decode(text.substr(first + 1, second - first - 1));
  if (!id || id->size() != 4) return refuse("its id is not eight lower-case hex digits");
  const Result<std::string> key = base64_decode(text.substr(second + 1));
  if (!key || key->size() < 2) return refuse("its key is not base64");
  VerifierKey out;
  out.name = name;
  out.type = static_cast<uint8_t>((*key)[0]);
  out.key = key->substr(1);
  if (out.type == 0 || out.type == kReserved) return refuse("its type is reserved");
  if ((out.type == kEd25519 || out.type == kEd25519Cosignature) && out.key.size() != 32) {
    return refuse("an Ed25519 key is 32 bytes long");
  }
  out.id = key_id(out.name, out.type, out.key);
  if (hex_id(out.id) != text.substr(first + 1, second - first - 1)) {
    return refuse(fmt::format("its id should be {}", hex_id(out.id)));
  }
  return out;
}

Result<VerifierKey> VerifierKey::ed25519(std::string_view name, const PublicKey& key) {
  if (!valid_name(name)) {
    return fail(Code::kInvalid,
                fmt::format("`{}` cannot name a key: it must not be empty nor hold a space "
                            "or a plus",
                            name.substr(0, 200)));
  }
  return VerifierKey{std::string(name), key_id(name, kEd25519, key.raw()), kEd25519, key.raw()};
}

std::string VerifierKey::text() const {
  return fmt::format("{}+{}+{}", name, hex_id(id), base64_encode(static_cast<char>(type) + key));
}

Result<Note> parse(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) {
    return fail(Code::kLimit, fmt::format("a signed note is larger than {} bytes", kNoteBytesMax));
  }
  if (!valid_text(bytes)) return malformed("it is not UTF-8 or holds control characters");
  // SPEC signed-note: the last empty line separates text from signatures.
  const size_t split = bytes.rfind("\n\n");
  if (split == std::string_view::npos)
    return malformed("there is no empty line before the signatures");
  std::string_view rest = bytes.substr(split + 2);
  if (rest.empty() || rest.back() != '\n') return malformed("it does not end in a signature line");
  Note note;
  note.text = bytes.substr(0, split + 1);
  while (!rest.empty()) {
    if (note.signatures.size() == kSignaturesMax) {
      return fail(Code::kLimit,
                  fmt::format("a signed note has more than {} signatures", kSignaturesMax));
    }
    const size_t end = rest.find('\n');
    PV_TRY(note.signatures.emplace_back(), parse_signature(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  return note;
}

Result<Note> open(std::string_view bytes, std::span<const VerifierKey> known,
                  std::vector<std::string>* verified) {
  PV_TRY(Note note, parse(bytes));
  std::vector<const VerifierKey*> held;
  for (const Signature& signature : note.signatures) {
    const VerifierKey* match = nullptr;
    for (const VerifierKey& key : known) {
      if (key.type != kEd25519 || key.name != signature.name || key.id != signature.id) continue;
      if (match != nullptr) {
        return fail(Code::kInvalid, fmt::format("key `{}` is known twice", key.name));
      }
      match = &key;
    }
    // SPEC signed-note: signatures by unknown keys MUST be ignored.
    if (match == nullptr || std::find(held.begin(), held.end(), match) != held.end()) continue;
    PV_TRY(const PublicKey key, PublicKey::create(match->key));
    // SPEC signed-note: a failing signature by a known key SHOULD reject the whole note.
    if (!key.verify(note.text, signature.bytes)) {
      return fail(Code::kUnverified,
                  fmt::format("the signature of `{}` does not hold", match->name));
    }
    held.push_back(match);
  }
  if (held.empty()) return fail(Code::kUnverified, "no known key signed the note");
  if (verified != nullptr) {
    for (const VerifierKey* key : held) verified->push_back(key->name);
  }
  return note;
}

Result<std::string> sign(std::string_view text, std::string_view name, const PrivateKey& key) {
  if (text.empty() || text.back() != '\n' || !valid_text(text)) {
    return malformed("the text must be UTF-8 without control characters and end in a line feed");
  }
  PV_TRY(const VerifierKey verifier, VerifierKey::ed25519(name, key.public_key()));
  std::string blob;
  put_u32(blob, verifier.id);
  blob += key.sign(text);
  return fmt::format("{}\n{}{} {}\n", text, kSignatureStart, name, base64_encode(blob));
}

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  Checkpoint checkpoint;
  PV_TRY(const std::string_view origin, take_line(text));
  if (origin.empty()) return fail(Code::kInvalid, "malformed checkpoint: its origin is empty");
  PV_TRY(const std::string_view size, take_line(text));
  PV_TRY(const std::string_view root, take_line(text));
  checkpoint.origin = origin;
  // SPEC tlog-checkpoint: the size MUST be ASCII decimal without leading zeroes.
  const Result<uint64_t> count = parse_u64(size);
  if (!count) return fail_at("malformed checkpoint: its size", count.error());
  checkpoint.size = *count;
  const Result<std::string> root_bytes = base64_decode(root);
  if (!root_bytes || root_bytes->size() != checkpoint.root.bytes.size()) {
    return fail(Code::kInvalid, "malformed checkpoint: its root is not base64 of 32 bytes");
  }
  PV_TRY(checkpoint.root, digest_from_bytes(*root_bytes));
  while (!text.empty()) {
    PV_TRY(const std::string_view line, take_line(text));
    // SPEC tlog-checkpoint: extension lines MUST NOT be empty.
    if (line.empty())
      return fail(Code::kInvalid, "malformed checkpoint: an extension line is empty");
    checkpoint.extensions.emplace_back(line);
  }
  return checkpoint;
}

std::string Checkpoint::text() const {
  std::string out = fmt::format("{}\n{}\n{}\n", origin, size, base64_encode(root.view()));
  for (const std::string& line : extensions) out += line + '\n';
  return out;
}

}  // namespace proviso::note
