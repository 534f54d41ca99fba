#pragma once
// Classification markings: the banner lines and portion marks of the United States (public grammar of
// ODNI's ISM and the CAPCO register), and the levels of NATO, the EU and several states. Says what is
// marked, how high, and what contradicts the grammar. Pure; safe from any thread.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/look.h"

namespace proviso::inspect {

inline constexpr std::string_view kLabelMarkingFault = "marking_fault";

// How high: the `context.content.marking` fact is the highest rank in the content.
inline constexpr int64_t kRankRestricted = 1;    // CUI, FOUO, RESTRICTED, OFFICIAL-SENSITIVE, TLP:AMBER
inline constexpr int64_t kRankConfidential = 2;
inline constexpr int64_t kRankSecret = 3;
inline constexpr int64_t kRankTopSecret = 4;

struct Marking {
  std::string rule;  // "us-banner", "us-portion", "nato", "uk" …
  int64_t rank = 0;
  // US only, under the ISM attributes' names: "classification" {"TS"}, "SCIcontrols" {"SI", "SI-G"}.
  std::map<std::string, std::vector<std::string>> attributes;
  std::vector<std::string> faults;  // ISM rule ids, or "order", "separator", "unknown-token" …
};

// Whether a marking begins at `look.at`. With kYes, `marking` is filled.
Found find_marking(const Look& look, Marking& marking);

// Whether a marking may begin with this word though it has no two capitals in a row and no stroke.
bool may_mark(std::string_view word);
// Whether a word stands at `look.at` that begins a level written in small letters.
bool begins_level(const Look& look);

}  // namespace proviso::inspect
