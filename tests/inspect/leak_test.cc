// No byte that the whole text's verdict stops leaves a stream unlabelled, wherever the stream is cut. Over
// the labelled rows of secrets, personal data and markings that stand outside the repository; with
// PROVISO_LONG=1 all of them, otherwise every fifteenth. And over texts of our own, so that the test
// stands without the rows.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "inspect/inspector.h"
#include "inspect/training/rows.h"

namespace proviso::inspect {
namespace {

namespace fs = std::filesystem;

struct Tally {
  size_t rows = 0;
  size_t stopped = 0;
  size_t cuts = 0;
  size_t leaked = 0;
  size_t different = 0;
};

std::vector<Segment> streamed(const Inspector& inspector, std::string_view text, TextKind kind,
                              std::initializer_list<size_t> cuts) {
  std::vector<Segment> out;
  TextStream stream = inspector.open_stream(kind);
  size_t from = 0;
  for (size_t cut : cuts) {
    stream.push(text.substr(from, cut - from), out);
    from = cut;
  }
  stream.push(text.substr(from), out);
  stream.finish(out);
  return out;
}

// For each byte, whether a segment with a label holds it.
std::vector<bool> labelled_bytes(const std::vector<Segment>& segments) {
  std::vector<bool> bytes;
  for (const Segment& segment : segments) {
    bytes.insert(bytes.end(), segment.text.size(), !segment.labels.empty());
  }
  return bytes;
}

size_t leaked_bytes(const std::vector<bool>& whole, const std::vector<Segment>& segments) {
  const std::vector<bool> got = labelled_bytes(segments);
  size_t leaked = 0;
  for (size_t i = 0; i < whole.size(); ++i) leaked += whole[i] && (i >= got.size() || !got[i]) ? 1 : 0;
  return leaked;
}

void try_text(const Inspector& inspector, std::string_view text, TextKind kind, Tally& tally) {
  const std::vector<Segment> whole = inspector.segments(text, kind);
  const std::vector<bool> stopped = labelled_bytes(whole);
  ++tally.rows;
  tally.stopped += std::ranges::find(stopped, true) != stopped.end() ? 1 : 0;
  const auto check = [&](std::initializer_list<size_t> cuts) {
    const std::vector<Segment> got = streamed(inspector, text, kind, cuts);
    ++tally.cuts;
    tally.leaked += leaked_bytes(stopped, got);
    tally.different += got == whole ? 0 : 1;
  };
  for (size_t cut = 1; cut < text.size(); ++cut) check({cut});
  std::mt19937_64 random(text.size());
  for (int i = 0; i < 200; ++i) {
    const size_t a = random() % (text.size() + 1);
    check({a, a + random() % (text.size() + 1 - a)});
  }
}

void print(const char* what, const Tally& tally) {
  std::printf("inspect: leaks, %s: %zu rows, %zu stopped, %zu splits, leaked bytes %zu, differing %zu\n", what,
              tally.rows, tally.stopped, tally.cuts, tally.leaked, tally.different);
}

constexpr std::string_view kTexts[] = {
    "TOP SECRET//SI-G/TK//ORCON/NOFORN\n\n1. (S//NF) The pumps are old.\n\nTOP SECRET//SI-G/TK//ORCON/NOFORN",
    "Header: OFFICIAL-SENSITIVE\nThe map sheet was revised. (TS//SI//REL TO USA, AUS) So was the other.",
    "My card 4111 1111 1111 1111 is lost; pay to DE89 3704 0044 0532 0130 00, born 11.07.1960, call +46 8 301 5628.",
    "card \xef\xbc\x94\xef\xbc\x91\xef\xbc\x91\xef\xbc\x91 1111\xe2\x80\x8b 1111 1111 and a.b@post.example.org, 41.33304, -54.08948",
    R"({"a":"\u0034111 1111 1111 1111","b":"x\nSECRET//NOFORN\ny","c":"a.b\u0040post.example.org"})",
    "Passport C4K25KPZ0, MRN 20898654, (884) 686-8450 x471, DNI 12345678Z and personnummer 811228-9874",
    "Follow up with Ms. Wilhelmina Brandvold. She lives at 17 Deckow Lane, 20635 Mewesland; ask Jonas Ekstr\xc3\xb6m.",
    R"({"to":"Mr. Ant\u00f3nio Almeida\nlives at Rua Nova 12, 20635 Mewesland"})",
    "SECRET password=Zx9Qm2Lr7Tb4Vn8Kd3Wp6 4111 1111 1111 1111\nSECRET//NOFORN ghp_",
};

TEST(InspectLeak, NoCutOfOurTextsLeaksOrChangesAnything) {
  const Inspector inspector = Inspector::create();
  Tally tally;
  for (std::string_view text : kTexts) {
    for (TextKind kind : {TextKind::kPlain, TextKind::kJson}) try_text(inspector, text, kind, tally);
  }
  print("own texts", tally);
  EXPECT_GE(tally.stopped + 1, tally.rows);  // read as plain text the JSON one hides its card
  EXPECT_EQ(tally.leaked, 0u);
  EXPECT_EQ(tally.different, 0u);
}

TEST(InspectLeak, WithoutHoldBackItLeaks) {
  const Inspector blind = Inspector::create({.hold_back = HoldBack::kOff});
  size_t leaking = 0;
  for (std::string_view text : kTexts) {
    const std::vector<bool> stopped = labelled_bytes(blind.segments(text));
    size_t leaked = 0;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      leaked += leaked_bytes(stopped, streamed(blind, text, TextKind::kPlain, {cut}));
    }
    leaking += leaked > 0 ? 1 : 0;
  }
  std::printf("inspect: hold-back off: %zu of %zu texts leak\n", leaking, std::size(kTexts));
  EXPECT_GE(leaking + 1, std::size(kTexts));
}

TEST(InspectLeak, NoCutOfLabelledRowsLeaksOrChangesAnything) {
  const char* set = std::getenv("PROVISO_DATA");
  const fs::path base = set != nullptr ? fs::path(set) : fs::path(PV_SOURCE_DIR) / ".." / "shared";
  const Inspector inspector = Inspector::create();
  const size_t step = std::getenv("PROVISO_LONG") != nullptr ? 1 : 15;
  for (const char* family : {"secret", "pii", "marking"}) {
    const Result<std::string> bytes = read_file(base / "safeguard-data" / (std::string(family) + ".jsonl"));
    if (!bytes) GTEST_SKIP() << "no labelled rows; set PROVISO_DATA";
    const Result<std::vector<Row>> rows = read_rows(*bytes);
    ASSERT_TRUE(rows.has_value());
    Tally tally;
    for (size_t i = 0; i < rows->size(); i += step) {
      try_text(inspector, (*rows)[i].text, TextKind::kPlain, tally);
    }
    print(family, tally);
    EXPECT_EQ(tally.leaked, 0u) << family;
    EXPECT_EQ(tally.different, 0u) << family;
  }
}

// Nor in the opening line of a key file, which is one then.
TEST(InspectLeak, AnOpeningLineIsHeldNoLongerThanAWord) {
  const Inspector inspector = Inspector::create().looking_for({});
  std::string word = "A";
  for (int i = 0; i < 420; ++i) word += "\xe2\x80\x8b";
  TextStream stream = inspector.open_stream();
  std::vector<Segment> out;
  size_t held = 0;
  stream.push("x -----BEGIN ", out);
  for (int i = 0; i < 58; ++i) {
    stream.push(word + " ", out);
    held = std::max(held, stream.held_bytes());
  }
  stream.push("! end", out);
  stream.finish(out);
  EXPECT_LE(held, kHeldBytesMax);
  EXPECT_EQ(out.back().labels, std::vector<std::string>{std::string(kLabelSecret)});
}

// A flood of characters that show nothing is not held back for ever.
TEST(InspectLeak, WhatIsHeldIsBounded) {
  const Inspector inspector = Inspector::create();
  for (std::string_view piece : {"\xe2\x80\x8b", "4", "+4 ", "A1", "(S//", "\\u200b", "a"}) {
    for (TextKind kind : {TextKind::kPlain, TextKind::kJson}) {
      TextStream stream = inspector.open_stream(kind);
      std::vector<Segment> out;
      size_t held = 0;
      stream.push("card 4111", out);
      for (int i = 0; i < 3000; ++i) {
        stream.push(piece, out);
        held = std::max(held, stream.held_bytes());
      }
      EXPECT_LE(held, kHeldBytesMax) << piece;
    }
  }
}

}  // namespace
}  // namespace proviso::inspect
