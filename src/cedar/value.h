#pragma once
// Cedar values: Bool, Long, String, entity, Set, Record and the four extension types. Values own what
// they hold and are compared as Cedar compares them: different types are unequal, sets ignore order
// and repeats (they are kept sorted and without repeats, in an order that only this file knows).
// Nothing here evaluates. Source: the Cedar language 4.5, "Data types".
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cedar/decimal.h"
#include "cedar/datetime.h"
#include "cedar/ip.h"

namespace proviso::cedar {

struct EntityUid {
  std::string type;  // "Role", "NS::User"
  std::string id;
  friend bool operator==(const EntityUid&, const EntityUid&) = default;
  friend auto operator<=>(const EntityUid&, const EntityUid&) = default;
};
// `Role::"staff"`, the id escaped as Cedar text.
std::string to_string(const EntityUid& uid);
// Keyed by a secret of this process, so that ids which a stranger may choose cannot be made to collide.
// Never stored, never observable.
uint64_t hash_uid(std::string_view type, std::string_view id);
// a == b without a call for texts as short as names and ids are: both ends, overlapping, as words.
inline bool same_text(std::string_view a, std::string_view b) {
  auto ends_same = [&]<class Word>(Word) {
    Word words[4];
    const char* from[] = {a.data(), b.data(), a.data() + a.size() - sizeof(Word), b.data() + b.size() - sizeof(Word)};
    for (size_t i = 0; i < 4; ++i) __builtin_memcpy(&words[i], from[i], sizeof(Word));
    return words[0] == words[1] && words[2] == words[3];
  };
  if (a.size() != b.size()) return false;
  if (a.size() > 2 * sizeof(uint64_t)) return a == b;
  if (a.size() >= sizeof(uint64_t)) return ends_same(uint64_t{});
  if (a.size() >= sizeof(uint32_t)) return ends_same(uint32_t{});
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}
// One of 64 bits, the same for equal values: a set's fingerprints answer most questions of membership
// without looking at its elements.
uint64_t fingerprint(std::string_view text);
uint64_t fingerprint(int64_t number);
inline constexpr uint64_t kOtherFingerprint = 1;  // of sets, records and addresses

class Value;
struct Field;

// A record: names to values, sorted by name bytewise, no name twice.
class Record {
 public:
  Record();
  Record(std::initializer_list<Field> fields);
  explicit Record(std::vector<Field> fields);  // any order, no name twice
  Record(const Record&);
  Record(Record&&) noexcept;
  Record& operator=(const Record&);
  Record& operator=(Record&&) noexcept;
  ~Record();

  // Inserts or replaces; cheapest when names come in order.
  void set(std::string_view name, Value value);
  [[nodiscard]] const Value* find(std::string_view name) const;
  [[nodiscard]] Value* find(std::string_view name);
  // The same, looking first where it was the last time, because records of one shape follow each other.
  [[nodiscard]] const Value* find(std::string_view name, uint32_t& place) const;
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] size_t size() const;
  friend bool operator==(const Record&, const Record&);

 private:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  [[nodiscard]] uint32_t place_of(std::string_view name) const;

  std::vector<Field> fields_;
};

inline constexpr size_t kSetElementsMax = 100'000;  // that a text or a JSON value may hold

// A set: sorted, without repeats.
class Set {
 public:
  Set() = default;
  explicit Set(std::vector<Value> elements);  // any order, repeats allowed
  static Set of_strings(const std::vector<std::string>& strings);
  [[nodiscard]] const std::vector<Value>& elements() const { return elements_; }
  [[nodiscard]] bool contains(const Value& value) const;
  [[nodiscard]] uint64_t fingerprints() const { return fingerprints_; }  // of all elements
  friend bool operator==(const Set&, const Set&);

 private:
  std::vector<Value> elements_;
  uint64_t fingerprints_ = 0;
};

enum class Kind : uint8_t {
  kBool, kLong, kString, kEntity, kSet, kRecord, kDecimal, kIp, kDatetime, kDuration
};
const char* kind_name(Kind kind);  // "bool", "long", "string", "entity", ...

class Value {
 public:
  using Rep = std::variant<bool, int64_t, std::string, EntityUid, Set, Record, Decimal, IpAddr,
                           Datetime, Duration>;
  static Value boolean(bool value) { return Value(Rep(std::in_place_index<0>, value)); }
  static Value integer(int64_t value) { return Value(Rep(std::in_place_index<1>, value)); }
  static Value string(std::string_view text) {
    return Value(Rep(std::in_place_index<2>, std::string(text)));
  }
  static Value entity(EntityUid uid) { return Value(Rep(std::in_place_index<3>, std::move(uid))); }
  static Value entity(std::string_view type, std::string_view id) {
    return entity(EntityUid{std::string(type), std::string(id)});
  }
  static Value set(Set value) { return Value(Rep(std::in_place_index<4>, std::move(value))); }
  static Value record(Record value) { return Value(Rep(std::in_place_index<5>, std::move(value))); }
  static Value decimal(Decimal value) { return Value(Rep(std::in_place_index<6>, value)); }
  static Value ip(IpAddr value) { return Value(Rep(std::in_place_index<7>, value)); }
  // Milliseconds since 1970-01-01T00:00:00Z.
  static Value datetime_ms(int64_t ms) { return Value(Rep(std::in_place_index<8>, Datetime{ms})); }
  static Value duration_ms(int64_t ms) { return Value(Rep(std::in_place_index<9>, Duration{ms})); }

  Value() = default;  // false
  [[nodiscard]] Kind kind() const { return static_cast<Kind>(rep_.index()); }
  [[nodiscard]] const Rep& rep() const { return rep_; }
  template <class T>
  [[nodiscard]] const T* get_if() const { return std::get_if<T>(&rep_); }
  template <class T>
  [[nodiscard]] T* get_if() { return std::get_if<T>(&rep_); }
  friend bool operator==(const Value& a, const Value& b) { return compare(a, b) == 0; }
  // A total order for keeping sets sorted; it means nothing to a policy.
  friend std::strong_ordering compare(const Value& a, const Value& b);

 private:
  explicit Value(Rep rep) : rep_(std::move(rep)) {}
  Rep rep_ = false;
};

struct Field {
  std::string name;
  Value value;
};

inline size_t Record::size() const { return fields_.size(); }
inline const Value* Record::find(std::string_view name, uint32_t& place) const {
  if (place >= fields_.size() || !same_text(fields_[place].name, name)) place = place_of(name);
  return place != kNowhere ? &fields_[place].value : nullptr;
}

std::strong_ordering compare(const Set& a, const Set& b);
std::strong_ordering compare(const Record& a, const Record& b);

// The value as Cedar text: `{"a": [1, User::"x"]}`.
std::string to_string(const Value& value);

}  // namespace proviso::cedar
