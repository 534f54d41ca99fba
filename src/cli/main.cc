#include <CLI/CLI.hpp>

#include "cli/command.h"

int main(int argc, char** argv) {
  CLI::App app{"proviso: an AI gateway that enforces an agreement and proves that it did"};
  app.name("proviso");
  app.footer(
      "A first round:\n"
      "  proviso serve --sample agreements/enclave   keys, a signed sample agreement, a gate\n"
      "  proviso key list                            who may use it\n"
      "  proviso ledger show                         what was decided\n"
      "  proviso-verify STATE                        check all of it with another program\n"
      "Commands that change something speak to the running gate, or take its lock if none runs.");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help for every command");
  int status = 0;
  proviso::cli::add_serve(app, status);
  proviso::cli::add_agreement(app, status);
  proviso::cli::add_ledger(app, status);
  proviso::cli::add_witness(app, status);
  proviso::cli::add_key(app, status);
  proviso::cli::add_approver(app, status);
  proviso::cli::add_hold(app, status);
  proviso::cli::add_stop(app, status);
  proviso::cli::add_emergency(app, status);
  proviso::cli::add_tools(app, status);
  proviso::cli::add_inspect(app, status);
  proviso::cli::add_eval(app, status);
  proviso::cli::add_cedar(app, status);
  proviso::cli::add_tour(app, status);
  proviso::cli::add_signer(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  }
  return status;
}
