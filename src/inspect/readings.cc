#include "inspect/readings.h"

#include "inspect/decoders.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr char32_t kBlackFlag = 0x1f3f4;  // what a valid sequence of tags follows
constexpr char32_t kTagBase = 0xe0000;
constexpr char32_t kTagFirst = 0xe0020;
constexpr char32_t kTagEnd = 0xe007f;
constexpr size_t kFlagTagsMax = 6;  // "gbsct" and the like

bool is_ascii(std::string_view text) {
  for (char c : text) {
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  }
  return true;
}

// What a variation selector stands for, as a byte: 0 to 255.
char32_t selector_byte(char32_t c) { return c < 0xe0100 ? c - 0xfe00 : c - 0xe0100 + 16; }

void decode(std::string_view text, std::span<const Decoder> decoders, const std::string& path,
            int depth, size_t& room, std::vector<Reading>& out) {
  for (const Decoder& decoder : decoders) {
    if (path.ends_with(decoder.name)) continue;
    std::string found;
    if (!decoder.decode(text, found) || found.size() > room || found == text) continue;
    room -= found.size();
    Reading reading{path.empty() ? decoder.name : path + "/" + decoder.name, plain_reading(found)};
    const std::string inner_text = reading.text;
    const std::string inner_path = reading.name;
    out.push_back(std::move(reading));
    if (depth + 1 < kDecodeDepthMax) {
      decode(inner_text, text_decoders(), inner_path, depth + 1, room, out);
    }
  }
}

}  // namespace

std::string plain_reading(std::string_view text, std::vector<uint32_t>* origin) {
  if (origin == nullptr && is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    if (!is_ignorable(c.value)) append_folded(out, c.value);
    if (origin != nullptr) origin->resize(out.size(), static_cast<uint32_t>(i));
    i += c.length;
  }
  if (origin != nullptr) origin->push_back(static_cast<uint32_t>(text.size()));
  return out;
}

namespace {

// One escape, a half of a pair as it stands.
JsonEscape read_half(std::string_view text) {
  if (text.size() < 2) return {};
  switch (text[1]) {
    case '"':
    case '\\':
    case '/': return {static_cast<char32_t>(text[1]), 2};
    case 'b': return {'\b', 2};
    case 'f': return {'\f', 2};
    case 'n': return {'\n', 2};
    case 'r': return {'\r', 2};
    case 't': return {'\t', 2};
    case 'u': break;
    default: return {};
  }
  constexpr size_t kLength = 6;
  if (text.size() < kLength) return {};
  char32_t value = 0;
  for (char c : text.substr(2, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return {};
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return {value, kLength};
}

bool is_surrogate(char32_t c) { return c >= 0xd800 && c < 0xe000; }

}  // namespace

JsonEscape read_json_escape(std::string_view text) {
  const JsonEscape first = read_half(text);
  if (!is_surrogate(first.value)) return first;
  const std::string_view rest = text.substr(first.length);
  if (first.value < 0xdc00 && rest.starts_with("\\u")) {
    const JsonEscape second = read_half(rest);
    if (second.value >= 0xdc00 && is_surrogate(second.value)) {
      return {0x10000 + ((first.value - 0xd800) << 10) + (second.value - 0xdc00), first.length + second.length};
    }
  }
  return {kReplacement, first.length};
}

std::string hidden_text(std::string_view text) {
  std::string tags;
  std::string selected;
  std::string flag;  // tags that may spell a flag
  bool in_flag = false;
  const auto end_flag = [&](bool ended) {
    // SPEC UTS #51: a tag sequence follows its base and ends with U+E007F; that is a flag.
    if (!ended || flag.size() > kFlagTagsMax) tags += flag;
    flag.clear();
    in_flag = false;
  };
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    i += c.length;
    if (is_tag(c.value)) {
      if (c.value == kTagEnd) {
        end_flag(in_flag);
      } else if (c.value >= kTagFirst) {
        (in_flag ? flag : tags) += static_cast<char>(c.value - kTagBase);
      }
      continue;
    }
    if (in_flag) end_flag(false);
    if (c.value == kBlackFlag) in_flag = true;
    const bool presentation = c.value == 0xfe0e || c.value == 0xfe0f;
    if (is_variation_selector(c.value) && !presentation) {
      selected += static_cast<char>(selector_byte(c.value));
    }
  }
  end_flag(false);
  if (!tags.empty() && !selected.empty()) tags += '\n';
  return tags + selected;
}

bool may_be_encoded(std::string_view text, std::string_view plain) {
  // The first bytes of tag characters, variation selectors and U+202E.
  for (std::string_view sign : {"\xf3\xa0", "\xef\xb8", "\xe2\x80\xae"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return may_hold_encoding(plain);
}

std::vector<Reading> decoded_readings(std::string_view text) {
  std::vector<Reading> out;
  size_t room = text.size() * kDecodeGrowthMax;
  if (!is_ascii(text)) decode(text, raw_decoders(), "", 0, room, out);
  decode(plain_reading(text), text_decoders(), "", 0, room, out);
  return out;
}

}  // namespace proviso::inspect
