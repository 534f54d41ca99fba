#include "cedar/text.h"

#include <algorithm>
#include <array>

namespace proviso::cedar {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<char32_t> unescape_x(std::string_view& body) {
  if (body.size() < 2 || hex_digit(body[0]) < 0 || hex_digit(body[1]) < 0) {
    return fail(Code::kInvalid, "`\\x` needs two hexadecimal digits");
  }
  int value = hex_digit(body[0]) * 16 + hex_digit(body[1]);
  if (value > 0x7F) return fail(Code::kInvalid, "`\\x` goes up to `\\x7F`; use `\\u{…}`");
  body.remove_prefix(2);
  return static_cast<char32_t>(value);
}

Result<char32_t> unescape_u(std::string_view& body) {
  if (!body.starts_with('{')) return fail(Code::kInvalid, "`\\u` needs braces: `\\u{41}`");
  body.remove_prefix(1);
  size_t digits = 0;
  uint32_t value = 0;
  while (digits < body.size() && hex_digit(body[digits]) >= 0) {
    if (++digits > 6) return fail(Code::kInvalid, "`\\u{…}` takes at most six digits");
    value = value * 16 + static_cast<uint32_t>(hex_digit(body[digits - 1]));
  }
  if (digits == 0 || digits >= body.size() || body[digits] != '}') {
    return fail(Code::kInvalid, "`\\u{…}` needs one to six hexadecimal digits");
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    return fail(Code::kInvalid, "`\\u{…}` does not name a Unicode scalar");
  }
  body.remove_prefix(digits + 1);
  return static_cast<char32_t>(value);
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  static constexpr std::string_view kHex = "0123456789abcdef";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\0': out += "\\0"; break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          out += "\\u{";
          if (byte >= 16) out += kHex[byte >> 4];
          out += kHex[byte & 15U];
          out += '}';
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

bool is_identifier(std::string_view text) {
  if (text.empty() || !is_letter(text[0])) return false;
  return std::ranges::all_of(text, [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 10> kReserved = {
      "true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"};
  return std::ranges::find(kReserved, text) != kReserved.end();
}

char32_t front_scalar(std::string_view text, size_t* length) {
  auto byte = [text](size_t i) {
    return i < text.size() ? static_cast<uint32_t>(static_cast<unsigned char>(text[i])) : 0U;
  };
  uint32_t first = byte(0);
  if (first < 0x80) {
    *length = 1;
    return first;
  }
  if (first < 0xE0) {
    *length = 2;
    return ((first & 0x1FU) << 6) | (byte(1) & 0x3FU);
  }
  if (first < 0xF0) {
    *length = 3;
    return ((first & 0x0FU) << 12) | ((byte(1) & 0x3FU) << 6) | (byte(2) & 0x3FU);
  }
  *length = 4;
  return ((first & 0x07U) << 18) | ((byte(1) & 0x3FU) << 12) | ((byte(2) & 0x3FU) << 6) |
         (byte(3) & 0x3FU);
}

void append_utf8(std::string& out, char32_t c) {
  auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | (c >> 6));
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | (c >> 12));
    put(0x80U | ((c >> 6) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | (c >> 18));
    put(0x80U | ((c >> 12) & 0x3FU));
    put(0x80U | ((c >> 6) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
}

Result<Unescaped> unescape_one(std::string_view& body) {
  if (body[0] != '\\') {
    size_t length = 0;
    char32_t scalar = front_scalar(body, &length);
    if (scalar == '\r') return fail(Code::kInvalid, "a bare carriage return in a string; write `\\r`");
    body.remove_prefix(std::min(length, body.size()));
    return Unescaped{scalar, false};
  }
  if (body.size() < 2) return fail(Code::kInvalid, "a backslash at the end of a string");
  char c = body[1];
  body.remove_prefix(2);
  switch (c) {
    case '"': return Unescaped{'"', false};
    case '\'': return Unescaped{'\'', false};
    case '\\': return Unescaped{'\\', false};
    case 'n': return Unescaped{'\n', false};
    case 'r': return Unescaped{'\r', false};
    case 't': return Unescaped{'\t', false};
    case '0': return Unescaped{0, false};
    case '*': return Unescaped{'*', true};
    case 'x': {
      PV_TRY(char32_t scalar, unescape_x(body));
      return Unescaped{scalar, false};
    }
    case 'u': {
      PV_TRY(char32_t scalar, unescape_u(body));
      return Unescaped{scalar, false};
    }
    default: return fail(Code::kInvalid, std::string("unknown escape `\\") + c + "`");
  }
}

Result<std::string> unescape(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  while (!body.empty()) {
    PV_TRY(Unescaped one, unescape_one(body));
    if (one.literal_star) return fail(Code::kInvalid, "`\\*` is an escape of `like` patterns only");
    append_utf8(out, one.scalar);
  }
  return out;
}

}  // namespace proviso::cedar
