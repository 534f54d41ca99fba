#pragma once
// The solvers as the tests use them: really there, really confined.
#include <cstdio>
#include <string>
#include <unistd.h>

#include "prove/prover.h"

namespace proviso::prove::test {

inline bool have_solvers() {
  if (access("/usr/bin/cvc5", X_OK) == 0 && access("/usr/bin/z3", X_OK) == 0) return true;
  std::printf("skipped: cvc5 or z3 is not installed\n");
  return false;
}

inline ProverOptions solvers(std::string records = {}) { return usual_prover(PV_LAUNCHER, std::move(records)); }

}  // namespace proviso::prove::test
