#include "base/json.h"

#include <algorithm>
#include <bit>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"

namespace proviso::json {
namespace {

// Objects up to this size are compared pair by pair, which beats sorting.
constexpr size_t kSmallObject = 12;

enum class LoneSurrogates { kImpossible, kPossible };

std::unexpected<Error> duplicate(std::string_view key) {
  return fail(Code::kInvalid, fmt::format("duplicate key `{}`", key.substr(0, 100)));
}

Error too_deep() { return {Code::kLimit, fmt::format("JSON is nested deeper than {}", kDepthMax)}; }

// Walks the document once for what simdjson does not check.
class Door {
 public:
  explicit Door(LoneSurrogates surrogates) : surrogates_(surrogates) {}

  // `depth` containers stand around the value.
  Status check(Element value, size_t depth) {
    switch (value.type()) {
      case simdjson::dom::element_type::OBJECT:
        if (depth == kDepthMax) return std::unexpected(too_deep());
        return check_object(value.get_object().value_unsafe(), depth + 1);
      case simdjson::dom::element_type::ARRAY:
        if (depth == kDepthMax) return std::unexpected(too_deep());
        for (const Element item : value.get_array().value_unsafe())
          PV_TRY_VOID(check(item, depth + 1));
        return {};
      case simdjson::dom::element_type::STRING:
        return check_string(value.get_string().value_unsafe());
      default:
        return {};
    }
  }

 private:
  Status check_string(std::string_view text) const {
    if (surrogates_ == LoneSurrogates::kPossible && !is_utf8(text)) {
      return fail(Code::kInvalid, "not JSON: a string holds half a surrogate pair");
    }
    return {};
  }

  Status check_object(Object object, size_t depth) {
    const size_t first = keys_.size();
    for (const auto field : object) {
      PV_TRY_VOID(check_string(field.key));
      keys_.push_back(field.key);
    }
    PV_TRY_VOID(check_keys(first));
    keys_.resize(first);
    for (const auto field : object) PV_TRY_VOID(check(field.value, depth));
    return {};
  }

  Status check_keys(size_t first) {
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first);
    if (keys_.size() - first <= kSmallObject) {
      for (auto a = begin; a != keys_.end(); ++a) {
        for (auto b = begin; b != a; ++b) {
          if (*a == *b) return duplicate(*a);
        }
      }
      return {};
    }
    std::sort(begin, keys_.end());
    const auto twice = std::adjacent_find(begin, keys_.end());
    if (twice != keys_.end()) return duplicate(*twice);
    return {};
  }

  LoneSurrogates surrogates_;
  std::vector<std::string_view> keys_;
};

// simdjson 3.0 turns \uDC00 without its first half into ill-formed UTF-8; only an escape can do so.
LoneSurrogates scan_escapes(std::string_view text) {
  for (size_t at = text.find("\\u"); at != std::string_view::npos; at = text.find("\\u", at + 2)) {
    if (at + 2 < text.size() && (text[at + 2] == 'd' || text[at + 2] == 'D')) {
      return LoneSurrogates::kPossible;
    }
  }
  return LoneSurrogates::kImpossible;
}

Error parse_error(simdjson::error_code code) {
  switch (code) {
    case simdjson::DEPTH_ERROR:
      return too_deep();
    case simdjson::CAPACITY:
      return {Code::kLimit, "JSON text is too large"};
    case simdjson::MEMALLOC:
      return {Code::kInternal, "no memory to parse JSON"};
    case simdjson::UTF8_ERROR:
      return {Code::kInvalid, "not JSON: the text is not UTF-8"};
    case simdjson::EMPTY:
      return {Code::kInvalid, "not JSON: the text is empty"};
    case simdjson::NUMBER_ERROR:
      return {Code::kInvalid, "not JSON: a number is malformed or out of range"};
    case simdjson::STRING_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      return {Code::kInvalid, "not JSON: a string is malformed"};
    default:
      return {Code::kInvalid, "not JSON: not one complete value"};
  }
}

}  // namespace

struct Parser::Impl {
  simdjson::dom::parser parser;
};

Parser::Parser() : impl_(std::make_unique<Impl>()) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;

Result<Element> Parser::parse(std::string_view text) {
  if (text.empty()) return std::unexpected(parse_error(simdjson::EMPTY));  // data() may be null
  // simdjson's own limit is off by one for innermost values, so it is wider and the walk is exact.
  constexpr size_t kParserDepth = kDepthMax + 1;
  if (impl_->parser.max_depth() != kParserDepth || impl_->parser.capacity() < text.size()) {
    const size_t room = std::max<size_t>(std::bit_ceil(text.size() + 1), 4096);
    const auto failed = impl_->parser.allocate(room, kParserDepth);
    if (failed != simdjson::SUCCESS) return std::unexpected(parse_error(failed));
  }
  Element root;
  const auto failed = impl_->parser.parse(text.data(), text.size(), true).get(root);
  if (failed != simdjson::SUCCESS) return std::unexpected(parse_error(failed));
  PV_TRY_VOID(Door(scan_escapes(text)).check(root, 0));
  return root;
}

}  // namespace proviso::json
