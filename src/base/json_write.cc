#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/json.h"

namespace proviso::json {
namespace {

// Integers beyond this lose digits in readers that keep numbers as doubles, RFC 8785
// section 3.2.2.3.
constexpr int64_t kSafeInteger = (int64_t{1} << 53) - 1;

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// True if any of eight bytes needs an escape: the classic zero-byte tricks on a whole word.
bool word_needs_escape(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  const uint64_t quote = word ^ kOnes * '"';
  const uint64_t slash = word ^ kOnes * '\\';
  const uint64_t below = (word - kOnes * 0x20) & ~word;
  return ((below | ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash)) & kHigh) != 0;
}

// The first byte at or after `at` that needs an escape, or the end.
size_t clean_until(std::string_view text, size_t at) {
  while (at + 8 <= text.size()) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if (word_needs_escape(word)) break;
    at += 8;
  }
  while (at < text.size() && !needs_escape(text[at])) ++at;
  return at;
}

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default: {
      constexpr char kHex[] = "0123456789abcdef";
      const auto code = static_cast<unsigned char>(c);
      const char six[] = {'\\', 'u', '0', '0', kHex[code >> 4], kHex[code & 15]};
      out.append(six, 6);
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = clean_until(text, at);
    out.append(text.data() + at, end - at);
    at = end;
    while (at < text.size() && needs_escape(text[at])) append_escape(out, text[at++]);
  }
  out.push_back('"');
}

// UTF-16 code unit order of well-formed UTF-8: as bytes, but what needs a surrogate pair (lead
// bytes from F0) sorts before U+E000..U+FFFF (lead bytes EE and EF).
bool utf16_less(std::string_view a, std::string_view b) {
  const size_t shared = std::min(a.size(), b.size());
  for (size_t i = 0; i < shared; ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const auto y = static_cast<unsigned char>(b[i]);
    if (x == y) continue;
    const bool x_pair = x >= 0xf0;
    const bool y_pair = y >= 0xf0;
    if (x_pair != y_pair) return x_pair ? y >= 0xee : x < 0xee;
    return x < y;
  }
  return a.size() < b.size();
}

enum class Numbers { kSafeIntegers, kAny };

// ECMA-262, Number::toString: shortest digits that read back, an exponent only outside 1e-7 … 1e21.
std::string number_text(double value) {
  if (value == 0) return "0";
  char text[40];
  char* const end = std::to_chars(text, text + sizeof text, std::abs(value), std::chars_format::scientific).ptr;
  char* const mark = std::find(text, end, 'e');
  std::string digits(1, text[0]);
  if (mark - text > 2) digits.append(text + 2, mark);
  int exponent = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  const int point = exponent + 1;  // digits before the point
  const int count = static_cast<int>(digits.size());
  std::string out = value < 0 ? "-" : "";
  if (point > 21 || point < -5) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
  }
  if (point <= 0) return out + "0." + std::string(static_cast<size_t>(-point), '0') + digits;
  if (point >= count) return out + digits + std::string(static_cast<size_t>(point - count), '0');
  return out + digits.substr(0, static_cast<size_t>(point)) + "." + digits.substr(static_cast<size_t>(point));
}

double as_double(Element value) {
  using simdjson::dom::element_type;
  if (value.type() == element_type::INT64) return static_cast<double>(value.get_int64().value_unsafe());
  if (value.type() == element_type::UINT64) return static_cast<double>(value.get_uint64().value_unsafe());
  return value.get_double().value_unsafe();
}

