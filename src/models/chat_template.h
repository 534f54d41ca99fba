#pragma once
// Which chat template the worker renders prompts with. A model brings its own; one that speaks ChatML but
// whose template knows nothing of tools (the small default model) gets ours, which describes the tools and
// gives calls a form that llama-server can hold a model to. Internal.
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::models {

inline constexpr size_t kModelHeadBytesMax = 16 << 20;     // of a GGUF file, where its metadata is
inline constexpr size_t kChatTemplateBytesMax = 128 << 10;  // the longest templates have 20 KB

// How a call begins in our template. A request that must call a tool has its answer begin with it, for
// the grammar of llama-server allows any text before a call.
inline constexpr std::string_view kToolCallOpening = "<tool_call>\n";

// Our template, in Jinja.
std::string_view chatml_with_tools();
// True if the file's own template should be replaced by ours. kIo, kNotFound.
Result<bool> wants_our_template(const std::string& model_file);

}  // namespace proviso::models
