#pragma once
// tools/*.json: definitions of tools that the registry pins, so that what is proven of their input schemas is proven
// of bytes that the parties signed. Each is held against the pin of its tool. Not a face: only this room includes it.
#include <map>
#include <string>

#include "agreement/agreement.h"
#include "agreement/faults.h"

namespace proviso::agreement {

// "tools/order_parts.json"
bool is_paper_path(std::string_view path);
// By the id of the tool.
std::map<std::string, arguments::Paper, std::less<>> read_papers(const Files& files, const Terms& terms, Faults& faults);

}  // namespace proviso::agreement
