#include "http/parse.h"

#include <cstring>

#include "base/check.h"

namespace proviso::http {
namespace {

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_visible_ascii(std::string_view text) {
  for (char c : text)
    if (c < 0x21 || c > 0x7e) return false;
  return true;
}

// RFC 3986 host and port, loosely: what must not be there is white space, a path, user info.
bool is_host(std::string_view text) {
  for (char c : text) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c != 0 && std::strchr("-._~%!$&'()*+;=:[]", c) != nullptr);
    if (!fine) return false;
  }
  return true;
}

Status split_target(RequestHead& head) {
  std::string_view rest = head.target;
  if (rest == "*" && head.method == "OPTIONS") {
    head.path = "*";
    head.query.clear();
    return {};
  }
  // SPEC RFC 9112 3.2.2: a server MUST accept the absolute-form in requests.
  for (std::string_view scheme : {"http://", "https://"}) {
    if (rest.size() > scheme.size() && equal_fold(rest.substr(0, scheme.size()), scheme)) {
      rest.remove_prefix(scheme.size());
      const size_t slash = rest.find('/');
      rest = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
      break;
    }
  }
  if (rest.empty() || rest.front() != '/')
    return fail(Code::kInvalid, "the request target is not a path");
  if (rest.find('#') != std::string_view::npos)
    return fail(Code::kInvalid, "the request target has a fragment");
  const size_t mark = rest.find('?');
  head.path.assign(rest.substr(0, mark));
  if (mark == std::string_view::npos)
    head.query.clear();
  else
    head.query.assign(rest.substr(mark + 1));
  return {};
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (line_at_ < bytes.size() && (bytes[line_at_] == ' ' || bytes[line_at_] == '\t')) {
      // SPEC RFC 9112 5.2: a server that receives an obs-fold MUST either reject the message …
      fault_ = "a line begins with white space";
      return State::kMalformed;
    }
    if (found == nullptr) {
      scanned_ = bytes.size();
      return State::kMore;
    }
    const auto at = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (at == line_at_ || bytes[at - 1] != '\r') {
      fault_ = "a line ends with a bare line feed";
      return State::kMalformed;
    }
    const bool empty = at == line_at_ + 1;
    if (empty && lines_ == 0) {
      fault_ = "the head begins with an empty line";
      return State::kMalformed;
    }
    ++lines_;
    line_at_ = scanned_ = at + 1;
    if (empty) return State::kComplete;
  }
  return State::kMore;
}

Status check_head_bytes(std::string_view head, size_t lines) {
  // Branch-free, so that the compiler makes vectors of it.
  unsigned bad = 0;
  size_t returns = 0;
  for (char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    const unsigned control = static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte == 0x7f);
    const unsigned allowed = static_cast<unsigned>(byte == '\t') | static_cast<unsigned>(byte == '\r') |
                             static_cast<unsigned>(byte == '\n');
    bad |= control & ~allowed;
    returns += static_cast<size_t>(byte == '\r');
  }
  if (bad != 0) return fail(Code::kInvalid, "the head holds a control byte");
  // Every line feed follows a carriage return, so equal counts mean that no carriage return stands alone.
  if (returns != lines) return fail(Code::kInvalid, "the head holds a bare carriage return");
  return {};
}

struct MessageParser::Callbacks {
  static MessageParser& self(llhttp_t* parser) { return *static_cast<MessageParser*>(parser->data); }
  static std::string_view span(const char* at, size_t size) { return {at, size}; }

  static void flush_field(MessageParser& me) {
    if (!me.have_name_) return;
    const auto place = [&me](std::string_view text) {
      return text.data() == nullptr ? 0 : static_cast<size_t>(text.data() - me.head_.data());
    };
    const std::string_view value = trim_end(me.value_);
    me.fields_->add_span(place(me.name_), me.name_.size(), place(value), value.size());
    me.have_name_ = false;
  }

