#include "inspect/markings.h"

#include "inspect/inspector.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace proviso::inspect {
namespace {

using Words = std::vector<std::string>;

constexpr int64_t kScoreMarking = 1000;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = is_lower(c) ? static_cast<char>(c - 32) : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Words split(std::string_view text, std::string_view separators) {
  Words words;
  std::string word;
  for (char c : text) {
    if (separators.find(c) == std::string_view::npos) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::vector<std::string_view> split_blocks(std::string_view text) {
  std::vector<std::string_view> blocks;
  for (size_t i = 0; i <= text.size();) {
    const size_t end = std::min(text.find("//", i), text.size());
    blocks.push_back(trimmed(text.substr(i, end - i)));
    i = end + 2;
  }
  return blocks;
}

// --- the controls of the United States

// Categories in the order in which a banner names them.
enum class Kind : uint8_t { kSci, kAtomic, kForeign, kDissemination, kOther };
constexpr const char* kAttributeOf[] = {"SCIcontrols", "atomicEnergyMarkings", "FGIsourceOpen",
                                        "disseminationControls", "nonICmarkings"};

struct Control {
  std::string_view banner;
  std::string_view token;  // portion form, which is the attribute's
  Kind kind;
};
constexpr Control kControls[] = {
    {"HCS", "HCS", Kind::kSci},
    {"SI", "SI", Kind::kSci},
    {"TK", "TK", Kind::kSci},
    {"KDK", "KDK", Kind::kSci},
    {"RSV", "RSV", Kind::kSci},
    {"EL", "EL", Kind::kSci},
    {"RD", "RD", Kind::kAtomic},
    {"FRD", "FRD", Kind::kAtomic},
    {"TFNI", "TFNI", Kind::kAtomic},
    {"NOFORN", "NF", Kind::kDissemination},
    {"ORCON", "OC", Kind::kDissemination},
    {"PROPIN", "PR", Kind::kDissemination},
    {"IMCON", "IMC", Kind::kDissemination},
    {"RELIDO", "RELIDO", Kind::kDissemination},
    {"FISA", "FISA", Kind::kDissemination},
    {"FOUO", "FOUO", Kind::kDissemination},
    {"RSEN", "RS", Kind::kDissemination},
    {"DSEN", "DSEN", Kind::kDissemination},
    {"CUI", "CUI", Kind::kDissemination},
    {"LIMDIS", "DS", Kind::kOther},
    {"EXDIS", "XD", Kind::kOther},
    {"NODIS", "ND", Kind::kOther},
    {"SBU", "SBU", Kind::kOther},
    {"LES", "LES", Kind::kOther},
    {"SSI", "SSI", Kind::kOther}};

// SI-G is SI and SI-G; RD-CNWDI is RD and RD-CNWDI.
const Control* control_of(std::string_view word) {
  const std::string_view head = word.substr(0, word.find('-'));
  for (const Control& control : kControls) {
    const bool whole = word == control.banner || word == control.token;
    const bool compartment = head == control.token && control.kind <= Kind::kAtomic;
    if (whole || compartment) return &control;
  }
  return nullptr;
}

bool has(const Marking& marking, const std::string& attribute, std::string_view value) {
  const auto found = marking.attributes.find(attribute);
  return found != marking.attributes.end() && std::ranges::find(found->second, value) != found->second.end();
}

class UsReader {
 public:
  explicit UsReader(Marking& marking) : marking_(marking) {}

  // `text` is the whole marking without brackets, in capitals; `level` its first block's rank and token.
  void read(std::string_view text, std::string_view token, int64_t rank) {
    marking_.rank = rank;
    marking_.attributes["classification"] = {std::string(token)};
    marking_.attributes["ownerProducer"] = {"USA"};
    const auto blocks = split_blocks(text);
    if (blocks[0].find('/') != std::string_view::npos) fault("separator");
    for (size_t i = 1; i < blocks.size(); ++i) read_block(blocks[i]);
    check();
  }
  void fault(std::string_view name) {
    if (std::ranges::find(marking_.faults, name) == marking_.faults.end()) {
      marking_.faults.emplace_back(name);
    }
  }

 private:
  void put(Kind kind, std::string_view value) {
    marking_.attributes[kAttributeOf[static_cast<size_t>(kind)]].emplace_back(value);
    if (kind < last_) fault("order");
    last_ = std::max(last_, kind);
  }

  void read_block(std::string_view block) {
    if (block.starts_with("FGI")) {
      Words countries = split(block.substr(3), " ,");
      for (const std::string& country : countries) put(Kind::kForeign, country);
      return;
    }
    if (block.empty()) return fault("separator");
    for (const std::string& part : split(block, "/")) read_control(trimmed(part));
  }

  void read_control(std::string_view word) {
    if (word.starts_with("REL TO") || word == "REL") {
      put(Kind::kDissemination, "REL");
      if (word.size() > 6) list("releasableTo", word.substr(6));
      return;
    }
    if (word.starts_with("DISPLAY ONLY")) {
      put(Kind::kDissemination, "DISPLAYONLY");
      list("displayOnlyTo", word.substr(12));
      return;
    }
    if (word.starts_with("SP-")) return;  // a category of controlled unclassified information
    const Control* control = control_of(word);
    if (control == nullptr) return fault("unknown-token");
    // Separators inside a category are one stroke; two categories in one block lack the second.
    if (word != control->banner && word != control->token) put(control->kind, control->token);
    put(control->kind, word == control->banner ? control->token : word);
  }

  void list(const char* attribute, std::string_view names) {
    Words words = split(names, " ,");
    if (!words.empty()) marking_.attributes[attribute] = std::move(words);
  }

  // The rules of ISM that a banner or portion can break by itself.
  void check() {
    const auto control = [&](std::string_view c) { return has(marking_, "disseminationControls", c); };
    const auto sci = [&](std::string_view c) { return has(marking_, "SCIcontrols", c); };
    const bool unclassified = has(marking_, "classification", "U");
    const bool top = has(marking_, "classification", "TS");
    if (control("OC") && unclassified) fault("ISM-ID-00028");
    if (control("FOUO") && !unclassified) fault("ISM-ID-00030");
    if (control("REL") && !marking_.attributes.contains("releasableTo")) fault("ISM-ID-00031");
    if (sci("SI") && unclassified) fault("ISM-ID-00043");
    if (sci("SI-G") && !top) fault("ISM-ID-00044");
    if (sci("SI-G") && !control("OC")) fault("ISM-ID-00045");
    if (sci("TK") && (unclassified || has(marking_, "classification", "C"))) fault("ISM-ID-00047");
    if (sci("HCS") && unclassified) fault("ISM-ID-00048");
    if (sci("HCS") && !control("NF")) fault("ISM-ID-00049");
    if (marking_.attributes.contains("atomicEnergyMarkings") && unclassified) fault("ISM-ID-00174");
    if (control("NF") && control("REL")) fault("mutual-exclusion");
    if (control("NF") && control("RELIDO")) fault("mutual-exclusion");
    if (control("REL") && marking_.attributes.contains("releasableTo") &&
        !has(marking_, "releasableTo", "USA")) {
      fault("relto-no-usa");
    }
    if (unclassified && (control("FOUO") || control("CUI") ||
                         marking_.attributes.contains("nonICmarkings"))) {
      marking_.rank = kRankRestricted;
    }
  }

  Marking& marking_;
  Kind last_ = Kind::kSci;
};

// --- where a marking stands

struct Level {
  std::string_view words;
  std::string_view token;
  int64_t rank;
};
constexpr Level kBanners[] = {{"TOP SECRET", "TS", kRankTopSecret},
                              {"SECRET", "S", kRankSecret},
                              {"CONFIDENTIAL", "C", kRankConfidential},
                              {"UNCLASSIFIED", "U", 0}};
constexpr Level kPortions[] = {{"TS", "TS", kRankTopSecret},
                               {"S", "S", kRankSecret},
                               {"C", "C", kRankConfidential},
                               {"U", "U", 0}};

// A marking that is a phrase. kLine: only where it stands alone in its line, for words that say
// something else elsewhere.
enum class Place : uint8_t { kAnywhere, kLine };
struct Phrase {
  std::string_view words;
  std::string_view rule;
  int64_t rank;
  Place place;
};
constexpr Phrase kPhrases[] = {
    {"COSMIC TOP SECRET", "nato", kRankTopSecret, Place::kAnywhere},
    {"NATO SECRET", "nato", kRankSecret, Place::kAnywhere},
    {"NATO CONFIDENTIAL", "nato", kRankConfidential, Place::kAnywhere},
    {"NATO RESTRICTED", "nato", kRankRestricted, Place::kAnywhere},
    {"NATO UNCLASSIFIED", "nato", 0, Place::kAnywhere},
    {"TRES SECRET UE/EU TOP SECRET", "eu", kRankTopSecret, Place::kAnywhere},
    {"SECRET UE/EU SECRET", "eu", kRankSecret, Place::kAnywhere},
    {"CONFIDENTIEL UE/EU CONFIDENTIAL", "eu", kRankConfidential, Place::kAnywhere},
    {"RESTREINT UE/EU RESTRICTED", "eu", kRankRestricted, Place::kAnywhere},
    {"UK TOP SECRET", "uk", kRankTopSecret, Place::kAnywhere},
    {"UK SECRET", "uk", kRankSecret, Place::kAnywhere},
    {"UK OFFICIAL-SENSITIVE", "uk", kRankRestricted, Place::kAnywhere},
    {"SECRET - UK EYES ONLY", "uk", kRankSecret, Place::kAnywhere},
    {"TOP SECRET - UK EYES ONLY", "uk", kRankTopSecret, Place::kAnywhere},
    {"OFFICIAL-SENSITIVE", "uk", kRankRestricted, Place::kAnywhere},
    {"OFFICIAL: SENSITIVE", "au", kRankRestricted, Place::kAnywhere},
    {"TOP SECRET AUSTEO", "au", kRankTopSecret, Place::kAnywhere},
    {"SECRET AUSTEO", "au", kRankSecret, Place::kAnywhere},
    {"PROTECTED A", "ca", kRankRestricted, Place::kLine},
    {"PROTECTED B", "ca", kRankRestricted, Place::kLine},
    {"PROTECTED C", "ca", kRankConfidential, Place::kLine},
    {"PROTECTED", "au", kRankRestricted, Place::kLine},
    {"RESTRICTED NZEO", "nz", kRankRestricted, Place::kAnywhere},
    {"RESTRICTED", "uk", kRankRestricted, Place::kLine},
    {"VS-NUR FUR DEN DIENSTGEBRAUCH", "de", kRankRestricted, Place::kAnywhere},
    {"VS-VERTRAULICH", "de", kRankConfidential, Place::kAnywhere},
    {"STRENG GEHEIM", "de", kRankTopSecret, Place::kLine},
    {"GEHEIM", "de", kRankSecret, Place::kLine},
    {"DIFFUSION RESTREINTE", "fr", kRankRestricted, Place::kAnywhere},
    {"SECRET SPECIAL FRANCE", "fr", kRankSecret, Place::kAnywhere},
    {"TRES SECRET", "fr", kRankTopSecret, Place::kLine},
    {"TLP:RED", "tlp", kRankRestricted, Place::kAnywhere},
    {"TLP:AMBER", "tlp", kRankRestricted, Place::kAnywhere},
    {"TLP:GREEN", "tlp", 0, Place::kAnywhere},
    {"TLP:CLEAR", "tlp", 0, Place::kAnywhere},
    {"CONTROLLED//", "cui", kRankRestricted, Place::kAnywhere},
    {"CUI//", "cui", kRankRestricted, Place::kAnywhere},
    {"CUI", "cui", kRankRestricted, Place::kLine},
    {"CLASSIFIED BY:", "us-block", kRankConfidential, Place::kAnywhere},
    {"DERIVED FROM:", "us-block", kRankConfidential, Place::kAnywhere},
    {"DECLASSIFY ON:", "us-block", kRankConfidential, Place::kAnywhere},
    {"THIS DOCUMENT CONTAINS RESTRICTED DATA", "us-block", kRankConfidential, Place::kAnywhere},
    {"(NS)", "nato", kRankSecret, Place::kAnywhere},
    {"(NC)", "nato", kRankConfidential, Place::kLine},
    {"(CTS)", "nato", kRankTopSecret, Place::kAnywhere},
    {"(CUI)", "cui", kRankRestricted, Place::kAnywhere},
    {"(CUI//", "cui", kRankRestricted, Place::kAnywhere},
    {"(FOUO)", "us-portion", kRankRestricted, Place::kAnywhere}};

enum class Fit : uint8_t { kNo, kYes, kMore };

// Whether `words` stands at `from`; one blank may be several. `end` becomes its end.
Fit fit(const Look& look, size_t from, std::string_view words, bool fold, size_t& end) {
  size_t i = from;
  for (char want : words) {
    if (i >= look.text.size()) return look.may_grow() ? Fit::kMore : Fit::kNo;
    const char c = fold ? upper(look.text.substr(i, 1))[0] : look.text[i];
    if (c != want) return Fit::kNo;
    ++i;
    while (want == ' ' && look[i] == ' ') ++i;
  }
  end = i;
  return Fit::kYes;
}

constexpr std::string_view kDecorations = " \t*#<>-[]=_|.:/0123456789()";

// Nothing but decoration, or a word that announces a marking, stands before `look.at` in its line.
bool begins_line(const Look& look) {
  const std::string_view behind = look.behind();
  const size_t line = behind.rfind('\n');
  if (line == std::string_view::npos && !look.starts) return false;
  std::string_view before = behind.substr(line == std::string_view::npos ? 0 : line + 1);
  const auto plain = [](char c) { return kDecorations.find(c) == std::string_view::npos; };
  while (!before.empty() && !plain(before.front())) before.remove_prefix(1);
  while (!before.empty() && !plain(before.back())) before.remove_suffix(1);
  if (before.empty()) return true;
  const std::string word = upper(before);
  for (std::string_view known : {"HEADER", "FOOTER", "CLASSIFICATION", "SUBJECT", "MARKING", "BANNER",
                                 "OVERALL CLASSIFICATION", "SECURITY CLASSIFICATION", "P", "DIV", "H1"}) {
    if (word == known) return true;
  }
  return false;
}

// Whether the line ends at `end`, decoration aside. A bracket or tag ends it too.
Fit ends_line(const Look& look, size_t end) {
  for (size_t i = end; i < look.text.size(); ++i) {
    const char c = look.text[i];
    if (c == '\n' || c == '\r' || c == ']' || c == '<') return Fit::kYes;
    if (c != ' ' && c != '*' && c != '-' && c != '#' && c != '_' && c != '=') return Fit::kNo;
  }
  if (look.may_grow()) return Fit::kMore;
  return Fit::kYes;
}

Found found_at(const Look& look, size_t end, const Marking& marking) {
  return {.answer = Found::Answer::kYes, .begin = look.at, .end = end,
          .label = marking.faults.empty() ? kLabelMarking : kLabelMarkingFault,
          .rule = kLabelMarking, .score = kScoreMarking};
}

// Where the controls end that begin at `from`: at the line's end, a bracket, a tag or decoration.
std::optional<size_t> controls_end(const Look& look, size_t from, char bracket) {
  for (size_t i = from; i < look.text.size(); ++i) {
    const char c = look.text[i];
    const bool dashes = c == ' ' && look[i + 1] == '-' && look[i + 2] == '-';
    if (c == '\n' || c == '\r' || c == ']' || c == '<' || c == '*' || c == ')' || c == '"' ||
        c == '.' || c == ';' || dashes) {
      return bracket == ')' && c != ')' ? std::nullopt : std::optional(i);
    }
    if (c == ' ' && i + 1 == look.text.size() && look.may_grow()) return std::nullopt;
  }
  if (bracket == ')' || look.may_grow()) return std::nullopt;
  return look.text.size();
}

// Controls in front of the level, "NOFORN//SECRET": a marking, in the wrong order.
Found find_turned_banner(const Look& look, Marking& marking) {
  size_t end = look.at;
  while (is_upper(look[end]) || look[end] == '-') ++end;
  if (end + 2 >= look.text.size() && look.may_grow()) return Found::more();
  if (look[end] != '/' || look[end + 1] != '/' || !begins_line(look)) return Found::no();
  if (control_of(look.text.substr(look.at, end - look.at)) == nullptr) return Found::no();
  const auto stop = controls_end(look, end, '\0');
  if (!stop && look.may_grow()) return Found::more();
  const size_t last = stop.value_or(look.text.size());
  for (std::string_view block : split_blocks(look.text.substr(look.at, last - look.at))) {
    const auto* level = std::ranges::find(kBanners, block, &Level::words);
    if (level == std::end(kBanners)) continue;
    marking.rule = "us-banner";
    UsReader reader(marking);
    reader.read("", level->token, level->rank);
    reader.fault("order");
    return found_at(look, last, marking);
  }
  return Found::no();
}

// A level in capitals, then strokes and controls; or in small letters if strokes follow at once.
Found find_us_banner(const Look& look, Marking& marking) {
  for (const Level& level : kBanners) {
    size_t end = 0;
    const Fit fits = fit(look, look.at, level.words, true, end);
    if (fits == Fit::kMore) return Found::more();
    if (fits == Fit::kNo) continue;
    size_t next = end;
    while (look[next] == ' ') ++next;
    if (next + 1 >= look.text.size() && look.may_grow()) return Found::more();
    const bool capital = is_upper(look[look.at]) && is_upper(look[look.at + 1]);
    const bool strokes = look[next] == '/' && look[next + 1] == '/';
    const bool stroke = look[next] == '/' && capital && begins_line(look);
    const bool controls = capital && is_upper(look[next]) && next > end && begins_line(look);
    marking.rule = "us-banner";
    if (strokes || stroke || controls) {
      const auto stop = controls_end(look, next, '\0');
      if (!stop && look.may_grow()) return Found::more();
      const std::string text = upper(trimmed(look.text.substr(end, stop.value_or(look.text.size()) - end)));
      UsReader reader(marking);
      if (controls) {
        const Words words = split(text, " ");
        if (control_of(words[0]) == nullptr) return Found::no();
        reader.read("", level.token, level.rank);
        reader.fault("separator");
      } else {
        reader.read(text.starts_with("//") ? text : text.substr(0), level.token, level.rank);
      }
      size_t to = stop.value_or(look.text.size());
      while (to > end && look[to - 1] == ' ') --to;
      return found_at(look, to, marking);
    }
    if (!capital || !begins_line(look)) return Found::no();
    const Fit alone = ends_line(look, end);
    if (alone == Fit::kMore) return Found::more();
    if (alone == Fit::kNo) return Found::no();
    UsReader(marking).read("", level.token, level.rank);
    return found_at(look, end, marking);
  }
  return Found::no();
}

// "(S//NF)"; "(S)" only at the beginning of a paragraph, before a sentence.
Found find_us_portion(const Look& look, Marking& marking) {
  for (const Level& level : kPortions) {
    size_t end = 0;
    const Fit fits = fit(look, look.at + 1, level.words, false, end);
    if (fits == Fit::kMore) return Found::more();
    if (fits == Fit::kNo) continue;
    if (end + 2 >= look.text.size() && look.may_grow()) return Found::more();
    marking.rule = "us-portion";
    if (look[end] == ')') {
      if (!begins_line(look)) return Found::no();
      if (look[end + 1] != ' ' || !(is_upper(look[end + 2]) || is_digit(look[end + 2]))) return Found::no();
      UsReader(marking).read("", level.token, level.rank);
      return found_at(look, end + 1, marking);
    }
    if (look[end] != '/' || look[end + 1] != '/') continue;
    const auto stop = controls_end(look, end, ')');
    if (!stop) return look.may_grow() && look.text.find('\n', end) == std::string_view::npos
                          ? Found::more()
                          : Found::no();
    UsReader(marking).read(upper(look.text.substr(end, *stop - end)), level.token, level.rank);
    return found_at(look, *stop + 1, marking);
  }
  return Found::no();
}

Found find_phrase(const Look& look, Marking& marking) {
  for (const Phrase& phrase : kPhrases) {
    const bool block = phrase.words.find(':') != std::string_view::npos;
    size_t end = 0;
    const Fit fits = fit(look, look.at, phrase.words, block, end);
    if (fits == Fit::kMore) return Found::more();
    if (fits == Fit::kNo) continue;
    if (end >= look.text.size() && look.may_grow()) return Found::more();
    if (is_word(phrase.words.back()) && is_word(look[end])) continue;
    if (phrase.place == Place::kLine) {
      if (!begins_line(look)) continue;
      const Fit alone = ends_line(look, end);
      if (alone == Fit::kMore) return Found::more();
      if (alone == Fit::kNo) continue;
    }
    const bool tail = phrase.words.back() == '/' || phrase.words.back() == ':' ||
                      phrase.rule == "nato" || phrase.rule == "uk" || phrase.rule == "tlp";
    if (tail && phrase.words.back() != ')') {
      // The rest of the line belongs to it: categories, caveats, a name.
      const size_t stop = look.text.find_first_of("\n\r)]<*", end);
      if (stop == std::string_view::npos && look.may_grow()) return Found::more();
      end = std::min({stop, look.text.size(), look.at + kAheadBytesMax});
    }
    marking.rule = phrase.rule;
    marking.rank = phrase.rank;
    return found_at(look, end, marking);
  }
  return Found::no();
}

}  // namespace

bool may_mark(std::string_view word) {
  for (std::string_view start : {"cla", "dec", "der", "top", "tlp", "off"}) {
    if (word.size() >= 3 && lower_of(word[0]) == start[0] && lower_of(word[1]) == start[1] &&
        lower_of(word[2]) == start[2]) {
      return true;
    }
  }
  return false;
}

bool begins_level(const Look& look) {
  for (std::string_view word : {"top secret", "secret", "confidential", "unclassified"}) {
    const size_t n = std::min(word.size(), look.text.size() - look.at);
    if (look.text.substr(look.at, n) == word.substr(0, n)) return true;
  }
  return false;
}

Found find_marking(const Look& look, Marking& marking) {
  const char c = look[look.at];
  if (c == '(') {
    const Found portion = find_us_portion(look, marking);
    if (portion.answer != Found::Answer::kNo) return portion;
    marking = {};
    return find_phrase(look, marking);
  }
  const Found phrase = find_phrase(look, marking);
  if (phrase.answer != Found::Answer::kNo) return phrase;
  marking = {};
  const Found banner = find_us_banner(look, marking);
  if (banner.answer != Found::Answer::kNo || !is_upper(c)) return banner;
  marking = {};
  return find_turned_banner(look, marking);
}

}  // namespace proviso::inspect
