#include "http/frame.h"

#include <charconv>

namespace proviso::http {
namespace {

void append_number(std::string& out, uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// Fields that say how one connection frames or keeps itself: ours to write, never passed on.
bool is_framing_field(std::string_view name) {
  switch (name.size()) {
    case 2: return equal_fold(name, "TE");
    case 7: return equal_fold(name, "Trailer") || equal_fold(name, "Upgrade");
    case 10: return equal_fold(name, "Connection") || equal_fold(name, "Keep-Alive");
    case 14: return equal_fold(name, "Content-Length");
    case 16: return equal_fold(name, "Proxy-Connection");
    case 17: return equal_fold(name, "Transfer-Encoding");
    default: return false;
  }
}

void append_field(std::string& out, const Field& field) {
  out.append(field.name);
  out.append(": ");
  out.append(field.value);
  out.append("\r\n");
}

}  // namespace

Status ResponseFramer::begin(std::string& out, int status, const Headers& headers,
                             const AnswerShape& shape, std::string_view date) {
  if (begun_) return fail(Code::kConflict, "the answer has begun already");
  if (status < 200 || status > 599) return fail(Code::kInvalid, "the status cannot be sent");
  if (!headers.valid()) return fail(Code::kInvalid, "the answer's headers hold a byte that cannot be sent");
  begun_ = true;
  // SPEC RFC 9110 6.4.1: responses to HEAD, 204 and 304 do not include content.
  const bool bodiless = status == 204 || status == 304;
  mute_ = shape.to_head || bodiless;
  if (bodiless) {
    kind_ = Kind::kNone;
  } else if (shape.length) {
    kind_ = Kind::kLength;
    left_ = *shape.length;
  } else {
    kind_ = shape.version == Version::k11 ? Kind::kChunked : Kind::kUntilClose;
  }
  keep_alive_ = shape.keep_alive && (kind_ != Kind::kUntilClose || mute_);

  out.append("HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(status));
  out.push_back(' ');
  out.append(reason_phrase(status));
  out.append("\r\nDate: ");
  out.append(date);
  out.append("\r\n");
  for (size_t i = 0; i < headers.size(); ++i) {
    const Field field = headers.at(i);
    if (is_framing_field(field.name) || equal_fold(field.name, "Date")) continue;
    append_field(out, field);
  }
  if (kind_ == Kind::kLength) {
    out.append("Content-Length: ");
    append_number(out, left_);
    out.append("\r\n");
  } else if (kind_ == Kind::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!keep_alive_)
    out.append("Connection: close\r\n");
  else if (shape.version == Version::k10)
    out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
  return {};
}

Result<ResponseFramer::Parts> ResponseFramer::data(std::string_view bytes) {
  if (!begun_ || ended_) return fail(Code::kConflict, "the answer is not open for its body");
  Parts parts{};
  if (bytes.empty()) return parts;  // an empty chunk would end the body
  if (kind_ == Kind::kLength) {
    if (bytes.size() > left_) return fail(Code::kInvalid, "the body is longer than announced");
    left_ -= bytes.size();
  }
  if (mute_) return parts;
  parts[1] = bytes;
  if (kind_ == Kind::kChunked) {
    char* end =
        std::to_chars(size_line_.data(), size_line_.data() + 16, static_cast<uint64_t>(bytes.size()), 16)
            .ptr;
    *end++ = '\r';
    *end++ = '\n';
    parts[0] = {size_line_.data(), static_cast<size_t>(end - size_line_.data())};
    parts[2] = "\r\n";
  }
  return parts;
}

Result<std::string_view> ResponseFramer::end() {
  if (!begun_ || ended_) return fail(Code::kConflict, "the answer is not open for its body");
  if (kind_ == Kind::kLength && left_ != 0 && !mute_)
    return fail(Code::kInvalid, "the body is shorter than announced");
  ended_ = true;
  if (mute_ || kind_ != Kind::kChunked) return std::string_view();
  return std::string_view("0\r\n\r\n");
}

Status frame_request(std::string& out, std::string_view method, std::string_view target,
                     std::string_view host, const Headers& headers, uint64_t body_bytes) {
  if (!headers.valid())
    return fail(Code::kInvalid, "the request's headers hold a byte that cannot be sent");
  if (method.empty() || method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != std::string_view::npos ||
      method == "CONNECT")
    return fail(Code::kInvalid, "the method cannot be sent");
  if (target.empty() || target.front() != '/')
    return fail(Code::kInvalid, "the target is not a path");
  for (char c : target)
    if (c < 0x21 || c > 0x7e || c == '#') return fail(Code::kInvalid, "the target holds a stray byte");

  out.append(method);
  out.push_back(' ');
  out.append(target);
  out.append(" HTTP/1.1\r\n");
  bool have_host = false;
  for (size_t i = 0; i < headers.size(); ++i) {
    const Field field = headers.at(i);
    if (is_framing_field(field.name) || equal_fold(field.name, "Expect")) continue;
    if (equal_fold(field.name, "Host")) {
      if (have_host) continue;
      have_host = true;
    }
    append_field(out, field);
  }
  if (!have_host) append_field(out, {"Host", host});
  if (body_bytes > 0 || method == "POST" || method == "PUT" || method == "PATCH") {
    out.append("Content-Length: ");
    append_number(out, body_bytes);
    out.append("\r\n");
  }
  out.append("\r\n");
  return {};
}

}  // namespace proviso::http
