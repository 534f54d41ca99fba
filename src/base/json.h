#pragma once
// JSON in and out. In: simdjson's DOM behind a strict door (one document, no duplicate key at any
// depth, bounded depth), because gates and upstreams that disagree about a duplicate key are a hole.
// Out: an appending writer. Canonical form is RFC 8785 restricted to integers and strings.
#include <cstdint>
#include <memory>
#include <simdjson.h>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::json {

inline constexpr size_t kDepthMax = 64;  // deeper input is hostile; simdjson recurses on output

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;
using Array = simdjson::dom::array;

// Owns the parsed document; elements borrow from it. Reuse one per thread to reuse its buffers: a new
// parse() ends the life of earlier elements. Not thread-safe.
class Parser {
 public:
  Parser();
  ~Parser();
  Parser(Parser&&) noexcept;
  // kInvalid: not JSON, invalid UTF-8, trailing bytes, duplicate key (which is named).
  // kLimit: deeper than kDepthMax. The text is copied.
  Result<Element> parse(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Appends JSON text to a string. Commas are put by the writer; the caller balances begin and end.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);  // well-formed UTF-8; escapes as RFC 8785 does
  Writer& integer(int64_t value);
  Writer& uinteger(uint64_t value);
  Writer& real(double value);  // shortest form that reads back the same
  Writer& boolean(bool value);
  Writer& null();
  Writer& raw(std::string_view json);  // a complete JSON value, trusted
  Writer& element(Element value);      // a parsed value, written back in its order

 private:
  void separate();
  std::string& out_;
  bool comma_ = false;
};

// The value written back compactly, in its own member order.
std::string to_text(Element value);
// RFC 8785: members sorted by UTF-16 code units, no space. kInvalid if it holds a non-integer number.
Result<std::string> canonical(Element value);
// The same for text that others wrote: every number as the double that it stands for, section 3.2.2.3.
std::string canonical_with_numbers(Element value);
// A JSON string literal with quotes.
std::string quoted(std::string_view text);

}  // namespace proviso::json
