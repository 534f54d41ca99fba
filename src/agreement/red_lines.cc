#include "agreement/red_lines.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/cedar_faults.h"
#include "agreement/clause_file.h"
#include "agreement/references.h"
#include "agreement/terms.h"
#include "cedar/policy_set.h"
#include "cedar/validator.h"

namespace proviso::agreement {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

class RedLineReader {
 public:
  RedLineReader(const Terms& terms, const cedar::Schema* schema, Faults& faults)
      : terms_(terms), schema_(schema), faults_(faults) {}

  std::vector<RedLine> read(std::string_view markdown) {
    const MarkdownFile parts = split_fences(kRedLinesFile, markdown, {"redlines"}, faults_);
    read_table(markdown, parts);
    for (const Fence& fence : parts.fences) read_fence(fence);
    for (const RedLine& line : lines_) {
      if (line.condition.empty() && !line.id.empty()) {
        fault(table_line_[line.id], fmt::format("red line `{}` has no condition; add `{}: VERBS => "
                                                "CONDITION` to the ```redlines fence", line.id, line.id));
      }
    }
    if (lines_.size() > kRedLinesMax) {
      faults_.add(kRedLinesFile, 1, fmt::format("more than {} red lines", kRedLinesMax), Code::kLimit);
    }
    return std::move(lines_);
  }

 private:
  void fault(size_t line, std::string sentence) {
    faults_.add(kRedLinesFile, line, std::move(sentence));
  }

  std::vector<exchange::Verb> read_verbs(std::string_view text, size_t line) {
    std::vector<exchange::Verb> verbs;
    for (std::string_view name : split(text, ',')) {
      const auto verb = exchange::parse_verb(name);
      if (!verb || (schema_ && !schema_->action(name))) {
        fault(line, fmt::format("`{}` is not a verb that this agreement decides; use ask, release, act "
                                "or train", name));
      } else if (std::find(verbs.begin(), verbs.end(), *verb) == verbs.end()) {
        verbs.push_back(*verb);
      }
    }
    std::sort(verbs.begin(), verbs.end());
    return verbs;
  }

  void read_table(std::string_view markdown, const MarkdownFile& parts) {
    size_t number = 0;
    size_t row = 0;
    for (std::string_view line : split_lines(markdown)) {
      ++number;
      const bool in_fence = std::any_of(parts.fences.begin(), parts.fences.end(), [&](const Fence& f) {
        const auto count = static_cast<size_t>(std::count(f.body.begin(), f.body.end(), '\n'));
        return number >= f.first_line && number < f.first_line + count;
      });
      if (in_fence || !line.starts_with("|")) continue;
      auto cells = split(line, '|');
      if (cells.size() != 6 || !cells.front().empty() || !cells.back().empty()) {
        fault(number, "a row of red lines is `| id | custodian | scope | in words |`");
        continue;
      }
      ++row;
      if (row == 1) {
        if (cells[1] != "id" || cells[2] != "custodian" || cells[3] != "scope" || cells[4] != "in words") {
          fault(number, "the table's header must be `| id | custodian | scope | in words |`");
        }
      } else if (row > 2) {
        add_row(cells, number);
      }
    }
  }

  void add_row(const std::vector<std::string_view>& cells, size_t number) {
    RedLine line;
    line.id = cells[1];
    line.custodian = cells[2];
    line.verbs = read_verbs(cells[3], number);
    line.words = cells[4];
    if (!is_identifier(line.id)) {
      fault(number, fmt::format("`{}` is not an id; use letters and digits, such as R1", line.id));
      return;
    }
    if (table_line_.contains(line.id)) {
      fault(number, fmt::format("red line `{}` stands twice; give each its own id", line.id));
      return;
    }
    const bool known = std::any_of(terms_.parties.begin(), terms_.parties.end(),
                                   [&](const Party& party) { return party.role == line.custodian; });
    if (!known) {
      fault(number, fmt::format("custodian `{}` is no party's role in agreement.toml", line.custodian));
    }
    if (line.words.empty()) fault(number, fmt::format("red line `{}` lacks its words", line.id));
    table_line_[line.id] = number;
    lines_.push_back(std::move(line));
  }

  // `R1: act => CONDITION`; a line that starts with a space goes on with the one above.
  void read_fence(const Fence& fence) {
    size_t number = fence.first_line - 1;
    size_t started = 0;
    std::string entry;
    for (std::string_view line : split_lines(fence.body)) {
      ++number;
      const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
      if (!goes_on || entry.empty()) {
        if (!entry.empty()) read_entry(entry, started);
        entry.clear();
        if (trim(line).empty() || line.starts_with('#')) continue;
        started = number;
        entry = line;
      } else {
        entry.append("\n").append(line);
      }
    }
    if (!entry.empty()) read_entry(entry, started);
  }

