#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "agreement/cedar_faults.h"
#include "agreement/clause_file.h"
#include "agreement/core_schema.h"
#include "agreement/impl.h"
#include "agreement/red_lines.h"
#include "agreement/references.h"
#include "agreement/terms.h"
#include "cedar/validator.h"

namespace proviso::agreement {
namespace {

constexpr std::string_view kSchemaFile = "schema.cedarschema";
constexpr std::string_view kGeneratedFile = "generated.cedarschema";

// True if `text` declares the common type `name`, comments aside.
bool declares_type(std::string_view text, std::string_view name) {
  for (std::string_view line : split_lines(text)) {
    line = trim(line.substr(0, line.find("//")));
    if (!line.starts_with("type")) continue;
    const std::string_view rest = trim(line.substr(4));
    if (rest.size() == line.size() - 4 || !rest.starts_with(name)) continue;
    const std::string_view after = rest.substr(name.size());
    if (after.empty() || after[0] == ' ' || after[0] == '=') return true;
  }
  return false;
}

class Loader {
 public:
  explicit Loader(const Files& files) : files_(files), impl_(std::make_unique<Agreement::Impl>()) {}

  Result<std::unique_ptr<Agreement::Impl>> load() {
    check_file_names();
    const std::string* toml = file(kTermsFile);
    if (!toml) {
      faults_.add(kTermsFile, 1, "the file is missing; an agreement starts with it", Code::kNotFound);
      return std::unexpected(faults_.error());
    }
    if (check_text(kTermsFile, *toml, faults_)) impl_->terms = parse_terms(*toml, faults_);
    read_schema();
    if (const std::string* cast = file(kExamplesFile); cast && check_text(kExamplesFile, *cast, faults_)) {
      impl_->cast = parse_cast(*cast, impl_->terms, faults_);
    }
    read_clauses();
    validate();
    if (const std::string* lines = file(kRedLinesFile)) {
      impl_->red_lines = parse_red_lines(*lines, impl_->terms, schema(), faults_);
    } else {
      impl_->warnings.push_back(place(kRedLinesFile, 1) + ": the agreement states no red line");
    }
    if (faults_.any()) return std::unexpected(faults_.error());
    PV_TRY_VOID(finish());
    return std::move(impl_);
  }

 private:
  const std::string* file(std::string_view path) const {
    const auto found = files_.find(std::string(path));
    return found == files_.end() ? nullptr : &found->second;
  }
  const cedar::Schema* schema() const { return impl_->schema ? &*impl_->schema : nullptr; }

  // The signature covers every file, so every file must be one that somebody reads.
  void check_file_names() {
    constexpr std::array<std::string_view, 5> kKnown = {kTermsFile, kSchemaFile, kExamplesFile,
                                                        kRedLinesFile, "README.md"};
    for (const auto& [path, bytes] : files_) {
      if (std::find(kKnown.begin(), kKnown.end(), path) != kKnown.end()) continue;
      const bool clause = path.starts_with("clauses/") && path.ends_with(".md") &&
                          path.find('/', 8) == std::string::npos;
      const bool signature = path.starts_with("signatures/") && path.ends_with(".sig") &&
                             path.find('/', 11) == std::string::npos;
      if (clause || signature || path == kDifferencePath) continue;
      std::string shown;
      for (char c : path) shown += c >= ' ' && c < 127 && c != '`' ? c : '?';
      faults_.add(shown, 1, "no part of an agreement; move the file out of the folder");
    }
  }

  void read_schema() {
    std::string generated = "type Approvals = {";
    for (const auto& [role, description] : impl_->terms.roles) {
      if (is_identifier(role)) generated += fmt::format(" \"{}\": Long,", role);
    }
    if (generated.ends_with(',')) generated.pop_back();
    generated += " };\n";
    const std::string* own = file(kSchemaFile);
    if (own && !check_text(kSchemaFile, *own, faults_)) return;
    if (!own || !declares_type(*own, "Particulars")) generated += "type Particulars = {};\n";
    std::vector<cedar::SchemaText> texts = {{std::string(kCoreSchemaFile), std::string(kCoreSchema), 1},
                                            {std::string(kGeneratedFile), generated, 1}};
    if (own) texts.push_back({std::string(kSchemaFile), *own, 1});
    auto parsed = cedar::Schema::parse(texts);
    if (!parsed) return add_cedar_fault(kSchemaFile, 1, parsed.error(), faults_);
    if (!check_actions(*parsed)) return;
    impl_->schema = std::move(*parsed);
    if (Status status = make_plans(*impl_); !status) {
      faults_.add(kSchemaFile, 1, status.error().message, status.error().code);
    }
  }

