#pragma once
// Text of others, for people who decide by what they read: what is seen is what is there.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proviso {

// Characters that change how text is shown, or hide it: C0 but for line ends and tabs, DEL and C1, soft
// hyphens, direction marks, zero-width and tag characters, variation selectors, line separators.
bool is_hidden(uint32_t code_point);

// Where the first of them begins in well-formed UTF-8.
std::optional<size_t> find_hidden(std::string_view text);

// Well-formed UTF-8 with every hidden character written as "\u{1b}".
std::string visible(std::string_view text);
// The same for a cell of a table: line ends and tabs are written out, too.
std::string visible_line(std::string_view text);

}  // namespace proviso
