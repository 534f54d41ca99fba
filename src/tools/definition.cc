#include "tools/definition.h"

#include <fmt/format.h>


#include "base/bytes.h"
#include "base/visible.h"

namespace proviso::tools {
namespace {

using exchange::Channel;
using exchange::Piece;
using exchange::Readable;
using exchange::Syntax;
using exchange::UntrustedText;

constexpr std::string_view kChannelDomain = "proviso-channel-v1\n";

void show(json::Writer& writer, json::Element value) {
  if (value.is_object()) {
    writer.begin_object();
    for (const auto field : value.get_object().value_unsafe()) {
      writer.key(visible(field.key));
      show(writer, field.value);
    }
    writer.end_object();
  } else if (value.is_array()) {
    writer.begin_array();
    for (const json::Element item : value.get_array().value_unsafe()) show(writer, item);
    writer.end_array();
  } else if (value.is_string()) {
    writer.string(visible(value.get_string().value_unsafe()));
  } else {
    writer.element(value);
  }
}

// Where protocol messages carry bytes in base64: a `blob`, or the `data` of an image or audio.
bool holds_bytes(json::Object object) {
  std::string_view type;
  if (object.at_key("type").get(type) != simdjson::SUCCESS) return false;
  return type == "image" || type == "audio";
}
bool is_bytes(std::string_view key, bool binary_owner) { return key == "blob" || (binary_owner && key == "data"); }

void write_with(json::Writer& writer, json::Element value, std::string_view key, bool binary_owner,
                const std::function<std::string(std::string_view)>& said) {
  if (value.is_object()) {
    const json::Object object = value.get_object().value_unsafe();
    const bool binary = holds_bytes(object);
    writer.begin_object();
    for (const auto field : object) {
      writer.key(field.key);
      write_with(writer, field.value, field.key, binary, said);
    }
    writer.end_object();
  } else if (value.is_array()) {
    writer.begin_array();
    for (const json::Element item : value.get_array().value_unsafe()) write_with(writer, item, {}, false, said);
    writer.end_array();
  } else if (value.is_string() && !is_bytes(key, binary_owner)) {
    writer.string(said(value.get_string().value_unsafe()));
  } else {
    writer.element(value);
  }
}

// Walks JSON once: bytes become pieces of their own, the rest is written for inspection as one text.
class Describer {
 public:
  explicit Describer(Channel channel) : channel_(channel), writer_(rest_) {}

  std::vector<Piece> run(json::Element value) {
    walk(value, {}, false);
    add(rest_, Syntax::kJson);
    if (!texts_.empty()) add(std::move(texts_), Syntax::kPlain);
    return std::move(pieces_);
  }

 private:
  void add(std::string text, Syntax syntax, Readable readable = Readable::kYes) {
    Piece piece;
    piece.channel = channel_;
    piece.group = next_group_++;
    piece.syntax = syntax;
    piece.readable = readable;
    piece.text = UntrustedText(std::move(text));
    pieces_.push_back(std::move(piece));
  }

  // Base64 that decodes to text is read as that text; other bytes nobody here can read; what is no base64
  // after all stays text.
  void bytes(std::string_view encoded) {
    auto decoded = base64_decode(encoded);
    if (!decoded) {
      writer_.string(encoded);
      return;
    }
    writer_.string("");
    const bool text = is_utf8(*decoded) && decoded->find('\0') == std::string::npos;
    add(std::move(*decoded), Syntax::kPlain, text ? Readable::kYes : Readable::kNo);
  }

  void walk(json::Element value, std::string_view key, bool binary_owner) {
    if (value.is_object()) {
      const json::Object object = value.get_object().value_unsafe();
      const bool binary = holds_bytes(object);
      writer_.begin_object();
      for (const auto field : object) {
        writer_.key(field.key);
        walk(field.value, field.key, binary);
      }
      writer_.end_object();
    } else if (value.is_array()) {
      writer_.begin_array();
      for (const json::Element item : value.get_array().value_unsafe()) walk(item, {}, false);
      writer_.end_array();
    } else if (value.is_string()) {
      const std::string_view text = value.get_string().value_unsafe();
      if (is_bytes(key, binary_owner)) {
        bytes(text);
        return;
      }
      if (key == "text") texts_.append(text);
      writer_.string(text);
      unescape(text);
    } else {
      writer_.element(value);
    }
  }

  // A string that JSON had to escape reads differently in the JSON text: it is read as itself too.
  void unescape(std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') {
        add(std::string(text), Syntax::kPlain);
        return;
      }
    }
  }

  Channel channel_;
  int32_t next_group_ = 0;
  std::string rest_;
  std::string texts_;
  json::Writer writer_;
  std::vector<Piece> pieces_;
};

}  // namespace

Result<Definition> read_definition(json::Element value, std::string_view server, std::string_view identity) {
  json::Object object;
  if (value.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "a tool's definition is an object");
  const auto name = text_member(object, "name");
  if (!name || name->empty()) return fail(Code::kInvalid, "a tool's definition lacks its `name`");
  if (name->size() > kToolNameBytesMax) {
    return fail(Code::kLimit, fmt::format("a tool's name is longer than {} bytes", kToolNameBytesMax));
  }
  Definition definition;
  definition.name = std::string(*name);
  definition.server = std::string(server);
  definition.json = json::to_text(value);
  if (definition.json.size() > kDefinitionBytesMax) {
    return fail(Code::kLimit, fmt::format("the definition of `{}` is longer than {} bytes", *name,
                                          kDefinitionBytesMax));
  }
  json::Element schema;
  if (object.at_key("inputSchema").get(schema) == simdjson::SUCCESS) {
    auto headers = param_headers(schema);
    if (!headers) return fail_at(fmt::format("the definition of `{}`", *name), std::move(headers.error()));
    definition.param_headers = std::move(*headers);
  }
  definition.digest = arguments::definition_digest(identity, value);
  definition.held = arguments::held_to(value);
  return definition;
}

std::string shown_definition(std::string_view definition_json, json::Parser& parser) {
  const auto value = parser.parse(definition_json);
  if (!value) return "{}";
  std::string out;
  json::Writer writer(out);
  show(writer, *value);
  return out;
}

Digest channel_digest(std::string_view channel, std::string_view identity) {
  return sha256({kChannelDomain, identity, "\n", channel});
}

std::string channel_tool(std::string_view server, std::string_view channel) {
  return fmt::format("{}/{}", server, channel);
}

std::vector<Piece> pieces_of_json(Channel channel, json::Element value) {
  return Describer(channel).run(value);
}

std::string with_strings(json::Element value, const std::function<std::string(std::string_view)>& said) {
  std::string out;
  json::Writer writer(out);
  write_with(writer, value, {}, false, said);
  return out;
}

}  // namespace proviso::tools
