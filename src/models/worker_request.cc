#include "models/worker_request.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/json.h"

namespace proviso::models {
namespace {

// Raw grammars crash it (reference: llama.cpp issues 26600, 25960); the rest choose among its slots, reuse
// cached prompts of other people, load adapters, show token internals, or change what it sends.
constexpr std::array<std::string_view, 17> kDropped = {
    "grammar", "grammar_lazy", "grammar_triggers", "grammar_type", "lora", "id_slot", "cache_prompt",
    "n_cache_reuse", "return_tokens", "return_progress", "verbose", "timings_per_token", "n_probs",
    "post_sampling_probs", "response_fields", "t_max_predict_ms", "sse_ping_interval"};

bool dropped(std::string_view name) {
  return std::find(kDropped.begin(), kDropped.end(), name) != kDropped.end();
}

std::string_view text_at(json::Element element, std::string_view name) {
  std::string_view text;
  if (!element.is_object() || element[name].get(text) != simdjson::SUCCESS) return {};
  return text;
}

// OpenAI: {"type":"function","function":{"name"}}; Anthropic: {"name"}.
std::string_view tool_name(json::Element tool) {
  json::Element function;
  if (tool.is_object() && tool["function"].get(function) == simdjson::SUCCESS) {
    return text_at(function, "name");
  }
  return text_at(tool, "name");
}

struct Choice {
  std::string_view word;                 // what llama-server is told; empty: nothing to change
  bool only_named = false;               // offer no other tools than these
  bool must_call = false;
  std::vector<std::string_view> names;
};

Choice openai_choice(json::Element choice) {
  Choice out;
  const auto type = text_at(choice, "type");
  if (type == "function") {
    out.word = "required";
    out.only_named = true;
    out.must_call = true;
    out.names.push_back(tool_name(choice));
  }
  return out;
}

Choice anthropic_choice(json::Element choice) {
  Choice out;
  const auto type = text_at(choice, "type");
  if (type == "tool") {
    out.word = "any";
    out.only_named = true;
    out.must_call = true;
    out.names.push_back(text_at(choice, "name"));
  } else if (type == "any") {
    out.must_call = true;
  } else if (type == "none") {
    out.only_named = true;  // it does not know the word: offer nothing
  }
  return out;
}

Choice read_choice(exchange::Endpoint endpoint, json::Object body) {
  json::Element choice;
  if (body["tool_choice"].get(choice) != simdjson::SUCCESS) return {};
  if (!choice.is_object()) {
    Choice out;
    std::string_view word;
    out.must_call = choice.get(word) == simdjson::SUCCESS && word == "required";
    return out;
  }
  return endpoint == exchange::Endpoint::kChat ? openai_choice(choice) : anthropic_choice(choice);
}

// Writes the tools that the choice leaves, and counts them.
size_t write_tools(json::Writer& writer, json::Array tools, const Choice& choice) {
  size_t kept = 0;
  writer.begin_array();
  for (const json::Element tool : tools) {
    const auto name = tool_name(tool);
    if (std::find(choice.names.begin(), choice.names.end(), name) == choice.names.end()) continue;
    writer.element(tool);
    ++kept;
  }
  writer.end_array();
  return kept;
}

void write_choice(json::Writer& writer, exchange::Endpoint endpoint, const Choice& choice) {
  writer.key("tool_choice");
  if (endpoint == exchange::Endpoint::kChat) {
    writer.string(choice.word);
  } else {
    writer.begin_object().key("type").string(choice.word).end_object();
  }
}

// The conversation, and the beginning of the answer; an answer that the client began stays its own.
void write_messages(json::Writer& writer, json::Array messages, std::string_view call_opening) {
  bool begun = false;
  writer.begin_array();
  for (const json::Element message : messages) {
    writer.element(message);
    begun = text_at(message, "role") == "assistant";
  }
  if (!begun) {
    writer.begin_object().key("role").string("assistant").key("content").string(call_opening).end_object();
  }
  writer.end_array();
}

}  // namespace

Result<std::string> worker_body(exchange::Endpoint endpoint, std::string_view body, json::Parser& parser,
                                std::string_view call_opening) {
  PV_TRY(const auto parsed, parser.parse(body));
  json::Object object;
  if (parsed.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "a request must be a JSON object");
  const Choice choice = read_choice(endpoint, object);
  size_t offered = 0;
  std::string out;
  out.reserve(body.size());
  json::Writer writer(out);
  writer.begin_object();
  for (const auto field : object) {
    json::Array tools, messages;
    if (dropped(field.key)) continue;
    if (field.key == "tools" && choice.only_named && field.value.get(tools) == simdjson::SUCCESS) {
      writer.key("tools");
      offered = write_tools(writer, tools, choice);
    } else if (field.key == "messages" && choice.must_call && !call_opening.empty() &&
               field.value.get(messages) == simdjson::SUCCESS) {
      writer.key("messages");
      write_messages(writer, messages, call_opening);
    } else if (field.key == "tool_choice" && choice.only_named) {
      if (!choice.word.empty()) write_choice(writer, endpoint, choice);
    } else {
      writer.key(field.key).element(field.value);
    }
  }
  writer.end_object();
  if (!choice.names.empty() && offered == 0) {
    return fail(Code::kInvalid, "`tool_choice` names a tool that is not in `tools`");
  }
  return out;
}

}  // namespace proviso::models
