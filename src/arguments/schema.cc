#include "arguments/schema.h"

#include <fmt/format.h>

#include <algorithm>

#define VALIJSON_USE_EXCEPTIONS 1  // otherwise what it cannot read ends the program
#include <boost/json/src.hpp>
#include <cmath>
#include <set>
#include <utility>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "arguments/compile.h"
#include "arguments/numbers.h"
#include "base/bytes.h"

namespace proviso::arguments {
namespace {

namespace bj = boost::json;
using Adapter = valijson::adapters::BoostJsonAdapter;

// A number as the validator gets it: what is whole is an integer, however it was written.
bj::value number_of(json::Element value) {
  int64_t whole = 0;
  if (value.is_int64() && value.get(whole) == simdjson::SUCCESS) return whole;
  const double real = value.get_double().value_unsafe();
  if (real == std::floor(real) && std::abs(real) < static_cast<double>(kExactMax)) return static_cast<int64_t>(real);
  return real;
}

constexpr double kDivisibleBelow = 9.2e18;  // below 2^63

// Copies JSON for the validator, counting values and names; stops beyond the limit.
class Copier {
 public:
  bj::value copy(json::Element value) {
    if (++count_ > kValuesMax) return nullptr;
    switch (value.type()) {
      case simdjson::dom::element_type::OBJECT: {
        bj::object out;
        for (const auto field : value.get_object().value_unsafe()) {
          if (++count_ > kValuesMax) break;
          look_for_zero(field.key);
          out.emplace(bj::string_view(field.key.data(), field.key.size()), copy(field.value));
        }
        return out;
      }
      case simdjson::dom::element_type::ARRAY: {
        bj::array out;
        for (const json::Element item : value.get_array().value_unsafe()) {
          if (count_ > kValuesMax) break;
          out.push_back(copy(item));
        }
        return out;
      }
      case simdjson::dom::element_type::STRING: {
        const std::string_view text = value.get_string().value_unsafe();
        look_for_zero(text);
        return bj::string(bj::string_view(text.data(), text.size()));
      }
      case simdjson::dom::element_type::BOOL: return value.get_bool().value_unsafe();
      case simdjson::dom::element_type::NULL_VALUE: return nullptr;
      default:
        huge_ = huge_ || std::abs(value.get_double().value_unsafe()) >= kDivisibleBelow;
        return number_of(value);
    }
  }
  [[nodiscard]] size_t count() const { return count_; }
  // Some text holds U+0000: the validator would read it only so far.
  [[nodiscard]] bool zero() const { return zero_; }
  // Some number is more than 64 bits hold: the validator would divide something else.
  [[nodiscard]] bool huge() const { return huge_; }

 private:
  void look_for_zero(std::string_view text) { zero_ = zero_ || text.find('\0') != std::string_view::npos; }

