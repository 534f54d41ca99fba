#include "exchange/fields.h"

#include <algorithm>
#include <string>
#include <utility>

#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

std::string spell(const Place* place, bool indices) {
  if (place == nullptr) return {};
  std::string out = spell(place->parent, indices);
  if (place->index != SIZE_MAX)
    return out + "[" + (indices ? std::to_string(place->index) : "") + "]";
  if (!out.empty()) out += '.';
  return out.append(place->name);
}

std::string at(const Place* place) { return "`" + path_of(place) + "`"; }

std::string joined(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

const char* expected(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kInteger:
      return "an integer";
    case Kind::kNumber:
      return "a number";
    case Kind::kText:
    case Kind::kJsonText:
    case Kind::kWord:
    case Kind::kOpaque:
      return "a string";
    case Kind::kJson:
      return "JSON";
    case Kind::kObject:
    case Kind::kTagged:
      return "an object";
    case Kind::kList:
      return "an array";
    case Kind::kEither:
      break;
  }
  return "of another type";
}

// Whether the JSON type fits; the value itself is looked at later.
bool takes(const Type& type, json::Element value) {
  switch (type.kind) {
    case Kind::kBool:
      return value.is_bool();
    case Kind::kInteger:
      return value.is_int64() || value.is_uint64();
    case Kind::kNumber:
      return value.is_number();
    case Kind::kText:
    case Kind::kJsonText:
    case Kind::kWord:
    case Kind::kOpaque:
      return value.is_string();
    case Kind::kJson:
      return true;
    case Kind::kObject:
    case Kind::kTagged:
      return value.is_object();
    case Kind::kList:
      return value.is_array();
    case Kind::kEither:
      return std::ranges::any_of(type.either, [&](const Type* one) { return takes(*one, value); });
  }
  return false;
}

