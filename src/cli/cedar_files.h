#pragma once
// Cedar files as the commands of `proviso cedar` name them: by their ending, text or JSON.
#include <string>

#include "base/result.h"
#include "cedar/entities.h"
#include "cedar/policy_set.h"
#include "cedar/schema.h"

namespace proviso::cli {

// The file's bytes; "-" is standard input.
Result<std::string> read_input(const std::string& path);
// `*.json` is JSON, everything else Cedar text; @id renames, as in Cedar's own command line.
Result<cedar::PolicySet> read_policies(const std::string& path);
// Links as Cedar's command line keeps them: [{"template_id", "link_id", "args": {"?principal": "User::\"a\""}}].
Status read_links(cedar::PolicySet& policies, const std::string& path);
// {"?principal": "User::\"a\"", …}
Result<cedar::SlotValues> slot_values(std::string_view json);
Result<cedar::Schema> read_schema(const std::string& path);
Result<cedar::Entities> read_entities(const std::string& path, const cedar::Schema* schema);

}  // namespace proviso::cli
