#include "agreement/terms.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>

#include "agreement/clause_file.h"
#include "base/sshsig.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace proviso::agreement {
namespace {

enum class Need { kRequired, kOptional };

size_t line_of(const toml::node& node) { return node.source().begin.line; }

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// One table of the file. Every key that is asked for counts as known; finish() faults the others.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, Faults& faults)
      : table_(table), name_(std::move(name)), faults_(faults) {}

  [[nodiscard]] size_t line() const { return std::max<size_t>(1, table_.source().begin.line); }
  [[nodiscard]] size_t line_of_key(std::string_view key) const {
    const toml::node* node = table_.get(key);
    return node ? line_of(*node) : line();
  }
  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  void fault(std::string_view key, std::string sentence) {
    faults_.add(kTermsFile, line_of_key(key), std::move(sentence));
  }

  std::string text(std::string_view key, Need need) {
    const toml::node* node = get(key, need, "a string");
    if (!node) return "";
    const auto* value = node->as_string();
    if (!value) return wrong_type(key, "a string"), "";
    const std::string& out = value->get();
    if (out.size() > kTextBytesMax) {
      fault(key, fmt::format("`{}` in {} is longer than {} bytes; shorten it", key, name_,
                             kTextBytesMax));
    }
    if (std::any_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 32; })) {
      fault(key, fmt::format("`{}` in {} holds a control character; remove it", key, name_));
    }
    if (out.empty() && need == Need::kRequired) {
      fault(key, fmt::format("`{}` in {} is empty; write what it says", key, name_));
    }
    return out;
  }

  std::string id(std::string_view key) {
    std::string out = text(key, Need::kRequired);
    if (!out.empty() && !is_id(out)) {
      fault(key, fmt::format("`{}` is not an id; use up to {} printable ASCII characters without "
                             "spaces or quotes", out, kIdBytesMax));
    }
    return out;
  }

  int64_t integer(std::string_view key, Need need, int64_t low, int64_t high, int64_t absent = 0) {
    const toml::node* node = get(key, need, "an integer");
    if (!node) return absent;
    const auto* value = node->as_integer();
    if (!value) return wrong_type(key, "an integer"), absent;
    if (value->get() < low || value->get() > high) {
      fault(key, fmt::format("`{}` in {} must be between {} and {}", key, name_, low, high));
    }
    return value->get();
  }

  bool boolean(std::string_view key, bool absent) {
    const toml::node* node = get(key, Need::kOptional, "true or false");
    if (!node) return absent;
    const auto* value = node->as_boolean();
    if (!value) return wrong_type(key, "true or false"), absent;
    return value->get();
  }

  // A TOML local date as "2026-03-05"; TOML itself refuses a day that the month does not have.
  std::string date(std::string_view key, Need need) {
    const toml::node* node = get(key, need, "a date");
    if (!node) return "";
    const auto* value = node->as_date();
    if (!value) {
      return wrong_type(key, "a date without quotes, such as 2026-03-05"), "";
    }
    return fmt::format("{:04}-{:02}-{:02}", value->get().year, value->get().month,
                       value->get().day);
  }

  std::vector<std::string> words(std::string_view key) {
    std::vector<std::string> out;
    const toml::node* node = get(key, Need::kOptional, "a list of strings");
    if (!node) return out;
    const toml::array* list = node->as_array();
    if (!list) return wrong_type(key, "a list of strings"), out;
    for (const toml::node& item : *list) {
      const auto* value = item.as_string();
      if (!value || !is_word(value->get())) {
        faults_.add(kTermsFile, line_of(item),
                    fmt::format("`{}` in {} lists words of lower-case letters, digits, `_` and `-`",
                                key, name_));
      } else if (std::find(out.begin(), out.end(), value->get()) != out.end()) {
        faults_.add(kTermsFile, line_of(item),
                    fmt::format("`{}` stands twice in `{}`; keep one", value->get(), key));
      } else {
        out.push_back(value->get());
      }
    }
    check_count(key, out.size());
    return out;
  }

  // Each table of `[[key]]` in order.
  template <class F>
  void each_table(std::string_view key, F&& visit) {
    const toml::node* node = get(key, Need::kOptional, "tables");
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list) return wrong_type(key, fmt::format("one or more tables; write [[{}]]", key));
    check_count(key, list->size());
    for (const toml::node& item : *list) {
      const toml::table* table = item.as_table();
      if (!table) {
        faults_.add(kTermsFile, line_of(item),
                    fmt::format("`{}` holds tables; write [[{}]]", key, key));
        continue;
      }
      TableReader reader(*table, fmt::format("[[{}]]", key), faults_);
      visit(reader);
      reader.finish();
    }
  }

  // The table `[key]`, or nothing.
  template <class F>
  void sub_table(std::string_view key, F&& visit) {
    const toml::node* node = get(key, Need::kOptional, "a table");
    if (!node) return;
    const toml::table* table = node->as_table();
    if (!table) return wrong_type(key, fmt::format("a table; write [{}]", key));
    TableReader reader(*table, fmt::format("[{}]", key), faults_);
    visit(reader);
    reader.finish();
  }

  // A table of `id = "description"`, ids checked by `fits`.
  std::map<std::string, std::string> descriptions(std::string_view key, bool (*fits)(std::string_view),
                                                  std::string_view rule) {
    std::map<std::string, std::string> out;
    sub_table(key, [&](TableReader& reader) {
      reader.check_count(key, reader.table_.size());
      for (const auto& [name, node] : reader.table_) {
        const std::string entry(name.str());
        if (!fits(entry)) {
          reader.fault(entry, fmt::format("`{}` in [{}] is not {}", entry, key, rule));
        }
        out[entry] = reader.text(entry, Need::kRequired);
      }
    });
    return out;
  }

  void finish() {
    for (const auto& [key, node] : table_) {
      if (known_.contains(key.str())) continue;
      std::vector<std::string> known(known_.begin(), known_.end());
      faults_.add(kTermsFile, line_of(node),
                  fmt::format("unknown key `{}` in {}; known are {}", key.str(), name_,
                              fmt::join(known, ", ")));
    }
  }

 private:
  const toml::node* get(std::string_view key, Need need, std::string_view what) {
    known_.emplace(key);
    const toml::node* node = table_.get(key);
    if (!node && need == Need::kRequired) {
      faults_.add(kTermsFile, line(), fmt::format("{} lacks `{}`; add {}", name_, key, what));
    }
    return node;
  }
  void wrong_type(std::string_view key, std::string_view what) {
    fault(key, fmt::format("`{}` in {} must be {}", key, name_, what));
  }
  void check_count(std::string_view key, size_t count) {
    if (count > kEntriesMax) {
      faults_.add(kTermsFile, line_of_key(key),
                  fmt::format("`{}` has {} entries; the limit is {}", key, count, kEntriesMax),
                  Code::kLimit);
    }
  }

  const toml::table& table_;
  std::string name_;
  Faults& faults_;
  std::set<std::string, std::less<>> known_;
};

