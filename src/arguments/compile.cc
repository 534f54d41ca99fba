#include "arguments/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "arguments/schema.h"

namespace proviso::arguments {
namespace {

// They say something to people or to user interfaces, and assert nothing (2020-12 validation, sections 7 to 9).
constexpr std::array<std::string_view, 12> kAnnotations = {
    "$comment", "$defs",  "default",  "definitions", "deprecated", "description",
    "examples", "format", "readOnly", "title",       "writeOnly",  "x-mcp-header"};
constexpr std::array<std::string_view, 5> kDialects = {
    "https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#",
    "http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft-07/schema#"};

template <size_t N>
bool holds(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::unexpected<Error> too_open(const std::string& place, std::string_view why) {
  return fail(Code::kUnsupported, fmt::format("too open to tell: {} {}", place.empty() ? "the schema" : place, why));
}

class Reader {
 public:
  explicit Reader(json::Element root) : root_(root) {}

  Result<Compiled> run() {
    Compiled out;
    PV_TRY(out.root, read(root_, ""));
    out.nodes = nodes_;
    out.unique = unique_;
    out.divides = divides_;
    return out;
  }

 private:
  Status count(const std::string& place) {
    if (++nodes_ > kNodesMax) return too_open(place, fmt::format("is beyond the {} subschemas that are looked at", kNodesMax));
    return {};
  }

  Result<NodePtr> read(json::Element value, const std::string& place) {
    PV_TRY_VOID(count(place));
    if (depth_ >= kSchemaDepthMax) return too_open(place, fmt::format("is deeper than {}", kSchemaDepthMax));
    auto node = std::make_shared<Node>();
    bool truth = false;
    if (value.get(truth) == simdjson::SUCCESS) {
      node->never = !truth;
      return node;
    }
    json::Object object;
    if (value.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, fmt::format("{}: a schema is an object or a boolean", place));
    ++depth_;
    Result<NodePtr> out = read_object(object, place, std::move(node));
    --depth_;
    return out;
  }

  Result<NodePtr> read_object(json::Object object, const std::string& place, std::shared_ptr<Node> node) {
    json::Element reference;
    if (object.at_key("$ref").get(reference) == simdjson::SUCCESS) return follow(object, reference, place);
    for (const auto field : object) {
      const std::string at = place + "/" + escaped(field.key);
      PV_TRY(const bool known, read_keyword(field.key, field.value, at, *node));
      if (!known) return too_open(at, "is a keyword that is not looked at");
    }
    return node;
  }

  // A reference inside the document, to what does not contain it. Words that assert nothing may stand beside it.
  Result<NodePtr> follow(json::Object object, json::Element reference, const std::string& place) {
    for (const auto field : object) {
      if (field.key == "$ref" || holds(kAnnotations, field.key)) continue;
      return too_open(place + "/" + escaped(field.key), "stands beside a `$ref`");
    }
    std::string_view target;
    if (reference.get(target) != simdjson::SUCCESS) return fail(Code::kInvalid, place + "/$ref: a reference is a string");
    const bool local = target == "#" || target.starts_with("#/");
    if (!local || target.find('%') != std::string_view::npos) return too_open(place + "/$ref", "points outside the schema");
    const std::string pointer(target.substr(1));
    if (!following_.insert(pointer).second) return too_open(place + "/$ref", "leads back to itself");
    json::Element found = root_;
    if (!pointer.empty() && root_.at_pointer(pointer).get(found) != simdjson::SUCCESS) {
      return fail(Code::kInvalid, place + "/$ref: there is nothing where it points");
    }
    Result<NodePtr> out = read(found, pointer);
    following_.erase(pointer);
    return out;
  }

  // False: the keyword is not one of ours.
  Result<bool> read_keyword(std::string_view key, json::Element value, const std::string& at, Node& node) {
    if (holds(kAnnotations, key)) return true;
    if (key == "$schema") return read_dialect(value, at);
    if (key == "type") return read_types(value, at, node);
    if (key == "enum" || key == "const") return read_choices(key, value, at, node);
    if (key == "properties" || key == "required") return read_members(key, value, at, node);
    PV_TRY(const bool bound, read_bound(key, value, at, node));
    if (bound) return true;
    PV_TRY(const bool list, read_list(key, value, at, node));
    if (list) return true;
    NodePtr* one = key == "additionalProperties" ? &node.additional
                   : key == "items"              ? &node.items
                   : key == "not"                ? &node.negated
                   : key == "if"                 ? &node.condition
                   : key == "then"               ? &node.consequence
                   : key == "else"               ? &node.alternative
                                                 : nullptr;
    if (one == nullptr) return false;
    if (value.is_array()) return too_open(at, "is a list of schemas, which is not looked at");
    PV_TRY(*one, read(value, at));
    return true;
  }

  static Result<bool> read_dialect(json::Element value, const std::string& at) {
    std::string_view uri;
    if (value.get(uri) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": a dialect is a string");
    if (!holds(kDialects, uri)) return too_open(at, "names another dialect than 2020-12 or draft 7");
    return true;
  }

  static Result<bool> read_types(json::Element value, const std::string& at, Node& node) {
    constexpr std::array<std::pair<std::string_view, uint8_t>, 7> kTypes = {{{"null", kNull},
                                                                              {"boolean", kBoolean},
                                                                              {"integer", kInteger},
                                                                              {"number", kNumber},
                                                                              {"string", kString},
                                                                              {"array", kArray},
                                                                              {"object", kObject}}};
    uint8_t types = 0;
    const auto add = [&](json::Element one) {
      std::string_view name;
      if (one.get(name) != simdjson::SUCCESS) return false;
      const auto found = std::ranges::find(kTypes, name, &std::pair<std::string_view, uint8_t>::first);
      if (found == kTypes.end()) return false;
      types |= found->second;
      return true;
    };
    bool good = true;
    if (value.is_array()) {
      for (const json::Element one : value.get_array().value_unsafe()) good = good && add(one);
    } else {
      good = add(value);
    }
    if (!good || types == 0) return fail(Code::kInvalid, at + ": no type of JSON");
    node.types = types;
    return true;
  }

  // The validator compares numbers as doubles.
  static bool is_exact(json::Element value) {
    if (value.is_number()) return std::abs(value.get_double().value_unsafe()) < static_cast<double>(kExactMax);
    if (value.is_array()) return std::ranges::all_of(value.get_array().value_unsafe(), is_exact);
    if (!value.is_object()) return true;
    for (const auto field : value.get_object().value_unsafe()) {
      if (!is_exact(field.value)) return false;
    }
    return true;
  }

  Result<bool> read_choices(std::string_view key, json::Element value, const std::string& at, Node& node) {
    std::vector<std::string> choices;
    if (key == "const") {
      choices.push_back(json::to_text(value));
    } else {
      json::Array list;
      if (value.get(list) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": `enum` is a list");
      for (const json::Element one : list) {
        PV_TRY_VOID(count(at));
        choices.push_back(json::to_text(one));
      }
    }
    if (!is_exact(value)) return too_open(at, "has a number that is not exact in a double");
    if (node.choices) return too_open(at, "stands beside another list of values");
    node.choices = std::move(choices);
    return true;
  }

  Result<bool> read_members(std::string_view key, json::Element value, const std::string& at, Node& node) {
    if (key == "required") {
      json::Array list;
      if (value.get(list) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": `required` is a list");
      for (const json::Element one : list) {
        std::string_view name;
        if (one.get(name) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": a name is a string");
        node.required.emplace_back(name);
      }
      return true;
    }
    json::Object members;
    if (value.get(members) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": `properties` is an object");
    for (const auto field : members) {
      PV_TRY(NodePtr one, read(field.value, at + "/" + escaped(field.key)));
      node.properties.emplace(field.key, std::move(one));
    }
    return true;
  }

  Result<bool> read_bound(std::string_view key, json::Element value, const std::string& at, Node& node) {
    const std::array<std::pair<std::string_view, std::optional<uint64_t>*>, 6> counts = {
        {{"minItems", &node.items_min},           {"maxItems", &node.items_max},
         {"minLength", &node.length_min},         {"maxLength", &node.length_max},
         {"minProperties", &node.properties_min}, {"maxProperties", &node.properties_max}}};
    const std::array<std::pair<std::string_view, std::optional<double>*>, 4> limits = {
        {{"minimum", &node.minimum}, {"maximum", &node.maximum}, {"exclusiveMinimum", &node.above}, {"exclusiveMaximum", &node.below}}};
    double number = 0;
    const bool is_number = value.is_number() && value.get(number) == simdjson::SUCCESS && std::abs(number) < static_cast<double>(kExactMax);
    for (const auto& [name, slot] : counts) {
      if (name != key) continue;
      if (!is_number || number < 0 || number != std::floor(number)) return fail(Code::kInvalid, at + ": no count");
      *slot = static_cast<uint64_t>(number);
      return true;
    }
    for (const auto& [name, slot] : limits) {
      if (name != key) continue;
      if (!is_number) return too_open(at, "is no number that is exact in a double");
      *slot = number;
      return true;
    }
    if (key != "multipleOf") return false;
    if (!is_number || number < 1 || number != std::floor(number)) return too_open(at, "is no whole number");
    node.multiple_of = static_cast<int64_t>(number);
    divides_ = true;
    return true;
  }

  Result<bool> read_list(std::string_view key, json::Element value, const std::string& at, Node& node) {
    if (key == "uniqueItems") {
      if (value.get(node.unique) != simdjson::SUCCESS) return fail(Code::kInvalid, at + ": true or false");
      unique_ = unique_ || node.unique;
      return true;
    }
    std::vector<NodePtr>* list = key == "allOf" ? &node.all_of : key == "anyOf" ? &node.any_of : key == "oneOf" ? &node.one_of : nullptr;
    if (list == nullptr) return false;
    json::Array items;
    if (value.get(items) != simdjson::SUCCESS || items.size() == 0) return fail(Code::kInvalid, at + ": a list with at least one schema");
    size_t index = 0;
    for (const json::Element one : items) {
      PV_TRY(NodePtr read_one, read(one, fmt::format("{}/{}", at, index++)));
      list->push_back(std::move(read_one));
    }
    return true;
  }

  json::Element root_;
  size_t nodes_ = 0;
  size_t depth_ = 0;
  bool unique_ = false;
  bool divides_ = false;
  std::set<std::string, std::less<>> following_;  // pointers that are being read
};

}  // namespace

Result<Compiled> compile_schema(json::Element schema) { return Reader(schema).run(); }

}  // namespace proviso::arguments
