#pragma once
// Policies laid out as Cedar's own formatter does it. No comment is lost and no policy changes its
// meaning: the result is read again and compared before it is handed out.
// Source: the layouts recorded beside cedar-policy-formatter.
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

inline constexpr size_t kLineWidthMax = 1000;  // columns; more is no layout

struct FormatOptions {
  size_t line_width = 80;
  uint32_t indent_width = 2;
};

// kInvalid if the text does not parse; kLimit: a wider line than kLineWidthMax. Policies are parted by
// one empty line; comments behind the last policy stay behind it.
Result<std::string> format(std::string_view text, std::string_view file_name, const FormatOptions& options = {});

}  // namespace proviso::cedar
