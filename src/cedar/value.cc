#include "cedar/value.h"

#include <algorithm>

#include "base/digest.h"

namespace proviso::cedar {
namespace {

constexpr uint64_t kSpread = 0x9E3779B97F4A7C15ULL;

struct Secret {
  uint64_t seed;
  uint64_t factor;
};

Secret draw_secret() {
  Secret out{};
  std::string bytes = random_bytes(sizeof(out));
  __builtin_memcpy(&out, bytes.data(), sizeof(out));
  out.factor |= 1;
  return out;
}

// Both halves of the product, folded: each bit of either factor reaches every bit.
uint64_t folded(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64U);
}

// Up to eight bytes as a number.
uint64_t load(const char* p, size_t count) {
  uint64_t word = 0;
  if (count == 8) {
    __builtin_memcpy(&word, p, 8);
    return word;
  }
  if (count >= 4) {
    uint32_t head = 0;
    uint32_t tail = 0;
    __builtin_memcpy(&head, p, 4);
    __builtin_memcpy(&tail, p + count - 4, 4);
    return (static_cast<uint64_t>(head) << 32U) | tail;
  }
  for (size_t i = 0; i < count; ++i) word = (word << 8U) | static_cast<uint8_t>(p[i]);
  return word;
}

uint64_t fingerprint_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool: return fingerprint(static_cast<int64_t>(*value.get_if<bool>()));
    case Kind::kLong: return fingerprint(*value.get_if<int64_t>());
    case Kind::kString: return fingerprint(*value.get_if<std::string>());
    case Kind::kEntity: return fingerprint(value.get_if<EntityUid>()->id);
    case Kind::kDecimal: return fingerprint(value.get_if<Decimal>()->units);
    case Kind::kDatetime: return fingerprint(value.get_if<Datetime>()->ms);
    case Kind::kDuration: return fingerprint(value.get_if<Duration>()->ms);
    default: return kOtherFingerprint;
  }
}

auto lower(auto& fields, std::string_view name) {
  return std::ranges::lower_bound(fields, name, {},
                                  [](const Field& f) { return std::string_view(f.name); });
}

}  // namespace

uint64_t hash_uid(std::string_view type, std::string_view id) {
  static const Secret kSecret = draw_secret();
  uint64_t h = kSecret.seed;
  auto mix = [&h](std::string_view text) {
    const char* p = text.data();
    size_t left = text.size();
    for (; left > 16; p += 16, left -= 16) h = folded(h ^ load(p, 8), kSecret.factor ^ load(p + 8, 8));
    // What is left as two words, overlapping if it is short of sixteen bytes.
    uint64_t head = load(p, std::min<size_t>(left, 8));
    uint64_t tail = left > 8 ? load(p + left - 8, 8) : 0;
    h = folded(h ^ head, kSecret.factor ^ tail ^ (text.size() * kSpread));
  };
  mix(type);
  mix(id);
  return h;
}

uint64_t fingerprint(std::string_view text) {
  size_t tail = std::min<size_t>(text.size(), 8);
  uint64_t word = load(text.data() + (text.size() - tail), tail);
  return 1ULL << (((word ^ text.size()) * kSpread) >> 58U);
}

uint64_t fingerprint(int64_t number) {
  return 1ULL << ((static_cast<uint64_t>(number) * kSpread) >> 58U);
}

Record::Record() = default;
Record::Record(std::initializer_list<Field> fields) {
  for (const Field& field : fields) set(field.name, field.value);
}
Record::Record(std::vector<Field> fields) : fields_(std::move(fields)) {
  if (!std::ranges::is_sorted(fields_, {}, &Field::name)) std::ranges::sort(fields_, {}, &Field::name);
}
Record::Record(const Record&) = default;
Record::Record(Record&&) noexcept = default;
Record& Record::operator=(const Record&) = default;
Record& Record::operator=(Record&&) noexcept = default;
Record::~Record() = default;

