// The encoder: its file, its pieces, its arithmetic. What it says is compared with what it said elsewhere, bit for
// bit, and a broken file is refused wherever it breaks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/digest.h"
#include "base/file.h"
#include "inspect/encoder.h"
#include "inspect/matrix.h"
#include "inspect/pieces.h"
#include "inspect/encoder_file_maker.h"
#include "inspect/real_encoder.h"

namespace proviso::inspect {
namespace {

const std::string& small_file() {
  static const std::string file = EncoderFileMaker().make();
  return file;
}

Digest digest_of(const Meaning& meaning) {
  return sha256({reinterpret_cast<const char*>(meaning.data()), sizeof meaning});
}

Meaning meaning(const Encoder& encoder, std::string_view text) { return encoder.read_text(text).meaning; }

float likeness(const Meaning& a, const Meaning& b) {
  float sum = 0;
  for (size_t i = 0; i < kMeaningSize; ++i) sum += a[i] * b[i];
  return sum;
}

TEST(Encoder, SaysTheSameOfTheSameTextAndSomethingElseOfAnother) {
  const auto encoder = Encoder::read(small_file());
  ASSERT_TRUE(encoder) << encoder.error().message;
  const Meaning once = meaning(*encoder, "track poem");
  EXPECT_NEAR(likeness(once, once), 1, 1e-5);
  EXPECT_EQ(once, meaning(*encoder, "track poem"));
  EXPECT_NE(once, meaning(*encoder, "poem track"));
}

TEST(Encoder, ReadsAnyBytesAndTheLastOfManyPieces) {
  const auto encoder = Encoder::read(small_file());
  ASSERT_TRUE(encoder);
  for (const std::string& text : {std::string(), std::string("\0\xff\xc0\x80\xed\xa0\x80", 7), std::string(5'000, ' '),
                                 std::string("\xf0\x9f\x91\xbb"), std::string(3'000, 'x')}) {
    EXPECT_NEAR(likeness(meaning(*encoder, text), meaning(*encoder, text)), 1, 1e-5);
  }
  std::string many;
  for (int i = 0; i < 200; ++i) many += " poem";
  EXPECT_FALSE(encoder->read_text(many).whole);
  EXPECT_TRUE(encoder->read_text(many.substr(0, 100)).whole);
  EXPECT_EQ(meaning(*encoder, many + " track"), meaning(*encoder, "track" + many + " track"));
  EXPECT_NE(meaning(*encoder, many + " track"), meaning(*encoder, many));
  // What is no piece at all takes no place of one that is.
  EXPECT_EQ(meaning(*encoder, "poem"), meaning(*encoder, "poem\u3042\u3042\u3042"));
}

// The arithmetic is the same on every machine: this is what it gave on the first.
TEST(Encoder, GivesTheSameBitsOnEveryMachine) {
  const auto encoder = Encoder::read(small_file());
  ASSERT_TRUE(encoder);
  EXPECT_EQ(digest_of(meaning(*encoder, "track poem")).hex(), "e0e6c61301519cdfbb8a5ed059684265316b72068172eacb372b6d917c4160b6");
}

TEST(Encoder, RefusesAFileWhereverItBreaks) {
  const std::string& whole = small_file();
  for (size_t length : {0ul, 3ul, 4ul, 8ul, 40ul, 60ul, 80ul, 200ul, 400ul, 1'000ul, 3'000ul, 10'000ul, whole.size() / 2, whole.size() - 1}) {
    const auto encoder = Encoder::read(whole.substr(0, length));
    ASSERT_FALSE(encoder) << length;
    EXPECT_EQ(encoder.error().code, Code::kInvalid);
  }
  for (size_t at = 4; at < 3'000; at += 7) {  // whatever stands in its head, it is read or refused
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x80);
    (void)Encoder::read(broken);
  }
}

TEST(Encoder, NamesWhatIsWrongWithAFile) {
  const auto refused = [](std::string file) {
    const auto encoder = Encoder::read(std::move(file));
    return encoder ? std::string("read") : encoder.error().message;
  };
  EXPECT_NE(refused("GGUF....").find("begins with E5S1"), std::string::npos);
  EncoderFileMaker maker;
  maker.left_out = "l3.fi.w";
  EXPECT_NE(refused(maker.make()).find("`l3.fi.w` is missing"), std::string::npos);
  maker = {};
  maker.layers = kEncoderLayers - 1;
  EXPECT_NE(refused(maker.make()).find("other measures"), std::string::npos);
  maker = {};
  maker.size = 768;
  EXPECT_NE(refused(maker.make()).find("other measures"), std::string::npos);
}

TEST(Pieces, AreTheCutWhoseScoresAddUpHighest) {
  const std::vector<std::string_view> names = {"<unk>", "\xe2\x96\x81", "\xe2\x96\x81un", "do", "\xe2\x96\x81undo", "ing", "a"};
  const Pieces pieces(names, {0, -3, -4, -4, -7, -2, -1}, {{U'\u00e4', U"a"}, {U'\t', U" "}}, 0);
  EXPECT_EQ(pieces.of("undo"), (std::vector<int32_t>{4}));          // -7 beats -4 -4
  EXPECT_EQ(pieces.of("undoing"), (std::vector<int32_t>{4, 5}));
  EXPECT_EQ(pieces.of("\xc3\xa4"), (std::vector<int32_t>{1, 6}));   // folded
  EXPECT_EQ(pieces.of("a \t a"), (std::vector<int32_t>{1, 6, 1, 6}));  // blanks in a row are one
  EXPECT_EQ(pieces.of("z"), (std::vector<int32_t>{1}));             // unknown
  EXPECT_EQ(pieces.of(""), (std::vector<int32_t>{1}));
}

// Whole numbers: whichever way this machine multiplies, it gives what sums one by one give.
TEST(Matrix, MultipliesAsSumsOneByOne) {
  uint32_t seed = 7;
  const auto random = [&] {
    seed = seed * 1664525 + 1013904223;
    return static_cast<int32_t>(seed >> 16) % 128;
  };
  for (const size_t rows : {1ul, 3ul, 8ul, 17ul}) {
    const size_t columns = 96;
    constexpr size_t kOut = 2 * kTileRows;
    ByteMatrix m{kOut, columns, std::vector<int8_t>(kOut * columns), std::vector<float>(kOut, 0.25f), std::vector<float>(kOut, 1)};
    for (int8_t& value : m.values) value = static_cast<int8_t>(random() - 64);
    std::vector<float> x(rows * columns);
    for (float& value : x) value = static_cast<float>(random() - 64) / 64;
    Activations activations;
    activations.assign(x, rows, columns);
    std::vector<float> out;
    multiply(activations, TiledMatrix(m), out);
    ASSERT_EQ(out.size(), rows * kOut);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < kOut; ++o) {
        int32_t sum = 0;
        for (size_t i = 0; i < columns; ++i) sum += int32_t{activations.values[r * columns + i]} * m.values[o * columns + i];
        EXPECT_EQ(out[r * kOut + o], static_cast<float>(sum) * (activations.scales[r] * 0.25f) + 1);
      }
    }
  }
}

TEST(Matrix, ItsFunctionsAreThoseOfTheirNames) {
  for (float x = -79; x <= 0; x += 0.37f) EXPECT_NEAR(exponential(x) / std::exp(x), 1, 1e-5) << x;
  EXPECT_EQ(exponential(-81), 0);
  std::vector<float> values = {-100, -30, -9, -7, -5, -3, -2, -1, -0.1f, 0, 0.1f, 1, 3, 7, 30, 100};
  const std::vector<float> before = values;
  gelu(values);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], before[i] * 0.5f * std::erfc(-before[i] / std::sqrt(2.0f)), 1e-5) << before[i];
  }
  // Two rows: the second is asked for so strongly that nothing else counts.
  std::vector<float> query(2 * kLane, 1);
  std::vector<float> key(2 * kLane, 0);
  std::vector<float> value(2 * kLane, 5);
  std::fill(key.begin() + kLane, key.end(), 10.0f);
  std::fill(value.begin() + kLane, value.end(), 7.0f);
  std::vector<float> out(2 * kLane);
  attend({query.data(), key.data(), value.data(), out.data(), 2, kLane, 1});
  for (const float number : out) EXPECT_NEAR(number, 7, 1e-4);
  attend({query.data(), key.data(), value.data(), out.data(), 2, kLane, 0});
  for (const float number : out) EXPECT_NEAR(number, 6, 1e-4);
}

// The real one, where it was fetched: texts that say the same in two languages are nearer than others.
TEST(Encoder, KnowsThatTwoLanguagesSayTheSame) {
  const auto encoder = real_encoder();
  if (!encoder) GTEST_SKIP() << "no encoder; tools/fetch_sources.sh encoder brings it";
  const Meaning english = meaning(*encoder, "The minister opened a new hospital yesterday.");
  const Meaning german = meaning(*encoder, "Die Ministerin hat gestern ein neues Krankenhaus eröffnet.");
  const Meaning other = meaning(*encoder, "Boil the potatoes until they are soft, then add salt.");
  EXPECT_GT(likeness(english, german), likeness(english, other) + 0.02f);
  EXPECT_EQ(digest_of(english).hex(), "e8d3f5c8e3085e5e67b4f24781dfd17c378a1c644947cefb7e07e11e5ee9d2fc");
}

}  // namespace
}  // namespace proviso::inspect
