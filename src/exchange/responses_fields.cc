// The OpenAI Responses request, field by field. docs/protocols.md prints this table. What is carried is
// written in the protocol's own shape first; responses_request.cc makes a chat completion of it.
#include <array>

#include "exchange/openai_types.h"

namespace proviso::exchange {
namespace {

using enum Use;
using Words = std::string_view;

// Clients send back the items that an answer gave them.
constexpr std::string_view kFromAnswer = "only answers have it";
constexpr std::string_view kNotInRequest = "it names what is not in the request";
constexpr std::string_view kOutside = "the vendor would reach outside past the gate";
constexpr std::string_view kNotYet = "not carried yet";
constexpr std::string_view kNotStored = "nothing is stored: send the conversation in `input`";

bool is_word(json::Element value, std::string_view word) {
  return value.is_string() && value.get_string().value_unsafe() == word;
}

const char* in_front(json::Element value) {
  return is_false(value) ? nullptr : "may only be false: an answer is decided while its client waits";
}

const char* untruncated(json::Element value) {
  return is_word(value, "disabled") ? nullptr
                                    : "may only be `disabled`: what was judged is what the model gets";
}

const char* no_logprobs(json::Element value) {
  return value.is_int64() && value.get_int64().value_unsafe() == 0
             ? nullptr
             : "may only be 0: token bytes are a channel that is not inspected yet";
}

const char* nothing_more(json::Element value) {
  constexpr const char* kMust =
      "may only hold `reasoning.encrypted_content`: nothing else could be added to an answer here";
  if (!value.is_array()) return kMust;
  for (const json::Element item : value.get_array().value_unsafe()) {
    if (!is_word(item, "reasoning.encrypted_content")) return kMust;
  }
  return nullptr;
}

constexpr Field kFileIdField{
    .name = "file_id", .type = &kName, .use = kRefused, .why = kNotInRequest};

constexpr Field kImagePart[] = {
    {.name = "image_url",
     .type = &kBytes,
     .why = "data: URLs only; recorded as unreadable",
     .need = Need::kRequired,
     .check = data_url},
    {.name = "detail", .type = &kDetail},
    kFileIdField,
};
constexpr Field kFilePart[] = {
    {.name = "file_data",
     .type = &kBytes,
     .why = "recorded as unreadable",
     .need = Need::kRequired},
    {.name = "filename", .type = &kFileName},
    kFileIdField,
    {.name = "file_url", .type = &kName, .use = kRefused, .why = kNotInRequest},
};
constexpr Field kOutputTextPart[] = {
    {.name = "text", .type = &kText, .need = Need::kRequired},
    {.name = "annotations", .type = &kJson, .use = kIgnored, .why = kFromAnswer},
    {.name = "logprobs", .type = &kJson, .use = kIgnored, .why = kFromAnswer},
    {.name = "parsed", .type = &kJson, .use = kIgnored, .why = "only helpers of SDKs have it"},
};

constexpr Variant kTextParts[] = {{.value = "input_text", .fields = kTextPart}};
constexpr Variant kUserParts[] = {
    {.value = "input_text", .fields = kTextPart},
    {.value = "input_image", .fields = kImagePart},
    {.value = "input_file", .fields = kFilePart},
};
constexpr Variant kAssistantParts[] = {
    {.value = "output_text", .fields = kOutputTextPart},
    {.value = "refusal", .fields = kRefusalPart},
};
constexpr Type kTextPartType{.kind = Kind::kTagged, .tag = "type", .variants = kTextParts};
constexpr Type kUserPartType{.kind = Kind::kTagged, .tag = "type", .variants = kUserParts};
constexpr Type kAssistantPartType{
    .kind = Kind::kTagged, .tag = "type", .variants = kAssistantParts};
constexpr Type kTextPartList{.kind = Kind::kList, .item = &kTextPartType, .joined = true};
constexpr Type kUserPartList{.kind = Kind::kList, .item = &kUserPartType, .joined = true};
constexpr Type kAssistantPartList{.kind = Kind::kList, .item = &kAssistantPartType, .joined = true};
constexpr const Type* kTextContents[] = {&kText, &kTextPartList};
constexpr const Type* kUserContents[] = {&kText, &kUserPartList};
constexpr const Type* kAssistantContents[] = {&kText, &kAssistantPartList};
constexpr Type kTextContent{.kind = Kind::kEither, .either = kTextContents};
constexpr Type kUserContent{.kind = Kind::kEither, .either = kUserContents};
constexpr Type kAssistantContent{.kind = Kind::kEither, .either = kAssistantContents};

constexpr Field kIdField{.name = "id", .type = &kName, .use = kIgnored, .why = kFromAnswer};
constexpr Field kStatusField{.name = "status", .type = &kName, .use = kIgnored, .why = kFromAnswer};

constexpr Field kSystemMessage[] = {
    {.name = "content", .type = &kTextContent, .need = Need::kRequired, .speaks = &kSystemChannel},
    kIdField,
    kStatusField,
};
constexpr Field kUserMessage[] = {
    {.name = "content", .type = &kUserContent, .need = Need::kRequired, .speaks = &kTextChannel},
    kIdField,
    kStatusField,
};
constexpr Field kAssistantMessage[] = {
    {.name = "content",
     .type = &kAssistantContent,
     .need = Need::kRequired,
     .speaks = &kTextChannel},
    kIdField,
    kStatusField,
    {.name = "phase", .type = &kName, .use = kIgnored, .why = "chat completions have no phases"},
};
constexpr Variant kRoles[] = {
    {.value = "user", .fields = kUserMessage},
    {.value = "assistant", .fields = kAssistantMessage},
    {.value = "system", .fields = kSystemMessage},
    {.value = "developer", .fields = kSystemMessage},
};
constexpr Type kMessage{.kind = Kind::kTagged, .tag = "role", .variants = kRoles};

constexpr Field kCallItem[] = {
    {.name = "call_id", .type = &kName, .need = Need::kRequired},
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "arguments", .type = &kArguments, .need = Need::kRequired},
    {.name = "parsed_arguments",
     .type = &kJson,
     .use = kIgnored,
     .why = "only helpers of SDKs have it"},
    kIdField,
    kStatusField,
};
constexpr Field kCallOutputItem[] = {
    {.name = "call_id", .type = &kName, .need = Need::kRequired},
    {.name = "output", .type = &kTextContent, .need = Need::kRequired, .speaks = &kResultChannel},
    kIdField,
    kStatusField,
};

constexpr Field kThoughtPart[] = {{.name = "text", .type = &kReasoning, .need = Need::kRequired}};
constexpr Variant kSummaryParts[] = {{.value = "summary_text", .fields = kThoughtPart}};
constexpr Variant kReasoningParts[] = {{.value = "reasoning_text", .fields = kThoughtPart}};
constexpr Type kSummaryPart{.kind = Kind::kTagged, .tag = "type", .variants = kSummaryParts};
constexpr Type kReasoningPart{.kind = Kind::kTagged, .tag = "type", .variants = kReasoningParts};
constexpr Type kSummary{.kind = Kind::kList, .item = &kSummaryPart};
constexpr Type kReasoningContent{.kind = Kind::kList, .item = &kReasoningPart};
constexpr Field kReasoningItem[] = {
    {.name = "summary", .type = &kSummary, .why = "sent where there is no content"},
    {.name = "content", .type = &kReasoningContent},
    {.name = "encrypted_content",
     .type = &kName,
     .use = kIgnored,
     .why = "no upstream of chat completions reads it"},
    kIdField,
    kStatusField,
};
constexpr Variant kItems[] = {
    {.value = "message", .fields = {}, .then = &kMessage},
    {.value = "function_call", .fields = kCallItem},
    {.value = "function_call_output", .fields = kCallOutputItem},
    {.value = "reasoning", .fields = kReasoningItem},
    {.value = "item_reference", .fields = {}, .use = kRefused, .why = kNotInRequest},
};
constexpr Type kItem{.kind = Kind::kTagged,
                     .tag = "type",
                     .tag_default = "message",
                     .variants = kItems};
constexpr Type kItemList{.kind = Kind::kList, .item = &kItem};
constexpr const Type* kInputs[] = {&kText, &kItemList};
constexpr Type kInput{.kind = Kind::kEither, .either = kInputs};

constexpr Field kFunctionTool[] = {
    {.name = "name", .type = &kDefinitionText, .need = Need::kRequired},
    {.name = "description", .type = &kDefinitionText},
    {.name = "parameters", .type = &kDefinitionJson},
    {.name = "strict", .type = &kBool},
};
constexpr Variant kToolVariants[] = {
    {.value = "function", .fields = kFunctionTool},
    {.value = "custom", .fields = {}, .use = kRefused, .why = kNotYet},
    {.value = "web_search", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "web_search_preview", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "file_search", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "code_interpreter", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "image_generation", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "mcp", .fields = {}, .use = kRefused, .why = kOutside},
};
constexpr Type kTool{.kind = Kind::kTagged, .tag = "type", .variants = kToolVariants};
constexpr Type kTools{.kind = Kind::kList, .item = &kTool};

constexpr Field kChosenFunction[] = {{.name = "name", .type = &kName, .need = Need::kRequired}};
constexpr Variant kToolChoiceVariants[] = {
    {.value = "function", .fields = kChosenFunction},
    {.value = "allowed_tools",
     .fields = {},
     .use = kRefused,
     .why = "offer only the tools that are allowed"},
    {.value = "custom", .fields = {}, .use = kRefused, .why = kNotYet},
};
constexpr Type kChosenTool{.kind = Kind::kTagged, .tag = "type", .variants = kToolChoiceVariants};
constexpr const Type* kToolChoices[] = {&kToolChoiceWord, &kChosenTool};
constexpr Type kToolChoice{.kind = Kind::kEither, .either = kToolChoices};

constexpr Field kSchemaFormat[] = {
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "description", .type = &kName},
    {.name = "schema", .type = &kJson, .need = Need::kRequired},
    {.name = "strict", .type = &kBool},
};
constexpr Variant kFormats[] = {
    {.value = "text", .fields = {}},
    {.value = "json_object", .fields = {}},
    {.value = "json_schema", .fields = kSchemaFormat},
};
constexpr Type kFormat{.kind = Kind::kTagged, .tag = "type", .variants = kFormats};
constexpr Field kTextSettingFields[] = {
    {.name = "format", .type = &kFormat},
    {.name = "verbosity", .type = &kVerbosity},
};
constexpr Type kTextSettings{.kind = Kind::kObject, .fields = kTextSettingFields};

