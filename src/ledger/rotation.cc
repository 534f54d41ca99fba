#include "ledger/rotation.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/file.h"

namespace proviso::ledger {
namespace {

// No checkpoint begins so: its second line would be a number.
constexpr std::string_view kFormat = "proviso/key-rotation@v1";
constexpr size_t kLines = 9;

std::unexpected<Error> refuse(std::string why) { return fail(Code::kUnverified, std::move(why)); }

Result<std::array<std::string_view, kLines>> lines_of(std::string_view text) {
  std::array<std::string_view, kLines> lines;
  for (auto& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return fail(Code::kInvalid, "a key rotation has nine lines");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) return fail(Code::kInvalid, "a key rotation has nine lines");
  return lines;
}

Status signed_by(std::string_view note, const note::VerifierKey& key) {
  const auto held = note::open(note, std::span(&key, 1));
  if (!held) return std::unexpected(held.error());
  return {};
}

Result<note::VerifierKey> key_named(std::string_view text, std::string_view name) {
  PV_TRY(auto key, note::VerifierKey::parse(text));
  if (key.name != name) return fail(Code::kInvalid, fmt::format("`{}` is no key of `{}`", key.name, name));
  PV_TRY_VOID(ed25519_key(key));
  return key;
}

bool same(const note::VerifierKey& a, const note::VerifierKey& b) { return a.text() == b.text(); }

}  // namespace

std::string Rotation::text() const {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n", kFormat, origin, size, base64_encode(root.view()),
                     time.value, old_log.text(), old_receipt.text(), new_log.text(), new_receipt.text());
}

Result<Rotation> Rotation::open(std::string_view note) {
  if (note.size() > kRotationBytesMax) return fail(Code::kLimit, "a key rotation is at most 16 KiB");
  PV_TRY(const auto parsed, note::parse(note));
  PV_TRY(const auto lines, lines_of(parsed.text));
  if (lines[0] != kFormat) return fail(Code::kInvalid, "not a key rotation of version 1");
  Rotation out;
  PV_TRY_VOID(check_origin(lines[1]));
  out.origin = lines[1];
  PV_TRY(out.size, parse_u64(lines[2]));
  PV_TRY(const auto root, base64_decode(lines[3]));
  PV_TRY(out.root, digest_from_bytes(root));
  PV_TRY(const uint64_t time, parse_u64(lines[4]));
  out.time.value = static_cast<int64_t>(time);
  PV_TRY(out.old_log, key_named(lines[5], out.origin));
  PV_TRY(out.old_receipt, key_named(lines[6], receipt_key_name(out.origin)));
  PV_TRY(out.new_log, key_named(lines[7], out.origin));
  PV_TRY(out.new_receipt, key_named(lines[8], receipt_key_name(out.origin)));
  if (out.text() != parsed.text) return fail(Code::kInvalid, "a key rotation is not in its one spelling");
  if (same(out.old_log, out.new_log)) return fail(Code::kInvalid, "a key rotation names one key twice");
  PV_TRY_VOID(signed_by(note, out.old_log));
  PV_TRY_VOID(signed_by(note, out.new_log));
  return out;
}

Result<std::string> sign_rotation(const Rotation& rotation, const NamedKey& old_log, const NamedKey& new_log) {
  PV_TRY(const auto old_key, note::VerifierKey::ed25519(old_log.name, old_log.key.public_key()));
  PV_TRY(const auto new_key, note::VerifierKey::ed25519(new_log.name, new_log.key.public_key()));
  if (!same(old_key, rotation.old_log) || !same(new_key, rotation.new_log)) {
    return fail(Code::kInvalid, "a rotation is signed by the keys that it names");
  }
  const std::string text = rotation.text();
  PV_TRY(const std::string first, note::sign(text, old_log.name, old_log.key));
  PV_TRY(const std::string second, note::sign(text, new_log.name, new_log.key));
  // Text, empty line, one signature; the other's line behind it.
  return first + second.substr(text.size() + 1);
}

