// A Responses request, written again as a chat completion request.
#include "exchange/responses.h"
#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

std::string_view text_of(json::Object object, std::string_view name) {
  std::string_view text;
  get_text(object, name, text);
  return text;
}

void copy(json::Writer& writer, json::Object from, std::string_view name, std::string_view as) {
  const auto value = from.at_key(name);
  if (value.error() == simdjson::SUCCESS) writer.key(as).element(value.value_unsafe());
}

void write_part(json::Writer& writer, json::Object part) {
  const std::string_view type = text_of(part, "type");
  writer.begin_object().key("type");
  if (type == "input_image") {
    writer.string("image_url").key("image_url").begin_object();
    copy(writer, part, "image_url", "url");
    copy(writer, part, "detail", "detail");
    writer.end_object();
  } else if (type == "input_file") {
    writer.string("file").key("file").begin_object();
    copy(writer, part, "file_data", "file_data");
    copy(writer, part, "filename", "filename");
    writer.end_object();
  } else if (type == "refusal") {
    writer.string("refusal");
    copy(writer, part, "refusal", "refusal");
  } else {
    writer.string("text");
    copy(writer, part, "text", "text");
  }
  writer.end_object();
}

// A text stays one; one part of text becomes one, because not every server takes lists of parts.
void write_content(json::Writer& writer, json::Element content) {
  if (!content.is_array()) {
    writer.element(content);
    return;
  }
  const json::Array parts = content.get_array().value_unsafe();
  if (parts.size() == 1) {
    const json::Object only = (*parts.begin()).get_object().value_unsafe();
    const auto text = only.at_key("text");
    if (text.error() == simdjson::SUCCESS) {
      writer.element(text.value_unsafe());
      return;
    }
  }
  writer.begin_array();
  for (const json::Element part : parts) write_part(writer, part.get_object().value_unsafe());
  writer.end_array();
}

// A chat completion has one assistant message where Responses has items: reasoning, what was said, the
// calls. It is collected here and written when something else comes.
class Turn {
 public:
  explicit Turn(json::Writer& writer) : writer_(writer) {}

  void reasoning(json::Object item) {
    if (!content_.empty() || !calls_.empty()) end();
    json::Array thoughts;
    if (get_array(item, "content", thoughts) != Got::kFound || thoughts.size() == 0) {
      if (get_array(item, "summary", thoughts) != Got::kFound) return;
    }
    // Thoughts of their own stay so: what reads as one was inspected as one.
    for (const json::Element one : thoughts) {
      if (!reasoning_.empty()) reasoning_ += "\n\n";
      reasoning_ += text_of(one.get_object().value_unsafe(), "text");
    }
  }
  void said(json::Element content) {
    if (!content_.empty() || !calls_.empty()) end();
    json::Writer writer(content_);
    write_content(writer, content);
  }
  void called(json::Object item) {
    if (!calls_.empty()) calls_ += ',';
    json::Writer writer(calls_);
    writer.begin_object().key("type").string("function");
    copy(writer, item, "call_id", "id");
    writer.key("function").begin_object();
    copy(writer, item, "name", "name");
    copy(writer, item, "arguments", "arguments");
    writer.end_object().end_object();
  }
  void end() {
    if (content_.empty() && calls_.empty() && reasoning_.empty()) return;
    writer_.begin_object().key("role").string("assistant").key("content");
    if (!content_.empty()) {
      writer_.raw(content_);
    } else if (calls_.empty()) {
      writer_.string("");
    } else {
      writer_.null();
    }
    if (!reasoning_.empty()) writer_.key("reasoning_content").string(reasoning_);
    if (!calls_.empty()) writer_.key("tool_calls").raw("[" + calls_ + "]");
    writer_.end_object();
    content_.clear();
    calls_.clear();
    reasoning_.clear();
  }

 private:
  json::Writer& writer_;
  std::string content_;  // JSON
  std::string calls_;    // JSON texts with commas between
  std::string reasoning_;
};

void write_message(json::Writer& writer, std::string_view role, json::Element content) {
  // Every server knows `system`; `developer` is a newer word for it.
  writer.begin_object().key("role").string(role == "developer" ? "system" : role).key("content");
  write_content(writer, content);
  writer.end_object();
}