  bool check_actions(const cedar::Schema& parsed) {
    const size_t before = faults_.count();
    constexpr std::array<std::string_view, 7> kVerbs = {"act", "admit", "ask", "declare", "release", "stop", "train"};
    for (const auto& [uid, action] : parsed.actions()) {
      const bool known = uid.type == "Action" &&
                         std::find(kVerbs.begin(), kVerbs.end(), uid.id) != kVerbs.end();
      if (!known) {
        faults_.add(kSchemaFile, 1, fmt::format("the schema declares the action `{}`; the verbs are the "
                                                "gate's, so remove it", uid.id));
      }
    }
    return faults_.count() == before;
  }

  void read_clauses() {
    for (const auto& [path, bytes] : files_) {
      if (!path.starts_with("clauses/") || !path.ends_with(".md")) continue;
      auto clause = parse_clause_file(path, bytes, faults_);
      if (!clause) continue;
      const std::string_view name = std::string_view(path).substr(8);
      if (!name.starts_with(clause->number + "-")) {
        faults_.add(path, 1, fmt::format("the heading says clause {}, so the file's name must start "
                                         "with `{}-`", clause->number, clause->number));
      }
      clauses_.push_back(std::move(*clause));
    }
    std::sort(clauses_.begin(), clauses_.end(), [](const ClauseFile& a, const ClauseFile& b) {
      return a.number == b.number ? a.file < b.file : number_less(a.number, b.number);
    });
    if (clauses_.empty()) {
      faults_.add("clauses/", 1, "the agreement has no clause; write clauses/1-….md");
    }
    if (clauses_.size() > kClausesMax) {
      faults_.add("clauses/", 1, fmt::format("more than {} clauses", kClausesMax), Code::kLimit);
    }
    for (size_t i = 0; i < clauses_.size(); ++i) {
      if (i > 0 && clauses_[i].number == clauses_[i - 1].number) {
        faults_.add(clauses_[i].file, 1, fmt::format("clause {} stands in {} too; renumber one",
                                                     clauses_[i].number, clauses_[i - 1].file));
      }
      read_clause(clauses_[i]);
    }
    check_break_glass();
  }

  void check_break_glass() {
    if (!impl_->terms.break_glass) return;
    const std::string& number = impl_->terms.break_glass->clause;
    const bool there = std::any_of(impl_->notes.begin(), impl_->notes.end(),
                                   [&](const PolicyNotes& notes) { return notes.clause.number == number; });
    if (!there) faults_.add(kTermsFile, 1, fmt::format("[break_glass] names clause `{}`, which no policy is of", number));
  }

  void read_clause(const ClauseFile& clause) {
    for (const Fence& fence : clause.fences) {
      if (fence.kind != "cedar") continue;
      const size_t before = policies_.size();
      Status status = policies_.add(fence.body, clause.file, static_cast<uint32_t>(fence.first_line),
                                    fmt::format("{}:{}.", clause.number, fence.first_line));
      if (!status) {
        add_cedar_fault(clause.file, fence.first_line, status.error(), faults_);
        continue;
      }
      if (!policies_.templates().empty()) {
        const cedar::Policy& found = policies_.templates().front();
        faults_.add(clause.file, found.line(),
                    fmt::format("column {}: a template decides nothing by itself; write the policy with its "
                                "principal and resource", found.column()),
                    Code::kUnsupported);
        return;
      }
      if (policies_.size() == before) {
        faults_.add(clause.file, fence.first_line, "this ```cedar fence holds no policy; remove it");
      }
      for (size_t i = before; i < policies_.size(); ++i) read_notes(clause, i);
    }
    std::vector<Example> examples = parse_examples(clause, impl_->cast, impl_->terms, faults_);
    if (impl_->examples.size() + examples.size() > kExamplesMax) {
      faults_.add(clause.file, 1, fmt::format("more than {} examples in the agreement", kExamplesMax),
                  Code::kLimit);
    }
    std::move(examples.begin(), examples.end(), std::back_inserter(impl_->examples));
    impl_->clauses.push_back({clause.number, clause.title, clause.file, clause.text});
  }

