#pragma once
// One function per encoding: true if `text` holds something in it, which is then appended to `out`.
// Each is linear in the text and says no to what decodes to anything but text. Not a face.
#include <span>
#include <string>
#include <string_view>

namespace proviso::inspect {

struct Decoder {
  const char* name;
  bool (*decode)(std::string_view text, std::string& out);
};

// For text as it was sent: encodings that the plain reading undoes or loses.
std::span<const Decoder> raw_decoders();
// For a plain reading.
std::span<const Decoder> text_decoders();

// Whether any of text_decoders() may find something in a plain reading: one quick pass, so that prose costs
// little.
bool may_hold_encoding(std::string_view plain);

}  // namespace proviso::inspect