void write_items(json::Writer& writer, json::Array items) {
  Turn turn(writer);
  for (const json::Element element : items) {
    const json::Object item = element.get_object().value_unsafe();
    const std::string_view type = text_of(item, "type");
    const std::string_view role = text_of(item, "role");
    if (type == "reasoning") {
      turn.reasoning(item);
    } else if (type == "function_call") {
      turn.called(item);
    } else if (role == "assistant") {
      turn.said(item.at_key("content").value_unsafe());
    } else if (type == "function_call_output") {
      turn.end();
      writer.begin_object().key("role").string("tool");
      copy(writer, item, "call_id", "tool_call_id");
      writer.key("content");
      write_content(writer, item.at_key("output").value_unsafe());
      writer.end_object();
    } else {
      turn.end();
      write_message(writer, role, item.at_key("content").value_unsafe());
    }
  }
  turn.end();
}

void write_messages(json::Writer& writer, json::Object request) {
  writer.key("messages").begin_array();
  const auto instructions = request.at_key("instructions");
  if (instructions.error() == simdjson::SUCCESS) {
    write_message(writer, "system", instructions.value_unsafe());
  }
  const json::Element input = request.at_key("input").value_unsafe();
  if (input.is_array()) {
    write_items(writer, input.get_array().value_unsafe());
  } else {
    write_message(writer, "user", input);
  }
  writer.end_array();
}

void write_tools(json::Writer& writer, json::Array tools) {
  writer.key("tools").begin_array();
  for (const json::Element element : tools) {
    const json::Object tool = element.get_object().value_unsafe();
    writer.begin_object().key("type").string("function").key("function").begin_object();
    for (const std::string_view name : {"name", "description", "parameters", "strict"}) {
      copy(writer, tool, name, name);
    }
    writer.end_object().end_object();
  }
  writer.end_array();
}

void write_tool_choice(json::Writer& writer, json::Element choice) {
  writer.key("tool_choice");
  if (!choice.is_object()) {
    writer.element(choice);
    return;
  }
  writer.begin_object().key("type").string("function").key("function").begin_object();
  copy(writer, choice.get_object().value_unsafe(), "name", "name");
  writer.end_object().end_object();
}

void write_text_settings(json::Writer& writer, json::Object text) {
  copy(writer, text, "verbosity", "verbosity");
  json::Object format;
  if (get_object(text, "format", format) != Got::kFound) return;
  const std::string_view type = text_of(format, "type");
  writer.key("response_format").begin_object().key("type").string(type);
  if (type == "json_schema") {
    writer.key("json_schema").begin_object();
    for (const std::string_view name : {"name", "description", "schema", "strict"}) {
      copy(writer, format, name, name);
    }
    writer.end_object();
  }
  writer.end_object();
}

}  // namespace

void write_chat_members(json::Writer& writer, json::Object request) {
  write_messages(writer, request);
  copy(writer, request, "max_output_tokens", "max_completion_tokens");
  for (const std::string_view name : {"temperature", "top_p", "parallel_tool_calls", "user",
                                      "safety_identifier", "prompt_cache_key"}) {
    copy(writer, request, name, name);
  }
  json::Array tools;
  if (get_array(request, "tools", tools) == Got::kFound) write_tools(writer, tools);
  const auto choice = request.at_key("tool_choice");
  if (choice.error() == simdjson::SUCCESS) write_tool_choice(writer, choice.value_unsafe());
  json::Object settings;
  if (get_object(request, "text", settings) == Got::kFound) write_text_settings(writer, settings);
  if (get_object(request, "reasoning", settings) == Got::kFound) {
    copy(writer, settings, "effort", "reasoning_effort");
  }
}

std::string repeated_settings(json::Object request, std::string_view metadata) {
  struct Setting {
    std::string_view name;
    std::string_view otherwise;  // what the protocol says of a client that left it out
  };
  constexpr Setting kSettings[] = {
      {"instructions", "null"}, {"max_output_tokens", "null"}, {"parallel_tool_calls", "true"},
      {"reasoning", "null"},    {"temperature", "null"},       {"text", R"({"format":{"type":"text"}})"},
      {"tool_choice", R"("auto")"}, {"tools", "[]"},           {"top_p", "null"},
  };
  std::string out;
  for (const Setting& setting : kSettings) {
    const auto value = request.at_key(setting.name);
    out.append(",").append(json::quoted(setting.name)).append(":");
    out += value.error() == simdjson::SUCCESS ? json::to_text(value.value_unsafe())
                                              : std::string(setting.otherwise);
  }
  out.append(R"(,"metadata":)").append(metadata.empty() ? "{}" : metadata);
  return out;
}

}  // namespace proviso::exchange
