#pragma once
// What is decided about an `ask` and about a whole answer, as they came and once more without what the agreement
// says to redact. Both live in the coroutine that decides.
#include <string>
#include <vector>

#include "gate/decisive.h"

namespace proviso::gate {

// The `ask` of a passage. What goes to the model is made before it, so that the leaf can commit to it.
class AskMatter final : public Redaction {
 public:
  AskMatter(Corridor& corridor, Passage& passage) : corridor_(corridor), passage_(passage) {}

  // Turned as by Corridor::inspected().
  http::Task<Step<Matter>> first();
  http::Task<Step<Matter>> without(std::vector<std::string> labels) override;

 private:
  Matter made(std::string_view body, Content content);

  Corridor& corridor_;
  Passage& passage_;
  std::string asked_;  // Matter::arguments
};

// The `release` of a whole answer.
class AnswerMatter final : public Redaction {
 public:
  // `body` as the model sent it; `answer` as it was read, and as it may leave afterwards.
  AnswerMatter(Corridor& corridor, Passage& passage, std::string_view body, const exchange::Frame& frame,
               exchange::Answer& answer);

  // `acted`: every tool call of it may happen. Otherwise nothing of it leaves, whatever is decided.
  // Turned as by Corridor::inspected().
  http::Task<Step<Matter>> first(bool acted);
  http::Task<Step<Matter>> without(std::vector<std::string> labels) override;
  [[nodiscard]] const std::vector<std::string>& taken() const { return taken_; }

 private:
  Matter made(Content content) const;
  http::Task<Step<>> add_calls(Content& content) const;

  Corridor& corridor_;
  Passage& passage_;
  std::string_view body_;
  const exchange::Frame& frame_;
  exchange::Answer& answer_;
  std::vector<std::string> taken_;
};

}  // namespace proviso::gate
