#include "prove/absence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "base/json.h"

namespace proviso::prove {
namespace {

using agreement::Kind;
using arguments::InputSchema;
using arguments::Node;
using arguments::NodePtr;
using Together = std::vector<const Node*>;  // schemas that hold of the same value

constexpr size_t kLengthTried = 1'000;  // of a text in an example
constexpr uint64_t kItemsTried = 100;
constexpr double kNone = std::numeric_limits<double>::infinity();

// What is found of a value: `example` is a value of that place that carries it.
struct Found {
  Carries carries = Carries::kTooOpen;
  std::string place;
  std::string why;
  std::optional<std::string> example;
};

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

uint8_t types_of(const Together& all) {
  uint8_t out = arguments::kAnyType;
  for (const Node* one : all) out &= one->types;
  return out;
}

// The shortest list of values that one of them gives; null if none does.
const std::vector<std::string>* choices_of(const Together& all) {
  const std::vector<std::string>* out = nullptr;
  for (const Node* one : all) {
    if (one->choices && (out == nullptr || one->choices->size() < out->size())) out = &*one->choices;
  }
  return out;
}

uint8_t type_of(json::Element value) {
  if (value.is_object()) return arguments::kObject;
  if (value.is_array()) return arguments::kArray;
  if (value.is_string()) return arguments::kString;
  if (value.is_bool()) return arguments::kBoolean;
  if (value.is_null()) return arguments::kNull;
  const double number = value.get_double().value_unsafe();
  return number == std::floor(number) ? arguments::kInteger : arguments::kFraction;
}

struct Lengths {
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
};
Lengths lengths_of(const Together& all, std::optional<uint64_t> Node::*min, std::optional<uint64_t> Node::*max) {
  Lengths out;
  for (const Node* one : all) {
    out.min = std::max(out.min, (one->*min).value_or(0));
    out.max = std::min(out.max, (one->*max).value_or(UINT64_MAX));
  }
  return out;
}

// Bounds of a number; for whole numbers the exclusive ones are already taken in.
struct Range {
  double low = -kNone;
  double high = kNone;
  int64_t step = 0;  // 0: any
};
Range range_of(const Together& all) {
  Range out;
  for (const Node* one : all) {
    out.low = std::max({out.low, one->minimum.value_or(-kNone), one->above.value_or(-kNone)});
    out.high = std::min({out.high, one->maximum.value_or(kNone), one->below.value_or(kNone)});
    if (one->multiple_of) out.step = std::max(out.step, *one->multiple_of);
  }
  return out;
}

// The first whole number from `from` on that may be a multiple.
double multiple_from(double from, int64_t step) {
  const double unit = static_cast<double>(std::max<int64_t>(step, 1));
  return std::ceil(from / unit) * unit;
}

std::set<std::string> names_of(const Together& all) {
  std::set<std::string> out;
  for (const Node* one : all) {
    for (const auto& [name, node] : one->properties) out.insert(name);
  }
  return out;
}

// What holds of a member of that name: each schema speaks of it by its own `properties` or `additionalProperties`.
Together about_member(const Together& all, const std::string& name) {
  Together out;
  for (const Node* one : all) {
    const auto found = one->properties.find(name);
    const Node* const about = found != one->properties.end() ? found->second.get() : one->additional.get();
    if (about != nullptr) out.push_back(about);
  }
  return out;
}

Together about_items(const Together& all) {
  Together out;
  for (const Node* one : all) {
    if (one->items != nullptr) out.push_back(one->items.get());
  }
  return out;
}

// Every way in which alternatives can be taken, as schemas without alternatives: none of them has `false`.
class Alternatives {
 public:
  explicit Alternatives(size_t& steps) : steps_(steps) {}

  std::vector<Together> of(const Together& all) {
    take({all.begin(), all.end()}, {}, {});
    return std::move(out_);
  }

 private:
  using Group = std::vector<Together>;