void read_header(TableReader& top, Terms& terms) {
  terms.title = top.text("title", Need::kRequired);
  terms.revision = top.integer("revision", Need::kRequired, 1, 1'000'000'000);
  terms.effective = top.date("effective", Need::kRequired);
  terms.expires = top.date("expires", Need::kRequired);
  if (!terms.effective.empty() && !terms.expires.empty() && terms.expires < terms.effective) {
    top.fault("expires", fmt::format("the agreement expires on {}, before it takes effect on {}",
                                     terms.expires, terms.effective));
  }
  const std::string form = top.text("denial_form", Need::kOptional);
  if (form == "message") {
    terms.denial_form = DenialForm::kMessage;
  } else if (!form.empty() && form != "error") {
    top.fault("denial_form", fmt::format("`denial_form` is \"error\" or \"message\", not `{}`", form));
  }
  terms.passthrough = top.words("passthrough");
}

void read_party(TableReader& reader, Terms& terms) {
  Party party{reader.text("name", Need::kRequired), reader.text("role", Need::kRequired),
              reader.text("key", Need::kRequired)};
  if (party.name.empty()) return;
  constexpr std::array<std::string_view, 3> kRoles = {"operator", "vendor", "overseer"};
  if (!party.role.empty() && std::find(kRoles.begin(), kRoles.end(), party.role) == kRoles.end()) {
    reader.fault("role", fmt::format("party `{}` has role `{}`; a party is an operator, a vendor or "
                                     "an overseer", party.name, party.role));
  }
  if (slug(party.name).empty()) {
    reader.fault("name", fmt::format("party `{}` needs a letter or digit in its name, for its "
                                     "signature file", party.name));
  }
  const auto key = sshsig::parse_public_key(party.key);
  if (!party.key.empty() && !key) {
    reader.fault("key", fmt::format("the key of party `{}` is not an ssh-ed25519 public key ({}); put "
                                    "in the line of its .pub file", party.name, key.error().message));
  }
  for (const Party& other : terms.parties) {
    if (slug(other.name) == slug(party.name)) {
      reader.fault("name", fmt::format("parties `{}` and `{}` would share one signature file; rename "
                                       "one", other.name, party.name));
    }
    const auto other_key = sshsig::parse_public_key(other.key);
    if (key && other_key && *key == *other_key) {
      reader.fault("key", fmt::format("parties `{}` and `{}` have the same key; each party signs with "
                                      "its own", other.name, party.name));
    }
  }
  terms.parties.push_back(std::move(party));
}

void read_parties(TableReader& top, Terms& terms) {
  top.each_table("party", [&](TableReader& reader) { read_party(reader, terms); });
  const bool has_operator = std::any_of(terms.parties.begin(), terms.parties.end(),
                                        [](const Party& p) { return p.role == "operator"; });
  if (!has_operator) {
    top.fault("party", "no party has the role `operator`; add a [[party]] for whoever runs the gate");
  }
}

void read_vocabulary(TableReader& top, Terms& terms) {
  terms.roles = top.descriptions("roles", is_identifier,
                                 "a role id; use letters, digits and `_`, and no word of Cedar's own");
  terms.purposes = top.descriptions("purposes", is_word,
                                    "a purpose id; use lower-case letters, digits, `_` and `-`");
  terms.tool_classes = top.descriptions("tool_classes", is_word,
                                        "a class id; use lower-case letters, digits, `_` and `-`");
  for (std::string_view known : kToolClasses) terms.tool_classes.try_emplace(std::string(known));
  top.sub_table("labels", [&](TableReader& reader) {
    terms.labels = reader.words("known");
    terms.detectors = reader.text("detectors", Need::kOptional);
    if (!terms.detectors.empty() && !is_sha256(terms.detectors)) {
      reader.fault("detectors", "`detectors` must be 64 hex digits, or be left out");
    }
  });
  if (terms.roles.empty()) top.fault("roles", "the agreement names no role; add [roles]");
  if (terms.purposes.empty()) top.fault("purposes", "the agreement names no purpose; add [purposes]");
}

// True if `id` is new; else a fault that names the kind.
template <class T>
bool unique(TableReader& reader, const std::vector<T>& entries, const std::string& id,
            std::string_view kind) {
  if (id.empty()) return false;
  if (std::none_of(entries.begin(), entries.end(), [&](const T& e) { return e.id == id; })) return true;
  reader.fault("id", fmt::format("{} `{}` is registered twice; keep one", kind, id));
  return false;
}

void read_vendors(TableReader& top, Terms& terms) {
  top.each_table("vendor", [&](TableReader& reader) {
    Vendor vendor{reader.id("id"), reader.text("jurisdiction", Need::kRequired), {}};
    reader.each_table("authority", [&](TableReader& inner) {
      vendor.authority.push_back({inner.text("ref", Need::kRequired),
                                  inner.text("status", Need::kRequired),
                                  inner.date("as_of", Need::kRequired)});
    });
    if (unique(reader, terms.vendors, vendor.id, "vendor")) terms.vendors.push_back(std::move(vendor));
  });
}

void check_place(TableReader& reader, const Model& model) {
  const bool https = model.endpoint.starts_with("https://") && model.endpoint.size() > 8;
  const bool socket = model.endpoint.starts_with("unix:/") && model.endpoint.size() > 6;
  if (!model.endpoint.empty() && !https && !socket) {
    reader.fault("endpoint", fmt::format("the endpoint of model `{}` must start with `https://` or "
                                         "`unix:/`", model.id));
  }
  if (model.endpoint.empty() && !reader.has("weights_sha256")) {
    reader.fault("id", fmt::format("model `{}` has neither `weights_sha256` nor `endpoint`; say what "
                                   "runs it", model.id));
  }
  if (model.local && https) {
    reader.fault("local", fmt::format("model `{}` has a remote endpoint and cannot be local", model.id));
  }
  if (!model.local && model.endpoint.empty()) {
    reader.fault("local", fmt::format("model `{}` has no endpoint, so it runs here: remove "
                                      "`local = false` or add `endpoint`", model.id));
  }
  if (reader.has("weights_sha256") && !is_sha256(model.weights_sha256)) {
    reader.fault("weights_sha256", fmt::format("`weights_sha256` of model `{}` must be the 64 "
                                               "lower-case hex digits that sha256sum prints", model.id));
  }
}

void read_models(TableReader& top, Terms& terms) {
  top.each_table("model", [&](TableReader& reader) {
    Model model;
    model.id = reader.id("id");
    model.vendor = reader.id("vendor");
    model.weights_sha256 = reader.text("weights_sha256", Need::kOptional);
    model.endpoint = reader.text("endpoint", Need::kOptional);
    model.local = reader.boolean("local", model.endpoint.empty());
    model.max_marking = reader.integer("max_marking", Need::kOptional, 0, kMarkingMax);
    model.retires = reader.date("retires", Need::kOptional);
    check_place(reader, model);
    if (!model.vendor.empty() &&
        std::none_of(terms.vendors.begin(), terms.vendors.end(),
                     [&](const Vendor& vendor) { return vendor.id == model.vendor; })) {
      reader.fault("vendor", fmt::format("model `{}` names vendor `{}`, which no [[vendor]] "
                                         "describes; add it", model.id, model.vendor));
    }
    if (unique(reader, terms.models, model.id, "model")) terms.models.push_back(std::move(model));
  });
  if (terms.models.empty()) top.fault("model", "the agreement admits no model; add a [[model]]");
}

void read_tools(TableReader& top, Terms& terms) {
  top.each_table("tool", [&](TableReader& reader) {
    Tool tool{reader.id("id"), reader.text("class", Need::kRequired),
              reader.text("server", Need::kOptional), reader.text("definition", Need::kOptional)};
    if (!tool.tool_class.empty() && !terms.tool_classes.contains(tool.tool_class)) {
      reader.fault("class", fmt::format("tool `{}` has class `{}`, which is not known; use one of the "
                                        "built-in classes ({}) or add it to [tool_classes]",
                                        tool.id, tool.tool_class, fmt::join(kToolClasses, ", ")));
    }
    if (unique(reader, terms.tools, tool.id, "tool")) terms.tools.push_back(std::move(tool));
  });
}

bool is_class(std::string_view text) {
  return !text.empty() && text.size() <= kClassBytesMax && text.front() != '-' && text.back() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

void check_class(TableReader& reader, const Retention& kept, const Terms& terms) {
  const std::string& name = kept.retention_class;
  if (!is_class(name)) {
    reader.fault("class", fmt::format("retention class `{}` must be up to {} lower-case letters, digits and "
                                      "inner dashes", name, kClassBytesMax));
  }
  if (name == kRegisterClass || name == kPermanentClass) {
    reader.fault("class", fmt::format("class `{}` is kept as long as the ledger: it says who was who and what "
                                      "was done; name another", name));
  }
  if (std::ranges::any_of(terms.retention, [&](const Retention& r) { return r.retention_class == name; })) {
    reader.fault("class", fmt::format("retention class `{}` stands twice; keep one", name));
  }
  if ((name == kDefaultClass) != kept.purposes.empty()) {
    reader.fault("purposes", name == kDefaultClass
                                 ? "class `default` is for the purposes that no other class names; remove "
                                   "`purposes`"
                                 : fmt::format("retention class `{}` names no `purposes`, so nothing would be "
                                               "of it", name));
  }
}

void read_retention(TableReader& top, Terms& terms) {
  top.each_table("retention", [&](TableReader& reader) {
    Retention kept;
    kept.retention_class = reader.text("class", Need::kRequired);
    kept.months = reader.integer("months", Need::kRequired, 0, kRetentionMonthsMax);
    kept.purposes = reader.words("purposes");
    check_class(reader, kept, terms);
    for (const std::string& purpose : kept.purposes) {
      if (!terms.purposes.contains(purpose)) {
        reader.fault("purposes", fmt::format("retention class `{}` names purpose `{}`, which [purposes] does "
                                             "not", kept.retention_class, purpose));
      }
      if (terms.retention_class(purpose) != kDefaultClass) {
        reader.fault("purposes", fmt::format("purpose `{}` is of two retention classes", purpose));
      }
    }
    terms.retention.push_back(std::move(kept));
  });
}

// Of a built-in kind an agreement can see more, never less.
Kind extended(const Kind& known, Kind more) {
  Kind out = known;
  for (std::string& word : more.words) {
    if (std::ranges::find(out.words, word) == out.words.end()) out.words.push_back(std::move(word));
  }
  out.text = std::min(out.text, more.text);
  out.digits = std::min(out.digits, more.digits);
  return out;
}

void read_kinds(TableReader& top, Terms& terms) {
  top.each_table("kind", [&](TableReader& reader) {
    Kind kind;
    kind.id = reader.text("id", Need::kRequired);
    kind.words = reader.words("words");
    const Kind* const known = built_in_kind(kind.id);
    kind.text = reader.integer("text", Need::kOptional, 1, kKindTextMax, known != nullptr ? known->text : 1);
    kind.digits = reader.integer("digits", Need::kOptional, 1, kKindDigitsMax, known != nullptr ? known->digits : 1);
    kind.example = reader.text("example", known != nullptr ? Need::kOptional : Need::kRequired);
    if (!is_word(kind.id)) reader.fault("id", fmt::format("`{}` is no kind's id; use lower-case letters, digits, `_` and `-`", kind.id));
    if (kind.words.size() > kKindWordsMax || (known == nullptr && kind.words.empty())) {
      reader.fault("words", fmt::format("kind `{}` needs between 1 and {} words that say it in a name", kind.id, kKindWordsMax));
    }
    if (known != nullptr) kind = extended(*known, std::move(kind));
    if (unique(reader, terms.kinds, kind.id, "kind")) terms.kinds.push_back(std::move(kind));
  });
}

void read_break_glass(TableReader& top, Terms& terms) {
  top.sub_table("break_glass", [&](TableReader& reader) {
    BreakGlass glass;
    glass.clause = reader.text("clause", Need::kRequired);
    glass.approvers = reader.words("approvers");
    glass.reviewers = reader.words("reviewers");
    glass.minutes = reader.integer("minutes", Need::kRequired, 1, kBreakGlassMinutesMax);
    glass.review_hours = reader.integer("review_hours", Need::kRequired, 1, kBreakGlassReviewHoursMax);
    std::ranges::sort(glass.approvers);
    for (const auto& [name, roles] : {std::pair{"approvers", &glass.approvers}, std::pair{"reviewers", &glass.reviewers}}) {
      for (const std::string& role : *roles) {
        if (terms.roles.contains(role)) continue;
        reader.fault(name, fmt::format("[break_glass] names the role `{}`, which [roles] does not", role));
      }
    }
    if (std::ranges::adjacent_find(glass.approvers) != glass.approvers.end() || glass.approvers.size() < 2) {
      reader.fault("approvers", "[break_glass] needs two different roles at least as `approvers`: nobody breaks the glass alone");
    }
    if (glass.reviewers.empty()) reader.fault("reviewers", "[break_glass] names no `reviewers`: who looks at it afterwards?");
    for (const std::string& role : glass.reviewers) {
      if (!std::ranges::binary_search(glass.approvers, role)) continue;
      reader.fault("reviewers", fmt::format("[break_glass] lets `{}` review what it has approved; name another role", role));
    }
    terms.break_glass = std::move(glass);
  });
}

void read_witnesses(TableReader& top, Terms& terms) {
  top.sub_table("witnesses", [&](TableReader& reader) {
    Witnessing witnesses;
    const std::string without = reader.text("without_quorum", Need::kRequired);
    if (without == "refuse") {
      witnesses.without_quorum = Witnessing::Without::kRefuse;
    } else if (without != "serve" && !without.empty()) {
      reader.fault("without_quorum", fmt::format("[witnesses] `without_quorum` is `{}`; write \"serve\" or \"refuse\"", without));
    }
    witnesses.grace_seconds = reader.integer("grace_seconds", Need::kRequired, 0, kWitnessGraceSMax);
    terms.witnesses = witnesses;
  });
}

}  // namespace

std::string_view Terms::retention_class(std::string_view purpose) const {
  for (const Retention& kept : retention) {
    if (std::ranges::find(kept.purposes, purpose) != kept.purposes.end()) return kept.retention_class;
  }
  return kDefaultClass;
}

const Kind* Terms::kind(std::string_view id) const {
  const auto found = std::ranges::find(kinds, id, &Kind::id);
  return found != kinds.end() ? &*found : built_in_kind(id);
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax && text[0] >= 'a' && text[0] <= 'z' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 127 && c != '"' && c != '\\' && c != '|' && c != '\'' && c != '`';
         });
}