void Record::set(std::string_view name, Value value) {
  if (fields_.empty() || fields_.back().name < name) {
    fields_.push_back({std::string(name), std::move(value)});
    return;
  }
  auto at = lower(fields_, name);
  if (at != fields_.end() && at->name == name) {
    at->value = std::move(value);
  } else {
    fields_.insert(at, {std::string(name), std::move(value)});
  }
}

const Value* Record::find(std::string_view name) const {
  return const_cast<Record*>(this)->find(name);
}

Value* Record::find(std::string_view name) {
  uint32_t place = place_of(name);
  return place != kNowhere ? &fields_[place].value : nullptr;
}

uint32_t Record::place_of(std::string_view name) const {
  if (fields_.size() <= 8) {  // lengths differ often: a scan beats an ordered search
    for (uint32_t i = 0; i < fields_.size(); ++i) {
      if (same_text(fields_[i].name, name)) return i;
    }
    return kNowhere;
  }
  auto at = lower(fields_, name);
  return at != fields_.end() && at->name == name ? static_cast<uint32_t>(at - fields_.begin()) : kNowhere;
}

Set::Set(std::vector<Value> elements) : elements_(std::move(elements)) {
  std::ranges::sort(elements_,
                    [](const Value& a, const Value& b) { return compare(a, b) < 0; });
  auto repeats = std::ranges::unique(elements_);
  elements_.erase(repeats.begin(), repeats.end());
  for (const Value& element : elements_) fingerprints_ |= fingerprint_of(element);
}

Set Set::of_strings(const std::vector<std::string>& strings) {
  std::vector<Value> elements;
  elements.reserve(strings.size());
  for (const std::string& s : strings) elements.push_back(Value::string(s));
  return Set(std::move(elements));
}

bool Set::contains(const Value& value) const {
  return std::ranges::binary_search(
      elements_, value, [](const Value& a, const Value& b) { return compare(a, b) < 0; });
}

std::strong_ordering compare(const Set& a, const Set& b) {
  const auto& x = a.elements();
  const auto& y = b.elements();
  if (auto by_size = x.size() <=> y.size(); by_size != 0) return by_size;
  for (size_t i = 0; i < x.size(); ++i) {
    if (auto c = compare(x[i], y[i]); c != 0) return c;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering compare(const Record& a, const Record& b) {
  const auto& x = a.fields();
  const auto& y = b.fields();
  if (auto by_size = x.size() <=> y.size(); by_size != 0) return by_size;
  for (size_t i = 0; i < x.size(); ++i) {
    if (auto c = x[i].name <=> y[i].name; c != 0) return c;
    if (auto c = compare(x[i].value, y[i].value); c != 0) return c;
  }
  return std::strong_ordering::equal;
}

bool operator==(const Record& a, const Record& b) { return compare(a, b) == 0; }
bool operator==(const Set& a, const Set& b) { return compare(a, b) == 0; }

std::strong_ordering compare(const Value& a, const Value& b) {
  if (auto c = a.rep_.index() <=> b.rep_.index(); c != 0) return c;
  switch (a.kind()) {
    case Kind::kBool: return *a.get_if<bool>() <=> *b.get_if<bool>();
    case Kind::kLong: return *a.get_if<int64_t>() <=> *b.get_if<int64_t>();
    case Kind::kString: return *a.get_if<std::string>() <=> *b.get_if<std::string>();
    case Kind::kEntity: return *a.get_if<EntityUid>() <=> *b.get_if<EntityUid>();
    case Kind::kSet: return compare(*a.get_if<Set>(), *b.get_if<Set>());
    case Kind::kRecord: return compare(*a.get_if<Record>(), *b.get_if<Record>());
    case Kind::kDecimal: return *a.get_if<Decimal>() <=> *b.get_if<Decimal>();
    case Kind::kIp: return *a.get_if<IpAddr>() <=> *b.get_if<IpAddr>();
    case Kind::kDatetime: return *a.get_if<Datetime>() <=> *b.get_if<Datetime>();
    case Kind::kDuration: return *a.get_if<Duration>() <=> *b.get_if<Duration>();
  }
  return std::strong_ordering::equal;
}

}  // namespace proviso::cedar
