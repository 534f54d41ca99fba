#include "gate/rotate.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"
#include "ledger/keys.h"
#include "ledger/rotation.h"

namespace proviso::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKeyFiles[] = {"log.key", "receipt.key", "receipt.pub", "log.vkey"};  // in this order

bool exists(const std::string& path) {
  std::error_code ec;
  return fs::exists(path, ec);
}

// The note that names the keys in next/, if it was written.
Result<std::string> note_of_next(const Layout& layout) {
  PV_TRY(const auto next, ledger::read_verifier_key(layout.next_keys() + "/log.vkey"));
  std::error_code ec;
  for (const auto& file : fs::directory_iterator(layout.rotations(), ec)) {
    PV_TRY(const std::string note, read_file(file.path().string(), ledger::kRotationBytesMax));
    const auto rotation = ledger::Rotation::open(note);
    if (rotation && rotation->new_log.text() == next.text()) return file.path().string();
  }
  return fail(Code::kNotFound, "no note names the next keys");
}

// The old private keys are replaced and gone; log.vkey last, for it is what says that the change is done.
Status take_next_keys(const Layout& layout) {
  std::error_code ec;
  for (const char* name : kKeyFiles) {
    const std::string from = layout.next_keys() + "/" + name;
    if (!exists(from)) continue;  // it changed places before a crash
    fs::rename(from, layout.keys() + "/" + name, ec);
    if (ec) return fail(Code::kIo, fmt::format("put `{}` in place: {}", from, ec.message()));
  }
  PV_TRY_VOID(sync_dir(layout.keys()));
  fs::remove_all(layout.next_keys(), ec);
  return sync_dir(layout.keys());
}

// The newest checkpoint again, under the key that is in place now.
Status sign_again(const EngineOptions& options) {
  PV_TRY(const auto engine, Engine::open(options));
  return engine->log().publish();
}

Result<ledger::Rotation> planned(const Layout& layout) {
  ledger::Rotation rotation;
  PV_TRY(rotation.old_log, ledger::read_verifier_key(layout.log_vkey()));
  PV_TRY(rotation.old_receipt, ledger::read_verifier_key(layout.receipt_pub()));
  PV_TRY(rotation.new_log, ledger::read_verifier_key(layout.next_keys() + "/log.vkey"));
  PV_TRY(rotation.new_receipt, ledger::read_verifier_key(layout.next_keys() + "/receipt.pub"));
  rotation.origin = rotation.old_log.name;
  return rotation;
}

// Leaf and checkpoint under the old keys, then the note.
Result<Rotated> write_down(const EngineOptions& options, const Digest& agreement, const std::string& reason) {
  const Layout& layout = options.layout;
  PV_TRY(ledger::Rotation rotation, planned(layout));
  Rotated out;
  {
    PV_TRY(const auto engine, Engine::open(options));
    exchange::Facts facts;
    facts.set("rotate.reason", reason);
    facts.set("rotate.old_log_key", rotation.old_log.text());
    facts.set("rotate.new_log_key", rotation.new_log.text());
    facts.set("rotate.old_receipt_key", rotation.old_receipt.text());
    facts.set("rotate.new_receipt_key", rotation.new_receipt.text());
    PV_TRY(const ledger::Receipt noted, engine->note("rotate", std::move(facts), agreement));
    PV_TRY_VOID(engine->log().publish());
    out.index = noted.index;
    rotation.size = engine->log().state().size;
    rotation.root = engine->log().state().root;
    rotation.time = engine->committer().now();
  }
  PV_TRY(const ledger::NamedKey old_log, ledger::read_private_key(layout.log_key()));
  PV_TRY(const ledger::NamedKey new_log, ledger::read_private_key(layout.next_keys() + "/log.key"));
  PV_TRY(const std::string note, ledger::sign_rotation(rotation, old_log, new_log));
  PV_TRY_VOID(make_dirs(layout.rotations()));
  out.size = rotation.size;
  out.old_log_key = rotation.old_log.text();
  out.new_log_key = rotation.new_log.text();
  out.new_receipt_key = rotation.new_receipt.text();
  out.note = fmt::format("{}/{:020}", layout.rotations(), rotation.size);
  PV_TRY_VOID(write_file_durable(out.note, note, FileMode::kShared));
  return out;
}

// A change that was cut short behind its note goes on.
Result<Rotated> finish(const EngineOptions& options, const std::string& note) {
  PV_TRY(const std::string text, read_file(note, ledger::kRotationBytesMax));
  PV_TRY(const ledger::Rotation rotation, ledger::Rotation::open(text));
  PV_TRY_VOID(take_next_keys(options.layout));
  PV_TRY_VOID(sign_again(options));
  return Rotated{rotation.size - 1,       rotation.size,         rotation.old_log.text(),
                 rotation.new_log.text(), rotation.new_receipt.text(), note};
}

}  // namespace

Status check_not_rotating(const Layout& layout) {
  if (!exists(layout.next_keys() + "/log.vkey") || !note_of_next(layout)) return {};
  return fail(Code::kConflict, fmt::format("a change of the keys in `{}` was cut short: give `proviso ledger "
                                           "rotate-key` again, which finishes it",
                                           layout.keys()));
}

Result<Rotated> rotate_keys(const EngineOptions& options, const Digest& agreement, const std::string& reason) {
  const Layout& layout = options.layout;
  if (exists(layout.next_keys() + "/log.vkey")) {
    if (const auto note = note_of_next(layout)) return finish(options, *note);
  }
  std::error_code ec;
  fs::remove_all(layout.next_keys(), ec);  // of a change that was never written down
  PV_TRY_VOID(ledger::create_keys(layout.next_keys(), options.origin));
  PV_TRY(Rotated out, write_down(options, agreement, reason));
  PV_TRY_VOID(take_next_keys(layout));
  PV_TRY_VOID(sign_again(options));
  return out;
}

}  // namespace proviso::gate
