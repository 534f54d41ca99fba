#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

namespace proviso {
namespace {

using namespace std::string_literals;

TEST(Hex, RoundTripsAndRefusesOtherSpellings) {
  EXPECT_EQ(hex_encode("\x00\xff\x10"s), "00ff10");
  EXPECT_EQ(hex_decode("00ff10").value(), "\x00\xff\x10"s);
  EXPECT_EQ(hex_decode("").value(), "");
  for (const char* bad : {"0", "FF", "0g", " 00", "00 ", "0x00"}) {
    ASSERT_FALSE(hex_decode(bad)) << bad;
    EXPECT_EQ(hex_decode(bad).error().code, Code::kInvalid);
  }
}

TEST(Base64, KnownAnswersOfRfc4648) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : cases) {
    EXPECT_EQ(base64_encode(plain), text);
    EXPECT_EQ(base64_decode(text).value(), plain);
  }
}

TEST(Base64, RefusesEverySecondSpelling) {
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Zm8",
                          "Zg==Zg==", "====", "=Zg=", "Z===", "Zm9v\n", "Zm9 ", "Zm-v", "Zm_v"}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(Base64, WhatDecodesReencodesTheSame) {
  for (size_t length = 0; length < 100; ++length) {
    const std::string bytes = random_bytes(length);
    EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
    EXPECT_EQ(hex_decode(hex_encode(bytes)).value(), bytes);
  }
}

TEST(ByteReader, ReadsBackWhatWasPutAndFailsWhenShort) {
  std::string out;
  put_u8(out, 0xfe);
  put_u16(out, 0x0102);
  put_u32(out, 0x03040506);
  put_u64(out, 0x0708090a0b0c0d0e);
  EXPECT_EQ(hex_encode(out), "fe0102030405060708090a0b0c0d0e");
  out += "tail";
  ByteReader reader(out);
  EXPECT_EQ(reader.u8().value(), 0xfe);
  EXPECT_EQ(reader.u16().value(), 0x0102);
  EXPECT_EQ(reader.u32().value(), 0x03040506u);
  EXPECT_EQ(reader.u64().value(), 0x0708090a0b0c0d0eu);
  EXPECT_EQ(reader.u64().error().code, Code::kCorrupt);
  EXPECT_EQ(reader.rest(), "tail");  // a failed read takes nothing
  EXPECT_EQ(reader.bytes(4).value(), "tail");
  EXPECT_FALSE(reader.u8());
}

TEST(Numbers, OnlyPlainDecimals) {
  EXPECT_EQ(parse_u64("0").value(), 0u);
  EXPECT_EQ(parse_u64("18446744073709551615").value(), UINT64_MAX);
  for (const char* bad : {"", "00", "01", "+1", "-1", " 1", "1 ", "1a", "18446744073709551616",
                          "99999999999999999999"}) {
    EXPECT_FALSE(parse_u64(bad)) << bad;
  }
}

TEST(Utf8, RefusesIllFormedText) {
  EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f \xf0\x9f\x8c\x8d"));
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad)) << hex_encode(bad);
  }
}

TEST(Secrets, EqualOnlyWhenEqual) {
  EXPECT_TRUE(equal_secret("", ""));
  EXPECT_TRUE(equal_secret("abc", "abc"));
  EXPECT_FALSE(equal_secret("abc", "abd"));
  EXPECT_FALSE(equal_secret("abc", "ab"));
}

TEST(Digests, KnownAnswers) {
  EXPECT_EQ(sha256("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({"a", "", "bc"}), sha256("abc"));
  // RFC 4231 test cases 2 and 6 (a key longer than a block).
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First")
                .hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  Sha256 pieces;
  pieces.update("a");
  Sha256 moved = std::move(pieces);
  moved.update("bc");
  EXPECT_EQ(moved.finish(), sha256("abc"));
}

TEST(Digests, FromTextOnlyAtFullLength) {
  const Digest digest = sha256("x");
  EXPECT_EQ(digest_from_hex(digest.hex()).value(), digest);
  EXPECT_EQ(digest_from_bytes(digest.view()).value(), digest);
  EXPECT_FALSE(digest_from_hex(digest.hex().substr(2)));
  EXPECT_FALSE(digest_from_bytes("short"));
}

TEST(Random, DoesNotRepeat) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(1000).size(), 1000u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Time, FormatsAndParsesUtc) {
  const std::pair<int64_t, const char*> cases[] = {{0, "1970-01-01T00:00:00Z"},
                                                   {1771113600, "2026-02-15T00:00:00Z"},
                                                   {1709210096, "2024-02-29T12:34:56Z"},
                                                   {-1, "1969-12-31T23:59:59Z"}};
  for (const auto& [seconds, text] : cases) {
    EXPECT_EQ(format_time({seconds}), text);
    EXPECT_EQ(parse_time(text).value().value, seconds);
  }
  EXPECT_EQ(parse_time("2026-02-15").value().value, 1771113600);
  for (const char* bad : {"", "2026-02-30", "2025-02-29", "2026-13-01", "2026-00-01", "2026-2-15",
                          "26-02-15", "2026-02-15T00:00:00", "2026-02-15T00:00:00+01:00",
                          "2026-02-15T24:00:00Z", "2026-02-15T00:60:00Z", "2026-02-15T00:00:60Z",
                          "2026-02-15 00:00:00Z", "2026-02-15T00:00:00z", "2026-02-1 "}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Time, ManualClockShowsWhatWasSet) {
  ManualClock clock({5});
  EXPECT_EQ(clock.now().value, 5);
  clock.set({7});
  EXPECT_EQ(clock.now().value, 7);
  EXPECT_GT(SystemClock().now().value, 1'700'000'000);
}

PV_STRONG_ID(ThisId);
PV_STRONG_ID(ThatId);
static_assert(!std::is_convertible_v<ThisId, ThatId>);
static_assert(!std::is_convertible_v<std::string, ThisId>);

TEST(Results, ErrorsSayWhere) {
  const Status status = fail_at("clause 4", Error{Code::kInvalid, "no title"});
  EXPECT_EQ(status.error().message, "clause 4: no title");
  EXPECT_STREQ(code_name(status.error().code), "invalid");
}

}  // namespace
}  // namespace proviso
