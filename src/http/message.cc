#include "http/message.h"

#include <array>

namespace proviso::http {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// RFC 9110 section 5.6.2: tchar.
constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<size_t>(c)] = true;
  return table;
}();

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text)
    if (!kTokenBytes[static_cast<unsigned char>(c)]) return false;
  return true;
}

bool is_field_value(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

}  // namespace

bool equal_fold(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

Headers::Headers(std::initializer_list<Field> fields) {
  for (const auto& field : fields) add(field.name, field.value);
}

void Headers::add(std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) {
    valid_ = false;
    return;
  }
  if (spans_.empty()) {
    spans_.reserve(16);
    text_.reserve(512);
  }
  const size_t at = text_.size();
  text_.append(name);
  text_.append(value);
  add_span(at, name.size(), at + name.size(), value.size());
}

void Headers::set(std::string_view name, std::string_view value) {
  // Both may be views into this very buffer, which add() may move.
  const std::string own_name(name);
  const std::string own_value(value);
  remove(own_name);
  add(own_name, own_value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(spans_, [&](const Span& span) {
    return equal_fold(std::string_view(text_).substr(span.name_at, span.name_size), name);
  });
}

void Headers::clear() {
  text_.clear();
  spans_.clear();
  valid_ = true;
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (size_t i = 0; i < spans_.size(); ++i) {
    const Field field = at(i);
    if (equal_fold(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::string_view Headers::get_or(std::string_view name, std::string_view otherwise) const {
  const auto found = get(name);
  return found ? *found : otherwise;
}

size_t Headers::count(std::string_view name) const {
  size_t found = 0;
  for (size_t i = 0; i < spans_.size(); ++i) found += equal_fold(at(i).name, name) ? 1 : 0;
  return found;
}

Field Headers::at(size_t index) const {
  const Span& span = spans_[index];
  const std::string_view text(text_);
  return {text.substr(span.name_at, span.name_size), text.substr(span.value_at, span.value_size)};
}

void Headers::adopt(std::string_view text) {
  text_.assign(text);
  spans_.clear();
  valid_ = true;
}

void Headers::add_span(size_t name_at, size_t name_size, size_t value_at, size_t value_size) {
  spans_.push_back({static_cast<uint32_t>(name_at), static_cast<uint32_t>(name_size),
                    static_cast<uint32_t>(value_at), static_cast<uint32_t>(value_size)});
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

}  // namespace proviso::http
