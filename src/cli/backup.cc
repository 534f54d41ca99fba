#include <fcntl.h>
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "audit/redo.h"
#include "base/file.h"
#include "cli/admin_client.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "gate/layout.h"
#include "gate/rebuild.h"
#include "state/snapshot.h"

namespace proviso::cli {
namespace {

namespace fs = std::filesystem;

struct BackupOptions {
  std::string state = default_state();
  std::string place;
};

// The order makes a copy of a running gate one that opens: what is behind may only be what commits to
// what is before. The database, the signer's state and the checkpoint never say more than the log that is
// copied after them, nor the log more than the vault. Tiles are made again from the log, as is what the
// register and the docket of the copy lack.
constexpr const char* kParts[] = {"keys/signer.state", "log/checkpoint", "log/checkpoint.witnessed",
                                  "log/log.wal",       "vault",          "agreements",
                                  "agreement",         "keys",           "proviso.toml"};

Status copy_part(const std::string& from, const std::string& to, const std::string& part) {
  std::error_code ec;
  const fs::path source = fs::path(from) / part;
  const fs::path target = fs::path(to) / part;
  if (!fs::exists(source, ec)) return {};
  PV_TRY_VOID(make_dirs(target.parent_path().string()));
  // What was copied before stays: the newer one would say more than the log that is copied.
  fs::copy(source, target, fs::copy_options::recursive | fs::copy_options::skip_existing, ec);
  if (ec) return fail(Code::kIo, fmt::format("copy `{}`: {}", source.string(), ec.message()));
  return {};
}

Status sync_all(const std::string& dir) {
  std::error_code ec;
  for (const auto& file : fs::recursive_directory_iterator(dir, ec)) {
    const Fd fd(open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid() || fsync(fd.get()) != 0) {
      return std::unexpected(io_error("sync", file.path().string(), errno));
    }
  }
  return sync_dir(dir);
}

Status check_places(const std::string& from, const std::string& to) {
  std::error_code ec;
  if (fs::exists(to, ec) && !fs::is_empty(to, ec)) {
    return fail(Code::kConflict, fmt::format("`{}` is not empty", to));
  }
  if (!fs::exists(from + "/log/log.wal", ec)) {
    return fail(Code::kNotFound, fmt::format("`{}` holds no log", from));
  }
  return make_dirs(to);
}

// What a stop without an end left in the redo log goes to its places first. A running gate holds the lock and
// does that itself.
Status take_up(const gate::Layout& layout) {
  std::error_code ec;
  if (!fs::exists(layout.redo().dir, ec)) return {};
  const auto redo = audit::Redo::open(layout.redo());
  if (!redo && redo.error().code != Code::kConflict) return std::unexpected(redo.error());
  return {};
}

Status copy_state(const gate::Layout& from, const gate::Layout& to) {
  std::error_code ec;
  // Through the database itself: its newest changes stand beside the file until it folds them in.
  if (fs::exists(from.database(), ec)) {
    PV_TRY_VOID(state::snapshot(from.database(), to.database()));
  }
  for (const char* part : kParts) PV_TRY_VOID(copy_part(from.root, to.root, part));
  fs::remove(to.log() + "/lock", ec);
  fs::remove(to.vault() + "/lock", ec);
  return sync_all(to.root);
}

Status backup(const BackupOptions& options) {
  PV_TRY_VOID(check_places(options.state, options.place));
  PV_TRY_VOID(take_up({options.state}));
  PV_TRY_VOID(copy_state({options.state}, {options.place}));
  print(fmt::format("`{}` is in `{}`, keys included: keep it as you keep those", options.state,
                    options.place));
  return {};
}

Status restore(const BackupOptions& options) {
  PV_TRY_VOID(check_places(options.place, options.state));
  // The mark before anything that it holds back: what is copied halfway may sign nothing either.
  PV_TRY_VOID(write_file_durable(gate::Layout{options.state}.restored(), options.place + "\n",
                                 FileMode::kPrivate));
  PV_TRY_VOID(copy_state({options.place}, {options.state}));
  print(fmt::format("restored to `{}`. It signs nothing until its witnesses confirm that nothing newer was "
                    "signed: name their policy under [witness] in {}/proviso.toml and start the gate",
                    options.state, options.state));
  return {};
}

// Everything that is derived: the database from log and vault at once, the tiles from log.wal at the next start.
Status rebuild(const BackupOptions& options) {
  PV_TRY(const auto running, ask_gate(options.state, "GET", "/status", ""));
  if (running) return fail(Code::kConflict, "a gate runs on this state: stop it first");
  const gate::Layout layout{options.state};
  std::error_code ec;
  if (!fs::exists(layout.log() + "/log.wal", ec)) {
    return fail(Code::kNotFound, fmt::format("`{}` holds no log.wal", layout.log()));
  }
  PV_TRY_VOID(take_up(layout));
  if (fs::exists(layout.database(), ec) || fs::exists(layout.vault(), ec)) {
    PV_TRY(const auto made, gate::rebuild_database(layout));
    for (const std::string& summary : made) print("from log and vault: " + summary);
  }
  fs::remove(layout.log() + "/tiles.durable", ec);
  fs::remove_all(layout.log() + "/tile", ec);
  if (ec) return fail(Code::kIo, fmt::format("remove the tiles: {}", ec.message()));
  print("the tiles are gone; the next start of the gate makes them again from log.wal and checks each "
        "against the checkpoint");
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_ledger_backup(CLI::App& ledger, int& status) {
  auto options = std::make_shared<BackupOptions>();
  const auto common = [options](CLI::App* command) {
    command->add_option("--state", options->state, "state folder")->capture_default_str();
  };
  auto* backup_command = ledger.add_subcommand("backup", "copy the whole state, also beside a running gate");
  common(backup_command);
  backup_command->add_option("PLACE", options->place, "an empty folder")->required();
  backup_command->callback([options, &status] { status = done(backup(*options)); });

  auto* restore_command =
      ledger.add_subcommand("restore", "put a backup in place; it cannot fork the log");
  common(restore_command);
  restore_command->add_option("PLACE", options->place, "where the backup is")->required();
  restore_command->footer(
      "A backup can be older than what was signed after it. Signing on from there would be a second\n"
      "history, so a restored state waits until a quorum of its witnesses confirmed that they saw no more.");
  restore_command->callback([options, &status] { status = done(restore(*options)); });

  auto* rebuild_command = ledger.add_subcommand("rebuild", "make everything that is derived again from log and vault");
  common(rebuild_command);
  rebuild_command->callback([options, &status] { status = done(rebuild(*options)); });
}

}  // namespace proviso::cli
