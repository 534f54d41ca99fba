#pragma once
// The pattern of `like`: literal scalars and wildcards. Matching is linear in practice and never worse
// than text × pattern: greedy with one point to return to, no backtracking tree.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::cedar {

inline constexpr size_t kPatternElementsMax = 65'536;  // bounds text × pattern per decision

class Pattern {
 public:
  static constexpr char32_t kWildcard = 0x110000;  // above every scalar

  Pattern() = default;
  void add_literal(char32_t scalar);
  void add_wildcard();
  [[nodiscard]] const std::vector<char32_t>& elements() const { return elements_; }
  // `text` is UTF-8; `*` matches any run, the empty one and line feeds included.
  [[nodiscard]] bool matches(std::string_view text) const;
  friend bool operator==(const Pattern& a, const Pattern& b) { return a.elements_ == b.elements_; }

 private:
  std::vector<char32_t> elements_;
  std::vector<std::string> pieces_;  // UTF-8 between wildcards; one more than there are wildcards
};

}  // namespace proviso::cedar