constexpr std::string_view kNoSummaries = "nobody here sums up: reasoning comes as the model gave it";
constexpr Field kReasoningSettingFields[] = {
    {.name = "effort", .type = &kEffort},
    {.name = "summary", .type = &kName, .use = kIgnored, .why = kNoSummaries},
    {.name = "generate_summary", .type = &kName, .use = kIgnored, .why = kNoSummaries},
};
constexpr Type kReasoningSettings{.kind = Kind::kObject, .fields = kReasoningSettingFields};

constexpr Field kStreamOptionFields[] = {
    {.name = "include_obfuscation",
     .type = &kBool,
     .use = kIgnored,
     .why = "events are made here and carry no padding"},
};
constexpr Type kStreamOptions{.kind = Kind::kObject, .fields = kStreamOptionFields};

constexpr Field kRequest[] = {
    {.name = "model",
     .type = &kName,
     .use = kByCodec,
     .why = "sent under the name that the upstream knows",
     .need = Need::kRequired},
    {.name = "input", .type = &kInput, .need = Need::kRequired, .speaks = &kTextChannel},
    {.name = "instructions", .type = &kText, .speaks = &kSystemChannel},
    {.name = "stream", .type = &kBool, .use = kByCodec},
    {.name = "stream_options", .type = &kStreamOptions, .use = kByCodec},
    {.name = "max_output_tokens", .type = &kInteger},
    {.name = "temperature", .type = &kNumber},
    {.name = "top_p", .type = &kNumber},
    {.name = "tools", .type = &kTools},
    {.name = "tool_choice", .type = &kToolChoice},
    {.name = "parallel_tool_calls", .type = &kBool},
    {.name = "text", .type = &kTextSettings},
    {.name = "reasoning", .type = &kReasoningSettings},
    {.name = "user", .type = &kName},
    {.name = "safety_identifier", .type = &kName},
    {.name = "prompt_cache_key", .type = &kName},
    {.name = "metadata",
     .type = &kJson,
     .use = kIgnored,
     .why = "it labels stored answers, and nothing is stored; given back in the answer"},
    {.name = "store",
     .type = &kBool,
     .use = kIgnored,
     .why = "only false, and false where it is left out: what is kept is the agreement's to say",
     .check = no_store},
    {.name = "background",
     .type = &kBool,
     .use = kIgnored,
     .why = "only false: an answer is decided while its client waits",
     .check = in_front},
    {.name = "include",
     .type = &kJson,
     .use = kIgnored,
     .why = "only `reasoning.encrypted_content`, which no upstream of chat completions has",
     .check = nothing_more},
    {.name = "truncation",
     .type = &kName,
     .use = kIgnored,
     .why = "only `disabled`: what was judged is what the model gets",
     .check = untruncated},
    {.name = "top_logprobs",
     .type = &kInteger,
     .use = kIgnored,
     .why = "only 0: token bytes are a channel that is not inspected yet",
     .check = no_logprobs},
    {.name = "max_tool_calls",
     .type = &kInteger,
     .use = kIgnored,
     .why = "it counts the vendor's own tools, and none is offered"},
    {.name = "service_tier",
     .type = &kName,
     .use = kIgnored,
     .why = "the contract with the vendor decides it"},
    {.name = "prompt_cache_retention",
     .type = &kName,
     .use = kIgnored,
     .why = "what is kept is the agreement's to say"},
    {.name = "previous_response_id", .type = &kJson, .use = kRefused, .why = kNotStored},
    {.name = "conversation", .type = &kJson, .use = kRefused, .why = kNotStored},
    {.name = "prompt", .type = &kJson, .use = kRefused, .why = kNotInRequest},
    {.name = "context_management", .type = &kJson, .use = kRefused, .why = kNotYet},
    {.name = "moderation", .type = &kJson, .use = kRefused, .why = kNotYet},
};
static_assert(std::size(kRequest) <= 64);  // Walk::members() counts fields in one word

}  // namespace

std::span<const Field> responses_fields() { return kRequest; }

}  // namespace proviso::exchange
