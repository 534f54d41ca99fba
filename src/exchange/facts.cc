#include "exchange/facts.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json.h"

namespace proviso::exchange {
namespace {

constexpr std::array<const char*, kVerbCount> kVerbNames = {"ask",   "release", "act",  "train",  "disclose",
                                                   "amend", "admit",   "stop", "declare"};

void keep_as_set(FactValue& value) {
  auto* set = std::get_if<std::vector<std::string>>(&value);
  if (set == nullptr) return;
  std::ranges::sort(*set);
  set->erase(std::ranges::unique(*set).begin(), set->end());
}

size_t value_bytes(const FactValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  size_t total = 0;
  if (const auto* set = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& item : *set) total += item.size() + 3;
  }
  return total;
}

void write_set(json::Writer& writer, const std::vector<std::string>& set) {
  writer.begin_array();
  for (const std::string& item : set) writer.string(item);
  writer.end_array();
}

Result<FactValue> value_of(json::Element element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::BOOL:
      return FactValue(element.get_bool().value_unsafe());
    case Type::INT64:
      return FactValue(element.get_int64().value_unsafe());
    case Type::STRING:
      return FactValue(std::string(element.get_string().value_unsafe()));
    case Type::ARRAY: {
      std::vector<std::string> set;
      for (json::Element item : element.get_array().value_unsafe()) {
        if (!item.is_string()) return fail(Code::kInvalid, "a fact's set holds strings only");
        set.emplace_back(item.get_string().value_unsafe());
      }
      return FactValue(std::move(set));
    }
    default:
      return fail(Code::kInvalid, "a fact is a boolean, an integer, a string or a set");
  }
}

}  // namespace

constexpr size_t kFactsUsual = 28;  // of an exchange, so that they are allocated once

void Facts::set(std::string_view path, FactValue value) {
  PV_CHECK(!path.empty() && path.size() <= kFactPathBytesMax);
  keep_as_set(value);
  if (items_.empty()) items_.reserve(kFactsUsual);
  auto place = items_.end();
  // Callers mostly add in path order, so look at the end first.
  if (!items_.empty() && path <= items_.back().first) {
    place = std::ranges::lower_bound(items_, path, {},
                                     [](const Item& item) { return std::string_view(item.first); });
    if (place->first == path) {
      place->second = std::move(value);
      return;
    }
  }
  PV_CHECK(items_.size() < kFactsMax);
  items_.emplace(place, std::string(path), std::move(value));
}

const FactValue* Facts::find(std::string_view path) const {
  const auto place = std::ranges::lower_bound(
      items_, path, {}, [](const Item& item) { return std::string_view(item.first); });
  return place != items_.end() && place->first == path ? &place->second : nullptr;
}

void Facts::merge(const Facts& other) {
  for (const Item& item : other.items_) set(item.first, item.second);
}

Status Facts::within_limits() const {
  for (const auto& [path, value] : items_) {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr && !is_utf8(*text)) {
      return fail(Code::kInvalid, "the fact `" + path + "` is not UTF-8");
    }
    if (value_bytes(value) > kFactValueBytesMax) {
      return fail(Code::kLimit, "the fact `" + path + "` is longer than " +
                                    std::to_string(kFactValueBytesMax) + " bytes");
    }
  }
  return {};
}

std::string canonical_value(const FactValue& value) {
  std::string out;
  json::Writer writer(out);
  if (const auto* flag = std::get_if<bool>(&value)) {
    writer.boolean(*flag);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    writer.integer(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    writer.string(*text);
  } else {
    const auto& set = std::get<std::vector<std::string>>(value);
    // A value that never went through Facts::set() may still be in any order.
    if (std::ranges::adjacent_find(set, std::ranges::greater_equal{}) == set.end()) {
      write_set(writer, set);
    } else {
      FactValue sorted = value;
      keep_as_set(sorted);
      write_set(writer, std::get<std::vector<std::string>>(sorted));
    }
  }
  return out;
}

Result<FactValue> parse_value(std::string_view canonical_json) {
  thread_local json::Parser parser;
  PV_TRY(const json::Element element, parser.parse(canonical_json));
  PV_TRY(FactValue value, value_of(element));
  if (canonical_value(value) != canonical_json) {
    return fail(Code::kInvalid, "the fact's value is not in canonical form");
  }
  return value;
}

const char* verb_name(Verb verb) { return kVerbNames[static_cast<size_t>(verb)]; }

std::optional<Verb> parse_verb(std::string_view name) {
  for (size_t i = 0; i < kVerbNames.size(); ++i) {
    if (name == kVerbNames[i]) return static_cast<Verb>(i);
  }
  return std::nullopt;
}

int64_t rounded_size(uint64_t bytes) {
  constexpr uint64_t kTop = uint64_t{1} << 62;  // the largest power of two that int64_t holds
  if (bytes == 0) return 0;
  return static_cast<int64_t>(bytes > kTop ? kTop : std::bit_ceil(bytes));
}

}  // namespace proviso::exchange
