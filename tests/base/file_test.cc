#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/data.h"

namespace proviso {
namespace {

TEST(Files, DurableWriteReplacesAndSetsTheMode) {
  const test::TempDir dir;
  const std::string path = dir.file("f");
  for (const FileMode mode : {FileMode::kPrivate, FileMode::kShared}) {
    for (const std::string bytes : {"first", "", "second, longer"}) {
      ASSERT_TRUE(write_file_durable(path, bytes, mode));
      EXPECT_EQ(read_file(path).value(), bytes);
      struct stat info{};
      ASSERT_EQ(::stat(path.c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777u, mode == FileMode::kPrivate ? 0600u : 0644u);
    }
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1)
      << "a temporary file stayed";
}

TEST(Files, FailedDurableWriteLeavesTheOldFileAndNoOther) {
  const test::TempDir dir;
  std::filesystem::create_directory(dir.file("target"));
  EXPECT_FALSE(write_file_durable(dir.file("target"), "x", FileMode::kPrivate));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
  const Status missing = write_file_durable(dir.file("no/such/file"), "x", FileMode::kPrivate);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
}

TEST(Files, ReadingIsBoundedAndNamesThePath) {
  const test::TempDir dir;
  const std::string path = dir.file("f");
  ASSERT_TRUE(write_file_durable(path, std::string(100'000, 'x'), FileMode::kShared));
  EXPECT_EQ(read_file(path, 100'000).value().size(), 100'000u);
  EXPECT_EQ(read_file(path, 99'999).error().code, Code::kLimit);
  const Error missing = read_file(dir.file("absent")).error();
  EXPECT_EQ(missing.code, Code::kNotFound);
  EXPECT_EQ(missing.message, "open `" + dir.file("absent") + "`: no such file or directory");
  EXPECT_EQ(read_file(dir.path()).error().code, Code::kIo);
}

TEST(Files, SecretsThatOthersMayReadAreRefused) {
  const test::TempDir dir;
  const std::string path = dir.file("secret");
  ASSERT_TRUE(write_file_durable(path, "s", FileMode::kPrivate));
  EXPECT_EQ(read_private_file(path).value(), "s");
  for (const mode_t mode : {0640u, 0604u, 0644u, 0620u, 0602u, 0610u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto refused = read_private_file(path);
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_NE(refused.error().message.find("chmod 600 `" + path), std::string::npos);
  }
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_TRUE(read_private_file(path));
  EXPECT_EQ(read_private_file(dir.path()).error().code, Code::kInvalid);
}

TEST(Files, TreesHoldRegularFilesOnly) {
  const test::TempDir dir;
  ASSERT_TRUE(make_dirs(dir.file("tree/clauses/deep")));
  ASSERT_TRUE(make_dirs(dir.file("tree/clauses/deep")));
  ASSERT_TRUE(write_file_durable(dir.file("tree/agreement.toml"), "a", FileMode::kShared));
  ASSERT_TRUE(write_file_durable(dir.file("tree/clauses/1.md"), "bb", FileMode::kShared));
  ASSERT_TRUE(write_file_durable(dir.file("tree/clauses/deep/2.md"), "ccc", FileMode::kShared));
  const std::map<std::string, std::string> want{
      {"agreement.toml", "a"}, {"clauses/1.md", "bb"}, {"clauses/deep/2.md", "ccc"}};
  EXPECT_EQ(read_tree(dir.file("tree")).value(), want);
  EXPECT_TRUE(read_tree(dir.file("tree"), 3, 6));
  EXPECT_EQ(read_tree(dir.file("tree"), 2, 6).error().code, Code::kLimit);
  EXPECT_EQ(read_tree(dir.file("tree"), 3, 5).error().code, Code::kLimit);
  EXPECT_EQ(read_tree(dir.file("none")).error().code, Code::kNotFound);

  const std::string odd = dir.file("tree/clauses/odd");
  ASSERT_EQ(::symlink("1.md", odd.c_str()), 0);
  EXPECT_EQ(read_tree(dir.file("tree")).error().code, Code::kInvalid);
  ASSERT_EQ(::unlink(odd.c_str()), 0);
  ASSERT_EQ(::symlink("deep", odd.c_str()), 0);
  EXPECT_EQ(read_tree(dir.file("tree")).error().code, Code::kInvalid) << "a link to a folder";
  ASSERT_EQ(::unlink(odd.c_str()), 0);
  ASSERT_EQ(::mkfifo(odd.c_str(), 0600), 0);
  EXPECT_EQ(read_tree(dir.file("tree")).error().code, Code::kInvalid) << "a pipe";
}

TEST(Files, FoldersAreMadePrivate) {
  const test::TempDir dir;
  ASSERT_TRUE(make_dirs(dir.file("a/b")));
  struct stat info{};
  ASSERT_EQ(::stat(dir.file("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  ASSERT_TRUE(write_file_durable(dir.file("file"), "", FileMode::kShared));
  EXPECT_EQ(make_dirs(dir.file("file")).error().code, Code::kInvalid);
}

TEST(Files, DescriptorsCloseOnce) {
  int raw = -1;
  {
    Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    raw = fd.get();
    Fd moved = std::move(fd);
    EXPECT_FALSE(fd.valid());
    EXPECT_EQ(moved.get(), raw);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace proviso
