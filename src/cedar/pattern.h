#pragma once
// The pattern of `like`: literal pieces with wildcards between them. Wildcards match any run of
// scalars, so that finding the pieces from left to right is enough: no backtracking. A piece starts
// on a scalar boundary by itself, because UTF-8 synchronises.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::cedar {

inline constexpr size_t kPatternBytesMax = 8192;  // as written; a longer one is no pattern of anything

class Pattern {
 public:
  Pattern() = default;
  void add_literal(char32_t scalar);
  void add_wildcard();
  // Literal text around the wildcards: one more piece than there are wildcards; pieces may be empty.
  [[nodiscard]] const std::vector<std::string>& pieces() const { return pieces_; }
  // `text` is UTF-8; `*` matches any run, the empty one and line feeds included.
  [[nodiscard]] bool matches(std::string_view text) const;
  friend bool operator==(const Pattern&, const Pattern&) = default;

 private:
  std::vector<std::string> pieces_ = {""};
};

}  // namespace proviso::cedar
