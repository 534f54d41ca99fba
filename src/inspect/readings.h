#pragma once
// Readings: the other texts that a text can be read as. The plain reading undoes what changes how text
// looks and not what it says (UTF-8 that is broken, decorations, fullwidth and mathematical letters,
// characters that show nothing); decoded readings are what a person or a model would get by undoing an
// encoding. A reading is judged like any text; what is found in it stands where it was found.
// Pure; safe from any thread.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::inspect {

inline constexpr int kDecodeDepthMax = 3;          // an encoding inside an encoding inside another
inline constexpr size_t kDecodeGrowthMax = 4;      // decoded bytes, as a multiple of the text's
inline constexpr size_t kDecodedBytesMin = 8;      // less says nothing

struct Reading {
  std::string name;  // "plain", "base64", "base64/rot13"
  std::string text;  // UTF-8
};

// The plain reading of `text`. If `origin` is given it becomes, for each byte of the reading, where the
// code point that it comes from begins in `text`, and at its end the text's size.
std::string plain_reading(std::string_view text, std::vector<uint32_t>* origin = nullptr);

// Every decoded reading, at most kDecodeDepthMax deep, all of them together at most kDecodeGrowthMax
// times as long as the text.
std::vector<Reading> decoded_readings(std::string_view text);
// False if decoded_readings() finds nothing in `text`, whose plain reading is given. Quick.
bool may_be_encoded(std::string_view text, std::string_view plain);

// What stands at a backslash in JSON text: the code point that its escape, or its two for one code point beyond
// the Basic Multilingual Plane, stand for. A backslash that begins no whole escape stands for itself.
struct JsonEscape {
  char32_t value = '\\';
  size_t length = 1;
};
JsonEscape read_json_escape(std::string_view text);

// What tag characters and variation selectors spell; flags and emoji presentation spell nothing.
std::string hidden_text(std::string_view text);

}  // namespace proviso::inspect
