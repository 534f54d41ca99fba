// The Anthropic messages and count_tokens requests, field by field. docs/protocols.md prints these
// tables. `gone_in_2026` marks what anthropic-version 2026-10-21 refuses.
#include <array>

#include "exchange/field_types.h"

namespace proviso::exchange {
namespace {

using enum Use;
using Words = std::string_view;

constexpr Channel kFileChannel = Channel::kFile;

constexpr Type kArguments{.kind = Kind::kJson, .channel = Channel::kToolArguments};
constexpr Type kFileText{.kind = Kind::kText, .channel = Channel::kFile};

constexpr std::string_view kNotInRequest = "it names bytes that are not in the request";
constexpr std::string_view kOutside = "the vendor would reach outside past the gate";

const char* an_object(json::Element value) {
  return value.is_object() ? nullptr : "must be an object";
}

constexpr std::array<Words, 1> kCacheWords = {"ephemeral"};
constexpr std::array<Words, 2> kTtlWords = {"5m", "1h"};
constexpr Type kCacheType{.kind = Kind::kWord, .words = kCacheWords};
constexpr Type kTtl{.kind = Kind::kWord, .words = kTtlWords};
constexpr Field kCacheFields[] = {
    {.name = "type", .type = &kCacheType, .need = Need::kRequired},
    {.name = "ttl", .type = &kTtl},
};
constexpr Type kCache{.kind = Kind::kObject, .fields = kCacheFields};
constexpr Field kCitationSwitch[] = {{.name = "enabled", .type = &kBool}};
constexpr Type kCitations{.kind = Kind::kObject, .fields = kCitationSwitch};

constexpr Field kUserText[] = {
    {.name = "text", .type = &kText, .need = Need::kRequired},
    {.name = "cache_control", .type = &kCache},
    {.name = "citations", .type = &kJson, .gone_in_2026 = true},
};
constexpr Field kOwnText[] = {
    {.name = "text", .type = &kText, .need = Need::kRequired},
    {.name = "cache_control", .type = &kCache},
    {.name = "citations", .type = &kJson},
    {.name = "parsed_output",
     .type = &kJson,
     .use = kIgnored,
     .why = "only helpers of SDKs have it"},
};

constexpr std::array<Words, 4> kImageWords = {"image/jpeg", "image/png", "image/gif", "image/webp"};
constexpr Type kImageMedia{.kind = Kind::kWord, .words = kImageWords};
constexpr Field kImageBytes[] = {
    {.name = "media_type", .type = &kImageMedia, .need = Need::kRequired},
    {.name = "data", .type = &kBytes, .why = "recorded as unreadable", .need = Need::kRequired},
};
constexpr Variant kImageSources[] = {
    {.value = "base64", .fields = kImageBytes},
    {.value = "url", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "file", .fields = {}, .use = kRefused, .why = kNotInRequest},
};
constexpr Type kImageSource{.kind = Kind::kTagged, .tag = "type", .variants = kImageSources};
constexpr Field kImage[] = {
    {.name = "source", .type = &kImageSource, .need = Need::kRequired},
    {.name = "cache_control", .type = &kCache},
};

constexpr Variant kDocumentParts[] = {
    {.value = "text", .fields = kUserText},
    {.value = "image", .fields = kImage},
};
constexpr Type kDocumentPart{.kind = Kind::kTagged, .tag = "type", .variants = kDocumentParts};
constexpr Type kDocumentPartList{.kind = Kind::kList, .item = &kDocumentPart, .joined = true};
constexpr const Type* kDocumentContents[] = {&kText, &kDocumentPartList};
constexpr Type kDocumentContent{.kind = Kind::kEither, .either = kDocumentContents};
constexpr std::array<Words, 1> kPdfWords = {"application/pdf"};
constexpr std::array<Words, 1> kPlainWords = {"text/plain"};
constexpr Type kPdfMedia{.kind = Kind::kWord, .words = kPdfWords};
constexpr Type kPlainMedia{.kind = Kind::kWord, .words = kPlainWords};
constexpr Field kPdf[] = {
    {.name = "media_type", .type = &kPdfMedia, .need = Need::kRequired},
    {.name = "data", .type = &kBytes, .why = "recorded as unreadable", .need = Need::kRequired},
};
constexpr Field kPlainDocument[] = {
    {.name = "media_type", .type = &kPlainMedia, .need = Need::kRequired},
    {.name = "data", .type = &kFileText, .need = Need::kRequired},
};
constexpr Field kPartsDocument[] = {{.name = "content",
                                     .type = &kDocumentContent,
                                     .need = Need::kRequired,
                                     .speaks = &kFileChannel}};
constexpr Variant kDocumentSources[] = {
    {.value = "base64", .fields = kPdf},
    {.value = "text", .fields = kPlainDocument},
    {.value = "content", .fields = kPartsDocument},
    {.value = "url", .fields = {}, .use = kRefused, .why = kOutside},
    {.value = "file", .fields = {}, .use = kRefused, .why = kNotInRequest},
};
constexpr Type kDocumentSource{.kind = Kind::kTagged, .tag = "type", .variants = kDocumentSources};
constexpr Field kDocument[] = {
    {.name = "source", .type = &kDocumentSource, .need = Need::kRequired},
    {.name = "title", .type = &kFileText},
    {.name = "context", .type = &kFileText},
    {.name = "citations", .type = &kCitations},
    {.name = "cache_control", .type = &kCache},
};

constexpr Variant kSystemParts[] = {{.value = "text", .fields = kOwnText}};
constexpr Type kSystemPart{.kind = Kind::kTagged, .tag = "type", .variants = kSystemParts};
constexpr Type kSystemPartList{.kind = Kind::kList, .item = &kSystemPart, .joined = true};
constexpr const Type* kSystems[] = {&kText, &kSystemPartList};
constexpr Type kSystem{.kind = Kind::kEither, .either = kSystems};

constexpr Field kSearchResult[] = {
    {.name = "source", .type = &kFileText, .need = Need::kRequired},
    {.name = "title", .type = &kFileText, .need = Need::kRequired},
    {.name = "content", .type = &kSystemPartList, .need = Need::kRequired, .speaks = &kFileChannel},
    {.name = "citations", .type = &kCitations},
    {.name = "cache_control", .type = &kCache},
};

constexpr Variant kResultParts[] = {
    {.value = "text", .fields = kUserText},
    {.value = "image", .fields = kImage},
    {.value = "document", .fields = kDocument},
    {.value = "search_result", .fields = kSearchResult},
};
constexpr Type kResultPart{.kind = Kind::kTagged, .tag = "type", .variants = kResultParts};
constexpr Type kResultPartList{.kind = Kind::kList, .item = &kResultPart, .joined = true};
constexpr const Type* kResults[] = {&kText, &kResultPartList};
constexpr Type kResult{.kind = Kind::kEither, .either = kResults};
constexpr Field kToolResult[] = {
    {.name = "tool_use_id", .type = &kName, .need = Need::kRequired},
    {.name = "content", .type = &kResult, .speaks = &kResultChannel},
    {.name = "is_error", .type = &kBool},
    {.name = "cache_control", .type = &kCache},
};
constexpr Field kToolUse[] = {
    {.name = "id", .type = &kName, .need = Need::kRequired},
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "input", .type = &kArguments, .need = Need::kRequired, .check = an_object},
    {.name = "caller", .type = &kJson, .use = kIgnored, .why = "only answers have it"},
    {.name = "cache_control", .type = &kCache},
};
constexpr Field kThinkingBlock[] = {
    {.name = "thinking", .type = &kReasoning, .need = Need::kRequired},
    {.name = "signature", .type = &kName, .need = Need::kRequired},
};
constexpr Field kRedactedBlock[] = {
    {.name = "data", .type = &kBytes, .why = "recorded as unreadable", .need = Need::kRequired}};

constexpr Variant kUserBlocks[] = {
    {.value = "text", .fields = kUserText},
    {.value = "image", .fields = kImage},
    {.value = "document", .fields = kDocument},
    {.value = "search_result", .fields = kSearchResult},
    {.value = "tool_result", .fields = kToolResult},
    {.value = "container_upload", .fields = {}, .use = kRefused, .why = kNotInRequest},
};
constexpr Variant kAssistantBlocks[] = {
    {.value = "text", .fields = kOwnText},
    {.value = "tool_use", .fields = kToolUse},
    {.value = "thinking", .fields = kThinkingBlock},
    {.value = "redacted_thinking", .fields = kRedactedBlock},
    {.value = "document", .fields = kDocument, .gone_in_2026 = true},
    {.value = "server_tool_use", .fields = {}, .use = kRefused, .why = kOutside},
};
constexpr Type kUserBlock{.kind = Kind::kTagged, .tag = "type", .variants = kUserBlocks};
constexpr Type kAssistantBlock{.kind = Kind::kTagged, .tag = "type", .variants = kAssistantBlocks};
constexpr Type kUserBlockList{.kind = Kind::kList, .item = &kUserBlock, .joined = true};
constexpr Type kAssistantBlockList{.kind = Kind::kList, .item = &kAssistantBlock, .joined = true};
constexpr const Type* kUserContents[] = {&kText, &kUserBlockList};
constexpr const Type* kAssistantContents[] = {&kText, &kAssistantBlockList};
constexpr Type kUserContent{.kind = Kind::kEither, .either = kUserContents};
constexpr Type kAssistantContent{.kind = Kind::kEither, .either = kAssistantContents};
constexpr Field kUserMessage[] = {
    {.name = "content", .type = &kUserContent, .need = Need::kRequired, .speaks = &kTextChannel}};
constexpr Field kAssistantMessage[] = {{.name = "content",
                                        .type = &kAssistantContent,
                                        .need = Need::kRequired,
                                        .speaks = &kTextChannel}};
constexpr Variant kMessages[] = {
    {.value = "user", .fields = kUserMessage},
    {.value = "assistant", .fields = kAssistantMessage},
    {.value = "system", .fields = {}, .use = kRefused, .why = "use the field system"},
};
constexpr Type kMessage{.kind = Kind::kTagged, .tag = "role", .variants = kMessages};
constexpr Type kMessageList{.kind = Kind::kList, .item = &kMessage};

constexpr Field kCustomTool[] = {
    {.name = "name", .type = &kDefinitionText, .need = Need::kRequired},
    {.name = "description", .type = &kDefinitionText},
    {.name = "input_schema", .type = &kDefinitionJson, .need = Need::kRequired, .check = an_object},
    {.name = "input_examples", .type = &kDefinitionJson},
    {.name = "strict", .type = &kBool},
    {.name = "eager_input_streaming",
     .type = &kBool,
     .use = kIgnored,
     .why = "a tool call is held whole until it is decided"},
    {.name = "cache_control", .type = &kCache},
};
// Types with a date ("web_search_20250305", "bash_20250124") are the vendor's own tools: unknown
// here.
constexpr Variant kTools[] = {{.value = "custom", .fields = kCustomTool}};
constexpr Type kTool{
    .kind = Kind::kTagged, .tag = "type", .tag_default = "custom", .variants = kTools};
constexpr Type kToolList{.kind = Kind::kList, .item = &kTool};

constexpr Field kParallel[] = {{.name = "disable_parallel_tool_use", .type = &kBool}};
constexpr Field kChosen[] = {
    {.name = "name", .type = &kName, .need = Need::kRequired},
    {.name = "disable_parallel_tool_use", .type = &kBool},
};
constexpr Variant kToolChoices[] = {
    {.value = "auto", .fields = kParallel},
    {.value = "any", .fields = kParallel},
    {.value = "tool", .fields = kChosen},
    {.value = "none", .fields = {}},
};
constexpr Type kToolChoice{.kind = Kind::kTagged, .tag = "type", .variants = kToolChoices};

constexpr std::array<Words, 2> kDisplayWords = {"summarized", "omitted"};
constexpr Type kDisplay{.kind = Kind::kWord, .words = kDisplayWords};
constexpr Field kEnabledThinking[] = {
    {.name = "budget_tokens", .type = &kInteger, .need = Need::kRequired},
    {.name = "display", .type = &kDisplay},
};
constexpr Field kAdaptiveThinking[] = {{.name = "display", .type = &kDisplay}};
constexpr Variant kThinkings[] = {
    {.value = "enabled", .fields = kEnabledThinking},
    {.value = "adaptive", .fields = kAdaptiveThinking},
    {.value = "disabled", .fields = {}},
};
constexpr Type kThinking{.kind = Kind::kTagged, .tag = "type", .variants = kThinkings};

constexpr Field kMetadataFields[] = {{.name = "user_id", .type = &kName}};
constexpr Type kMetadata{.kind = Kind::kObject, .fields = kMetadataFields};
constexpr Type kStops{.kind = Kind::kList, .item = &kName};

constexpr std::array<Words, 5> kEffortWords = {"low", "medium", "high", "xhigh", "max"};
constexpr Type kEffort{.kind = Kind::kWord, .words = kEffortWords};
constexpr Field kSchemaFormat[] = {{.name = "schema", .type = &kJson, .need = Need::kRequired}};
constexpr Variant kFormats[] = {{.value = "json_schema", .fields = kSchemaFormat}};
constexpr Type kFormat{.kind = Kind::kTagged, .tag = "type", .variants = kFormats};
constexpr Field kOutputFields[] = {
    {.name = "effort", .type = &kEffort},
    {.name = "format", .type = &kFormat},
};
constexpr Type kOutput{.kind = Kind::kObject, .fields = kOutputFields};

constexpr Field kModelField{.name = "model",
                            .type = &kName,
                            .use = kByCodec,
                            .why = "sent under the name that the upstream knows",
                            .need = Need::kRequired};
constexpr Field kMessagesField{.name = "messages", .type = &kMessageList, .need = Need::kRequired};
constexpr Field kSystemField{.name = "system", .type = &kSystem, .speaks = &kSystemChannel};
constexpr Field kToolsField{.name = "tools", .type = &kToolList};
constexpr Field kToolChoiceField{.name = "tool_choice", .type = &kToolChoice};
constexpr Field kThinkingField{.name = "thinking", .type = &kThinking};
constexpr Field kCacheField{.name = "cache_control", .type = &kCache};
constexpr Field kOutputField{.name = "output_config", .type = &kOutput};
constexpr Field kContextField{.name = "context_management", .type = &kJson};
constexpr Field kMcpField{.name = "mcp_servers", .type = &kJson, .use = kRefused, .why = kOutside};

constexpr Field kRequest[] = {
    kModelField,
    kMessagesField,
    {.name = "max_tokens", .type = &kInteger, .need = Need::kRequired},
    {.name = "stream", .type = &kBool, .use = kByCodec},
    kSystemField,
    kToolsField,
    kToolChoiceField,
    {.name = "stop_sequences", .type = &kStops},
    {.name = "temperature", .type = &kNumber, .gone_in_2026 = true},
    {.name = "top_p", .type = &kNumber, .gone_in_2026 = true},
    {.name = "top_k", .type = &kInteger, .gone_in_2026 = true},
    kThinkingField,
    {.name = "metadata", .type = &kMetadata},
    kCacheField,
    kOutputField,
    kContextField,
    {.name = "service_tier",
     .type = &kName,
     .use = kIgnored,
     .why = "the contract with the vendor decides it"},
    {.name = "inference_geo", .type = &kName},
    {.name = "output_format", .type = &kJson, .use = kRefused, .why = "use output_config.format"},
    {.name = "container", .type = &kJson, .use = kRefused, .why = kNotInRequest},
    kMcpField,
    {.name = "grammar",
     .type = &kJson,
     .use = kRefused,
     .why = "a grammar can stop the local worker"},
    {.name = "json_schema", .type = &kJson, .use = kRefused, .why = "use output_config.format"},
    {.name = "lora", .type = &kJson, .use = kRefused, .why = "a request may not change the model"},
    {.name = "id_slot", .type = &kJson, .use = kRefused, .why = "a request may not choose a slot"},
    {.name = "n", .type = &kInteger, .use = kRefused, .why = "a message has no choices: ask again"},
};
static_assert(std::size(kRequest) <= 64);  // Walk::members() counts fields in one word

constexpr Field kCountRequest[] = {
    kModelField,    kMessagesField, kSystemField, kToolsField,   kToolChoiceField,
    kThinkingField, kCacheField,    kOutputField, kContextField, kMcpField,
};

}  // namespace

std::span<const Field> anthropic_fields() { return kRequest; }
std::span<const Field> count_tokens_fields() { return kCountRequest; }

}  // namespace proviso::exchange