  void read_notes(const ClauseFile& clause, size_t index) {
    const cedar::Policy& policy = policies_.policies()[index];
    PolicyNotes notes;
    notes.clause.number = clause.number;
    notes.clause.title = clause.title;
    notes.clause.source = place(clause.file, policy.line());
    for (const cedar::Annotation& annotation : policy.annotations) {
      read_annotation(clause, policy, annotation, notes);
    }
    check_references(policy, impl_->terms, faults_);
    notes.counted_roles = counted_roles(policy);
    if (notes.presence != Presence::kNone && !notes.hold) {
      faults_.add(clause.file, policy.line(), "@security_key says how a hold is approved; write @hold beside it");
    }
    if (!policy.annotation("clause")) policies_.annotate(index, "clause", notes.clause.number);
    if (!policy.annotation("title")) policies_.annotate(index, "title", notes.clause.title);
    impl_->notes.push_back(std::move(notes));
  }

  void read_annotation(const ClauseFile& clause, const cedar::Policy& policy,
                       const cedar::Annotation& annotation, PolicyNotes& notes) {
    const std::string value = annotation.value.value_or("");
    const bool forbids = policy.effect == cedar::Effect::kForbid;
    const auto fault = [&](std::string sentence, Code code = Code::kInvalid) {
      faults_.add(clause.file, policy.line(), std::move(sentence), code);
    };
    if (annotation.key == "redact") {
      return fault("@redact is not built yet; forbid without it, or remove the policy",
                   Code::kUnsupported);
    }
    if (annotation.key == "whole") {
      if (forbids || !value.empty()) return fault("@whole stands on a permit and takes no value");
      notes.whole = true;
      return;
    }
    constexpr std::array<std::string_view, 7> kWithText = {"authority", "clause", "hold",        "id",
                                                           "mark",      "title",  "security_key"};
    if (std::find(kWithText.begin(), kWithText.end(), annotation.key) == kWithText.end()) {
      return fault(fmt::format("unknown annotation @{}; known are @authority, @clause, @hold, @id, "
                               "@mark, @security_key, @title, @whole", annotation.key));
    }
    if (trim(value).empty() || value.find('\n') != std::string::npos) {
      return fault(fmt::format("@{} needs a text on one line, such as @{}(\"…\")", annotation.key,
                               annotation.key));
    }
    if (annotation.key == "hold") {
      if (!forbids) return fault("@hold stands on a forbid; a permit cannot wait for approval");
      notes.hold = true;
      notes.clause.hold = value;
    } else if (annotation.key == "security_key") {
      if (!forbids) return fault("@security_key stands beside @hold, on a forbid");
      if (value != "touch" && value != "pin") {
        return fault("@security_key is \"touch\" (somebody was there) or \"pin\" (and proved who)");
      }
      notes.presence = value == "pin" ? Presence::kPin : Presence::kTouch;
    } else if (annotation.key == "mark") {
      if (forbids) return fault("@mark stands on a permit; what is forbidden is not marked");
      notes.mark = value;
    } else if (annotation.key == "clause") {
      if (value != clause.number && !value.starts_with(clause.number + ".")) {
        return fault(fmt::format("@clause(\"{}\") stands in the file of clause {}; write {} or {}.1", value,
                                 clause.number, clause.number, clause.number));
      }
      notes.clause.number = value;
    } else if (annotation.key == "title") {
      notes.clause.title = value;
    } else if (annotation.key == "id") {
      const auto [known, fresh] = policy_ids_.try_emplace(value, place(clause.file, policy.line()));
      if (!fresh) fault(fmt::format("@id(\"{}\") stands at {} too; rename one", value, known->second));
    } else {
      check_authority(value, fault);
    }
  }

