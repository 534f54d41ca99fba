#include "ledger/keys.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/file.h"
#include "ledger/receipt.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kPrivatePrefix = "PRIVATE+KEY+";
constexpr uint8_t kEd25519 = 0x01;

std::string id_text(uint32_t id) { return fmt::format("{:08x}", id); }

std::string one_line(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

std::string receipt_key_name(std::string_view origin) { return std::string(origin) + "/receipts"; }

std::string format_private_key(const NamedKey& key) {
  const auto verifier = note::VerifierKey::ed25519(key.name, key.key.public_key());
  const uint32_t id = verifier ? verifier->id : 0;
  return fmt::format("{}{}+{}+{}", kPrivatePrefix, key.name, id_text(id),
                     base64_encode(std::string(1, static_cast<char>(kEd25519)) + key.key.seed()));
}

Result<NamedKey> parse_private_key(std::string_view line) {
  const auto bad = [](std::string_view why) {
    return fail(Code::kInvalid, fmt::format("not a private note key: {}", why));
  };
  if (!line.starts_with(kPrivatePrefix)) return bad("it begins with `PRIVATE+KEY+`");
  line.remove_prefix(kPrivatePrefix.size());
  const auto name_end = line.find('+');
  const auto id_end = name_end == line.npos ? line.npos : line.find('+', name_end + 1);
  if (id_end == line.npos) return bad("it has name, hash and key with `+` between them");
  PV_TRY(const auto key, base64_decode(line.substr(id_end + 1)));
  if (key.size() != 33 || key[0] != static_cast<char>(kEd25519))
    return bad("only Ed25519 is known");
  PV_TRY(auto private_key, PrivateKey::create(std::string_view(key).substr(1)));
  const std::string name(line.substr(0, name_end));
  PV_TRY(const auto verifier, note::VerifierKey::ed25519(name, private_key.public_key()));
  if (line.substr(name_end + 1, id_end - name_end - 1) != id_text(verifier.id)) {
    return bad("its hash is not the one that name and key give");
  }
  return NamedKey{name, std::move(private_key)};
}

Status create_keys(const std::string& dir, std::string_view origin) {
  PV_TRY_VOID(check_origin(origin));
  PV_TRY_VOID(make_dirs(dir));
  for (const char* name : {"log.key", "log.vkey", "receipt.key", "receipt.pub"}) {
    struct stat found{};
    if (lstat((dir + "/" + name).c_str(), &found) == 0) {
      return fail(Code::kConflict,
                  fmt::format("`{}/{}` exists: a log's keys are made once", dir, name));
    }
  }
  const auto write_pair = [&](const NamedKey& key, const char* secret,
                              const char* shown) -> Status {
    PV_TRY(const auto verifier, note::VerifierKey::ed25519(key.name, key.key.public_key()));
    PV_TRY_VOID(
        write_file_durable(dir + "/" + secret, format_private_key(key) + "\n", FileMode::kPrivate));
    return write_file_durable(dir + "/" + shown, verifier.text() + "\n", FileMode::kShared);
  };
  PV_TRY_VOID(write_pair({std::string(origin), PrivateKey::generate()}, "log.key", "log.vkey"));
  return write_pair({receipt_key_name(origin), PrivateKey::generate()}, "receipt.key",
                    "receipt.pub");
}

Result<NamedKey> read_private_key(const std::string& path) {
  PV_TRY(auto text, read_private_file(path));
  auto key = parse_private_key(one_line(std::move(text)));
  if (!key) return fail_at("`" + path + "`", key.error());
  return key;
}

Result<note::VerifierKey> read_verifier_key(const std::string& path) {
  PV_TRY(auto text, read_file(path, 16u << 10));
  auto key = note::VerifierKey::parse(one_line(std::move(text)));
  if (!key) return fail_at("`" + path + "`", key.error());
  return key;
}

Result<PublicKey> ed25519_key(const note::VerifierKey& key) {
  if (key.type != kEd25519) return fail(Code::kUnsupported, "only Ed25519 keys are known here");
  return PublicKey::create(key.key);
}

}  // namespace proviso::ledger