  void take(Together todo, Together taken, std::vector<Group> open) {
    if (++steps_ > kAbsenceStepsMax) return;
    while (!todo.empty()) {
      const Node* one = todo.back();
      todo.pop_back();
      if (one->never) return;
      taken.push_back(one);
      for (const NodePtr& part : one->all_of) todo.push_back(part.get());
      for (const auto* list : {&one->any_of, &one->one_of}) {
        Group group;
        for (const NodePtr& part : *list) group.push_back({part.get()});
        if (!group.empty()) open.push_back(std::move(group));
      }
      if (one->condition != nullptr) open.push_back(conditional(*one));
    }
    if (open.empty()) {
      out_.push_back(std::move(taken));
      return;
    }
    const Group group = std::move(open.back());
    open.pop_back();
    for (const Together& way : group) take(way, taken, open);
  }

  static Group conditional(const Node& one) {
    Together yes = {one.condition.get()};
    if (one.consequence != nullptr) yes.push_back(one.consequence.get());
    Together no;
    if (one.alternative != nullptr) no.push_back(one.alternative.get());
    return {yes, no};
  }

  size_t& steps_;
  std::vector<Together> out_;
};

// A value that is likely to conform, as JSON; whoever uses it asks the validator.
class Builder {
 public:
  explicit Builder(size_t& steps) : steps_(steps) {}

  std::optional<std::string> value(const Together& all) {
    for (const Together& way : Alternatives(steps_).of(all)) {
      if (auto out = plain(way)) return out;
    }
    return std::nullopt;
  }

  // With that member, and those that are required.
  std::optional<std::string> object(const Together& all, const std::string& name, const std::string& member) {
    std::set<std::string> required;
    for (const Node* one : all) required.insert(one->required.begin(), one->required.end());
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    if (!name.empty()) writer.key(name).raw(member);
    for (const std::string& one : required) {
      if (one == name) continue;
      const auto built = value(about_member(all, one));
      if (!built) return std::nullopt;
      writer.key(one).raw(*built);
    }
    writer.end_object();
    return out;
  }

  std::optional<std::string> array(const Together& all, const std::string& first) {
    const Lengths count = lengths_of(all, &Node::items_min, &Node::items_max);
    const auto other = count.min > 1 ? value(about_items(all)) : std::nullopt;
    if (count.max == 0 || count.min > kItemsTried || (count.min > 1 && !other)) return std::nullopt;
    std::string out = "[" + first;
    for (uint64_t i = 1; i < count.min; ++i) out += "," + *other;
    return out + "]";
  }

 private:
  std::optional<std::string> plain(const Together& all) {
    if (steps_ > kAbsenceStepsMax) return std::nullopt;
    const uint8_t types = types_of(all);
    if (const auto* choices = choices_of(all)) {
      json::Parser parser;
      for (const std::string& one : *choices) {
        const auto parsed = parser.parse(one);
        if (parsed && (type_of(*parsed) & types) != 0) return one;
      }
      return std::nullopt;
    }
    if ((types & arguments::kBoolean) != 0) return "true";
    if ((types & arguments::kNull) != 0) return "null";
    if ((types & arguments::kNumber) != 0) return number(all);
    if ((types & arguments::kString) != 0) {
      const Lengths length = lengths_of(all, &Node::length_min, &Node::length_max);
      if (length.min > kLengthTried) return std::nullopt;
      return json::quoted(std::string(length.min, 'a'));
    }
    if ((types & arguments::kArray) != 0) {
      if (lengths_of(all, &Node::items_min, &Node::items_max).min == 0) return "[]";
      const auto first = value(about_items(all));
      return first ? array(all, *first) : std::nullopt;
    }
    if ((types & arguments::kObject) != 0) return object(all, "", "");
    return std::nullopt;
  }

  static std::optional<std::string> number(const Together& all) {
    const Range range = range_of(all);
    if (range.low <= 0 && range.high >= 0) return "0";
    const double from = range.low > 0 ? multiple_from(range.low, range.step) : -multiple_from(-range.high, range.step);
    if (std::abs(from) > 1e15) return std::nullopt;
    return fmt::format("{}", static_cast<int64_t>(from));
  }

  size_t& steps_;
};

class Looker {
 public:
  explicit Looker(const Kind& kind) : kind_(kind), builder_(building_) {}

