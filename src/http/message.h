#pragma once
// What HTTP/1 messages are made of. Field names compare without case; fields keep their order and
// spelling. Values: copies stand on their own.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace proviso::http {

// ASCII without case.
bool equal_fold(std::string_view a, std::string_view b);

struct Field {
  std::string_view name;
  std::string_view value;
};

// An ordered list of fields over one flat buffer.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields);

  // Appends. A name that is not a token or a value with a control byte (CR, LF, NUL …) poisons the set:
  // whatever would send it fails with kInvalid, so that input can never write header lines. Neither may
  // be a view into this set.
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  void clear();

  // The first field of that name; the view lives until the next change.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] std::string_view get_or(std::string_view name, std::string_view otherwise) const;
  [[nodiscard]] size_t count(std::string_view name) const;
  [[nodiscard]] size_t size() const { return spans_.size(); }
  [[nodiscard]] Field at(size_t index) const;
  [[nodiscard]] bool valid() const { return valid_; }

  // For parsers: the head's own bytes become the buffer, fields are added as places in it.
  void adopt(std::string_view text);
  void add_span(size_t name_at, size_t name_size, size_t value_at, size_t value_size);
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  struct Span {
    uint32_t name_at, name_size, value_at, value_size;
  };
  std::string text_;
  std::vector<Span> spans_;
  bool valid_ = true;
};

enum class Version { k10, k11 };

struct RequestHead {
  std::string method;  // "GET"
  std::string target;  // as sent
  std::string path;    // of the target, not decoded; "*" for OPTIONS *
  std::string query;   // after '?', without it
  Version version = Version::k11;
  Headers headers;
};

struct ResponseHead {
  int status = 0;
  Version version = Version::k11;
  Headers headers;
};

// A whole answer. Content-Length, Connection, Date and Transfer-Encoding are put by the server; given
// here they are dropped.
struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// "Not Found"; "Unknown" for a status that has no name.
std::string_view reason_phrase(int status);

}  // namespace proviso::http