  static int url(llhttp_t* parser, const char* at, size_t size) {
    self(parser).url_ = span(at, size);
    return 0;
  }
  static int field(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& me = self(parser);
    if (!me.in_head_) return 0;  // a trailer: dropped
    flush_field(me);
    me.name_ = span(at, size);
    me.value_ = {};
    me.have_name_ = true;
    return 0;
  }
  static int value(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& me = self(parser);
    if (me.in_head_) me.value_ = span(at, size);
    return 0;
  }
  static int headers_complete(llhttp_t* parser) {
    MessageParser& me = self(parser);
    flush_field(me);
    me.in_head_ = false;
    me.head_done_ = true;
    // An Upgrade that is not taken is not there (RFC 9110 7.8).
    parser->upgrade = 0;
    const int status = parser->status_code;
    const bool bodiless = parser->type == HTTP_RESPONSE &&
                          (me.no_body_ || status / 100 == 1 || status == 204 || status == 304);
    if (bodiless) parser->flags |= F_SKIPBODY;
    me.keep_alive_ = llhttp_should_keep_alive(parser) != 0;
    me.until_close_ = parser->type == HTTP_RESPONSE && llhttp_message_needs_eof(parser) != 0;
    return bodiless ? 1 : 0;
  }
  static int body(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& me = self(parser);
    me.body_bytes_ += size;
    if (me.piece_.empty()) {
      me.piece_ = span(at, size);
    } else {
      if (me.piece_.data() != me.spill_.data()) me.spill_.assign(me.piece_);
      me.spill_.append(at, size);
      me.piece_ = me.spill_;
    }
    return 0;
  }
  static int message_complete(llhttp_t* parser) {
    self(parser).complete_ = true;
    return HPE_PAUSED;  // where it stopped is llhttp_get_error_pos: the rest is the next message
  }

  static const llhttp_settings_t* settings() {
    static const llhttp_settings_t table = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = url;
      made.on_header_field = field;
      made.on_header_value = value;
      made.on_headers_complete = headers_complete;
      made.on_body = body;
      made.on_message_complete = message_complete;
      return made;
    }();
    return &table;
  }
};

MessageParser::MessageParser() { llhttp_init(&llhttp_, HTTP_REQUEST, Callbacks::settings()); }

Status MessageParser::run_head(std::string_view head, size_t lines, llhttp_type_t type) {
  PV_TRY_VOID(check_head_bytes(head, lines));
  fields_->adopt(head);
  head_ = fields_->text();
  name_ = value_ = url_ = piece_ = {};
  raw_bytes_ = body_bytes_ = 0;
  have_name_ = head_done_ = complete_ = keep_alive_ = until_close_ = false;
  in_head_ = true;
  llhttp_init(&llhttp_, type, Callbacks::settings());
  llhttp_.data = this;
  const llhttp_errno_t outcome = llhttp_execute(&llhttp_, head_.data(), head_.size());
  if (outcome != HPE_OK && !(outcome == HPE_PAUSED && complete_)) {
    const char* reason = llhttp_get_error_reason(&llhttp_);
    const std::string said = reason != nullptr ? reason : "";
    return fail(Code::kInvalid,
                "the head is malformed" + (said.empty() ? "" : " (" + said + ")"));
  }
  if (!head_done_) return fail(Code::kInvalid, "the head is malformed");
  if (llhttp_.http_major != 1 || llhttp_.http_minor > 1)
    return fail(Code::kInvalid, "the version is not HTTP/1.0 or HTTP/1.1");
  return check_fields(type == HTTP_REQUEST);
}