Status append_canonical(Writer& writer, Element value, Numbers numbers) {
  using simdjson::dom::element_type;
  if (numbers == Numbers::kAny && value.is_number()) {
    writer.raw(number_text(as_double(value)));
    return {};
  }
  switch (value.type()) {
    case element_type::OBJECT: {
      std::vector<std::pair<std::string_view, Element>> members;
      for (const auto field : value.get_object().value_unsafe()) {
        members.emplace_back(field.key, field.value);
      }
      std::sort(members.begin(), members.end(),
                [](const auto& a, const auto& b) { return utf16_less(a.first, b.first); });
      writer.begin_object();
      for (const auto& [key, member] : members) {
        writer.key(key);
        PV_TRY_VOID(append_canonical(writer, member, numbers));
      }
      writer.end_object();
      return {};
    }
    case element_type::ARRAY:
      writer.begin_array();
      for (const Element item : value.get_array().value_unsafe()) {
        PV_TRY_VOID(append_canonical(writer, item, numbers));
      }
      writer.end_array();
      return {};
    case element_type::DOUBLE:
      return fail(Code::kInvalid, "canonical JSON here holds no numbers but integers");
    case element_type::INT64: {
      const int64_t number = value.get_int64().value_unsafe();
      if (number > kSafeInteger || number < -kSafeInteger) {
        return fail(Code::kInvalid,
                    fmt::format("`{}` is beyond the integers of canonical JSON", number));
      }
      writer.integer(number);
      return {};
    }
    case element_type::UINT64:
      return fail(Code::kInvalid, fmt::format("`{}` is beyond the integers of canonical JSON",
                                              value.get_uint64().value_unsafe()));
    default:
      writer.element(value);
      return {};
  }
}

}  // namespace

void Writer::separate() {
  if (comma_) out_.push_back(',');
}
Writer& Writer::begin_object() {
  separate();
  out_.push_back('{');
  comma_ = false;
  return *this;
}
Writer& Writer::end_object() {
  out_.push_back('}');
  comma_ = true;
  return *this;
}
Writer& Writer::begin_array() {
  separate();
  out_.push_back('[');
  comma_ = false;
  return *this;
}
Writer& Writer::end_array() {
  out_.push_back(']');
  comma_ = true;
  return *this;
}
Writer& Writer::key(std::string_view name) {
  separate();
  append_quoted(out_, name);
  out_.push_back(':');
  comma_ = false;
  return *this;
}
Writer& Writer::string(std::string_view text) {
  separate();
  append_quoted(out_, text);
  comma_ = true;
  return *this;
}
Writer& Writer::integer(int64_t value) {
  char digits[24];
  return raw({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}
Writer& Writer::uinteger(uint64_t value) {
  char digits[24];
  return raw({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}
Writer& Writer::real(double value) {
  PV_CHECK(std::isfinite(value));
  char digits[40];
  char* end = std::to_chars(digits, digits + sizeof digits - 2, value).ptr;
  // "1.0", not "1": a number that came in as a real goes out as one.
  if (std::find_if(digits, end, [](char c) { return c == '.' || c == 'e'; }) == end) {
    *end++ = '.';
    *end++ = '0';
  }
  return raw({digits, end});
}
Writer& Writer::boolean(bool value) { return raw(value ? "true" : "false"); }
Writer& Writer::null() { return raw("null"); }
Writer& Writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  comma_ = true;
  return *this;
}

Writer& Writer::element(Element value) {
  using simdjson::dom::element_type;
  switch (value.type()) {
    case element_type::OBJECT:
      begin_object();
      for (const auto field : value.get_object().value_unsafe()) {
        key(field.key);
        element(field.value);
      }
      return end_object();
    case element_type::ARRAY:
      begin_array();
      for (const Element item : value.get_array().value_unsafe()) element(item);
      return end_array();
    case element_type::STRING:
      return string(value.get_string().value_unsafe());
    case element_type::INT64:
      return integer(value.get_int64().value_unsafe());
    case element_type::UINT64:
      return uinteger(value.get_uint64().value_unsafe());
    case element_type::DOUBLE:
      return real(value.get_double().value_unsafe());
    case element_type::BOOL:
      return boolean(value.get_bool().value_unsafe());
    case element_type::NULL_VALUE:
      return null();
  }
  PV_CHECK(false);
  return *this;
}

std::string to_text(Element value) {
  std::string out;
  Writer(out).element(value);
  return out;
}

Result<std::string> canonical(Element value) {
  std::string out;
  Writer writer(out);
  PV_TRY_VOID(append_canonical(writer, value, Numbers::kSafeIntegers));
  return out;
}

std::string canonical_with_numbers(Element value) {
  std::string out;
  Writer writer(out);
  PV_CHECK(append_canonical(writer, value, Numbers::kAny).has_value());
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_quoted(out, text);
  return out;
}

}  // namespace proviso::json