  // The first place where a value can be of the kind; an example is worth more than something too open to tell.
  std::optional<Found> look(const Together& all, const std::string& place) {
    std::optional<Found> out;
    const std::vector<Together> ways = Alternatives(steps_).of(all);
    for (const Together& way : ways) {
      if (better(out, one_way(way, place))) return out;
    }
    if (beyond() && !out) out = too_many(place);
    return out;
  }

 private:
  [[nodiscard]] bool beyond() const { return steps_ > kAbsenceStepsMax; }
  static Found too_many(const std::string& place) { return {Carries::kTooOpen, place, "has more alternatives than are looked at", {}}; }

  // True once nothing better can come.
  static bool better(std::optional<Found>& best, std::optional<Found> found) {
    if (found && (!best || found->carries == Carries::kYes)) best = std::move(found);
    return best && best->carries == Carries::kYes;
  }

  std::optional<Found> one_way(const Together& all, const std::string& place) {
    const uint8_t types = types_of(all);
    if (const auto* choices = choices_of(all)) return among(*choices, types, place);
    std::optional<Found> out;
    if ((types & arguments::kObject) != 0 && better(out, object(all, place))) return out;
    if ((types & arguments::kArray) != 0 && better(out, array(all, place))) return out;
    if ((types & arguments::kString) != 0) better(out, text(all, types, place));
    if ((types & arguments::kNumber) != 0) better(out, number(all, types, place));
    return out;
  }

