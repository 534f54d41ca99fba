#include "state/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <thread>

#include "base/data.h"
#include "base/file.h"

namespace proviso::state {
namespace {

using namespace std::string_literals;
using Items = std::vector<std::pair<std::string, std::string>>;

class StoreTest : public testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto store = Store::open(path_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  test::TempDir dir_;
  std::string path_ = dir_.file("state.db");
};

TEST_F(StoreTest, KeepsWhatWasPutAcrossReopening) {
  {
    auto store = open();
    ASSERT_TRUE(store->put("people", "b", "2"));
    ASSERT_TRUE(store->put("people", "a", "1"));
    ASSERT_TRUE(store->put("people", "a", "one"));
    ASSERT_TRUE(store->put("keys", "a", "other table"));
    ASSERT_TRUE(store->put("people", "gone", "x"));
    ASSERT_TRUE(store->erase("people", "gone"));
    ASSERT_TRUE(store->erase("people", "never"));
  }
  auto store = open();
  EXPECT_EQ(store->get("people", "a").value(), "one");
  EXPECT_EQ(store->get("people", "gone").value(), std::nullopt);
  EXPECT_EQ(store->get("nothing", "a").value(), std::nullopt);
  EXPECT_EQ(store->list("people").value(), (Items{{"a", "one"}, {"b", "2"}}));
  EXPECT_EQ(store->list("nothing").value(), Items());
}

TEST_F(StoreTest, BytesAreBytesAndOrderIsBytewise) {
  auto store = open();
  const Items items{{""s, ""s}, {"\0"s, "\0\xff"s}, {"A", "'; DROP TABLE entries; --"},
                    {"a", "x"}, {"\xc3\xbc", "u"},  {"\xff", "not utf-8"}};
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    ASSERT_TRUE(store->put("t", item->first, item->second));
  }
  EXPECT_EQ(store->list("t").value(), items);
  EXPECT_EQ(store->get("t", "").value(), "");
}

TEST_F(StoreTest, TransactionsAreWholeOrNothing) {
  auto store = open();
  ASSERT_TRUE(store->put("t", "a", "before"));
  const Status undone = store->transaction([](Store& inner) -> Status {
    PV_TRY_VOID(inner.put("t", "a", "within"));
    PV_TRY_VOID(inner.put("t", "b", "within"));
    PV_TRY(const auto seen, inner.get("t", "a"));
    EXPECT_EQ(seen, "within");
    return fail(Code::kConflict, "no");
  });
  EXPECT_EQ(undone.error().message, "no");
  EXPECT_EQ(store->list("t").value(), (Items{{"a", "before"}}));
  ASSERT_TRUE(store->transaction([](Store& inner) -> Status {
    PV_TRY_VOID(inner.put("t", "a", "after"));
    EXPECT_EQ(inner.transaction([](Store&) { return Status(); }).error().code, Code::kInvalid);
    return inner.put("t", "b", "after");
  }));
  EXPECT_EQ(store->list("t").value(), (Items{{"a", "after"}, {"b", "after"}}));
}

TEST_F(StoreTest, CommittedDataSurvivesAKilledProcess) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::open(path_);
    const bool put =
        store && (*store)->put("t", "committed", "yes") && (*store)->transaction([](Store& inner) {
          if (!inner.put("t", "half", "no")) ::_exit(2);
          ::kill(::getpid(), SIGKILL);
          return Status();
        });
    ::_exit(put ? 1 : 3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(open()->list("t").value(), (Items{{"committed", "yes"}}));
}

TEST_F(StoreTest, OneWriterManyReaders) {
  auto writer = open();
  ASSERT_TRUE(writer->put("t", "a", "1"));
  EXPECT_EQ(Store::open(path_).error().code, Code::kConflict);
  auto reader = Store::open_reader(path_).value();
  EXPECT_EQ(reader->get("t", "a").value(), "1");
  ASSERT_TRUE(writer->put("t", "a", "2"));
  EXPECT_EQ(reader->get("t", "a").value(), "2") << "a reader sees what was committed since";
  EXPECT_EQ(reader->put("t", "a", "3").error().code, Code::kConflict);
  EXPECT_EQ(reader->erase("t", "a").error().code, Code::kConflict);
  EXPECT_EQ(reader->transaction([](Store&) { return Status(); }).error().code, Code::kConflict);
  writer.reset();
  EXPECT_EQ(reader->get("t", "a").value(), "2");
  EXPECT_TRUE(Store::open(path_));
  EXPECT_EQ(Store::open_reader(dir_.file("none")).error().code, Code::kNotFound);
}

TEST_F(StoreTest, FileIsPrivateOrRefused) {
  open()->put("t", "a", "1").value();
  for (const char* suffix : {"", ".lock"}) {
    struct stat info{};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u) << suffix;
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(Store::open(path_).error().code, Code::kInvalid);
}

TEST_F(StoreTest, WhatIsNoDatabaseIsCorrupt) {
  ASSERT_TRUE(write_file_durable(path_, std::string(4096, 'x'), FileMode::kPrivate));
  EXPECT_EQ(Store::open(path_).error().code, Code::kCorrupt);
  EXPECT_EQ(Store::open_reader(path_).error().code, Code::kCorrupt);
  EXPECT_EQ(Store::open(dir_.file("no/such/state.db")).error().code, Code::kNotFound);
}

TEST_F(StoreTest, LimitsAndNames) {
  auto store = open();
  for (const char* bad : {"", "Upper", "a-b", "a b", "a;b", "\xc3\xbc"}) {
    EXPECT_EQ(store->put(bad, "k", "v").error().code, Code::kInvalid) << bad;
    EXPECT_EQ(store->get(bad, "k").error().code, Code::kInvalid);
    EXPECT_EQ(store->list(bad).error().code, Code::kInvalid);
    EXPECT_EQ(store->erase(bad, "k").error().code, Code::kInvalid);
  }
  EXPECT_TRUE(
      store->put(std::string(kTableNameBytesMax, 't'), std::string(kKeyBytesMax, 'k'), "v"));
  EXPECT_FALSE(store->put(std::string(kTableNameBytesMax + 1, 't'), "k", "v"));
  EXPECT_EQ(store->put("t", std::string(kKeyBytesMax + 1, 'k'), "v").error().code, Code::kLimit);
  EXPECT_EQ(store->put("t", "k", std::string(kValueBytesMax + 1, 'v')).error().code, Code::kLimit);
}

TEST_F(StoreTest, ThreadsDoNotMixTransactions) {
  auto store = open();
  ASSERT_TRUE(store->put("t", "sum", "0"));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&store] {
        for (int i = 0; i < 10; ++i) {
          const Status added = store->transaction([](Store& inner) -> Status {
            PV_TRY(const auto sum, inner.get("t", "sum"));
            return inner.put("t", "sum", std::to_string(std::stoi(*sum) + 1));
          });
          EXPECT_TRUE(added);
        }
      });
    }
  }
  EXPECT_EQ(store->get("t", "sum").value(), "40");
}

}  // namespace
}  // namespace proviso::state
