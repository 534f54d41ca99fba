#pragma once
// Judges the Cedar engine by a folder of conformance data, whatever part of it is there.
#include <string>

namespace proviso::cli {

// Prints `family: passed/total` and every miss, or one JSON object; the exit status of the command.
int judge_corpus(const std::string& folder, bool as_json);

}  // namespace proviso::cli