  size_t count_ = 0;
  bool zero_ = false;
  bool huge_ = false;
};

bj::value value_of(const std::string& json_text) {
  json::Parser parser;
  const auto parsed = parser.parse(json_text);
  return parsed ? Copier().copy(*parsed) : bj::value(nullptr);
}

bj::value whole_or_real(double number) {
  return number == std::floor(number) ? bj::value(static_cast<int64_t>(number)) : bj::value(number);
}

bj::value written(const Node& node);

bj::array written(const std::vector<NodePtr>& nodes) {
  bj::array out;
  for (const NodePtr& one : nodes) out.push_back(written(*one));
  return out;
}

bj::array types_of(uint8_t types) {
  bj::array out;
  if ((types & kNumber) == kNumber) {
    out.emplace_back("number");
  } else if ((types & kInteger) != 0) {
    out.emplace_back("integer");
  }
  for (const auto& [bit, name] : std::initializer_list<std::pair<uint8_t, const char*>>{
           {kNull, "null"}, {kBoolean, "boolean"}, {kString, "string"}, {kArray, "array"}, {kObject, "object"}}) {
    if ((types & bit) != 0) out.emplace_back(name);
  }
  return out;
}

void write_bounds(const Node& node, bj::object& out) {
  for (const auto& [name, bound] : std::initializer_list<std::pair<const char*, std::optional<uint64_t>>>{
           {"minItems", node.items_min}, {"maxItems", node.items_max}, {"minLength", node.length_min},
           {"maxLength", node.length_max}, {"minProperties", node.properties_min},
           {"maxProperties", node.properties_max}}) {
    if (bound) out[name] = static_cast<int64_t>(*bound);
  }
  for (const auto& [name, bound] : std::initializer_list<std::pair<const char*, std::optional<double>>>{
           {"minimum", node.minimum}, {"maximum", node.maximum}, {"exclusiveMinimum", node.above},
           {"exclusiveMaximum", node.below}}) {
    if (bound) out[name] = whole_or_real(*bound);
  }
  if (node.multiple_of) out["multipleOf"] = *node.multiple_of;
  if (node.unique) out["uniqueItems"] = true;
}

// The schema for the validator: our nodes, so that proofs and checks speak of the same thing.
bj::value written(const Node& node) {
  if (node.never) return false;
  bj::object out;
  // A multiple of a whole number is one. The validator alone would take the fraction off before it divides.
  const auto types = static_cast<uint8_t>(node.multiple_of ? node.types & ~kFraction : node.types);
  if (types != kAnyType) out["type"] = types_of(types);
  if (node.choices) {
    bj::array values;
    for (const std::string& one : *node.choices) values.push_back(value_of(one));
    out["enum"] = std::move(values);
  }
  if (!node.properties.empty()) {
    bj::object members;
    for (const auto& [name, one] : node.properties) members[name] = written(*one);
    out["properties"] = std::move(members);
  }
  if (!node.required.empty()) out["required"] = bj::array(node.required.begin(), node.required.end());
  write_bounds(node, out);
  for (const auto& [name, one] : std::initializer_list<std::pair<const char*, NodePtr>>{
           {"additionalProperties", node.additional}, {"items", node.items}, {"not", node.negated},
           {"if", node.condition}, {"then", node.consequence}, {"else", node.alternative}}) {
    if (one != nullptr) out[name] = written(*one);
  }
  if (!node.all_of.empty()) out["allOf"] = written(node.all_of);
  if (!node.any_of.empty()) out["anyOf"] = written(node.any_of);
  if (!node.one_of.empty()) out["oneOf"] = written(node.one_of);
  return out;
}

void gather_names(const Node& node, std::set<std::string>& out) {
  for (const auto& [name, one] : node.properties) {
    out.insert(name);
    gather_names(*one, out);
  }
  out.insert(node.required.begin(), node.required.end());
  for (const NodePtr& one : {node.additional, node.items, node.negated, node.condition, node.consequence, node.alternative}) {
    if (one != nullptr) gather_names(*one, out);
  }
  for (const auto* list : {&node.all_of, &node.any_of, &node.one_of}) {
    for (const NodePtr& one : *list) gather_names(*one, out);
  }
}

// What is wrong, without a value. The library's sentences hold names and bounds; ours hold neither.
std::string words_of(const std::string& described) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kWords = {{
      {"Object contains a property", "has a member that the schema does not name"},
      {"Missing required property", "lacks a member that is required"},
      {"Value type not permitted", "is of another type"},
      {"Failed to match against any enum", "is none of the values that are listed"},
      {"String should be no more", "is too long"},
      {"String should be no fewer", "is too short"},
      {"Expected number less", "is too large"},
      {"Expected number greater", "is too small"},
      {"Array should contain no more", "has too many items"},
      {"Array should contain no fewer", "has too few items"},
      {"Object should have no more", "has too many members"},
      {"Object should have no fewer", "has too few members"},
      {"Elements at indexes", "has an item twice"},
      {"Value should be a multiple", "is no multiple of what is asked for"},
      {"Value could not be converted", "is no multiple of what is asked for"},
      {"Target should not validate", "is what the schema excludes"},
      {"Failed to validate against any schemas allowed by anyOf", "fits none of the alternatives"},
      {"Failed to validate against any child schemas allowed by oneOf", "fits none of the alternatives"},
      {"Failed to validate against exactly one", "fits more than one of the alternatives"},
      {"Failed to validate against a conditional", "does not fit the condition"},
      {"Failed to validate against additional properties", "has a member that does not fit"},
  }};
  for (const auto& [theirs, ours] : kWords) {
    if (described.starts_with(theirs)) return std::string(ours);
  }
  return "does not fit the schema";
}

// The library's path, `<root>`, `[name]`, `[0]`, as a JSON pointer. A name that the schema does not have is the
// caller's own: it is not said again.
std::string pointer_of(const std::vector<std::string>& path, const std::set<std::string>& names, json::Element at) {
  std::string out;
  for (const std::string& one : path) {
    if (one.size() < 2 || one.front() != '[') continue;
    const std::string name = one.substr(1, one.size() - 2);
    json::Array list;
    if (at.get(list) == simdjson::SUCCESS) {
      out += "/" + name;
      const auto index = parse_u64(name);
      if (!index || list.at(*index).get(at) != simdjson::SUCCESS) break;
      continue;
    }
    out += "/";
    if (names.contains(name)) {
      for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    } else {
      out += '*';
    }
    if (json::Element next; at.is_object() && at.get_object().value_unsafe().at_key(name).get(next) == simdjson::SUCCESS) at = next;
  }
  return out;
}

}  // namespace

