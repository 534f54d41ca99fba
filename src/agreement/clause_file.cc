#include "agreement/clause_file.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/visible.h"

namespace proviso::agreement {
namespace {

size_t line_at(std::string_view text, size_t offset) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(offset), '\n'));
}

bool looks_like_fence(std::string_view line) {
  const std::string_view text = trim(line);
  return text.starts_with("```") || text.starts_with("~~~");
}

// Number and title of "# 4 Human judgement".
bool parse_heading(std::string_view line, std::string& number, std::string& title) {
  if (!line.starts_with("# ")) return false;
  line.remove_prefix(2);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  number = line.substr(0, space);
  title = trim(line.substr(space + 1));
  const size_t digits = number.find_first_not_of("0123456789");
  const std::string_view rest =
      digits == std::string::npos ? std::string_view() : std::string_view(number).substr(digits);
  const bool suffix = rest.empty() || (rest.size() == 1 && rest[0] >= 'a' && rest[0] <= 'z');
  return number[0] >= '1' && number[0] <= '9' && number.size() <= 6 && suffix && !title.empty();
}

}  // namespace

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool number_less(std::string_view a, std::string_view b) {
  const auto digits = [](std::string_view n) {
    const size_t end = n.find_first_not_of("0123456789");
    return end == std::string_view::npos ? n.size() : end;
  };
  if (digits(a) != digits(b)) return digits(a) < digits(b);
  return a < b;
}

bool check_text(std::string_view file, std::string_view bytes, Faults& faults) {
  const size_t before = faults.count();
  if (bytes.size() > kFileBytesMax) {
    faults.add(file, 1, fmt::format("the file is larger than {} bytes; split it", kFileBytesMax),
               Code::kLimit);
    return false;
  }
  if (!is_utf8(bytes)) {
    faults.add(file, 1, "the file is not UTF-8; save it as UTF-8");
    return false;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == '\r') {
      faults.add(file, line_at(bytes, i), "carriage return; save the file with LF line ends");
      break;
    }
    if ((c < 32 && c != '\n' && c != '\t') || c == 127) {
      faults.add(file, line_at(bytes, i), fmt::format("control character 0x{:02x}; remove it", c));
      break;
    }
  }
  if (const auto hidden = find_hidden(bytes); hidden && faults.count() == before) {
    faults.add(file, line_at(bytes, *hidden),
               "an invisible or direction-changing character; remove it, for the text would read "
               "otherwise than it runs");
  }
  return faults.count() == before;
}

MarkdownFile split_fences(std::string_view file, std::string_view bytes,
                          const std::vector<std::string_view>& kinds, Faults& faults) {
  MarkdownFile out;
  Fence* open = nullptr;
  Fence ignored;  // takes the body of a fence of an unknown kind
  size_t opened_at = 0;
  size_t number = 0;
  for (std::string_view line : split_lines(bytes)) {
    ++number;
    if (open) {
      if (line == "```") {
        open = nullptr;
      } else {
        open->body.append(line).push_back('\n');
      }
      continue;
    }
    if (looks_like_fence(line)) {
      const std::string_view kind = line.starts_with("```") ? line.substr(3) : "";
      opened_at = number;
      if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end() && !kind.empty()) {
        out.fences.push_back({std::string(kind), number + 1, ""});
        open = &out.fences.back();
      } else {
        faults.add(file, number, fmt::format("`{}` opens no known fence; start the line with ```{}",
                                             trim(line), fmt::join(kinds, " or ```")));
        open = &ignored;
      }
      continue;
    }
    if (line.find("<!--") != std::string_view::npos) {
      faults.add(file, number, "an HTML comment hides text from readers; remove it");
    }
    out.text.append(line).push_back('\n');
  }
  if (open) {
    faults.add(file, opened_at, "this fence is never closed; end it with ``` alone on a line");
  }
  return out;
}

std::optional<ClauseFile> parse_clause_file(std::string_view file, std::string_view bytes,
                                            Faults& faults) {
  if (!check_text(file, bytes, faults)) return std::nullopt;
  ClauseFile clause;
  clause.file = file;
  const size_t first_end = std::min(bytes.find('\n'), bytes.size());
  if (!parse_heading(bytes.substr(0, first_end), clause.number, clause.title)) {
    faults.add(file, 1, "the first line must be the heading `# NUMBER TITLE`, such as `# 4 Human "
                        "judgement`");
    return std::nullopt;
  }
  MarkdownFile parts = split_fences(file, bytes, {"cedar", "examples"}, faults);
  clause.fences = std::move(parts.fences);
  size_t number = 0;
  for (std::string_view line : split_lines(bytes)) {
    ++number;
    if (number > 1 && line.starts_with("# ") &&
        parts.text.find(std::string(line) + "\n") != std::string::npos) {
      const bool in_fence = std::any_of(
          clause.fences.begin(), clause.fences.end(), [&](const Fence& fence) {
            const auto lines = static_cast<size_t>(std::count(fence.body.begin(), fence.body.end(), '\n'));
            return number >= fence.first_line && number < fence.first_line + lines;
          });
      if (!in_fence) faults.add(file, number, "a second `# ` heading; one file holds one clause");
    }
  }
  clause.text = parts.text.substr(std::min(parts.text.find('\n'), parts.text.size() - 1) + 1);
  const size_t begin = clause.text.find_first_not_of('\n');
  const size_t end = clause.text.find_last_not_of('\n');
  clause.text = begin == std::string::npos ? "" : clause.text.substr(begin, end - begin + 1);
  if (trim(clause.text).empty()) {
    faults.add(file, 1, fmt::format("clause {} has no legal text; say in words what it demands",
                                    clause.number));
  }
  return clause;
}

}  // namespace proviso::agreement
