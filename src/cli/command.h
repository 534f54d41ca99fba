#pragma once
// One file per command. Each adds itself to the program's parser and leaves its exit status in `status`:
// 0 done, 1 it could not be done or does not hold, 2 the command line is wrong.
#include <string>

namespace CLI {
class App;
}

namespace proviso::cli {

void add_serve(CLI::App& app, int& status);
void add_signer(CLI::App& app, int& status);  // hidden: the signer's own process
void add_agreement(CLI::App& app, int& status);
// `prove` and `diff`, under `agreement`.
void add_agreement_proofs(CLI::App& command, int& status);
// `ask` and `what-if`, under `agreement`.
void add_agreement_ask(CLI::App& command, int& status);
void add_agreement_what_if(CLI::App& command, int& status);
void add_ledger(CLI::App& app, int& status);
void add_key(CLI::App& app, int& status);
void add_approver(CLI::App& app, int& status);
void add_hold(CLI::App& app, int& status);  // and `review`
void add_stop(CLI::App& app, int& status);  // and `admit`
void add_emergency(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_eval(CLI::App& app, int& status);
void add_witness(CLI::App& app, int& status);
void add_cedar(CLI::App& app, int& status);
void add_tools(CLI::App& app, int& status);
void add_tour(CLI::App& app, int& status);

}  // namespace proviso::cli
