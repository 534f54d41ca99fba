#pragma once
// `proviso-verify --prove`: the red lines of agreements proven anew, by this program with the solvers of this machine,
// whatever the records of the gate say. Part of the program `proviso-verify`, which may use the room `prove`.
#include <string>

namespace proviso::audit {

// `place`: a gate's state folder (every agreement that was ever in force, and its records of proofs) or the folder of
// one agreement. Writes nothing there. Prints what it found, as lines or one JSON object. Returns the exit status: 0
// every line of every agreement is proven, 1 something is not, 2 nothing to judge.
int prove_place(const std::string& place, bool as_json);

}  // namespace proviso::audit
