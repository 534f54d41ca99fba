#pragma once
// Field tables: what each protocol lets a request say, as data, and the one walk that applies them.
// A value is checked, described as pieces and written for the upstream in the same step, so that
// nothing can be carried which was not described. Internal to the room and its tests.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "exchange/codec.h"
#include "exchange/form.h"

namespace proviso::exchange {

enum class Use : uint8_t {
  kCarried,
  kByCodec,  // carried; the codec writes it, because we have a say in it
  kIgnored,  // inspected, not sent on; Field::why says why
  kRefused,  // Field::why says why
};

enum class Kind : uint8_t {
  kBool,
  kInteger,
  kNumber,
  kText,      // free text: a piece
  kJsonText,  // a string that holds JSON: a piece of Syntax::kJson, and its escapes decoded
  kJson,      // any JSON: the same
  kWord,      // one of a closed set: no piece, nothing can hide in it
  kOpaque,    // bytes that no detector reads: an unreadable piece
  kObject,
  kTagged,  // an object whose member `tag` chooses its fields
  kList,
  kEither,  // the first alternative that takes this JSON type
};

struct Field;
struct Type;

struct Variant {
  std::string_view value;
  std::span<const Field> fields;
  Use use = Use::kCarried;
  std::string_view why = {};
  bool gone_in_2026 = false;   // refused under anthropic-version 2026-10-21
  const Type* then = nullptr;  // kTagged: another member of the same object chooses on, instead of `fields`
};

struct Type {
  Kind kind;
  Channel channel = Channel::kOther;  // kText, kJsonText, kJson, kOpaque
  bool inherits = false;              // kText: the channel that the field around it names
  std::span<const std::string_view> words = {};
  std::span<const Field> fields = {};
  const Type* item = nullptr;
  bool joined = false;  // kList: its inherited texts are one text, read on across items
  std::string_view tag = {};
  std::string_view tag_default = {};
  std::span<const Variant> variants = {};
  std::span<const Type* const> either = {};
};

// nullptr when the value may pass, else what it must be: "may only be 1: …".
using Check = const char* (*)(json::Element value);

enum class Need : uint8_t {
  kOptional,
  kRequired,
  kNullable
};  // kNullable: null is written as null

struct Field {
  std::string_view name;
  const Type* type;
  Use use = Use::kCarried;
  std::string_view why = {};
  Need need = Need::kOptional;
  Check check = nullptr;
  const Channel* speaks = nullptr;  // the channel of inherited text below this field
  bool gone_in_2026 = false;
};

std::span<const Field> openai_fields();
std::span<const Field> responses_fields();
std::span<const Field> anthropic_fields();
std::span<const Field> count_tokens_fields();

// Where a value stands, for messages only: lives on the stack of the walk.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;
  size_t index = SIZE_MAX;  // an item of the list `parent`, when not SIZE_MAX
};
std::string path_of(const Place* place);     // "messages[0].content"
std::string pattern_of(const Place* place);  // "messages[].content"

// Appends the raw text as a piece of Syntax::kJson and, if it has escapes, the text with its
// escapes decoded. Decoding is lenient on purpose: what a careless client would accept is seen too.
void add_json_text(std::vector<Piece>& pieces, Channel channel, std::string raw,
                   int32_t& next_group);
// `raw` with JSON string escapes decoded once; lone surrogates become U+FFFD.
std::string decode_escapes(std::string_view raw);

class Walk {
 public:
  Walk(json::Writer& writer, Request& request, const ReadOptions& options)
      : writer_(&writer), request_(request), options_(options) {}
  // Writes the members of `object` between the caller's begin_object() and end_object(), but for
  // `tags`, which chose these fields and are written already.
  Status members(json::Object object, std::span<const Field> fields, const Place* place,
                 std::span<const std::string_view> tags = {});

 private:
  Status member(json::Element element, const Field& field, const Place* place);
  Status unwritten(json::Element element, const Field& field, const Place* place);
  Status unknown(json::Element element, const Place* place);
  Status value(json::Element element, const Type& type, const Place* place);
  Status scalar(json::Element element, const Type& type, const Place* place);
  Status text(json::Element element, const Type& type, const Place* place);
  Status tagged(json::Object object, const Type& type, const Place* place,
                std::string_view outer_tag);
  Status list(json::Element element, const Type& type, const Place* place);
  void add_piece(Channel channel, std::string_view text, Readable readable);
  // Texts of one list that run into each other are read alone as well, from piece `first` on.
  void add_alone(size_t first, int32_t group);
  // A text of the body that detectors read: what stands there, or in its place.
  std::string_view said(std::string_view text);
  // The same for JSON, which is described as a piece.
  Result<std::string> add_json(Channel channel, std::string json);
  [[nodiscard]] bool newer() const {
    return options_.anthropic_version == AnthropicVersion::k20261021;
  }

  json::Writer* writer_;
  Request& request_;
  const ReadOptions& options_;
  Channel inherited_ = Channel::kText;
  int32_t joined_group_ = -1;
  int32_t next_group_ = 0;
  int32_t texts_ = 0;  // said() so far
};

}  // namespace proviso::exchange