Status MessageParser::check_fields(bool request) {
  size_t hosts = 0;
  size_t lengths = 0;
  size_t codings = 0;
  for (size_t i = 0; i < fields_->size(); ++i) {
    const Field field = fields_->at(i);
    if (field.name.size() == 4 && equal_fold(field.name, "Host")) {
      ++hosts;
      if (request && !is_host(field.value)) return fail(Code::kInvalid, "the Host field is malformed");
    } else if (field.name.size() == 14 && equal_fold(field.name, "Content-Length")) {
      ++lengths;
    } else if (field.name.size() == 17 && equal_fold(field.name, "Transfer-Encoding")) {
      ++codings;
      if (!equal_fold(field.value, "chunked"))
        return fail(Code::kInvalid, "a transfer coding other than `chunked`");
    }
  }
  if (lengths > 1) return fail(Code::kInvalid, "Content-Length stands twice");
  if (codings > 1) return fail(Code::kInvalid, "Transfer-Encoding stands twice");
  if (lengths + codings > 1)
    return fail(Code::kInvalid, "Content-Length and Transfer-Encoding stand together");
  const bool old = llhttp_.http_minor == 0;
  // SPEC RFC 9112 6.1: a server or client that receives an HTTP/1.0 message containing a
  // Transfer-Encoding header field MUST treat the message as if the framing is faulty.
  if (old && codings > 0) return fail(Code::kInvalid, "Transfer-Encoding in an HTTP/1.0 message");
  if (!request) return {};
  // SPEC RFC 9112 3.2: a server MUST respond with a 400 to any HTTP/1.1 request message that lacks a
  // Host header field and to any request message that contains more than one Host header field line.
  if (hosts > 1) return fail(Code::kInvalid, "Host stands twice");
  if (hosts == 0 && !old) return fail(Code::kInvalid, "Host is missing");
  return {};
}

Status MessageParser::parse_request(std::string_view head, size_t lines, size_t fields_max,
                                    RequestHead& out) {
  // Request line and empty line are lines too.
  if (lines > fields_max + 2) return fail(Code::kLimit, "too many header fields");
  fields_ = &out.headers;
  no_body_ = false;
  PV_TRY_VOID(run_head(head, lines, HTTP_REQUEST));
  const auto method = static_cast<llhttp_method_t>(llhttp_get_method(&llhttp_));
  if (method == HTTP_CONNECT) return fail(Code::kUnsupported, "CONNECT is not served");
  out.method = llhttp_method_name(method);
  if (!is_visible_ascii(url_)) return fail(Code::kInvalid, "the request target holds a stray byte");
  out.target.assign(url_);
  out.version = llhttp_.http_minor == 0 ? Version::k10 : Version::k11;
  return split_target(out);
}

Status MessageParser::parse_response(std::string_view head, size_t lines, bool to_head,
                                     ResponseHead& out) {
  fields_ = &out.headers;
  no_body_ = to_head;
  PV_TRY_VOID(run_head(head, lines, HTTP_RESPONSE));
  out.status = llhttp_get_status_code(&llhttp_);
  if (out.status < 100 || out.status > 599) return fail(Code::kInvalid, "the status is out of range");
  if (out.status == 101) return fail(Code::kInvalid, "the protocol was switched unasked");
  out.version = llhttp_.http_minor == 0 ? Version::k10 : Version::k11;
  return {};
}

Result<MessageParser::Piece> MessageParser::body(std::string_view input) {
  PV_CHECK(!complete_);
  piece_ = {};
  const llhttp_errno_t outcome = llhttp_execute(&llhttp_, input.data(), input.size());
  Piece piece;
  if (outcome == HPE_OK) {
    piece.consumed = input.size();
  } else if (outcome == HPE_PAUSED && complete_) {
    piece.consumed = static_cast<size_t>(llhttp_get_error_pos(&llhttp_) - input.data());
  } else {
    return fail(Code::kInvalid, "the body's framing is malformed");
  }
  raw_bytes_ += piece.consumed;
  if (raw_bytes_ - body_bytes_ > kFramingBytesMax + kFramingPerByteMax * body_bytes_)
    return fail(Code::kInvalid, "the body is mostly framing");
  piece.bytes = piece_;
  return piece;
}

bool MessageParser::at_close() {
  if (complete_) return true;
  if (!until_close_) return false;
  complete_ = true;
  return true;
}

}  // namespace proviso::http
