#pragma once
// A line that says that no allowed call of some tools can carry a kind of thing, tool by tool: by the tool's pinned
// input schema alone, or because no call of the tool is ever allowed, which the solvers show. Not a face: only
// red_lines.cc includes it.
#include <functional>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "prove/absence.h"
#include "prove/prover.h"

namespace proviso::prove {

// The registered tools that the line is about, then "" if it is about tools that nobody registered too.
std::vector<std::string> tools_of(const agreement::Agreement& agreement, const agreement::RedLine& line);

// That no call of that tool is allowed, as a condition of a red line.
std::string never_called(const agreement::Agreement& agreement, const std::string& tool);

struct SchemaFinding {
  bool cannot = false;    // its schema alone shows it
  bool shown = false;     // `arguments` conform and carry the kind
  std::string why;        // otherwise a sentence without the tool's name
  std::string arguments;  // an example, or empty
  std::string schema;     // the schema's digest in hex, or empty
};
SchemaFinding by_schema(const agreement::Agreement& agreement, const agreement::Kind& kind, const std::string& tool);

// What was found of a schema, as a record beside those of the solvers: by tool, pin, schema and kind. True if it lay
// there before. Failing to keep it is an error: nothing is in force without its record.
Result<bool> keep_record(const ProverOptions& options, const agreement::Agreement& agreement, const agreement::Kind& kind,
                         const std::string& tool, const SchemaFinding& found);

}  // namespace proviso::prove