struct InputSchema::Impl {
  Compiled compiled;
  Digest digest;
  std::set<std::string> names;
  valijson::Schema schema;
};

bool may_be_left_out(const Node& root, const std::string& name) {
  return std::ranges::find(root.required, name) == root.required.end() && (root.properties.at(name)->types & kNull) == 0;
}

InputSchema::InputSchema(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InputSchema::~InputSchema() = default;
const Node& InputSchema::root() const { return *impl_->compiled.root; }
const Digest& InputSchema::digest() const { return impl_->digest; }

Result<std::shared_ptr<const InputSchema>> InputSchema::compile(json::Element schema) {
  auto impl = std::make_unique<Impl>();
  Copier copier;
  (void)copier.copy(schema);
  if (copier.count() > kValuesMax) return fail(Code::kUnsupported, "too open to tell: the schema has more values than are looked at");
  if (copier.zero()) return fail(Code::kUnsupported, "too open to tell: the schema holds the character U+0000");
  PV_TRY(impl->compiled, compile_schema(schema));
  impl->digest = sha256(json::canonical_with_numbers(schema));
  gather_names(*impl->compiled.root, impl->names);
  try {
    const bj::value text = written(*impl->compiled.root);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(text), impl->schema);
  } catch (const std::exception& error) {
    return fail(Code::kUnsupported, fmt::format("too open to tell: the validator does not take the schema: {}", error.what()));
  }
  return std::make_shared<const InputSchema>(std::move(impl));
}

// `null` for a member that may be left out says that it is: clients write it so, and it carries nothing.
void leave_out_nulls(const Node& root, bj::object& arguments) {
  for (const auto& [name, node] : root.properties) {
    const auto found = arguments.find(name);
    if (found != arguments.end() && found->value().is_null() && may_be_left_out(root, name)) arguments.erase(found);
  }
}

Status InputSchema::check(json::Element arguments) const {
  if (!arguments.is_object()) return fail(Code::kInvalid, "the arguments are no object");
  Copier copier;
  bj::value copied = copier.copy(arguments);
  const size_t values = copier.count();
  const size_t steps = values * impl_->compiled.nodes + (impl_->compiled.unique ? values * values : 0);
  if (values > kValuesMax || steps > kStepsMax) {
    return fail(Code::kLimit, "the arguments are more than can be held against the schema");
  }
  if (copier.zero()) return fail(Code::kInvalid, "the arguments hold the character U+0000, which no tool is given");
  if (copier.huge() && impl_->compiled.divides) {
    return fail(Code::kInvalid, "the arguments hold a number too large to be divided");
  }
  leave_out_nulls(root(), copied.as_object());
  try {
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    if (validator.validate(impl_->schema, Adapter(copied), nullptr)) return {};
    valijson::ValidationResults results;
    (void)validator.validate(impl_->schema, Adapter(copied), &results);
    valijson::ValidationResults::Error first;
    if (!results.popError(first)) return fail(Code::kInvalid, "the arguments do not fit the schema");
    const std::string place = pointer_of(first.context, impl_->names, arguments);
    return fail(Code::kInvalid, fmt::format("{} {}", place.empty() ? "the argument object" : place, words_of(first.description)));
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the arguments cannot be held against the schema: {}", error.what()));
  }
}

Status InputSchema::check_text(std::string_view arguments) const {
  json::Parser parser;
  const auto parsed = parser.parse(arguments);
  if (!parsed) return fail(Code::kInvalid, "the arguments are no JSON object: " + parsed.error().message);
  if (!numbers_read_back(arguments)) {
    return fail(Code::kInvalid, "the arguments hold a number that says more than it is read as: write no more digits than "
                                "a double has");
  }
  return check(*parsed);
}

}  // namespace proviso::arguments
