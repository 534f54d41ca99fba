#include "vault/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "vault/cipher.h"
#include "vault/fixture.h"
#include "vault/frame.h"

namespace proviso::vault {
namespace {

TEST_F(VaultTest, RecordsSurviveReopening) {
  {
    auto vault = open();
    ASSERT_TRUE(vault->recover(0));
    ASSERT_TRUE(add(*vault, 0, 3));
    ASSERT_TRUE(add(*vault, 3, 2, "legal-hold", kDecember));
    ASSERT_TRUE(add(*vault, 5, 30));
    expect_records(*vault, 35);
  }
  auto vault = open();
  ASSERT_TRUE(vault->recover(35));
  expect_records(*vault, 35);
  EXPECT_EQ(vault->record(4)->segment, "legal-hold/2026-12");
  EXPECT_TRUE(vault->faults().empty());
  ASSERT_TRUE(add(*vault, 35, 1));
  expect_records(*vault, 36);
}

TEST_F(VaultTest, SealedDigestIsOfTheBytesAndOfTheStoredRecord) {
  auto vault = open();
  const Sealed sealed = vault->seal("default", kNovember, "x").value();
  EXPECT_EQ(sealed.segment, "default/2026-11");
  EXPECT_EQ(sealed.digest, sha256(sealed.bytes));
  EXPECT_EQ(sealed.bytes.find('x', kRecordOverhead), std::string::npos);
  ASSERT_TRUE(vault->append(0, {&sealed}));
  EXPECT_EQ(vault->record(0)->digest, sealed.digest);
  EXPECT_EQ(vault->record(0)->bytes, sealed.bytes);
}

TEST_F(VaultTest, LeavesComeInOrderWithoutGaps) {
  auto vault = open();
  const Sealed sealed = vault->seal("default", kNovember, "x").value();
  EXPECT_EQ(vault->append(1, {&sealed}).error().code, Code::kConflict);
  ASSERT_TRUE(vault->append(0, {&sealed}));
  EXPECT_EQ(vault->append(0, {&sealed}).error().code, Code::kConflict);
  EXPECT_TRUE(vault->append(1, {&sealed})) << "a refused call must not fail the vault";
}

TEST_F(VaultTest, LimitsAreRefusedByName) {
  auto vault = open();
  EXPECT_EQ(vault->seal("default", kNovember, std::string(kRecordBytesMax + 1, 'x')).error().code,
            Code::kLimit);
  EXPECT_EQ(vault->seal("../keys", kNovember, "x").error().code, Code::kInvalid);
}

TEST_F(VaultTest, TwoWritersAreRefusedAndReadersAreNot) {
  auto vault = open();
  ASSERT_TRUE(add(*vault, 0, 2));
  EXPECT_EQ(Vault::open(dir_.path()).error().code, Code::kConflict);
  auto reader = Vault::open_reader(dir_.path()).value();
  expect_records(*reader, 2);
  ASSERT_TRUE(add(*vault, 2, 2));
  ASSERT_TRUE(add(*vault, 4, 1, "default", kDecember));
  EXPECT_EQ(reader->open_record(4).value(), text_of(4)) << "a segment that came later";
  expect_records(*reader, 5);
  const Sealed sealed = vault->seal("default", kNovember, "x").value();
  EXPECT_EQ(reader->seal("default", kNovember, "x").error().code, Code::kConflict);
  EXPECT_EQ(reader->append(5, {&sealed}).error().code, Code::kConflict);
  EXPECT_EQ(reader->sync().error().code, Code::kConflict);
  EXPECT_EQ(reader->recover(0).error().code, Code::kConflict);
  EXPECT_EQ(reader->erase("default/2026-11").error().code, Code::kConflict);
  vault.reset();
  EXPECT_TRUE(Vault::open(dir_.path())) << "the lock goes with the writer";
}

TEST_F(VaultTest, ReaderWithoutRootKeySeesCiphertextOnly) {
  ASSERT_TRUE(add(*open(), 0, 1));
  ASSERT_EQ(::unlink(dir_.file("keys/root.key").c_str()), 0);
  auto reader = Vault::open_reader(dir_.path()).value();
  EXPECT_TRUE(reader->record(0));
  EXPECT_EQ(reader->open_record(0).error().code, Code::kUnavailable);
  EXPECT_EQ(Vault::open_reader(dir_.file("none")).error().code, Code::kNotFound);
}

TEST_F(VaultTest, RootKeyThatOthersMayReadIsRefused) {
  open().reset();
  const std::string root = dir_.file("keys/root.key");
  struct stat info{};
  ASSERT_EQ(::stat(root.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  ASSERT_EQ(::chmod(root.c_str(), 0644), 0);
  EXPECT_EQ(Vault::open(dir_.path()).error().code, Code::kInvalid);
  EXPECT_EQ(Vault::open_reader(dir_.path()).error().code, Code::kInvalid);
  ASSERT_EQ(::chmod(root.c_str(), 0600), 0);
  EXPECT_TRUE(Vault::open(dir_.path()));
}

TEST_F(VaultTest, DamagedRootKeyIsNotReplaced) {
  open().reset();
  ASSERT_TRUE(write_file_durable(dir_.file("keys/root.key"), "00ff", FileMode::kPrivate));
  EXPECT_EQ(Vault::open(dir_.path()).error().code, Code::kCorrupt);
  EXPECT_EQ(test::slurp(dir_.file("keys/root.key")), "00ff");
}

TEST_F(VaultTest, AnyTamperedByteOfARecordIsFoundAndNamed) {
  ASSERT_TRUE(add(*open(), 0, 3));
  const std::string original = test::slurp(segment());
  const size_t header =
      kSegmentMagic.size() + kFrameHeaderBytes + text_of(0).size() + kRecordOverhead;
  const size_t end = header + kFrameHeaderBytes + text_of(1).size() + kRecordOverhead;
  for (size_t at = header; at < end;
       at += at < header + kFrameHeaderBytes + kRecordOverhead ? 1 : 7) {
    poke(segment(), static_cast<off_t>(at), std::string(1, static_cast<char>(original[at] ^ 0x20)));
    auto reader = Vault::open_reader(dir_.path()).value();
    const auto opened = reader->open_record(1);
    ASSERT_FALSE(opened) << at;
    if (at < header + kFrameHeaderBytes) {
      EXPECT_EQ(opened.error().code, Code::kNotFound) << at;
      ASSERT_EQ(reader->faults().size(), 1u) << at;
      EXPECT_NE(reader->faults()[0].message.find("default-2026-11.seg` at offset " +
                                                 std::to_string(header)),
                std::string::npos);
    } else {
      EXPECT_EQ(opened.error().code, Code::kCorrupt);
      EXPECT_NE(opened.error().message.find("at offset " + std::to_string(header)),
                std::string::npos);
      EXPECT_NE(opened.error().message.find("leaf 1"), std::string::npos);
    }
    EXPECT_EQ(reader->open_record(0).value(), text_of(0));
    EXPECT_EQ(reader->open_record(2).value(), text_of(2))
        << "damage must not hide what is behind it";
    poke(segment(), static_cast<off_t>(at), std::string(1, original[at]));
  }
  expect_records(*Vault::open_reader(dir_.path()).value(), 3);
}

TEST_F(VaultTest, RecordReplacedConsistentlyFailsItsTag) {
  ASSERT_TRUE(add(*open(), 0, 1));
  // Bytes, digest and header all made to fit each other: only the key's owner could make the tag
  // hold.
  std::string bytes = Vault::open_reader(dir_.path()).value()->record(0)->bytes;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  poke(segment(), kSegmentMagic.size(),
       encode_header({0, static_cast<uint32_t>(bytes.size()), sha256(bytes)}) + bytes);
  auto reader = Vault::open_reader(dir_.path()).value();
  EXPECT_TRUE(reader->record(0)) << "the digest in the leaf is what tells this";
  EXPECT_EQ(reader->open_record(0).error().code, Code::kCorrupt);
}

TEST_F(VaultTest, ErasedKeyMakesItsSegmentUnreadableForEverAndNoOther) {
  {
    auto vault = open();
    ASSERT_TRUE(add(*vault, 0, 2));
    ASSERT_TRUE(add(*vault, 2, 1, "default", kDecember));
    auto reader = Vault::open_reader(dir_.path()).value();
    EXPECT_TRUE(reader->open_record(0));
    ASSERT_TRUE(vault->erase("default/2026-11"));
    for (const Vault* any : {vault.get(), reader.get()}) {
      EXPECT_EQ(any->open_record(0).error().code, Code::kUnavailable);
      EXPECT_TRUE(any->record(0)) << "the ciphertext stays";
      EXPECT_EQ(any->open_record(2).value(), text_of(2));
    }
    EXPECT_EQ(vault->seal("default", kNovember, "x").error().code, Code::kUnavailable)
        << "never a second key";
    EXPECT_TRUE(vault->erase("default/2026-11")) << "once more is no harm";
    EXPECT_EQ(vault->erase("default/2026-10").error().code, Code::kNotFound);
    EXPECT_EQ(vault->erase("../root").error().code, Code::kInvalid);
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.file("keys/default-2026-11.key")));
  auto vault = open();
  ASSERT_TRUE(vault->recover(3)) << "a log stays whole without the key";
  EXPECT_EQ(vault->open_record(1).error().code, Code::kUnavailable);
  EXPECT_EQ(vault->seal("default", kNovember, "x").error().code, Code::kUnavailable);
}

TEST_F(VaultTest, KeyFileThatWentWithoutAMarkIsNotMadeAgain) {
  ASSERT_TRUE(add(*open(), 0, 1));
  ASSERT_EQ(::unlink(dir_.file("keys/default-2026-11.key").c_str()), 0);
  auto vault = open();
  EXPECT_EQ(vault->open_record(0).error().code, Code::kUnavailable);
  EXPECT_EQ(vault->seal("default", kNovember, "x").error().code, Code::kUnavailable);
}

TEST_F(VaultTest, ErasureCutShortByACrashIsFinishedAtOpen) {
  ASSERT_TRUE(add(*open(), 0, 1));
  ASSERT_TRUE(write_file_durable(dir_.file("keys/default-2026-11.erased"), "", FileMode::kPrivate));
  auto vault = open();
  EXPECT_FALSE(std::filesystem::exists(dir_.file("keys/default-2026-11.key")));
  EXPECT_EQ(vault->open_record(0).error().code, Code::kUnavailable);
}

TEST_F(VaultTest, TamperedKeyFileIsFound) {
  ASSERT_TRUE(add(*open(), 0, 1));
  poke(dir_.file("keys/default-2026-11.key"), 30, "x");
  auto vault = open();
  const auto opened = vault->open_record(0);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_NE(opened.error().message.find("default-2026-11.key"), std::string::npos);
  EXPECT_EQ(vault->seal("default", kNovember, "x").error().code, Code::kCorrupt);
}

TEST_F(VaultTest, SealingIsThreadSafeFromTheFirstKeyOn) {
  auto vault = open();
  std::vector<std::vector<Sealed>> sealed(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : sealed) {
      threads.emplace_back([&vault, &mine] {
        for (int i = 0; i < 50; ++i)
          mine.push_back(vault->seal("default", kNovember, "from a thread").value());
      });
    }
  }
  uint64_t index = 0;
  for (const auto& mine : sealed) {
    for (const Sealed& one : mine) ASSERT_TRUE(vault->append(index++, {&one}));
  }
  for (uint64_t i = 0; i < index; ++i) EXPECT_EQ(vault->open_record(i).value(), "from a thread");
}

}  // namespace
}  // namespace proviso::vault