std::unexpected<Error> wrong_type(const Type& type, const Place* place) {
  std::string must;
  if (type.kind == Kind::kEither) {
    for (const Type* one : type.either) {
      if (!must.empty()) must += " or ";
      must += expected(one->kind);
    }
  } else {
    must = expected(type.kind);
  }
  return fail(Code::kInvalid, at(place) + " must be " + must);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of "\uXXXX" at `at`, or -1.
int32_t code_unit(std::string_view raw, size_t at) {
  if (at + 6 > raw.size() || raw[at] != '\\' || raw[at + 1] != 'u') return -1;
  int32_t unit = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_digit(raw[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

void append_utf8(std::string& out, uint32_t point) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0U | (point >> 6));
    put(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    put(0xE0U | (point >> 12));
    put(0x80U | ((point >> 6) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  } else {
    put(0xF0U | (point >> 18));
    put(0x80U | ((point >> 12) & 0x3FU));
    put(0x80U | ((point >> 6) & 0x3FU));
    put(0x80U | (point & 0x3FU));
  }
}

// Decodes the escape at `at` (a backslash) and returns how many bytes it took.
size_t decode_one(std::string_view raw, size_t at, std::string& out) {
  const int32_t unit = code_unit(raw, at);
  if (unit >= 0) {
    const int32_t low = unit >= 0xD800 && unit < 0xDC00 ? code_unit(raw, at + 6) : -1;
    if (low >= 0xDC00 && low < 0xE000) {
      append_utf8(out, 0x10000U + ((static_cast<uint32_t>(unit) - 0xD800U) << 10) +
                           (static_cast<uint32_t>(low) - 0xDC00U));
      return 12;
    }
    append_utf8(out, unit >= 0xD800 && unit < 0xE000 ? 0xFFFDU : static_cast<uint32_t>(unit));
    return 6;
  }
  if (at + 1 >= raw.size()) {
    out += '\\';
    return 1;
  }
  switch (raw[at + 1]) {
    case 'n':
      out += '\n';
      break;
    case 't':
      out += '\t';
      break;
    case 'r':
      out += '\r';
      break;
    case 'b':
      out += '\b';
      break;
    case 'f':
      out += '\f';
      break;
    case '"':
    case '\\':
    case '/':
      out += raw[at + 1];
      break;
    default:
      out += '\\';
      return 1;
  }
  return 2;
}

}  // namespace

std::string path_of(const Place* place) { return spell(place, true); }
std::string pattern_of(const Place* place) { return spell(place, false); }

std::string decode_escapes(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  size_t from = 0;
  for (size_t slash = raw.find('\\'); slash != std::string_view::npos;
       slash = raw.find('\\', from)) {
    out.append(raw.substr(from, slash - from));
    from = slash + decode_one(raw, slash, out);
  }
  return out.append(raw.substr(from));
}

void add_json_text(std::vector<Piece>& pieces, Channel channel, std::string raw,
                   int32_t& next_group) {
  if (raw.find('\\') != std::string::npos) {
    Piece decoded{.channel = channel, .text = UntrustedText(decode_escapes(raw))};
    decoded.group = next_group++;
    decoded.again = true;
    pieces.push_back(std::move(decoded));
  }
  Piece piece{.channel = channel, .text = UntrustedText(std::move(raw))};
  piece.group = next_group++;
  piece.syntax = Syntax::kJson;
  pieces.push_back(std::move(piece));
}

std::string_view Walk::said(std::string_view text) {
  const int32_t source = texts_++;
  if (options_.replacements == nullptr) return text;
  const auto other = options_.replacements->find(source);
  return other == options_.replacements->end() ? text : std::string_view(other->second);
}

Result<std::string> Walk::add_json(Channel channel, std::string json) {
  const std::string_view text = said(json);
  if (text != json) {
    json::Parser parser;  // the walk's own holds the body
    if (!parser.parse(text)) return fail(Code::kInvalid, "what is to be taken out of a JSON text is more than words");
    json = text;
  }
  add_json_text(request_.pieces, channel, json, next_group_);
  request_.pieces.back().source = texts_ - 1;
  return json;
}

void Walk::add_piece(Channel channel, std::string_view text, Readable readable) {
  Piece& piece = request_.pieces.emplace_back();
  if (readable == Readable::kYes) piece.source = texts_ - 1;
  piece.channel = channel;
  piece.readable = readable;
  piece.text = UntrustedText(std::string(text));
  const bool reads_on = joined_group_ >= 0 && channel == inherited_ && readable == Readable::kYes;
  piece.group = reads_on ? joined_group_ : next_group_++;
  if (readable == Readable::kNo) ++request_.unreadable;
}

// A model may get them with a gap between, or without: "so" and "AKIA…" are no key together.
void Walk::add_alone(size_t first, int32_t group) {
  const size_t end = request_.pieces.size();
  bool joins = false;
  const auto open_at = [](std::string_view text, size_t i) {
    return !text.empty() && std::string_view(" \t\r\n").find(text[i]) == std::string_view::npos;
  };
  std::string_view before;
  for (size_t i = first; i < end; ++i) {
    const Piece& piece = request_.pieces[i];
    if (piece.group != group) continue;
    const std::string_view text = piece.text.open_for_inspection();
    joins = joins || (open_at(before, before.size() - 1) && open_at(text, 0));
    before = text;
  }
  if (!joins) return;
  for (size_t i = first; i < end; ++i) {
    if (request_.pieces[i].group != group) continue;
    Piece alone = request_.pieces[i];
    alone.group = next_group_++;
    alone.again = true;
    request_.pieces.push_back(std::move(alone));
  }
}

Status Walk::members(json::Object object, std::span<const Field> fields, const Place* place,
                     std::span<const std::string_view> tags) {
  uint64_t seen = 0;
  for (const auto [key, element] : object) {
    if (std::ranges::find(tags, key) != tags.end()) continue;
    const Place here{.parent = place, .name = key};
    const auto field =
        std::ranges::find_if(fields, [name = key](const Field& f) { return f.name == name; });
    if (field == fields.end()) {
      PV_TRY_VOID(unknown(element, &here));
      continue;
    }
    seen |= uint64_t{1} << (field - fields.begin());
    PV_TRY_VOID(member(element, *field, &here));
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].need == Need::kRequired && (seen >> i & 1U) == 0) {
      const Place here{.parent = place, .name = fields[i].name};
      return fail(Code::kInvalid, at(&here) + " is required");
    }
  }
  return {};
}

Status Walk::member(json::Element element, const Field& field, const Place* place) {
  if (element.is_null()) {
    if (field.need == Need::kRequired) return wrong_type(*field.type, place);
    // To leave an optional field out says the same as null, and every upstream understands it.
    if (field.need == Need::kNullable) writer_->key(field.name).null();
    return {};
  }
  if (field.check != nullptr) {
    if (const char* must = field.check(element))
      return fail(Code::kInvalid, at(place) + " " + must);
  }
  switch (field.use) {
    case Use::kRefused:
      return fail(Code::kInvalid, at(place) + " is refused: " + std::string(field.why));
    case Use::kIgnored:
    case Use::kByCodec:
      return unwritten(element, field, place);
    case Use::kCarried:
      break;
  }
  if (field.gone_in_2026 && newer()) {
    return fail(Code::kInvalid, at(place) + " is refused under anthropic-version 2026-10-21");
  }
  writer_->key(field.name);
  if (field.speaks == nullptr) return value(element, *field.type, place);
  const Channel before = inherited_;
  inherited_ = *field.speaks;
  PV_TRY_VOID(value(element, *field.type, place));
  inherited_ = before;
  return {};
}

// Checked, and inspected unless the codec knows it already, but not written.
Status Walk::unwritten(json::Element element, const Field& field, const Place* place) {
  if (!takes(*field.type, element)) return wrong_type(*field.type, place);
  if (field.type->kind == Kind::kObject) {
    std::string dropped;
    json::Writer scratch(dropped);
    json::Writer* const kept = std::exchange(writer_, &scratch);
    const Status status = value(element, *field.type, place);
    writer_ = kept;
    return status;
  }
  const bool has_text = element.is_string() || element.is_object() || element.is_array();
  if (field.use == Use::kIgnored && has_text) {
    PV_TRY_VOID(add_json(Channel::kOther, json::to_text(element)));
  }
  return {};
}

Status Walk::unknown(json::Element element, const Place* place) {
  const std::string pattern = pattern_of(place);
  if (std::ranges::find(options_.passthrough, pattern) == options_.passthrough.end()) {
    return fail(Code::kInvalid, "unknown field `" + shortened(path_of(place)) + "`");
  }
  PV_TRY(const std::string json, add_json(Channel::kOther, json::to_text(element)));
  writer_->key(place->name).raw(json);
  if (std::ranges::find(request_.passed_through, pattern) == request_.passed_through.end()) {
    request_.passed_through.push_back(pattern);
  }
  return {};
}

Status Walk::value(json::Element element, const Type& type, const Place* place) {
  switch (type.kind) {
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kNumber:
      return scalar(element, type, place);
    case Kind::kText:
    case Kind::kJsonText:
    case Kind::kWord:
    case Kind::kOpaque:
      return text(element, type, place);
    case Kind::kJson: {
      PV_TRY(const std::string json, add_json(type.channel, json::to_text(element)));
      writer_->raw(json);
      return {};
    }
    case Kind::kObject: {
      if (!element.is_object()) return wrong_type(type, place);
      writer_->begin_object();
      PV_TRY_VOID(members(element.get_object().value_unsafe(), type.fields, place));
      writer_->end_object();
      return {};
    }
    case Kind::kTagged: {
      if (!element.is_object()) return wrong_type(type, place);
      writer_->begin_object();
      PV_TRY_VOID(tagged(element.get_object().value_unsafe(), type, place, {}));
      writer_->end_object();
      return {};
    }
    case Kind::kList:
      return list(element, type, place);
    case Kind::kEither:
      for (const Type* one : type.either) {
        if (takes(*one, element)) return value(element, *one, place);
      }
      return wrong_type(type, place);
  }
  return wrong_type(type, place);
}

Status Walk::scalar(json::Element element, const Type& type, const Place* place) {
  if (!takes(type, element)) return wrong_type(type, place);
  if (element.is_bool()) {
    writer_->boolean(element.get_bool().value_unsafe());
  } else if (element.is_int64()) {
    writer_->integer(element.get_int64().value_unsafe());
  } else if (element.is_uint64()) {
    writer_->uinteger(element.get_uint64().value_unsafe());
  } else {
    writer_->real(element.get_double().value_unsafe());
  }
  return {};
}

Status Walk::text(json::Element element, const Type& type, const Place* place) {
  if (!element.is_string()) return wrong_type(type, place);
  std::string_view text = element.get_string().value_unsafe();
  switch (type.kind) {
    case Kind::kWord:
      if (std::ranges::find(type.words, text) == type.words.end()) {
        return fail(Code::kInvalid, at(place) + " is `" + shortened(text) +
                                        "`, which is not one of " + joined(type.words));
      }
      break;
    case Kind::kJsonText: {
      PV_TRY(const std::string json, add_json(type.channel, std::string(text)));
      writer_->string(json);
      return {};
    }
    case Kind::kOpaque:
      add_piece(type.channel, text, Readable::kNo);
      break;
    default:
      text = said(text);
      add_piece(type.inherits ? inherited_ : type.channel, text, Readable::kYes);
  }
  writer_->string(text);
  return {};
}

Status Walk::tagged(json::Object object, const Type& type, const Place* place,
                    std::string_view outer_tag) {
  const Place tag_place{.parent = place, .name = type.tag};
  std::string_view chosen = type.tag_default;
  const auto tag = object.at_key(type.tag);
  if (tag.error() == simdjson::SUCCESS) {
    const auto word = tag.get_string();
    if (word.error() != simdjson::SUCCESS)
      return fail(Code::kInvalid, at(&tag_place) + " must be a string");
    chosen = word.value_unsafe();
  } else if (chosen.empty()) {
    return fail(Code::kInvalid, at(&tag_place) + " is required");
  }
  const auto variant =
      std::ranges::find_if(type.variants, [&](const Variant& one) { return one.value == chosen; });
  if (variant == type.variants.end()) {
    std::string known;
    for (const Variant& one : type.variants) {
      if (one.use != Use::kRefused) known.append(known.empty() ? "" : ", ").append(one.value);
    }
    return fail(Code::kInvalid,
                at(&tag_place) + " is `" + shortened(chosen) + "`, which is not one of " + known);
  }
  if (variant->use == Use::kRefused) {
    return fail(Code::kInvalid, at(&tag_place) + " `" + std::string(chosen) +
                                    "` is refused: " + std::string(variant->why));
  }
  if (variant->gone_in_2026 && newer()) {
    return fail(Code::kInvalid, at(&tag_place) + " `" + std::string(chosen) +
                                    "` is refused here under anthropic-version 2026-10-21");
  }
  if (tag.error() == simdjson::SUCCESS) writer_->key(type.tag).string(chosen);
  if (variant->then != nullptr) return tagged(object, *variant->then, place, type.tag);
  const std::string_view tags[] = {type.tag, outer_tag};
  return members(object, variant->fields, place, {tags, outer_tag.empty() ? size_t{1} : size_t{2}});
}

Status Walk::list(json::Element element, const Type& type, const Place* place) {
  if (!element.is_array()) return wrong_type(type, place);
  const int32_t before = joined_group_;
  joined_group_ = type.joined ? next_group_++ : -1;
  const size_t first = request_.pieces.size();
  writer_->begin_array();
  size_t index = 0;
  for (const json::Element item : element.get_array().value_unsafe()) {
    if (index == kListItemsMax) {
      return fail(Code::kLimit,
                  at(place) + " has more than " + std::to_string(kListItemsMax) + " items");
    }
    const Place here{.parent = place, .name = {}, .index = index++};
    PV_TRY_VOID(value(item, *type.item, &here));
  }
  writer_->end_array();
  if (type.joined) add_alone(first, joined_group_);
  joined_group_ = before;
  return {};
}

}  // namespace proviso::exchange
