#include "prove/model.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "cedar/text.h"

namespace proviso::prove {
namespace {

using Tag = Sort::Tag;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::unexpected<Error> nonsense(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("the solver's model cannot be read: {}", what));
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<Sexpr>> read() {
    if (text_.size() > kModelBytesMax) return fail(Code::kLimit, "the solver's answer is too long");
    std::vector<Sexpr> stack(1);
    while (skip(), !text_.empty()) {
      if (text_.front() == '(') {
        text_.remove_prefix(1);
        if (stack.size() > kModelDepthMax) return fail(Code::kLimit, "the solver's answer nests too deeply");
        stack.emplace_back();
      } else if (text_.front() == ')') {
        text_.remove_prefix(1);
        if (stack.size() == 1) return nonsense("a `)` too many");
        Sexpr done = std::move(stack.back());
        stack.pop_back();
        stack.back().list.push_back(std::move(done));
      } else {
        PV_TRY(std::string one, atom());
        stack.back().list.push_back({std::move(one), {}});
      }
    }
    if (stack.size() != 1) return nonsense("a `)` is missing");
    return std::move(stack[0].list);
  }

 private:
  void skip() {
    while (!text_.empty() && is_space(text_.front())) text_.remove_prefix(1);
  }

  Result<std::string> atom() {
    const char first = text_.front();
    size_t end = 1;
    if (first == '"' || first == '|') {
      for (;; ++end) {
        end = text_.find(first, end);
        if (end == std::string_view::npos) return nonsense("a quote is missing");
        if (first == '"' && end + 1 < text_.size() && text_[end + 1] == '"') {
          ++end;
          continue;
        }
        break;
      }
      ++end;
    } else {
      while (end < text_.size() && !is_space(text_[end]) && text_[end] != '(' && text_[end] != ')') ++end;
    }
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end);
    return out;
  }

  std::string_view text_;
};

bool is_call(const Sexpr& e, std::string_view name, size_t arguments) {
  return e.list.size() == arguments + 1 && e.list[0].atom == name;
}

// `name`, `(as name SORT)`: how both solvers write a constructor.
std::string_view head_of(const Sexpr& e) {
  if (!e.is_list()) return e.atom;
  if (is_call(e, "as", 2)) return e.list[1].atom;
  return {};
}

Result<int64_t> number_of(const Sexpr& e) {
  const bool negative = is_call(e, "-", 1);
  const std::string digits = (negative ? "-" : "") + (negative ? e.list[1].atom : e.atom);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || end != digits.data() + digits.size()) return nonsense("not a number");
  if (error == std::errc::result_out_of_range) {
    return fail(Code::kUnsupported, fmt::format("the solver's model holds {}, which is no 64-bit number", digits));
  }
  if (error != std::errc()) return nonsense("not a number");
  return value;
}

