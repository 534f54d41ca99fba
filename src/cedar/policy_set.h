#pragma once
// Policies as read from Cedar text. Ids are `<prefix>0`, `<prefix>1`, … in the order of a source;
// annotations change nothing here. A policy keeps its source, so that a decision can quote it. Templates
// decide nothing; a link fills a template's slots and is a policy like any other. Policies, templates
// and links share one space of ids. Immutable once parsed. Source: Cedar 4.5 grammar, "Templates".
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cedar/ast.h"
#include "cedar/source.h"

namespace proviso::cedar {

inline constexpr size_t kPoliciesMax = 100'000;  // ids and indices stay small; more is a mistake

enum class Effect : uint8_t { kPermit, kForbid };

struct Annotation {
  std::string key;
  std::optional<std::string> value;  // absent in `@a`; treat as empty
};

// What fills a template's slots.
struct SlotValues {
  std::optional<EntityUid> principal;
  std::optional<EntityUid> resource;
  friend bool operator==(const SlotValues&, const SlotValues&) = default;
};

struct Policy {
  std::string id;
  std::string template_id;  // a link: the template that it fills
  SlotValues values;        // a link: with what
  Effect effect = Effect::kPermit;
  std::vector<Annotation> annotations;  // in order
  Scope principal;
  Scope action;
  Scope resource;
  std::vector<Condition> conditions;  // in order
  SourcePtr source;
  Span span;

  [[nodiscard]] bool is_template() const { return principal.slot || resource.slot; }
  // nullptr if absent; an annotation without value gives an empty string.
  [[nodiscard]] const std::string* annotation(std::string_view key) const;
  [[nodiscard]] const std::string& file() const { return source->file; }
  [[nodiscard]] uint32_t line() const { return source->position(span.begin).line; }
  [[nodiscard]] uint32_t column() const { return source->position(span.begin).column; }
  [[nodiscard]] std::string_view text() const { return source->slice(span); }
};

class PolicySet {
 public:
  // kInvalid "file:line:column: …", kLimit for size and depth.
  // `first_line` is the line of the file on which the text starts.
  static Result<PolicySet> parse(std::string_view text, std::string_view file_name,
                                 uint32_t first_line = 1);
  // Appends; nothing is added on failure. kConflict: an id that is already there.
  Status add(std::string_view text, std::string_view file_name, uint32_t first_line,
             std::string_view id_prefix = "policy");
  // One policy or template under the id given; kInvalid if the text holds more or less.
  Status add_one(std::string_view text, std::string_view file_name, std::string_view id);
  // A policy from a template. kNotFound: no such template. kConflict: the id is taken. kInvalid: a slot
  // without a value, or a value without a slot.
  Status link(std::string_view template_id, std::string_view new_id, SlotValues values);
  // Renames each policy and template that carries @id to it, as Cedar's command line does. kConflict.
  Status use_id_annotations();
  // For editing annotations after reading (the agreement adds @clause and @title).
  void annotate(size_t index, std::string_view key, std::string_view value);

  // Static policies and links, in the order in which they were added.
  [[nodiscard]] const std::vector<Policy>& policies() const { return policies_; }
  [[nodiscard]] const std::vector<Policy>& templates() const { return templates_; }
  [[nodiscard]] size_t size() const { return policies_.size(); }  // without templates
  [[nodiscard]] const Policy* find(std::string_view id) const;
  [[nodiscard]] const Policy* find_template(std::string_view id) const;

 private:
  Status add_parsed(std::vector<Policy> more, const SourcePtr& source);

  std::vector<Policy> policies_;
  std::vector<Policy> templates_;
  std::set<std::string, std::less<>> ids_;
};

// One expression alone ("context.a > 1"), as red lines and the command line write them.
Result<ExprPtr> parse_expression(std::string_view text, std::string_view file_name,
                                 uint32_t first_line = 1);

// A policy, condition or expression as Cedar text that parses back to the same tree.
std::string to_text(const Policy& policy);
std::string to_text(const Expr& expr);

}  // namespace proviso::cedar