  // Values that the parties have read: text and numbers among them are no news, names are.
  std::optional<Found> among(const std::vector<std::string>& choices, uint8_t types, const std::string& place) const {
    json::Parser parser;
    for (const std::string& one : choices) {
      const auto parsed = parser.parse(one);
      if (!parsed || (type_of(*parsed) & types) == 0) continue;
      if (const std::string name = named_in(*parsed); !name.empty()) {
        return Found{Carries::kYes, place, fmt::format("has a member `{}` among its listed values", name), one};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string named_in(json::Element value) const {
    if (value.is_object()) {
      for (const auto field : value.get_object().value_unsafe()) {
        if (names_kind(field.key, kind_) || !agreement::is_plain_name(field.key)) return std::string(field.key);
        if (std::string inner = named_in(field.value); !inner.empty()) return inner;
      }
    } else if (value.is_array()) {
      for (const json::Element item : value.get_array().value_unsafe()) {
        if (std::string inner = named_in(item); !inner.empty()) return inner;
      }
    }
    return {};
  }

  std::optional<Found> text(const Together& all, uint8_t types, const std::string& place) const {
    const Lengths length = lengths_of(all, &Node::length_min, &Node::length_max);
    if (length.max < static_cast<uint64_t>(kind_.text) || length.max < length.min) return std::nullopt;
    std::string why = types == arguments::kAnyType ? "could be anything" : "is any string";
    if (length.max != UINT64_MAX) why += fmt::format(" of up to {} characters", length.max);
    std::string sample = kind_.example.substr(0, std::min<uint64_t>(length.max, kind_.example.size()));
    if (length.min > kLengthTried) return Found{Carries::kTooOpen, place, why, std::nullopt};
    if (sample.size() < length.min) sample += std::string(length.min - sample.size(), '.');
    return Found{Carries::kTooOpen, place, why, json::quoted(sample)};
  }

  std::optional<Found> number(const Together& all, uint8_t types, const std::string& place) const {
    const Range range = range_of(all);
    if (range.low > range.high) return std::nullopt;
    const double limit = std::pow(10.0, static_cast<double>(kind_.digits - 1));
    const bool fractions = (types & arguments::kFraction) != 0 && range.step == 0 && range.low < range.high;
    const bool small = range.low > -limit && range.high < limit;
    if (small && !fractions) return std::nullopt;
    const char* const why = fractions ? "is a number that may have fractions" : "is a number that may have too many digits";
    double shown = multiple_from(std::max(range.low, limit), range.step);
    if (shown > range.high) shown = -multiple_from(std::max(-range.high, limit), range.step);
    if (small) shown = (range.low + range.high) / 2 + (range.high - range.low) / 8;
    std::string example;
    json::Writer(example).real(shown);
    if (std::abs(shown) < 1e15 && shown == std::floor(shown)) example = fmt::format("{}", static_cast<int64_t>(shown));
    return Found{Carries::kTooOpen, place, why, example};
  }

  std::optional<Found> object(const Together& all, const std::string& place) {
    std::optional<Found> out;
    const std::set<std::string> names = names_of(all);
    for (const std::string& name : names) {
      if (better(out, member(all, place, name))) return out;
    }
    better(out, any_member(all, place, names));
    return out;
  }

  std::optional<Found> member(const Together& all, const std::string& place, const std::string& name) {
    const Together about = about_member(all, name);
    const bool possible = !Alternatives(steps_).of(about).empty();
    if (beyond()) return too_many(place);
    if (!possible) return std::nullopt;
    const std::string at = place + "/" + escaped(name);
    if (names_kind(name, kind_)) return shown(all, place, name, "is named so");
    if (!agreement::is_plain_name(name)) return shown(all, place, name, "has a name that is not plain ASCII");
    std::optional<Found> inner = look(about, at);
    if (inner && inner->example) inner->example = builder_.object(all, name, *inner->example);
    return inner;
  }

  // Whatever name the caller chooses.
  std::optional<Found> any_member(const Together& all, const std::string& place, const std::set<std::string>& names) {
    std::string name = kind_.words.front();
    while (names.contains(name)) name += "_" + kind_.words.front();
    const Together about = about_member(all, name);
    const bool possible = !Alternatives(steps_).of(about).empty();
    if (beyond()) return too_many(place);
    if (!possible) return std::nullopt;
    std::optional<Found> out = shown(all, place, name, "");
    out->place = place;
    out->why = "may have members of any name";
    return out;
  }

  // A member whose name is enough, with some value.
  std::optional<Found> shown(const Together& all, const std::string& place, const std::string& name, std::string why) {
    Found out{Carries::kTooOpen, place + "/" + escaped(name), std::move(why), std::nullopt};
    if (const auto value = builder_.value(about_member(all, name))) out.example = builder_.object(all, name, *value);
    if (out.example) out.carries = Carries::kYes;
    return out;
  }

  std::optional<Found> array(const Together& all, const std::string& place) {
    if (lengths_of(all, &Node::items_min, &Node::items_max).max == 0) return std::nullopt;
    std::optional<Found> inner = look(about_items(all), place + "/*");
    if (inner && inner->example) inner->example = builder_.array(all, *inner->example);
    return inner;
  }

  const Kind& kind_;
  size_t steps_ = 0;
  size_t building_ = 0;  // apart: what examples cost takes nothing from what is looked at
  Builder builder_;
};

// A member that the schema names and need not be there may be sent as null, whatever it is otherwise: its name travels.
std::optional<Found> null_name(const Node& root, const Kind& kind) {
  for (const auto& [name, node] : root.properties) {
    if (!arguments::may_be_left_out(root, name) || !(names_kind(name, kind) || !agreement::is_plain_name(name))) continue;
    std::string example;
    json::Writer writer(example);
    writer.begin_object();
    writer.key(name).null();
    writer.end_object();
    return Found{Carries::kYes, "/arguments/" + escaped(name), "may be sent as null, under its name", example};
  }
  return std::nullopt;
}

}  // namespace

Absence can_carry(const InputSchema& schema, const Kind& kind) {
  Node object;
  object.types = arguments::kObject;  // arguments are one, whatever the schema says
  std::optional<Found> found = Looker(kind).look({&schema.root(), &object}, "/arguments");
  if (!found) found = null_name(schema.root(), kind);
  if (!found) return {Carries::kNo, "", "", ""};
  Absence out{found->carries, found->place, found->why, found->example.value_or("")};
  if (!out.example.empty() && schema.check_text(out.example)) return out;
  out.example.clear();
  out.carries = Carries::kTooOpen;
  return out;
}

}  // namespace proviso::prove