  // "REFERENCE; status: STATUS; as of 2026-03-05"
  template <class F>
  static void check_authority(std::string_view value, F&& fault) {
    const size_t status = value.find("; status: ");
    const size_t as_of = value.find("; as of ");
    const bool shaped = status != std::string_view::npos && as_of != std::string_view::npos &&
                        status > 0 && as_of > status + 10;
    if (!shaped || value.size() != as_of + 18 || !parse_time(value.substr(as_of + 8))) {
      fault("@authority is \"REFERENCE; status: STATUS; as of YYYY-MM-DD\", so that a reader sees how "
            "old the citation is");
    }
  }

  void validate() {
    if (!schema() || policies_.size() == 0) return;
    for (const cedar::Diagnostic& diagnostic : cedar::validate(*impl_->schema, policies_)) {
      if (diagnostic.severity == cedar::Severity::kError) {
        add_cedar_fault(diagnostic, faults_);
      } else {
        impl_->warnings.push_back(fmt::format("{}: {}", place(diagnostic.file, diagnostic.line),
                                              diagnostic.message));
      }
    }
  }

  Status finish() {
    const bool permits = std::any_of(
        policies_.policies().begin(), policies_.policies().end(),
        [](const cedar::Policy& policy) { return policy.effect == cedar::Effect::kPermit; });
    if (!permits) {
      impl_->warnings.push_back(place("clauses/", 1) + ": no clause permits anything, so all is denied");
    }
    impl_->manifest = manifest_of(files_);
    impl_->digest = sha256(impl_->manifest);
    for (const auto& [path, bytes] : files_) {
      if (path.starts_with("signatures/")) impl_->signatures.emplace(path, bytes);
    }
    PV_TRY(impl_->entities, registry_entities(impl_->terms));
    PV_TRY(cedar::Engine engine, cedar::Engine::compile(std::move(policies_), schema()));
    impl_->engine = std::move(engine);
    return {};
  }

  const Files& files_;
  std::unique_ptr<Agreement::Impl> impl_;
  Faults faults_;
  std::vector<ClauseFile> clauses_;
  cedar::PolicySet policies_;
  std::map<std::string, std::string, std::less<>> policy_ids_;
};

// True if `number` is the clause `clause` or part of it.
bool is_of(std::string_view number, std::string_view clause) {
  return number == clause || (number.starts_with(clause) && number.substr(clause.size()).starts_with('.'));
}

}  // namespace

Result<std::shared_ptr<const Agreement>> Agreement::load(const Files& files) {
  Loader loader(files);
  PV_TRY(std::unique_ptr<Impl> impl, loader.load());
  Impl& loaded = *impl;
  auto agreement = std::make_shared<Agreement>(std::move(impl));
  const std::vector<ExampleOutcome> outcomes = agreement->run_examples();
  for (const Clause& clause : loaded.clauses) {
    size_t own = 0;
    bool decided = false;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (loaded.examples[i].clause != clause.number) continue;
      ++own;
      decided = decided || std::any_of(outcomes[i].got.clauses.begin(), outcomes[i].got.clauses.end(),
                                       [&](const ClauseRef& ref) { return is_of(ref.number, clause.number); });
    }
    const bool rules = std::any_of(loaded.notes.begin(), loaded.notes.end(), [&](const PolicyNotes& notes) {
      return is_of(notes.clause.number, clause.number);
    });
    if (own == 0) {
      loaded.warnings.push_back(fmt::format("{}: clause {} has no example; add an ```examples fence",
                                            place(clause.file, 1), clause.number));
    } else if (rules && !decided) {
      loaded.warnings.push_back(fmt::format("{}: none of its examples is decided by clause {}",
                                            place(clause.file, 1), clause.number));
    }
    if (!rules) {
      loaded.warnings.push_back(fmt::format("{}: clause {} has no rule; nothing enforces its text",
                                            place(clause.file, 1), clause.number));
    }
  }
  return std::shared_ptr<const Agreement>(std::move(agreement));
}

}  // namespace proviso::agreement
