// What text can be read as, and what it must not be read as.
#include <gtest/gtest.h>

#include <algorithm>

#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr std::string_view kPlain = "how do you open the old valve";

bool reads_as(std::string_view text, std::string_view name, std::string_view part) {
  const std::vector<Reading> readings = decoded_readings(text);
  return std::ranges::any_of(readings, [&](const Reading& reading) {
    return reading.name == name && reading.text.find(part) != std::string::npos;
  });
}

struct Encoded {
  const char* name;
  std::string text;
};

std::string each(std::string_view plain, std::string (*encode)(char)) {
  std::string out;
  for (char c : plain) out += encode(c);
  return out;
}

std::string from_code_point(char32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

std::string tag(char c) { return from_code_point(0xe0000 + static_cast<char32_t>(c)); }
std::string selector(char c) { return from_code_point(0xe0100 + static_cast<char32_t>(c) - 16); }
std::string percent(char c) {
  char text[4];
  std::snprintf(text, sizeof text, "%%%02X", static_cast<unsigned>(c));
  return text;
}
std::string hex(char c) {
  char text[4];
  std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(c));
  return text;
}
std::string entity(char c) { return "&#" + std::to_string(static_cast<int>(c)) + ";"; }
std::string escape(char c) {
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
  return text;
}
std::string rotate(char c) { return std::string(1, c >= 'a' && c <= 'z' ? static_cast<char>('a' + (c - 'a' + 13) % 26) : c); }

TEST(InspectReadings, EveryEncodingIsUndone) {
  const std::string backwards(kPlain.rbegin(), kPlain.rend());
  const Encoded cases[] = {
      {"hidden", "Nice weather." + each(kPlain, tag)},
      {"hidden", "Nice weather. \xf0\x9f\x98\x80" + each(kPlain, selector)},
      {"override", "\xe2\x80\xae" + backwards + "\xe2\x80\xac"},
      {"base64", "read this: aG93IGRvIHlvdSBvcGVuIHRoZSBvbGQgdmFsdmU="},
      {"base64", "read this:\naG93IGRvIHlvdSBvcGVu\nIHRoZSBvbGQgdmFsdmU="},
      {"hex", each(kPlain, hex)},
      {"percent", each(kPlain, percent)},
      {"escapes", each(kPlain, escape)},
      {"entities", each(kPlain, entity)},
      {"rot13", each(kPlain, rotate)},
      {"reversed", backwards},
      {"morse", ".... --- .-- / -.. --- / -.-- --- ..- / --- .--. . -. / - .... . / --- .-.. -.. / ...- .- .-.. ...- ."},
      {"spaced", "h o w   d o   y o u   o p e n   t h e   o l d   v a l v e"},
      {"chunks", "ho-w do yo-u op-en th-e ol-d va-lv-e"},
      {"leet", "h0w d0 y0u 0p3n 7h3 0ld v4lv3"},
      {"comment", "Translate this.\n<!-- how do you open the old valve -->"},
      {"pieces", "a=\"how do you\" b=\"open the old valve\" join them"},
      {"lookalikes", "h\xd0\xbew d\xd0\xbe y\xd0\xbeu \xd0\xbepen the \xd0\xbeld valve"},
  };
  for (const Encoded& c : cases) EXPECT_TRUE(reads_as(c.text, c.name, kPlain)) << c.name << ": " << c.text;
  EXPECT_TRUE(reads_as("dWJqIHFiIGxiaCBiY3JhIGd1ciBieXEgaW55aXI=", "base64/rot13", kPlain));
}

TEST(InspectReadings, ThePlainReadingUndoesDecoration) {
  EXPECT_EQ(plain_reading("o\xcc\xb2p\xcc\x81" "en"), "open");
  EXPECT_EQ(plain_reading("\xef\xbd\x8f\xef\xbd\x90\xef\xbd\x85\xef\xbd\x8e"), "open");   // fullwidth
  EXPECT_EQ(plain_reading("\xf0\x9d\x90\xa8\xf0\x9d\x90\xa9\xf0\x9d\x90\x9e\xf0\x9d\x90\xa7"), "open");  // bold
  EXPECT_EQ(plain_reading("o\xc2\xadp\xe2\x80\x8b" "e\xe2\x81\xa0n"), "open");           // shows nothing
  EXPECT_EQ(plain_reading("op\xff" "en"), "op\xef\xbf\xbd" "en");
}

TEST(InspectReadings, PlacesPointIntoTheText) {
  const std::string text = "a\xc2\xad\xef\xbd\x82 c";
  std::vector<uint32_t> origin;
  EXPECT_EQ(plain_reading(text, &origin), "ab c");
  EXPECT_EQ(origin, (std::vector<uint32_t>{0, 3, 6, 7, 8}));
}

// What people write with the same characters hides nothing.
TEST(InspectReadings, FlagsFamiliesAndPersianAreLeftAlone) {
  for (const char* text :
       {"\xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2\xf3\xa0\x81\xa5\xf3\xa0\x81\xae\xf3\xa0\x81\xa7\xf3\xa0\x81\xbf",
        "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", "\xe2\x9d\xa4\xef\xb8\x8f",
        "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae\xd9\x88\xd8\xa7\xd9\x87\xd9\x85"}) {
    EXPECT_EQ(hidden_text(text), "") << text;
    EXPECT_TRUE(decoded_readings(text).empty()) << text;
  }
  // A flag's base does not make a long payload a flag.
  EXPECT_EQ(hidden_text("\xf0\x9f\x8f\xb4" + each("open the valve", tag)), "open the valve");
}

TEST(InspectReadings, PlainProseReadsAsNothingElse) {
  for (const char* text : {"The report is due on Friday, and the committee asked for a second opinion.",
                           "Use `std::vector` and not a list.", "Meet at 10:30 in room 4-12.",
                           "SHA-256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}) {
    EXPECT_TRUE(decoded_readings(text).empty()) << text;
  }
}

// Decoding is bounded: no text makes more than kDecodeGrowthMax of itself.
TEST(InspectReadings, DecodedTextIsBounded) {
  std::string text(kPlain);
  for (int i = 0; i < 4; ++i) text = each(text, hex);
  size_t bytes = 0;
  for (const Reading& reading : decoded_readings(text)) bytes += reading.text.size();
  EXPECT_LE(bytes, kDecodeGrowthMax * text.size());
  EXPECT_FALSE(reads_as(text, "hex/hex/hex/hex", kPlain));
}

}  // namespace
}  // namespace proviso::inspect
