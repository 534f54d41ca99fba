// The OpenAI chat completions request, field by field. docs/protocols.md prints this table.
#include <array>

#include "exchange/openai_types.h"

namespace proviso::exchange {
namespace {

using enum Use;
using Words = std::string_view;

// Clients send back the message objects that an SDK gave them, with what its helpers added.
constexpr std::string_view kFromHelper = "only helpers of SDKs have it";

const char* few_choices(json::Element value) {
  static_assert(kChoicesMax == 8);
  if (!value.is_int64()) return "must be an integer from 1 to 8";
  const int64_t choices = value.get_int64().value_unsafe();
  return choices >= 1 && choices <= static_cast<int64_t>(kChoicesMax)
             ? nullptr
             : "must be from 1 to 8: each choice is held and judged beside the others";
}

const char* no_logprobs(json::Element value) {
  return is_false(value)
             ? nullptr
             : "may only be false: token bytes are a channel that is not inspected yet";
}

const char* text_only(json::Element value) {
  constexpr const char* kMust = "may only be [\"text\"]: audio is not inspected";
  if (!value.is_array()) return kMust;
  for (const json::Element item : value.get_array().value_unsafe()) {
    if (!item.is_string() || item.get_string().value_unsafe() != "text") return kMust;
  }
  return nullptr;
}

constexpr Field kImageUrlFields[] = {
    {.name = "url",
     .type = &kBytes,
     .why = "data: URLs only; recorded as unreadable",
     .need = Need::kRequired,
     .check = data_url},
    {.name = "detail", .type = &kDetail},
};
constexpr Type kImageUrl{.kind = Kind::kObject, .fields = kImageUrlFields};

constexpr std::array<Words, 2> kAudioWords = {"wav", "mp3"};
constexpr Type kAudioFormat{.kind = Kind::kWord, .words = kAudioWords};
constexpr Field kInputAudioFields[] = {
    {.name = "data", .type = &kBytes, .why = "recorded as unreadable", .need = Need::kRequired},
    {.name = "format", .type = &kAudioFormat, .need = Need::kRequired},
};
constexpr Type kInputAudio{.kind = Kind::kObject, .fields = kInputAudioFields};

constexpr Field kFileFields[] = {
    {.name = "file_data",
     .type = &kBytes,
     .why = "recorded as unreadable",
     .need = Need::kRequired},
    {.name = "filename", .type = &kFileName},
    {.name = "file_id",
     .type = &kName,
     .use = kRefused,
     .why = "it names bytes that are not in the request"},
};
constexpr Type kFile{.kind = Kind::kObject, .fields = kFileFields};

constexpr Field kImagePart[] = {{.name = "image_url", .type = &kImageUrl, .need = Need::kRequired}};
constexpr Field kAudioPart[] = {
    {.name = "input_audio", .type = &kInputAudio, .need = Need::kRequired}};
constexpr Field kFilePart[] = {{.name = "file", .type = &kFile, .need = Need::kRequired}};

constexpr Variant kTextParts[] = {{.value = "text", .fields = kTextPart}};
constexpr Variant kUserParts[] = {
    {.value = "text", .fields = kTextPart},
    {.value = "image_url", .fields = kImagePart},
    {.value = "input_audio", .fields = kAudioPart},
    {.value = "file", .fields = kFilePart},
};
constexpr Variant kAssistantParts[] = {
    {.value = "text", .fields = kTextPart},
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

constexpr Field kCalledFunctionFields[] = {
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "arguments", .type = &kArguments, .need = Need::kRequired},
    {.name = "parsed_arguments", .type = &kJson, .use = kIgnored, .why = kFromHelper},
};
constexpr Type kCalledFunction{.kind = Kind::kObject, .fields = kCalledFunctionFields};
constexpr Field kToolCallFields[] = {
    {.name = "id", .type = &kName, .need = Need::kRequired},
    {.name = "function", .type = &kCalledFunction, .need = Need::kRequired},
    {.name = "index",
     .type = &kInteger,
     .use = kIgnored,
     .why = "a stream's place, not the call's"},
};
constexpr Variant kToolCallVariants[] = {
    {.value = "function", .fields = kToolCallFields},
    {.value = "custom", .fields = {}, .use = kRefused, .why = "custom tools are not carried yet"},
};
constexpr Type kToolCall{.kind = Kind::kTagged, .tag = "type", .variants = kToolCallVariants};
constexpr Type kToolCalls{.kind = Kind::kList, .item = &kToolCall};

constexpr Field kSystemMessage[] = {
    {.name = "content", .type = &kTextContent, .need = Need::kRequired, .speaks = &kSystemChannel},
    {.name = "name", .type = &kName},
};
constexpr Field kUserMessage[] = {
    {.name = "content", .type = &kUserContent, .need = Need::kRequired, .speaks = &kTextChannel},
    {.name = "name", .type = &kName},
};
constexpr Field kAssistantMessage[] = {
    {.name = "content",
     .type = &kAssistantContent,
     .need = Need::kNullable,
     .speaks = &kTextChannel},
    {.name = "refusal", .type = &kRefusal},
    {.name = "reasoning_content", .type = &kReasoning},
    {.name = "tool_calls", .type = &kToolCalls},
    {.name = "name", .type = &kName},
    {.name = "parsed", .type = &kJson, .use = kIgnored, .why = kFromHelper},
    {.name = "annotations", .type = &kJson, .use = kIgnored, .why = "only answers have them"},
    {.name = "audio",
     .type = &kJson,
     .use = kRefused,
     .why = "it names audio that is not in the request"},
    {.name = "function_call", .type = &kJson, .use = kRefused, .why = "use tool_calls"},
};
constexpr Field kToolMessage[] = {
    {.name = "content", .type = &kTextContent, .need = Need::kRequired, .speaks = &kResultChannel},
    {.name = "tool_call_id", .type = &kName, .need = Need::kRequired},
    {.name = "name", .type = &kName},
};
constexpr Variant kMessages[] = {
    {.value = "system", .fields = kSystemMessage},
    {.value = "developer", .fields = kSystemMessage},
    {.value = "user", .fields = kUserMessage},
    {.value = "assistant", .fields = kAssistantMessage},
    {.value = "tool", .fields = kToolMessage},
    {.value = "function", .fields = {}, .use = kRefused, .why = "use role tool"},
};
constexpr Type kMessage{.kind = Kind::kTagged, .tag = "role", .variants = kMessages};
constexpr Type kMessageList{.kind = Kind::kList, .item = &kMessage};

constexpr Field kFunctionFields[] = {
    {.name = "name", .type = &kDefinitionText, .need = Need::kRequired},
    {.name = "description", .type = &kDefinitionText},
    {.name = "parameters", .type = &kDefinitionJson},
    {.name = "strict", .type = &kBool},
};
constexpr Type kFunction{.kind = Kind::kObject, .fields = kFunctionFields};
constexpr Field kToolFields[] = {{.name = "function", .type = &kFunction, .need = Need::kRequired}};
constexpr Variant kToolVariants[] = {
    {.value = "function", .fields = kToolFields},
    {.value = "custom", .fields = {}, .use = kRefused, .why = "custom tools are not carried yet"},
};
constexpr Type kTool{.kind = Kind::kTagged, .tag = "type", .variants = kToolVariants};
constexpr Type kTools{.kind = Kind::kList, .item = &kTool};

constexpr Field kChosenFunctionFields[] = {
    {.name = "name", .type = &kName, .need = Need::kRequired}};
constexpr Type kChosenFunction{.kind = Kind::kObject, .fields = kChosenFunctionFields};
constexpr Field kChosenToolFields[] = {
    {.name = "function", .type = &kChosenFunction, .need = Need::kRequired}};
constexpr Variant kToolChoiceVariants[] = {
    {.value = "function", .fields = kChosenToolFields},
    {.value = "allowed_tools",
     .fields = {},
     .use = kRefused,
     .why = "offer only the tools that are allowed"},
    {.value = "custom", .fields = {}, .use = kRefused, .why = "custom tools are not carried yet"},
};
constexpr Type kChosenTool{.kind = Kind::kTagged, .tag = "type", .variants = kToolChoiceVariants};
constexpr const Type* kToolChoices[] = {&kToolChoiceWord, &kChosenTool};
constexpr Type kToolChoice{.kind = Kind::kEither, .either = kToolChoices};

constexpr Field kSchemaFields[] = {
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "description", .type = &kName},
    {.name = "schema", .type = &kJson},
    {.name = "strict", .type = &kBool},
};
constexpr Type kSchema{.kind = Kind::kObject, .fields = kSchemaFields};
constexpr Field kSchemaFormat[] = {
    {.name = "json_schema", .type = &kSchema, .need = Need::kRequired}};
constexpr Variant kFormats[] = {
    {.value = "text", .fields = {}},
    {.value = "json_object", .fields = {}},
    {.value = "json_schema", .fields = kSchemaFormat},
};
constexpr Type kFormat{.kind = Kind::kTagged, .tag = "type", .variants = kFormats};

constexpr Type kStopList{.kind = Kind::kList, .item = &kName};
constexpr const Type* kStops[] = {&kName, &kStopList};
constexpr Type kStop{.kind = Kind::kEither, .either = kStops};

constexpr Field kStreamOptionFields[] = {
    {.name = "include_usage",
     .type = &kBool,
     .use = kByCodec,
     .why = "always asked upstream; the client gets the usage chunk if it asked"},
    {.name = "include_obfuscation",
     .type = &kBool,
     .use = kIgnored,
     .why = "chunks are made here and carry no padding"},
};
constexpr Type kStreamOptions{.kind = Kind::kObject, .fields = kStreamOptionFields};

constexpr Field kRequest[] = {
    {.name = "model",
     .type = &kName,
     .use = kByCodec,
     .why = "sent under the name that the upstream knows",
     .need = Need::kRequired},
    {.name = "messages", .type = &kMessageList, .need = Need::kRequired},
    {.name = "stream", .type = &kBool, .use = kByCodec},
    {.name = "stream_options", .type = &kStreamOptions, .use = kByCodec},
    {.name = "max_tokens", .type = &kInteger},
    {.name = "max_completion_tokens", .type = &kInteger},
    {.name = "temperature", .type = &kNumber},
    {.name = "top_p", .type = &kNumber},
    {.name = "frequency_penalty", .type = &kNumber},
    {.name = "presence_penalty", .type = &kNumber},
    {.name = "seed", .type = &kInteger},
    {.name = "stop", .type = &kStop},
    {.name = "logit_bias", .type = &kJson},
    {.name = "n",
     .type = &kInteger,
     .why = "1 to 8; one verdict for all choices together",
     .check = few_choices},
    {.name = "tools", .type = &kTools},
    {.name = "tool_choice", .type = &kToolChoice},
    {.name = "parallel_tool_calls", .type = &kBool},
    {.name = "response_format", .type = &kFormat},
    {.name = "reasoning_effort", .type = &kEffort},
    {.name = "verbosity", .type = &kVerbosity},
    {.name = "user", .type = &kName},
    {.name = "safety_identifier", .type = &kName},
    {.name = "prompt_cache_key", .type = &kName},
    {.name = "metadata",
     .type = &kJson,
     .use = kIgnored,
     .why = "it labels stored completions, and nothing is stored at the vendor"},
    {.name = "store",
     .type = &kBool,
     .use = kIgnored,
     .why = "only false: what is kept is the agreement's to say",
     .check = no_store},
    {.name = "service_tier",
     .type = &kName,
     .use = kIgnored,
     .why = "the contract with the vendor decides it"},
    {.name = "prompt_cache_retention",
     .type = &kName,
     .use = kIgnored,
     .why = "what is kept is the agreement's to say"},
    {.name = "modalities",
     .type = &kJson,
     .use = kIgnored,
     .why = "only [\"text\"]",
     .check = text_only},
    {.name = "logprobs",
     .type = &kBool,
     .use = kIgnored,
     .why = "only false: token bytes are a channel that is not inspected yet",
     .check = no_logprobs},
    {.name = "top_logprobs",
     .type = &kInteger,
     .use = kRefused,
     .why = "token bytes are a channel that is not inspected yet"},
    {.name = "audio", .type = &kJson, .use = kRefused, .why = "audio is not inspected"},
    {.name = "prediction", .type = &kJson, .use = kRefused, .why = "not carried yet"},
    {.name = "web_search_options",
     .type = &kJson,
     .use = kRefused,
     .why = "the vendor would reach outside past the gate"},
    {.name = "functions", .type = &kJson, .use = kRefused, .why = "use tools"},
    {.name = "function_call", .type = &kJson, .use = kRefused, .why = "use tool_choice"},
    {.name = "grammar",
     .type = &kJson,
     .use = kRefused,
     .why = "a grammar can stop the local worker"},
    {.name = "json_schema", .type = &kJson, .use = kRefused, .why = "use response_format"},
    {.name = "lora", .type = &kJson, .use = kRefused, .why = "a request may not change the model"},
    {.name = "id_slot", .type = &kJson, .use = kRefused, .why = "a request may not choose a slot"},
};
static_assert(std::size(kRequest) <= 64);  // Walk::members() counts fields in one word

}  // namespace

std::span<const Field> openai_fields() { return kRequest; }

}  // namespace proviso::exchange
