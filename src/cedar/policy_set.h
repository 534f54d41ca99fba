#pragma once
// Policies as read from Cedar text. Ids are `<prefix>0`, `<prefix>1`, … in the order of a source;
// annotations change nothing here. A policy keeps its source, so that a decision can quote it.
// Templates (slots) are kUnsupported so far. Immutable once parsed. Source: Cedar 4.5 grammar.
#include <cstdint>
#include <optional>
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

struct Policy {
  std::string id;
  Effect effect = Effect::kPermit;
  std::vector<Annotation> annotations;  // in order
  Scope principal;
  Scope action;
  Scope resource;
  std::vector<Condition> conditions;  // in order
  SourcePtr source;
  Span span;

  // nullptr if absent; an annotation without value gives an empty string.
  [[nodiscard]] const std::string* annotation(std::string_view key) const;
  [[nodiscard]] const std::string& file() const { return source->file; }
  [[nodiscard]] uint32_t line() const { return source->position(span.begin).line; }
  [[nodiscard]] uint32_t column() const { return source->position(span.begin).column; }
  [[nodiscard]] std::string_view text() const { return source->slice(span); }
};

class PolicySet {
 public:
  // kInvalid "file:line:column: …", kUnsupported for templates, kLimit for size and depth.
  // `first_line` is the line of the file on which the text starts.
  static Result<PolicySet> parse(std::string_view text, std::string_view file_name,
                                 uint32_t first_line = 1);
  // Appends; nothing is added on failure. kConflict: an id that is already there.
  Status add(std::string_view text, std::string_view file_name, uint32_t first_line,
             std::string_view id_prefix = "policy");
  // For editing annotations after reading (the agreement adds @clause and @title).
  void annotate(size_t index, std::string_view key, std::string_view value);

  [[nodiscard]] const std::vector<Policy>& policies() const { return policies_; }
  [[nodiscard]] size_t size() const { return policies_.size(); }
  [[nodiscard]] const Policy* find(std::string_view id) const;

 private:
  std::vector<Policy> policies_;
};

// One expression alone ("context.a > 1"), as red lines and the command line write them.
Result<ExprPtr> parse_expression(std::string_view text, std::string_view file_name,
                                 uint32_t first_line = 1);

// A policy, condition or expression as Cedar text that parses back to the same tree.
std::string to_text(const Policy& policy);
std::string to_text(const Expr& expr);

}  // namespace proviso::cedar
