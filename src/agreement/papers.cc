#include "agreement/papers.h"

#include <fmt/format.h>

#include <algorithm>

#include "agreement/clause_file.h"

namespace proviso::agreement {

bool is_paper_path(std::string_view path) {
  if (!path.starts_with("tools/") || !path.ends_with(".json") || path.size() < 12) return false;
  const std::string_view name = path.substr(6, path.size() - 11);
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string_view::npos;
}

std::map<std::string, arguments::Paper, std::less<>> read_papers(const Files& files, const Terms& terms, Faults& faults) {
  std::map<std::string, arguments::Paper, std::less<>> out;
  for (const auto& [path, bytes] : files) {
    if (!is_paper_path(path) || !check_text(path, bytes, faults)) continue;
    auto paper = arguments::read_paper(bytes);
    if (!paper) {
      faults.add(path, 1, paper.error().message, paper.error().code);
      continue;
    }
    const auto tool = std::ranges::find(terms.tools, paper->tool, &Tool::id);
    if (tool == terms.tools.end() || tool->server != paper->server || tool->definition != paper->pin.hex()) {
      faults.add(path, 1, fmt::format("the registry does not pin this definition of `{}` by the server `{}`: its digest is {}",
                                      paper->tool, paper->server, paper->pin.hex()));
    } else if (std::string id = paper->tool; !out.emplace(id, std::move(*paper)).second) {
      faults.add(path, 1, fmt::format("the definition of `{}` stands twice; keep one", id));
    }
  }
  return out;
}

}  // namespace proviso::agreement
