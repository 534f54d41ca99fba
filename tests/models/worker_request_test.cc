#include "models/worker_request.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace proviso::models {
namespace {

using exchange::Endpoint;

TEST(WorkerRequest, SpeaksLlamaServersDialect) {
  const struct {
    const char* what;
    Endpoint endpoint;
    const char* in;
    const char* out;
  } cases[] = {
      {"nothing to change", Endpoint::kChat,
       R"({"model":"m","messages":[{"role":"user","content":"x"}],"temperature":0.5,"seed":1})",
       R"({"model":"m","messages":[{"role":"user","content":"x"}],"temperature":0.5,"seed":1})"},
      {"words stay", Endpoint::kChat, R"({"tools":[{"function":{"name":"a"}}],"tool_choice":"required"})",
       R"({"tools":[{"function":{"name":"a"}}],"tool_choice":"required"})"},
      {"a named tool", Endpoint::kChat,
       R"({"tool_choice":{"type":"function","function":{"name":"b"}},"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}]})",
       R"({"tool_choice":"required","tools":[{"type":"function","function":{"name":"b"}}]})"},
      {"Anthropic: a named tool", Endpoint::kMessages,
       R"({"tools":[{"name":"a"},{"name":"b"}],"tool_choice":{"type":"tool","name":"a"}})",
       R"({"tools":[{"name":"a"}],"tool_choice":{"type":"any"}})"},
      {"Anthropic: none", Endpoint::kMessages, R"({"tools":[{"name":"a"}],"tool_choice":{"type":"none"}})",
       R"({"tools":[]})"},
      {"Anthropic: auto stays", Endpoint::kMessages,
       R"({"tools":[{"name":"a"}],"tool_choice":{"type":"auto"}})",
       R"({"tools":[{"name":"a"}],"tool_choice":{"type":"auto"}})"},
      {"what reaches into the process goes", Endpoint::kChat,
       R"({"grammar":"root ::= x","lora":[{"id":0,"scale":1}],"id_slot":1,"cache_prompt":true,"n_probs":5,"model":"m"})",
       R"({"model":"m"})"},
  };
  json::Parser parser;
  for (const auto& c : cases) {
    const auto body = worker_body(c.endpoint, c.in, parser);
    ASSERT_TRUE(body.has_value()) << c.what << ": " << body.error().message;
    EXPECT_EQ(*body, c.out) << c.what;
  }
}

// The grammar allows text before a call, and a small model talks for ever: its answer begins as a call.
TEST(WorkerRequest, ACallThatMustComeIsBegun) {
  const struct {
    Endpoint endpoint;
    const char* in;
    const char* out;
  } cases[] = {
      {Endpoint::kChat, R"({"messages":[{"role":"user","content":"x"}],"tool_choice":"required"})",
       R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"<call>"}],"tool_choice":"required"})"},
      {Endpoint::kMessages, R"({"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"any"}})",
       R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"<call>"}],"tool_choice":{"type":"any"}})"},
      {Endpoint::kChat, R"({"messages":[{"role":"user","content":"x"}],"tool_choice":"auto"})",
       R"({"messages":[{"role":"user","content":"x"}],"tool_choice":"auto"})"},
      {Endpoint::kChat, R"({"messages":[{"role":"assistant","content":"y"}],"tool_choice":"required"})",
       R"({"messages":[{"role":"assistant","content":"y"}],"tool_choice":"required"})"},
  };
  json::Parser parser;
  for (const auto& c : cases) {
    const auto body = worker_body(c.endpoint, c.in, parser, "<call>");
    ASSERT_TRUE(body.has_value());
    EXPECT_EQ(*body, c.out);
  }
}

TEST(WorkerRequest, RefusesAToolThatIsNotOffered) {
  json::Parser parser;
  for (const char* in : {R"({"tools":[{"function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"z"}}})",
                         R"({"tool_choice":{"type":"function","function":{"name":"z"}}})"}) {
    const auto body = worker_body(Endpoint::kChat, in, parser);
    ASSERT_FALSE(body.has_value()) << in;
    EXPECT_EQ(body.error().code, Code::kInvalid);
  }
  EXPECT_FALSE(worker_body(Endpoint::kChat, "[]", parser).has_value());
  EXPECT_FALSE(worker_body(Endpoint::kChat, "{", parser).has_value());
}

}  // namespace
}  // namespace proviso::models
