#pragma once
// A text that policies or schemas were read from, and places in it. Clauses live inside Markdown files,
// so a source knows the line of its file that its first line stands on. Immutable, shared.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::cedar {

inline constexpr size_t kSourceBytesMax = 4U << 20;  // spans are 32-bit; a larger text is no policy

// Lines and columns count from 1; columns count Unicode scalars.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
  friend bool operator==(const Position&, const Position&) = default;
};

// Half-open byte range in a Source's text.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct Source {
  Source(std::string file, std::string text, uint32_t first_line = 1);

  std::string file;
  std::string text;
  uint32_t first_line;

  [[nodiscard]] Position position(uint32_t offset) const;
  [[nodiscard]] std::string_view slice(Span span) const;
  // "file:line:column"
  [[nodiscard]] std::string place(uint32_t offset) const;

 private:
  std::vector<Position> marks_;  // at every so many bytes, line 1 the text's first
};
using SourcePtr = std::shared_ptr<const Source>;

// Where something stands and what it says, for people.
struct Excerpt {
  std::string file;
  Position begin;
  Position end;
  std::string text;
};
Excerpt excerpt(const Source& source, Span span);

enum class Severity { kError, kWarning };
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
  std::string message;
  std::string help;    // what to do, or empty
  std::string policy;  // the id of the policy that it is about

  [[nodiscard]] std::string to_string() const;  // "file:line:column: message (help)"
};

}  // namespace proviso::cedar