  void read_entry(std::string_view entry, size_t number) {
    const size_t colon = entry.find(':');
    const size_t arrow = entry.find("=>");
    if (colon == std::string_view::npos || arrow == std::string_view::npos || colon > arrow) {
      return fault(number, "a red line is `ID: VERBS => CONDITION`");
    }
    const std::string_view id = trim(entry.substr(0, colon));
    const auto line = std::find_if(lines_.begin(), lines_.end(),
                                   [&](const RedLine& known) { return known.id == id; });
    if (line == lines_.end()) {
      return fault(number, fmt::format("red line `{}` is not in the table; say in words what it means",
                                       id));
    }
    if (!line->condition.empty()) {
      return fault(number, fmt::format("red line `{}` has two conditions; join them with &&", id));
    }
    if (read_verbs(entry.substr(colon + 1, arrow - colon - 1), number) != line->verbs) {
      fault(number, fmt::format("red line `{}` names other verbs here than in the table's scope", id));
    }
    line->condition = trim(entry.substr(arrow + 2));
    line->source = place(kRedLinesFile, number);
    if (line->condition.starts_with("no ")) return read_absent(*line, number);
    if (!line->verbs.empty()) check_condition(*line, number);
  }

  // `no KIND in any tool`, `no KIND in ToolClass::"spend", Tool::"order_parts"`.
  void read_absent(RedLine& line, size_t number) {
    const std::string_view text = std::string_view(line.condition).substr(3);
    const size_t in = text.find(" in ");
    if (in == std::string_view::npos) {
      return fault(number, fmt::format("red line `{}`: write `no KIND in any tool`, or after `in` a list of ToolClass::\"…\" and Tool::\"…\"", line.id));
    }
    Absent absent;
    absent.kind = trim(text.substr(0, in));
    if (terms_.kind(absent.kind) == nullptr) {
      fault(number, fmt::format("red line `{}` speaks of the kind `{}`, which is neither built in (person, coordinate) nor a [[kind]]",
                                line.id, absent.kind));
    }
    if (line.verbs != std::vector{exchange::Verb::kAct}) fault(number, fmt::format("red line `{}` speaks of calls of tools: its scope is `act`", line.id));
    const std::string_view where = trim(text.substr(in + 4));
    absent.all = where == "any tool";
    if (!absent.all) {
      for (const std::string_view one : split(where, ',')) read_scope(line.id, one, absent, number);
    }
    line.absent = std::move(absent);
  }

  void read_scope(const std::string& id, std::string_view one, Absent& absent, size_t number) {
    const auto named = [&](std::string_view type) -> std::string {
      if (!one.starts_with(type) || one.size() < type.size() + 2 || !one.ends_with('"')) return "";
      return std::string(one.substr(type.size(), one.size() - type.size() - 1));
    };
    if (const std::string of_class = named("ToolClass::\""); !of_class.empty()) {
      if (!terms_.tool_classes.contains(of_class)) fault(number, fmt::format("red line `{}` names the tool class `{}`, which is not known", id, of_class));
      absent.classes.push_back(of_class);
    } else if (const std::string tool = named("Tool::\""); !tool.empty()) {
      if (std::ranges::find(terms_.tools, tool, &Tool::id) == terms_.tools.end()) fault(number, fmt::format("red line `{}` names the tool `{}`, which is not registered", id, tool));
      absent.tools.push_back(tool);
    } else {
      fault(number, fmt::format("red line `{}`: `{}` is neither ToolClass::\"…\" nor Tool::\"…\"", id, one));
    }
  }

  void check_condition(const RedLine& line, size_t number) {
    const auto first_line = static_cast<uint32_t>(number);
    const auto parsed = cedar::parse_expression(line.condition, kRedLinesFile, first_line);
    if (!parsed) return add_cedar_fault(kRedLinesFile, number, parsed.error(), faults_);
    if (!schema_) return;
    std::vector<std::string> actions;
    for (exchange::Verb verb : line.verbs) {
      actions.push_back(fmt::format("Action::\"{}\"", exchange::verb_name(verb)));
    }
    const auto policy = cedar::PolicySet::parse(
        fmt::format("permit (principal, action in [{}], resource) when {{ {} }};",
                    fmt::join(actions, ", "), line.condition),
        kRedLinesFile, first_line);
    if (!policy) return add_cedar_fault(kRedLinesFile, number, policy.error(), faults_);
    check_references(policy->policies().front(), terms_, faults_);
    for (const cedar::Diagnostic& diagnostic : cedar::validate(*schema_, *policy)) {
      if (diagnostic.severity == cedar::Severity::kError) {
        faults_.add(kRedLinesFile, diagnostic.line,
                    fmt::format("red line `{}`: {}", line.id, diagnostic.message));
      }
    }
  }

  const Terms& terms_;
  const cedar::Schema* schema_;
  Faults& faults_;
  std::vector<RedLine> lines_;
  std::map<std::string, size_t, std::less<>> table_line_;
};

}  // namespace

std::vector<RedLine> parse_red_lines(std::string_view markdown, const Terms& terms,
                                     const cedar::Schema* schema, Faults& faults) {
  if (!check_text(kRedLinesFile, markdown, faults)) return {};
  return RedLineReader(terms, schema, faults).read(markdown);
}

}  // namespace proviso::agreement
