// What the gate keeps of MCP clients belongs to one person each: sessions, tasks, a server's state on its way
// through a client's hands.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "gate/mcp_session.h"
#include "gate/mcp_task.h"
#include "gate/request_state.h"

namespace proviso::gate {
namespace {

constexpr UtcSeconds kNow{1'795'132'800};
const StateOwner kOwner{"ana", "files", "d1"};

TEST(McpSessions, AreFoundAndEndedByTheirPersonOnly) {
  McpSessions sessions;
  const std::string id = sessions.open("ana", "2025-11-25", "{}")->id();
  EXPECT_EQ(sessions.find(id, "ben"), nullptr);
  EXPECT_FALSE(sessions.end(id, "ben"));
  ASSERT_NE(sessions.find(id, "ana"), nullptr);
  EXPECT_TRUE(sessions.end(id, "ana"));
  EXPECT_EQ(sessions.find(id, "ana"), nullptr);
}

TEST(McpSessions, TheOneIdleForLongestMakesRoom) {
  McpSessions sessions;
  const std::string first = sessions.open("ana", "2025-11-25", "{}")->id();
  const std::string second = sessions.open("ana", "2025-11-25", "{}")->id();
  ASSERT_NE(sessions.find(first, "ana"), nullptr);  // used after the second
  for (size_t opened = 2; opened <= kMcpSessionsMax; ++opened) (void)sessions.open("ben", "2025-11-25", "{}");
  EXPECT_NE(sessions.find(first, "ana"), nullptr);
  EXPECT_EQ(sessions.find(second, "ana"), nullptr);
}

TEST(McpSession, TakesAnswersToWhatWasAskedOnly) {
  const auto loops = std::move(*http::Loops::create({}));
  http::Loop& loop = loops->at(0);
  McpSession session("s", "ana", "2025-11-25", "{}");
  const auto question = std::make_shared<Question>(loop);
  const std::string id = session.ask(question).value();
  tools::Message answer;
  answer.id = "\"q9\"";
  EXPECT_FALSE(session.answer(answer));
  answer.id = id;
  EXPECT_TRUE(session.answer(answer));
  EXPECT_FALSE(session.answer(answer));
}

TEST(McpSession, HasAnEndOfQuestions) {
  const auto loops = std::move(*http::Loops::create({}));
  http::Loop& loop = loops->at(0);
  McpSession session("s", "ana", "2025-11-25", "{}");
  const auto question = std::make_shared<Question>(loop);
  for (size_t asked = 0; asked < kMcpQuestionsMax; ++asked) ASSERT_TRUE(session.ask(question).has_value());
  EXPECT_EQ(session.ask(question).error().code, Code::kLimit);
}

TEST(McpTasks, AreReadAndCancelledByTheirPersonOnly) {
  const auto loops = std::move(*http::Loops::create({}));
  http::Loop& loop = loops->at(0);
  McpTasks tasks;
  const auto cancel = std::make_shared<http::Cancel>();
  const std::string id = tasks.open("ana", "held", kNow, loop, cancel);
  EXPECT_EQ(tasks.get(id, "ben"), "");
  EXPECT_FALSE(tasks.cancel(id, "ben", kNow));
  EXPECT_NE(tasks.get(id, "ana").find("\"working\""), std::string::npos);
  EXPECT_TRUE(tasks.cancel(id, "ana", kNow));
  EXPECT_NE(tasks.get(id, "ana").find("\"cancelled\""), std::string::npos);
}

TEST(McpTasks, WhatWasCancelledHasNoResult) {
  const auto loops = std::move(*http::Loops::create({}));
  http::Loop& loop = loops->at(0);
  McpTasks tasks;
  const auto cancel = std::make_shared<http::Cancel>();
  const std::string id = tasks.open("ana", "held", kNow, loop, cancel);
  ASSERT_TRUE(tasks.cancel(id, "ana", kNow));
  tasks.end(id, false, R"({"content":[]})", kNow);
  EXPECT_EQ(tasks.get(id, "ana").find("\"result\""), std::string::npos);
}

TEST(RequestStates, OpenForTheSamePersonServerAndRequestOnly) {
  RequestStates states;
  const std::string sealed = states.seal(kOwner, "step 1", kNow);
  EXPECT_EQ(sealed.find("step"), std::string::npos);
  for (const StateOwner& other : {StateOwner{"ben", "files", "d1"}, StateOwner{"ana", "mail", "d1"},
                                  StateOwner{"ana", "files", "d2"}}) {
    EXPECT_FALSE(states.open(other, sealed, kNow).has_value());
    EXPECT_FALSE(states.use(other, sealed, kNow).has_value());
  }
  EXPECT_EQ(states.open(kOwner, sealed, kNow).value(), "step 1");
  EXPECT_FALSE(RequestStates().open(kOwner, sealed, kNow).has_value()) << "another gate's";
}

TEST(RequestStates, ComeBackInTime) {
  RequestStates states;
  const std::string sealed = states.seal(kOwner, "step 1", kNow);
  EXPECT_TRUE(states.open(kOwner, sealed, {kNow.value + kRequestStateSecondsMax}).has_value());
  EXPECT_FALSE(states.open(kOwner, sealed, {kNow.value + kRequestStateSecondsMax + 1}).has_value());
}

TEST(RequestStates, AreUsedOnce) {
  RequestStates states;
  const std::string sealed = states.seal(kOwner, "step 1", kNow);
  EXPECT_TRUE(states.open(kOwner, sealed, kNow).has_value());
  EXPECT_TRUE(states.open(kOwner, sealed, kNow).has_value()) << "a held call comes back with it";
  EXPECT_TRUE(states.use(kOwner, sealed, kNow).has_value());
  EXPECT_FALSE(states.open(kOwner, sealed, kNow).has_value());
  EXPECT_FALSE(states.use(kOwner, sealed, kNow).has_value());
}

TEST(RequestStates, OfManyWhoBringOneAtTheSameMomentOneIsServed) {
  RequestStates states;
  for (int round = 0; round < 50; ++round) {
    const std::string sealed = states.seal(kOwner, "step 1", kNow);
    std::atomic<int> used = 0;
    std::vector<std::jthread> clients;
    for (int client = 0; client < 4; ++client) {
      clients.emplace_back([&] {
        if (states.open(kOwner, sealed, kNow) && states.use(kOwner, sealed, kNow)) ++used;
      });
    }
    clients.clear();
    ASSERT_EQ(used, 1);
  }
}

}  // namespace
}  // namespace proviso::gate
