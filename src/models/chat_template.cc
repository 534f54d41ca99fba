#include "models/chat_template.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

namespace proviso::models {

std::string_view chatml_with_tools() {
  return R"jinja({%- if messages[0].role == 'system' -%}
{%- set system = messages[0].content -%}
{%- else -%}
{%- set system = 'You are a helpful assistant.' -%}
{%- endif -%}
{{- '<|im_start|>system\n' + system -}}
{%- if tools -%}
{{- '\n\nFunctions that you may call:\n<tools>' -}}
{%- for tool in tools -%}
{{- '\n' -}}{{- tool | tojson -}}
{%- endfor -%}
{{- '\n</tools>\nA call is written as\n<tool_call>\n{"name": NAME, "arguments": OBJECT}\n</tool_call>' -}}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- for message in messages -%}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}
{%- elif message.role == 'assistant' -%}
{{- '<|im_start|>assistant\n' -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
{%- if not loop.first or message.content -%}{{- '\n' -}}{%- endif -%}
{{- '<tool_call>\n{"name": "' -}}{{- call.function.name -}}{{- '", "arguments": ' -}}
{%- if call.function.arguments is string -%}{{- call.function.arguments -}}
{%- else -%}{{- call.function.arguments | tojson -}}{%- endif -%}
{{- '}\n</tool_call>' -}}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- elif message.role == 'tool' -%}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- endif -%})jinja";
}

Result<bool> wants_our_template(const std::string& model_file) {
  const Fd fd(::open(model_file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(io_error("open", model_file, errno));
  std::string head(kModelHeadBytesMax, '\0');
  size_t size = 0;
  while (size < head.size()) {
    const ssize_t count = ::pread(fd.get(), head.data() + size, head.size() - size,
                                  static_cast<off_t>(size));
    if (count < 0) return std::unexpected(io_error("read", model_file, errno));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  head.resize(size);
  // GGUF writes a key, the type of its value (u32), the value's length (u64) and the value.
  constexpr std::string_view kKey = "tokenizer.chat_template";
  const size_t at = head.find(kKey);
  if (at == std::string::npos) return false;
  const std::string_view own =
      std::string_view(head).substr(at + kKey.size()).substr(0, kChatTemplateBytesMax);
  const std::string_view text = own.substr(0, own.find("tokenizer.", 1));
  return text.find("<|im_start|>") != std::string_view::npos &&
         text.find("tool") == std::string_view::npos;
}

}  // namespace proviso::models
