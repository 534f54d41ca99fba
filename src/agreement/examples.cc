#include "agreement/examples.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "agreement/terms.h"
#include "base/bytes.h"
#include "base/json.h"

namespace proviso::agreement {
namespace {

using exchange::Facts;
using exchange::FactValue;

// The line on which the keys stand, found by reading on from each to the next; JSON's parser keeps no
// lines. Good enough to lead an author there.
size_t line_of_keys(std::string_view text, std::initializer_list<std::string_view> keys) {
  size_t at = 0;
  for (std::string_view key : keys) {
    const size_t found = text.find(json::quoted(key), at);
    if (found == std::string_view::npos) break;
    at = found;
  }
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

// Turns the members of one object of examples.json into facts.
class CastReader {
 public:
  CastReader(std::string_view text, const Terms& terms, Faults& faults)
      : text_(text), terms_(terms), faults_(faults) {}

  Cast read(json::Element root) {
    Cast cast;
    json::Object object;
    if (root.get(object)) return fault({}, "the file must hold an object"), cast;
    for (const auto [key, value] : object) {
      if (key == "people") {
        each(key, value, [&](std::string_view name, json::Object person) {
          cast.people[std::string(name)] = read_person(name, person);
        });
      } else if (key == "datasets") {
        each(key, value, [&](std::string_view name, json::Object dataset) {
          cast.datasets[std::string(name)] = read_dataset(name, dataset);
        });
      } else if (key == "defaults") {
        json::Object defaults;
        if (value.get(defaults)) {
          fault({key}, "`defaults` must be an object");
        } else {
          cast.defaults = read_defaults(defaults);
        }
      } else {
        fault({key}, fmt::format("unknown key `{}`; known are people, datasets, defaults", key));
      }
    }
    return cast;
  }

 private:
  void fault(std::initializer_list<std::string_view> keys, std::string sentence) {
    faults_.add(kExamplesFile, line_of_keys(text_, keys), std::move(sentence));
  }

  template <class F>
  void each(std::string_view section, json::Element value, F&& visit) {
    json::Object object;
    if (value.get(object)) return fault({section}, fmt::format("`{}` must be an object", section));
    for (const auto [name, entry] : object) {
      json::Object inner;
      if (entry.get(inner)) {
        fault({section, name}, fmt::format("`{}` must be an object", name));
      } else if (name.find_first_of(" |\t#") != std::string_view::npos || name.empty()) {
        fault({section, name}, fmt::format("`{}` cannot stand in an example's row; use a name without "
                                           "spaces, `|` and `#`", name));
      } else {
        visit(name, inner);
      }
    }
  }

  // Required members with a reader each; anything else is a fault.
  struct Member {
    std::string_view key;
    std::string_view path;
    std::string_view type;  // "text", "integer", "boolean", "time", "roles", "labels"
  };
  template <size_t N>
  Facts read_members(std::string_view section, std::string_view name, json::Object object,
                     const std::array<Member, N>& members, bool all_required) {
    Facts facts;
    for (const auto [key, value] : object) {
      const std::string_view wanted = key;
      const auto* member = std::find_if(members.begin(), members.end(),
                                        [&](const Member& m) { return m.key == wanted; });
      if (member == members.end()) {
        std::vector<std::string_view> known;
        for (const Member& m : members) known.push_back(m.key);
        fault({section, name, key}, fmt::format("unknown key `{}` in `{}`; known are {}", key, name,
                                                fmt::join(known, ", ")));
      } else if (auto fact = read_value(*member, value)) {
        facts.set(member->path, std::move(*fact));
      } else {
        fault({section, name, key},
              fmt::format("`{}` of `{}`: {}", key, name, fact.error().message));
      }
    }
    if (!all_required) return facts;
    for (const Member& member : members) {
      simdjson::dom::element ignored;
      if (object.at_key(member.key).get(ignored)) {
        fault({section, name}, fmt::format("`{}` lacks `{}`; add it", name, member.key));
      }
    }
    return facts;
  }

  Result<FactValue> read_value(const Member& member, json::Element value) {
    if (member.type == "integer") {
      int64_t number = 0;
      if (value.get(number)) return fail(Code::kInvalid, "must be an integer");
      return FactValue(number);
    }
    if (member.type == "boolean") {
      bool flag = false;
      if (value.get(flag)) return fail(Code::kInvalid, "must be true or false");
      return FactValue(flag);
    }
    if (member.type == "roles" || member.type == "labels") return read_list(member, value);
    std::string_view text;
    if (value.get(text)) return fail(Code::kInvalid, "must be a string");
    if (member.type == "text") return FactValue(std::string(text));
    PV_TRY(const UtcSeconds time, parse_time(text));
    return FactValue(time.value);
  }

  Result<FactValue> read_list(const Member& member, json::Element value) {
    json::Array array;
    if (value.get(array)) return fail(Code::kInvalid, "must be a list of strings");
    std::vector<std::string> out;
    for (json::Element item : array) {
      std::string_view text;
      if (item.get(text)) return fail(Code::kInvalid, "must be a list of strings");
      if (member.type == "roles" && !terms_.roles.contains(std::string(text))) {
        return fail(Code::kInvalid, fmt::format("`{}` is not in [roles]; add it there or correct it",
                                                text));
      }
      if (member.type == "labels" &&
          std::find(terms_.labels.begin(), terms_.labels.end(), text) == terms_.labels.end()) {
        return fail(Code::kInvalid, fmt::format("`{}` is not in [labels] known; add it there or correct "
                                                "it", text));
      }
      out.emplace_back(text);
    }
    return FactValue(std::move(out));
  }

  Facts read_person(std::string_view name, json::Object object) {
    constexpr std::array<Member, 4> kMembers = {{
        {"roles", "principal.roles", "roles"},
        {"clearance", "principal.clearance", "integer"},
        {"nationality", "principal.nationality", "text"},
        {"training_until", "principal.training_until", "time"},
    }};
    Facts facts = read_members("people", name, object, kMembers, true);
    facts.set("principal.id", std::string(name));
    return facts;
  }
  Facts read_dataset(std::string_view name, json::Object object) {
    constexpr std::array<Member, 3> kMembers = {{
        {"contains_persons", "resource.contains_persons", "boolean"},
        {"governed", "resource.governed", "boolean"},
        {"marking", "resource.marking", "integer"},
    }};
    return read_members("datasets", name, object, kMembers, true);
  }
  Facts read_defaults(json::Object object) {
    constexpr std::array<Member, 9> kMembers = {{
        {"purpose", "context.moment.purpose", "text"},
        {"now", "context.moment.now", "time"},
        {"break_glass", "context.moment.break_glass", "boolean"},
        {"labels", "context.content.labels", "labels"},
        {"top_score", "context.content.top_score", "integer"},
        {"marking", "context.content.marking", "integer"},
        {"unreadable_parts", "context.content.unreadable_parts", "integer"},
        {"bytes", "context.content.bytes", "integer"},
        {"tools_offered", "context.tools_offered", "integer"},
    }};
    return read_members("defaults", "defaults", object, kMembers, false);
  }

  std::string_view text_;
  const Terms& terms_;
  Faults& faults_;
};

Facts starting_facts(const Terms& terms) {
  Facts facts;
  facts.set("context.moment.purpose", std::string());
  facts.set("context.moment.now", int64_t{0});
  facts.set("context.moment.break_glass", false);
  facts.set("context.content.labels", std::vector<std::string>());
  facts.set("context.content.top_score", int64_t{0});
  facts.set("context.content.marking", int64_t{0});
  facts.set("context.content.unreadable_parts", int64_t{0});
  facts.set("context.content.bytes", int64_t{0});
  facts.set("context.tools_offered", int64_t{0});
  if (!terms.models.empty()) facts.set("context.model", terms.models.front().id);
  if (!terms.effective.empty()) {
    if (const auto time = parse_time(terms.effective)) facts.set("context.moment.now", time->value);
  }
  return facts;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Rows of one fence.
class RowReader {
 public:
  RowReader(const ClauseFile& clause, const Cast& cast, const Terms& terms, Faults& faults)
      : clause_(clause), cast_(cast), terms_(terms), faults_(faults) {}

  Example read(const Asked& asked) {
    Example example;
    example.facts = starting_facts(terms_);
    example.facts.merge(cast_.defaults);
    if (asked.person) {
      example.facts.merge(*asked.person);
    } else {
      read_who(asked.who, example);
    }
    read_what_happens(asked.does, asked.what, asked.when, example);
    return example;
  }

  void read(const Fence& fence, std::vector<Example>& out) {
    bool header = false;
    line_ = fence.first_line - 1;
    for (std::string_view raw : split_lines(fence.body)) {
      ++line_;
      const std::string_view row = trim(raw.substr(0, raw.find('#')));
      if (row.empty()) continue;
      const auto cells = split(row, '|');
      if (!header) {
        header = true;
        constexpr std::array<std::string_view, 5> kHeader = {"who", "does", "what", "when", "then"};
        if (!std::equal(cells.begin(), cells.end(), kHeader.begin(), kHeader.end())) {
          fault("the first row must be `who | does | what | when | then`");
          return;
        }
        continue;
      }
      const size_t before = faults_.count();
      Example example = read_row(row, cells);
      if (faults_.count() == before) out.push_back(std::move(example));
    }
    if (!header) fault("the fence is empty; write `who | does | what | when | then` and rows below it");
  }

 private:
  void fault(std::string sentence) { faults_.add(clause_.file, line_, std::move(sentence)); }

  Example read_row(std::string_view row, const std::vector<std::string_view>& cells) {
    Example example;
    example.file = clause_.file;
    example.line = line_;
    example.row = row;
    example.clause = clause_.number;
    if (cells.size() != 5) {
      fault(fmt::format("a row has five cells, who | does | what | when | then; this one has {}",
                        cells.size()));
      return example;
    }
    example.facts = starting_facts(terms_);
    example.facts.merge(cast_.defaults);
    read_who(cells[0], example);
    read_what_happens(cells[1], cells[2], cells[3], example);
    read_then(cells[4], example);
    return example;
  }

  void read_what_happens(std::string_view does, std::string_view what, std::string_view when, Example& example) {
    if (const auto verb = exchange::parse_verb(does)) {
      example.verb = *verb;
    } else {
      fault(fmt::format("`{}` is not a verb; use ask, release, act or train", does));
    }
    read_what(what, example);
    read_when(when, example);
  }

  void read_who(std::string_view who, Example& example) {
    const auto person = cast_.people.find(who);
    if (person == cast_.people.end()) {
      return fault(fmt::format("nobody called `{}` stands in examples.json; add them to `people`", who));
    }
    example.facts.merge(person->second);
  }

  void read_what(std::string_view what, Example& example) {
    const size_t space = what.find(' ');
    const std::string_view kind = what.substr(0, space);
    const std::string_view id = space == std::string_view::npos ? "" : trim(what.substr(space));
    if (!is_id(id)) return fault(fmt::format("`{}` names nothing; write `model ID`, `tool ID`, `dataset ID`, "
                                             "`vendor ID` or `purpose ID`", what));
    if (kind == "model") {
      const bool known = std::any_of(terms_.models.begin(), terms_.models.end(),
                                     [&](const Model& model) { return model.id == id; });
      if (!known) return fault(fmt::format("no [[model]] `{}` in agreement.toml; add it or correct the "
                                           "row", id));
      example.facts.set("resource.type", std::string("Model"));
    } else if (kind == "tool") {
      example.facts.set("resource.type", std::string("Tool"));
    } else if (kind == "dataset") {
      const auto dataset = cast_.datasets.find(id);
      if (dataset == cast_.datasets.end()) {
        return fault(fmt::format("no dataset `{}` in examples.json; add it to `datasets`", id));
      }
      example.facts.merge(dataset->second);
      example.facts.set("resource.type", std::string("Dataset"));
    } else if (kind == "vendor") {
      const bool known = std::any_of(terms_.vendors.begin(), terms_.vendors.end(),
                                     [&](const Vendor& vendor) { return vendor.id == id; });
      if (!known) return fault(fmt::format("no [[vendor]] `{}` in agreement.toml; add it or correct the row", id));
      example.facts.set("resource.type", std::string("Vendor"));
    } else if (kind == "purpose") {
      if (!terms_.purposes.contains(std::string(id))) {
        return fault(fmt::format("no purpose `{}` in [purposes]; add it or correct the row", id));
      }
      example.facts.set("resource.type", std::string("Purpose"));
    } else {
      return fault(fmt::format("`{}` is neither model, tool, dataset, vendor nor purpose", kind));
    }
    example.facts.set("resource.id", std::string(id));
  }

  void read_when(std::string_view when, Example& example) {
    std::vector<std::string_view> seen;
    for (std::string_view pair : split(when, ' ')) {
      if (pair.empty()) continue;
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos) {
        fault(fmt::format("`{}` is not `key=value`", pair));
        continue;
      }
      const std::string_view key = pair.substr(0, equals);
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        fault(fmt::format("`{}` stands twice in this row; keep one", key));
      }
      seen.push_back(key);
      if (Status status = read_pair(key, pair.substr(equals + 1), example.facts); !status) {
        fault(fmt::format("`{}`: {}", pair, status.error().message));
      }
    }
  }

  Status read_pair(std::string_view key, std::string_view value, Facts& facts) {
    if (key == "purpose") return facts.set("context.moment.purpose", std::string(value)), Status();
    if (key == "model") return facts.set("context.model", std::string(value)), Status();
    if (key == "now") {
      PV_TRY(const UtcSeconds time, parse_time(value));
      return facts.set("context.moment.now", time.value), Status();
    }
    if (key == "labels") return read_labels(value, facts);
    if (key == "break_glass") {
      if (value != "true" && value != "false") return fail(Code::kInvalid, "must be true or false");
      return facts.set("context.moment.break_glass", value == "true"), Status();
    }
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNumbers = {{
        {"marking", "context.content.marking"},
        {"bytes", "context.content.bytes"},
        {"top_score", "context.content.top_score"},
        {"unreadable_parts", "context.content.unreadable_parts"},
        {"tools_offered", "context.tools_offered"},
    }};
    for (const auto& [name, path] : kNumbers) {
      if (key == name) return read_number(path, value, facts);
    }
    if (key.starts_with("approvals.")) {
      const std::string role(key.substr(10));
      if (!terms_.roles.contains(role)) {
        return fail(Code::kInvalid, fmt::format("`{}` is not in [roles]", role));
      }
      return read_number("context.moment." + std::string(key), value, facts);
    }
    if (key.starts_with("particulars.")) return read_particular(key, value, facts);
    return fail(Code::kInvalid,
                "unknown key; known are purpose, now, labels, marking, bytes, top_score, "
                "unreadable_parts, tools_offered, break_glass, model, approvals.ROLE, "
                "particulars.NAME");
  }

  static Status read_number(std::string_view path, std::string_view value, Facts& facts) {
    PV_TRY(const uint64_t number, parse_u64(value));
    if (number > static_cast<uint64_t>(INT64_MAX)) return fail(Code::kInvalid, "too large");
    facts.set(path, static_cast<int64_t>(number));
    return {};
  }

  Status read_labels(std::string_view value, Facts& facts) {
    std::vector<std::string> labels;
    if (!value.empty()) {
      for (std::string_view label : split(value, ',')) {
        if (std::find(terms_.labels.begin(), terms_.labels.end(), label) == terms_.labels.end()) {
          return fail(Code::kInvalid, fmt::format("`{}` is not in [labels] known; add it there or "
                                                  "correct it", label));
        }
        labels.emplace_back(label);
      }
    }
    facts.set("context.content.labels", std::move(labels));
    return {};
  }

  // The agreement's own facts: an integer, true or false, or else a string.
  static Status read_particular(std::string_view key, std::string_view value, Facts& facts) {
    const std::string path = "context.moment." + std::string(key);
    if (value == "true" || value == "false") return facts.set(path, value == "true"), Status();
    if (parse_u64(value)) return read_number(path, value, facts);
    facts.set(path, std::string(value));
    return {};
  }

  void read_then(std::string_view then, Example& example) {
    for (Outcome outcome : {Outcome::kAllow, Outcome::kDeny, Outcome::kHold, Outcome::kRedact}) {
      if (then == outcome_name(outcome)) {
        example.expected = outcome;
        return;
      }
    }
    fault(fmt::format("`{}` is no outcome; use allow, deny, hold or redact", then));
  }

  const ClauseFile& clause_;
  const Cast& cast_;
  const Terms& terms_;
  Faults& faults_;
  size_t line_ = 0;
};

}  // namespace

Result<Example> parse_question(const Asked& asked, const Cast& cast, const Terms& terms) {
  Faults faults;
  const ClauseFile nowhere;
  Example example = RowReader(nowhere, cast, terms, faults).read(asked);
  if (faults.any()) return fail(Code::kInvalid, faults.sentences());
  return example;
}

Cast parse_cast(std::string_view json_text, const Terms& terms, Faults& faults) {
  json::Parser parser;
  const auto root = parser.parse(json_text);
  if (!root) {
    faults.add(kExamplesFile, 1, root.error().message, root.error().code);
    return {};
  }
  return CastReader(json_text, terms, faults).read(*root);
}

std::vector<Example> parse_examples(const ClauseFile& clause, const Cast& cast, const Terms& terms,
                                    Faults& faults) {
  std::vector<Example> out;
  RowReader reader(clause, cast, terms, faults);
  for (const Fence& fence : clause.fences) {
    if (fence.kind == "examples") reader.read(fence, out);
  }
  return out;
}

}  // namespace proviso::agreement
