#pragma once
// A request of which some facts are shown and others kept back, in Cedar's words: what holds of every request
// of which no more is known. Whoever asks a solver about all of them (prove/withheld.h) starts here.
#include <set>
#include <string>
#include <vector>

#include "cedar/value.h"
#include "exchange/facts.h"

namespace proviso::agreement {

struct Sight {
  exchange::Facts facts;           // shown
  std::set<std::string> withheld;  // of which only the path is
  bool all_named = true;           // there are no others
};

struct Knowledge {
  struct Part {
    std::string path;  // the fact's
    std::string cedar;
  };
  std::vector<Part> known;  // `cedar`: a condition that is true
  std::vector<Part> open;   // what rules may read and is not shown; `cedar`: the expression that reads it
  std::vector<std::string> admitted;    // conditions on what is open that the gate sees to
  std::string resource_type;            // empty: not shown
  std::string refused;                  // why it is denied before any rule is asked; empty: it is not
  std::vector<std::string> may_refuse;  // facts that would deny before any rule, if they were there
};

// `expression == value` as Cedar text; an empty list, which has no type of its own, is `.isEmpty()`.
std::string equals(const std::string& expression, const cedar::Value& value);

}  // namespace proviso::agreement