Result<KeyChain> KeyChain::create(const note::VerifierKey& held, std::span<const std::string> notes) {
  if (notes.size() > kRotationsMax) return fail(Code::kLimit, "a log has at most 1000 key rotations");
  KeyChain chain;
  for (const std::string& note : notes) {
    PV_TRY(chain.rotations_.emplace_back(), Rotation::open(note));
  }
  std::ranges::sort(chain.rotations_, {}, &Rotation::size);
  if (chain.rotations_.empty()) {
    const bool receipt = held.name.ends_with(receipt_key_name(""));
    Epoch only;
    (receipt ? only.receipt : only.log) = held;
    chain.epochs_.push_back(std::move(only));
    return chain;
  }
  uint64_t from = 0;
  const Rotation* before = nullptr;
  for (const Rotation& each : chain.rotations_) {
    const bool follows = before == nullptr || (same(before->new_log, each.old_log) && before->size < each.size &&
                                               same(before->new_receipt, each.old_receipt));
    if (!follows || each.origin != chain.rotations_.front().origin) return refuse("the key rotations are no chain");
    chain.epochs_.push_back({each.old_log, each.old_receipt, from, each.size, each.root});
    from = each.size;
    before = &each;
  }
  chain.epochs_.push_back({before->new_log, before->new_receipt, from, std::nullopt, {}});
  const bool known = std::ranges::any_of(chain.epochs_, [&](const Epoch& epoch) {
    return same(*epoch.log, held) || same(*epoch.receipt, held);
  });
  if (!known) return refuse(fmt::format("the key rotations do not lead to `{}`", held.text()));
  return chain;
}

std::vector<note::VerifierKey> KeyChain::log_keys() const {
  std::vector<note::VerifierKey> keys;
  for (const Epoch& epoch : epochs_) {
    if (epoch.log) keys.push_back(*epoch.log);
  }
  return keys;
}

Result<note::VerifierKey> KeyChain::signer_of(std::string_view checkpoint_note) const {
  Error why{Code::kUnverified, "no key of the log signed the checkpoint"};
  // The newest first: at the very size of a rotation both may have signed.
  for (auto epoch = epochs_.rbegin(); epoch != epochs_.rend(); ++epoch) {
    if (!epoch->log) continue;
    const auto opened = note::open(checkpoint_note, std::span(&*epoch->log, 1));
    if (!opened) {
      if (opened.error().message.find("no known key") == std::string::npos) return std::unexpected(opened.error());
      continue;
    }
    PV_TRY(const auto checkpoint, note::Checkpoint::parse(opened->text));
    const bool late = epoch->until && checkpoint.size > *epoch->until;
    const bool early = checkpoint.size < epoch->from;
    const bool other = epoch->until && checkpoint.size == *epoch->until && checkpoint.root != epoch->root;
    if (!late && !early && !other) return *epoch->log;
    why.message = late    ? fmt::format("a key that was retired at {} entries signed a checkpoint of {}",
                                        *epoch->until, checkpoint.size)
                  : early ? fmt::format("a key that began at {} entries signed a checkpoint of {}", epoch->from,
                                        checkpoint.size)
                          : "the checkpoint has another root than the one at which its key was retired";
  }
  return std::unexpected(why);
}

Status KeyChain::verify(const Receipt& receipt) const {
  Status last = refuse("no receipt key is known for it");
  for (auto epoch = epochs_.rbegin(); epoch != epochs_.rend(); ++epoch) {
    if (!epoch->receipt) continue;
    if (epoch->receipt->name != receipt_key_name(receipt.origin)) return refuse("the receipt is of another log");
    PV_TRY(const PublicKey key, ed25519_key(*epoch->receipt));
    last = receipt.verify(key);
    if (!last) continue;
    if (!epoch->until || receipt.end <= *epoch->until) return {};
    return refuse(fmt::format("a receipt key that was retired at {} entries signed one for entry {}",
                              *epoch->until, receipt.index));
  }
  return last;
}

Result<std::vector<std::string>> read_rotations(const std::string& place) {
  struct stat found{};
  std::vector<std::string> notes;
  if (place.empty() || ::stat(place.c_str(), &found) != 0) return notes;
  if (!S_ISDIR(found.st_mode)) {
    PV_TRY(notes.emplace_back(), read_file(place, kRotationBytesMax));
    return notes;
  }
  PV_TRY(auto files, read_tree(place, kRotationsMax));
  for (auto& [name, bytes] : files) notes.push_back(std::move(bytes));
  return notes;
}

}  // namespace proviso::ledger
