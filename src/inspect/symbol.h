#pragma once
// What stands at one place of a text, for whoever reads words byte by byte: the ASCII byte that it is or is drawn
// as (fullwidth and mathematical letters, TR39's look-alikes, escapes of JSON), nothing at all (zero-width
// characters, marks that decorate another letter), or something else. Not a face.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "inspect/inspector.h"

namespace proviso::inspect {

struct Symbol {
  enum class Kind : uint8_t { kByte, kNothing, kOther };
  Kind kind = Kind::kOther;
  char byte = '\0';      // kByte: ASCII; kOther: the byte that begins it, which is none
  size_t length = 1;     // bytes of the text
  bool complete = true;  // false: the text must go on before anything can be said
};

// The symbol at the front of `text`, which is not empty. Bytes that begin no code point are kOther, one long.
// SPEC RFC 8259 section 7: "an extended character that is not in the Basic Multilingual Plane" is two escapes.
Symbol read_symbol(std::string_view text, TextKind kind);
// Makes the tables, which takes milliseconds: else the first text that needs them waits.
void load_symbols();

}  // namespace proviso::inspect
