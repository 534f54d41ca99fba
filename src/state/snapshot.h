#pragma once
// A copy of a store that another process may be writing.
#include <string>

#include "base/result.h"

namespace proviso::state {

// Writes what is committed in the database `from` to `to`, one file, private to its owner and complete
// without side files. `to` must not be there or be empty; not synced. kNotFound if there is no `from`,
// kCorrupt if it is no database.
Status snapshot(const std::string& from, const std::string& to);

}  // namespace proviso::state
