#pragma once
// Oversight over HTTP, for people with an API key: their holds and those that they may vote on, signed
// votes, stops and their lifting, emergencies and their review. docs/oversight.md lists the paths. Used on its corridor's loop only.
#include <string>

#include "gate/corridor.h"
#include "gate/decisive.h"

namespace proviso::gate {

class OversightRoutes {
 public:
  OversightRoutes(House& house, Corridor& corridor) : house_(house), corridor_(corridor) {}

  // True for a path below /proviso/ that handle() answers.
  static bool serves(std::string_view path);
  http::Task<void> handle(http::Call& call);

 private:
  using Answer = Step<std::string>;  // a JSON body
  http::Task<Answer> answer(http::Call& call, Passage& passage);
  std::string list(const identity::Principal& who) const;
  Answer show(const Passage& passage, const std::string& id);
  http::Task<Answer> vote(Passage& passage, const std::string& id, json::Element body);
  http::Task<Answer> withdraw(Passage& passage, const std::string& id);
  std::string stops() const;
  // `verb` is kStop or kAdmit, decided as everything else is.
  http::Task<Answer> stop(http::Call& call, Passage& passage, exchange::Verb verb, json::Element body);
  // Break-glass (emergency_routes.cc): declaring is decided, and held for its approvers; a review is written.
  std::string emergencies(UtcSeconds now) const;
  http::Task<Answer> declare(http::Call& call, Passage& passage, json::Element body);
  http::Task<Answer> review_emergency(Passage& passage, std::string path, json::Element body);
  // Whoever was refused asks somebody to look at it again.
  http::Task<Answer> review(Passage& passage, json::Element body);
  http::Task<Step<>> note(Passage& passage, std::string_view verb, exchange::Facts facts,
                          std::vector<std::pair<std::string, std::string>> payloads);

  House& house_;
  Corridor& corridor_;
};

}  // namespace proviso::gate