// SPEC SMT-LIB strings: "" stands for a quote; \ud₃d₂d₁d₀ and \u{…} for a code point up to 2FFFF
Result<std::string> string_of(const Sexpr& e) {
  std::string_view text = e.atom;
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return nonsense("not a string");
  text = text.substr(1, text.size() - 2);
  std::string out;
  while (!text.empty()) {
    if (text.front() == '"') text.remove_prefix(1);  // doubled: the reader saw to it
    if (text.starts_with("\\u")) {
      const bool braces = text.size() > 2 && text[2] == '{';
      const size_t close = braces ? text.find('}') : 6;
      const size_t begin = braces ? 3 : 2;
      uint32_t scalar = 0;
      if (close != std::string_view::npos && close <= text.size() && close > begin && close - begin <= 5) {
        const auto [end, error] = std::from_chars(text.data() + begin, text.data() + close, scalar, 16);
        const bool whole = error == std::errc() && end == text.data() + close;
        if (whole && scalar <= 0x2FFFF) {
          // Surrogates are characters to SMT-LIB and none to Cedar.
          if (scalar >= 0xD800 && scalar <= 0xDFFF) {
            return fail(Code::kUnsupported, "the solver's model holds a surrogate, which no text has");
          }
          cedar::append_utf8(out, scalar);
          text.remove_prefix(close + (braces ? 1 : 0));
          continue;
        }
      }
    }
    if (text.empty()) break;
    if (static_cast<unsigned char>(text.front()) >= 0x80) return nonsense("a string that is not ASCII");
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

Result<TermId> entity_of(Terms& terms, const Sexpr& e, const Sort& sort) {
  if (!sort.ids.empty()) {
    const std::string_view head = head_of(e);
    const size_t mark = head.rfind("_m");
    size_t index = 0;
    if (mark == std::string_view::npos) return nonsense("not an id of an enumeration");
    const auto [end, error] = std::from_chars(head.data() + mark + 2, head.data() + head.size(), index);
    if (error != std::errc() || end != head.data() + head.size() || index >= sort.ids.size()) {
      return nonsense("not an id of an enumeration");
    }
    return terms.uid({sort.entity, sort.ids[index]});
  }
  if (e.list.size() != 2) return nonsense("not an entity");
  PV_TRY(const std::string id, string_of(e.list[1]));
  return terms.uid({sort.entity, id});
}

Result<TermId> record_of(Terms& terms, const Sexpr& e, const Sort& sort, SortId id) {
  if (sort.fields.empty() && !head_of(e).empty()) return terms.record({}, id);
  if (e.list.size() != sort.fields.size() + 1) return nonsense("not a record of its type");
  std::vector<TermId> values;
  for (size_t i = 0; i < sort.fields.size(); ++i) {
    PV_TRY(const TermId one, value_of(terms, e.list[i + 1], sort.fields[i].sort));
    values.push_back(one);
  }
  return terms.record(std::move(values), id);
}

Result<TermId> option_of(Terms& terms, const Sexpr& e, const Sort& sort, SortId id) {
  if (head_of(e).ends_with("_none")) return terms.none(id);
  if (e.list.size() != 2 || !head_of(e.list[0]).ends_with("_some")) return nonsense("not an option");
  PV_TRY(const TermId inner, value_of(terms, e.list[1], sort.inner));
  return terms.some(inner);
}

// cvc5: set.empty, set.singleton, set.union, set.insert. z3: an array of booleans, all false but some.
Status collect(Terms& terms, const Sexpr& e, SortId element, std::vector<TermId>& out) {
  if (head_of(e) == "set.empty") return {};
  if (is_call(e, "set.singleton", 1)) {
    PV_TRY(const TermId one, value_of(terms, e.list[1], element));
    out.push_back(one);
    return {};
  }
  if (is_call(e, "set.union", 2)) {
    PV_TRY_VOID(collect(terms, e.list[1], element, out));
    return collect(terms, e.list[2], element, out);
  }
  if (e.list.size() >= 3 && e.list[0].atom == "set.insert") {
    for (size_t i = 1; i + 1 < e.list.size(); ++i) {
      PV_TRY(const TermId one, value_of(terms, e.list[i], element));
      out.push_back(one);
    }
    return collect(terms, e.list.back(), element, out);
  }
  if (is_call(e, "store", 3)) {
    PV_TRY_VOID(collect(terms, e.list[1], element, out));
    PV_TRY(const TermId one, value_of(terms, e.list[2], element));
    if (e.list[3].atom == "true") {
      out.push_back(one);
    } else if (e.list[3].atom == "false") {
      std::erase(out, one);
    } else {
      return nonsense("a set whose members are not booleans");
    }
    return {};
  }
  // An infinite set stands for any that agrees on the witnesses; it cannot be read here.
  if (e.list.size() == 2 && is_call(e.list[0], "as", 2) && e.list[0].list[1].atom == "const" &&
      e.list[1].atom == "false") {
    return {};
  }
  return nonsense("not a finite set");
}

Status bits_of(const Sexpr& e, size_t bytes, std::string* out) {
  const std::string_view text = e.atom;
  std::vector<uint8_t> bits;
  if (text.starts_with("#x")) {
    for (const char c : text.substr(2)) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) return nonsense("not a bit-vector");
      for (int bit = 3; bit >= 0; --bit) bits.push_back(static_cast<uint8_t>((digit >> bit) & 1));
    }
  } else if (text.starts_with("#b")) {
    for (const char c : text.substr(2)) {
      if (c != '0' && c != '1') return nonsense("not a bit-vector");
      bits.push_back(c == '1' ? 1 : 0);
    }
  }
  if (bits.empty() || bits.size() > bytes * 8) return nonsense("not a bit-vector");
  bits.insert(bits.begin(), bytes * 8 - bits.size(), 0);
  out->assign(bytes, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    (*out)[i / 8] = static_cast<char>(static_cast<unsigned char>((*out)[i / 8]) << 1 | bits[i]);
  }
  return {};
}

Result<TermId> address_of(Terms& terms, const Sexpr& e) {
  if (e.list.size() != 3) return nonsense("not an address");
  cedar::IpAddr ip;
  ip.v6 = e.list[0].atom == "V6";
  if (!ip.v6 && e.list[0].atom != "V4") return nonsense("not an address");
  std::string bytes;
  PV_TRY_VOID(bits_of(e.list[1], ip.v6 ? 16 : 4, &bytes));
  std::ranges::transform(bytes, ip.bytes.begin(), [](char c) { return static_cast<uint8_t>(c); });
  ip.prefix = ip.v6 ? 128 : 32;
  if (head_of(e.list[2]).ends_with("_none")) return terms.ip(ip);
  if (e.list[2].list.size() != 2) return nonsense("not a prefix");
  PV_TRY_VOID(bits_of(e.list[2].list[1], 1, &bytes));
  if (static_cast<unsigned char>(bytes[0]) > ip.prefix) return nonsense("a prefix longer than its address");
  ip.prefix = static_cast<uint8_t>(bytes[0]);
  return terms.ip(ip);
}

}  // namespace

Result<std::vector<Sexpr>> parse_sexprs(std::string_view text) { return Reader(text).read(); }

Result<TermId> value_of(Terms& terms, const Sexpr& value, SortId sort) {
  const Sort wanted = terms.sorts.at(sort);
  switch (wanted.tag) {
    case Tag::kBool:
      if (value.atom == "true" || value.atom == "false") return terms.boolean(value.atom == "true");
      return nonsense("not a boolean");
    case Tag::kString: {
      PV_TRY(const std::string text, string_of(value));
      return terms.text(text);
    }
    case Tag::kIp: return address_of(terms, value);
    case Tag::kEntity: return entity_of(terms, value, wanted);
    case Tag::kOption: return option_of(terms, value, wanted, sort);
    case Tag::kRecord: return record_of(terms, value, wanted, sort);
    case Tag::kSet: {
      std::vector<TermId> elements;
      PV_TRY_VOID(collect(terms, value, wanted.inner, elements));
      return terms.set(std::move(elements), wanted.inner);
    }
    default: {
      PV_TRY(const int64_t number, number_of(value));
      return terms.number(number, sort);
    }
  }
}

}  // namespace proviso::prove