bool is_identifier(std::string_view text) {
  constexpr std::array<std::string_view, 10> kReserved = {"true", "false", "if",  "then", "else",
                                                          "in",   "like",  "has", "is",   "__cedar"};
  if (text.empty() || text.size() > kIdBytesMax || (text[0] >= '0' && text[0] <= '9')) return false;
  if (std::find(kReserved.begin(), kReserved.end(), text) != kReserved.end()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Terms parse_terms(std::string_view toml_text, Faults& faults) {
  Terms terms;
  const toml::parse_result parsed = toml::parse(toml_text);
  if (!parsed) {
    faults.add(kTermsFile, std::max<size_t>(1, parsed.error().source().begin.line),
               fmt::format("not TOML: {}", parsed.error().description()));
    return terms;
  }
  TableReader top(parsed.table(), "the file", faults);
  read_header(top, terms);
  read_parties(top, terms);
  read_vocabulary(top, terms);
  read_vendors(top, terms);
  read_models(top, terms);
  read_tools(top, terms);
  read_retention(top, terms);
  read_kinds(top, terms);
  read_break_glass(top, terms);
  read_witnesses(top, terms);
  top.finish();
  return terms;
}

namespace {

// toml++ counts columns in code points; the byte where line `line`, column `column` starts.
size_t byte_offset(std::string_view text, toml::source_position position) {
  size_t at = 0;
  for (size_t line = 1; line < position.line; ++line) {
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
  }
  for (size_t column = 1; column < position.column && at < text.size(); ++column) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return at;
}

}  // namespace

Result<std::vector<PartyKeySpan>> party_key_spans(std::string_view toml_text) {
  Faults faults;
  if (!check_text(kTermsFile, toml_text, faults)) return std::unexpected(faults.error());
  const toml::parse_result parsed = toml::parse(toml_text);
  if (!parsed) {
    return fail(Code::kInvalid, fmt::format("{}: not TOML: {}",
                                            place(kTermsFile, parsed.error().source().begin.line),
                                            parsed.error().description()));
  }
  std::vector<PartyKeySpan> spans;
  const toml::array* parties = parsed.table()["party"].as_array();
  if (!parties) return spans;
  for (const toml::node& item : *parties) {
    const toml::table* table = item.as_table();
    const toml::node* name = table ? table->get("name") : nullptr;
    const toml::node* key = table ? table->get("key") : nullptr;
    if (!name || !name->is_string() || !key || !key->is_string()) {
      return fail(Code::kInvalid, fmt::format("{}: a [[party]] needs `name` and `key` as strings",
                                              place(kTermsFile, std::max<size_t>(1, line_of(item)))));
    }
    spans.push_back({name->as_string()->get(), key->as_string()->get(),
                     byte_offset(toml_text, key->source().begin),
                     byte_offset(toml_text, key->source().end)});
  }
  return spans;
}

}  // namespace proviso::agreement
