#pragma once
// What an upstream's refusal means, in a sentence of ours. Its text is not passed on: it was not
// inspected, and it may quote the prompt. Of its body only an error type from a closed list is used.
// Internal; pure.
#include <string_view>

#include "base/result.h"

namespace proviso::models {

// The type named in an OpenAI, Anthropic or llama-server error body if it is one that is known here,
// else empty. Any bytes may come.
std::string_view known_error_type(std::string_view body);

// `status` is not 2xx. Codes as Caller::call() says.
Error upstream_error(std::string_view model, int status, std::string_view body);

}  // namespace proviso::models
