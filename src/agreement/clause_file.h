#pragma once
// A clause's Markdown: heading, legal text, fences. What a reader sees rendered is what runs: HTML
// comments, odd fences and invisible characters are faults, for each could hide a rule or show one
// that is none. Not a face: only this room includes it.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/faults.h"

namespace proviso::agreement {

inline constexpr size_t kFileBytesMax = 1 << 20;  // a clause is pages, not books
inline constexpr size_t kClausesMax = 200;        // a reviewer reads all of them

struct Fence {
  std::string kind;      // "cedar", "examples", "redlines"
  size_t first_line = 1;  // of the file, of the first line inside the fence
  std::string body;      // lines inside, each with its line feed
};

struct MarkdownFile {
  std::string text;  // all lines outside fences
  std::vector<Fence> fences;
};

struct ClauseFile {
  std::string file;
  std::string number;
  std::string title;
  std::string text;  // after the heading, without fences, trimmed
  std::vector<Fence> fences;
};

// Well-formed UTF-8, line feeds only, no control or direction-changing characters, no larger than
// kFileBytesMax. True if all of it holds.
bool check_text(std::string_view file, std::string_view bytes, Faults& faults);

// Splits Markdown into text and fences of the given kinds; anything else that looks like a fence is a
// fault.
MarkdownFile split_fences(std::string_view file, std::string_view bytes,
                          const std::vector<std::string_view>& kinds, Faults& faults);

// `clauses/4-human-judgement.md` with its first line `# 4 Human judgement`. Nothing if there is no
// usable heading; the fault says so.
std::optional<ClauseFile> parse_clause_file(std::string_view file, std::string_view bytes,
                                            Faults& faults);

// "2" < "2a" < "10".
bool number_less(std::string_view a, std::string_view b);

// Lines of a text, without their line feeds.
std::vector<std::string_view> split_lines(std::string_view text);
std::string_view trim(std::string_view text);

}  // namespace proviso::agreement
