#include "cedar/formatter.h"

#include <algorithm>

#include "cedar/lexer.h"
#include "cedar/policy_json.h"
#include "cedar/policy_set.h"
#include "cedar/pretty.h"

namespace proviso::cedar {
namespace {

using Doc = Pretty::Doc;

// The comments of a token: on lines before it, and behind it on its own line.
struct Comments {
  std::vector<std::string> leading;
  std::string trailing;
};

std::string_view trimmed_end(std::string_view text) {
  size_t end = text.find_last_not_of(" \t\r\n\f\v");
  return end == std::string_view::npos ? "" : text.substr(0, end + 1);
}

std::vector<std::string> comments_in(std::string_view gap) {
  std::vector<std::string> out;
  for (size_t at = gap.find("//"); at != std::string_view::npos; at = gap.find("//", at)) {
    size_t end = std::min(gap.find_first_of("\n\r", at), gap.size());
    out.emplace_back(trimmed_end(gap.substr(at, end - at)));
    at = end;
  }
  return out;
}

// Lines of nothing but space, outside strings: the layout leaves them where a comment brought its own
// new line.
std::string without_empty_lines(std::string_view text) {
  std::string out;
  size_t line = 0;  // where the current line of `out` begins
  bool in_string = false;
  bool in_comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_comment) {
      in_comment = c != '\n';
    } else if (in_string) {
      if (c == '\\' && i + 1 < text.size()) {
        out += c;
        c = text[++i];
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '/' && text.substr(i).starts_with("//")) {
      in_comment = true;
    }
    if (c == '\n' && !in_string) {
      bool empty = std::ranges::all_of(std::string_view(out).substr(line), [](char x) { return x == ' '; });
      if (empty) {
        out.resize(line);
        continue;
      }
      out += c;
      line = out.size();
      continue;
    }
    out += c;
    if (c == '\n') line = out.size();
  }
  size_t begin = out.find_first_not_of(" \n");
  return begin == std::string::npos ? "" : std::string(trimmed_end(std::string_view(out).substr(begin)));
}

// Walks the tokens of a text that parsed. Every token is taken by token(), which brings its comments.
class Layout {
 public:
  Layout(const Source& source, std::vector<Token> tokens, const FormatOptions& options)
      : tokens_(std::move(tokens)), options_(options), indent_(options.indent_width) {
    comments_.resize(tokens_.size());
    attach(source.text);
  }

  std::string run() {
    std::string out;
    while (!at_end()) {
      if (!out.empty()) out += "\n\n";
      out += without_empty_lines(p_.render(policy(), options_.line_width));
      p_ = Pretty();
    }
    if (!out.empty()) out += '\n';
    for (const std::string& comment : behind_) out += comment + '\n';
    return out;
  }

 private:
  void attach(std::string_view text) {
    size_t from = 0;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      size_t begin = tokens_[i].kind == Token::Kind::kEnd ? text.size() : tokens_[i].span.begin;
      std::string_view gap = text.substr(from, begin - from);
      from = tokens_[i].span.end;
      std::string_view rest = gap;
      if (i > 0) {
        size_t line = std::min(gap.find('\n'), gap.size());
        auto same_line = comments_in(gap.substr(0, line));
        if (!same_line.empty()) comments_[i - 1].trailing = same_line.front();
        rest = gap.substr(line);
      }
      (tokens_[i].kind == Token::Kind::kEnd ? behind_ : comments_[i].leading) = comments_in(rest);
    }
  }

  [[nodiscard]] bool at_end() const { return tokens_[at_].kind == Token::Kind::kEnd; }
  [[nodiscard]] bool next_is(std::string_view text, size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].is(text);
  }

  Doc leading(size_t index) {
    std::vector<std::string> lines = std::move(comments_[index].leading);
    comments_[index].leading.clear();
    if (lines.empty()) return p_.nil();
    Doc out = p_.hard();
    for (const std::string& line : lines) out = p_.join({out, p_.text(line), p_.hard()});
    return out;
  }
  Doc trailing(size_t index, Doc otherwise) {
    std::string text = std::move(comments_[index].trailing);
    comments_[index].trailing.clear();
    if (text.empty()) return otherwise;
    return p_.join({p_.text(" "), p_.text(text), p_.hard()});
  }
  // The next token with its comments; `otherwise` stands behind it if no comment does.
  Doc token(Doc otherwise = nullptr) {
    size_t index = at_++;
    Doc before = leading(index);
    return p_.join({before, p_.text(tokens_[index].text), trailing(index, otherwise == nullptr ? p_.nil() : otherwise)});
  }
  // A comma that the layout leaves out; its comments go to the token behind it.
  void drop() {
    Comments& from = comments_[at_];
    Comments& to = comments_[at_ + 1];
    if (!from.trailing.empty()) from.leading.push_back(from.trailing);
    to.leading.insert(to.leading.begin(), from.leading.begin(), from.leading.end());
    from = {};
    ++at_;
  }
  Doc space() { return p_.text(" "); }
  Doc indented(Doc doc) { return p_.nest(indent_, doc); }

  Doc annotation() {
    Doc out = token();
    if (!next_is("(", 1)) return p_.join({out, token(p_.hard())});
    out = p_.join({out, token(), token(), token()});  // name, parenthesis, string
    return p_.join({out, token(p_.hard())});
  }

  Doc policy() {
    Doc out = p_.nil();
    while (next_is("@")) out = p_.join({out, annotation()});
    out = p_.join({out, leading(at_)});
    Doc effect = token();
    Doc head = p_.group(p_.join({effect, p_.line(), token()}));
    Doc scopes = head_scopes();
    if (next_is(",")) drop();
    bool conditions = !next_is(";", 1);
    out = p_.join({out, head, scopes, token(conditions ? p_.hard() : p_.nil())});
    while (!next_is(";")) {
      out = p_.join({out, condition()});
      if (!next_is(";")) out = p_.join({out, p_.hard()});
    }
    return p_.join({out, token()});
  }

  // Does any of the three say more than its name?
  [[nodiscard]] bool head_is_plain() const {
    size_t i = at_;
    for (std::string_view name : {"principal", "action", "resource"}) {
      if (!tokens_[i].is(name)) return false;
      if (!tokens_[i + 1].is(",") && !tokens_[i + 1].is(")")) return false;
      i += 2;
    }
    return true;
  }

  Doc head_scopes() {
    bool plain = head_is_plain();
    Doc principal = scope();
    Doc comma = token(plain ? space() : p_.hard());
    Doc action = scope();
    Doc second = token(plain ? space() : p_.hard());
    Doc all = p_.join({principal, comma, action, second, scope()});
    if (plain) return p_.group(indented(all));
    return p_.join({indented(p_.join({p_.hard(), all})), p_.hard()});
  }

  // The last token of the scope that begins here.
  [[nodiscard]] size_t scope_end() const {
    size_t i = at_;
    for (int depth = 0; depth > 0 || (!tokens_[i].is(",") && !tokens_[i].is(")")); ++i) {
      if (tokens_[i].is("[")) ++depth;
      if (tokens_[i].is("]")) --depth;
    }
    return i - 1;
  }

  // What ends a scope's last line stands behind its nesting.
  Doc scope() {
    size_t end = scope_end();
    std::string tail = end > at_ ? std::move(comments_[end].trailing) : "";
    if (end > at_) comments_[end].trailing.clear();
    return scope_parts(tail.empty() ? p_.nil() : p_.join({p_.text(" "), p_.text(tail), p_.hard()}));
  }

  Doc scope_parts(Doc tail) {
    Doc before = leading(at_);
    Doc name = token();
    Doc type = p_.nil();
    if (next_is("is")) {
      Doc is = p_.group(p_.join({p_.line(), token()}));
      type = p_.group(indented(p_.join({is, p_.line(), sum()})));
    }
    if (!next_is("==") && !next_is("in")) return p_.join({before, name, type, tail});
    Doc left = p_.group(p_.join({name, type, p_.line(), token()}));
    return p_.join({before, p_.group(p_.join({left, indented(p_.join({p_.line(), sum()})), tail}))});
  }

  Doc condition() {
    Doc before = leading(at_);
    Doc keyword = token();
    Doc brace_comment = leading(at_);
    size_t brace = at_++;
    Doc behind_brace = trailing(brace, p_.nil());
    Doc expr_comment = leading(at_);
    Doc body = p_.group(expression());
    Doc inner = indented(p_.join({behind_brace, p_.line(), expr_comment, body}));
    Doc braces = p_.group(p_.join({inner, p_.line(), token()}));
    return p_.join({before, p_.group(p_.join({keyword, p_.line(), brace_comment, p_.text("{"), braces}))});
  }

  Doc expression() {
    if (!next_is("if")) return chain("||");
    Doc out = p_.join({token(), indented(p_.join({p_.line(), expression()}))});
    for (int i = 0; i < 2; ++i) {  // then, else
      out = p_.join({out, p_.line(), token(), indented(p_.join({p_.line(), expression()}))});
    }
    return p_.group(out);
  }

  // Operands of || or of && on lines of their own, the operator behind.
  Doc chain(std::string_view op) {
    auto operand = [&] { return op == "||" ? chain("&&") : relation(); };
    Doc out = operand();
    while (next_is(op)) {
      Doc sign = token(p_.line());
      out = p_.join({out, space(), sign, operand()});
    }
    return out;
  }

  Doc relation() {
    Doc left = sum();
    for (std::string_view op : {"==", "!=", "<", "<=", ">", ">=", "in"}) {
      if (!next_is(op)) continue;
      Doc sign = token();
      return p_.join({left, space(), sign, space(), sum()});
    }
    if (next_is("has") || next_is("like")) {
      Doc sign = token();
      return p_.group(p_.join({left, p_.line(), sign, p_.line(), indented(sum())}));
    }
    if (!next_is("is")) return left;
    Doc sign = token();
    Doc out = p_.join({left, space(), sign, space(), indented(sum())});
    if (next_is("in")) {
      Doc in = token();
      out = p_.join({out, p_.line(), in, space(), indented(sum())});
    }
    return p_.group(out);
  }

  Doc sum() {
    Doc out = product();
    while (next_is("+") || next_is("-")) {
      Doc sign = token();
      out = p_.join({out, space(), sign, p_.line(), product()});
    }
    return p_.group(out);
  }

  Doc product() {
    Doc out = unary();
    while (next_is("*")) {
      Doc sign = token();
      out = p_.join({out, space(), sign, p_.line(), unary()});
    }
    return p_.group(out);
  }

  Doc unary() {
    Doc out = p_.nil();
    while (next_is("!") || next_is("-")) out = p_.join({out, token()});
    return p_.join({out, member()});
  }

  Doc member() {
    Doc out = primary();
    Doc accesses = nullptr;
    while (next_is(".") || next_is("(") || next_is("[")) {
      Doc one = access();
      accesses = accesses == nullptr ? one : p_.join({accesses, p_.soft(), one});
    }
    if (accesses != nullptr) out = p_.join({out, indented(accesses)});
    return p_.group(out);
  }

  Doc access() {
    if (next_is(".")) {
      Doc dot = token();
      return p_.join({dot, token()});
    }
    if (next_is("[")) {
      Doc open = token();
      Doc index = token();
      return p_.join({open, index, token()});
    }
    Doc open = token();
    Doc inner = items(")", [this] { return expression(); });
    return p_.join({indented(p_.join({open, p_.soft(), inner})), p_.soft(), token()});
  }

  // What stands between brackets, parted by commas; the last comma is dropped.
  template <class Each>
  Doc items(std::string_view close, Each&& each) {
    Doc out = p_.nil();
    while (!next_is(close)) {
      out = p_.join({out, each()});
      if (next_is(",") && next_is(close, 1)) {
        drop();
      } else if (next_is(",")) {
        out = p_.join({out, token(), p_.line()});
      }
    }
    return out;
  }

  Doc primary() {
    if (next_is("(")) {
      Doc open = token();
      Doc inner = expression();
      return p_.group(p_.join({open, p_.nest(1, inner), token()}));
    }
    if (next_is("[")) {
      Doc open = token();
      Doc inner = items("]", [this] { return expression(); });
      return p_.join({open, p_.nest(1, inner), token()});
    }
    if (next_is("{")) return record();
    if (next_is("?")) {  // a slot: two tokens, one word
      Doc mark = token();
      return p_.join({mark, token()});
    }
    Doc out = token();
    while (next_is("::")) {
      Doc colons = token();
      out = p_.join({out, colons, token()});
    }
    return out;
  }

  Doc record() {
    Doc open = token();
    if (next_is("}")) return p_.join({open, token()});
    Doc inner = items("}", [this] {
      Doc key = token();
      Doc colon = token();
      return p_.join({key, colon, space(), expression()});
    });
    return p_.group(p_.join({open, indented(p_.join({p_.line(), inner})), p_.line(), token()}));
  }

  std::vector<Token> tokens_;
  std::vector<Comments> comments_;
  std::vector<std::string> behind_;  // comments after the last token
  const FormatOptions& options_;
  uint32_t indent_;
  size_t at_ = 0;
  Pretty p_;
};

std::vector<std::string> all_comments(const Source& source, const std::vector<Token>& tokens) {
  std::vector<std::string> out;
  size_t from = 0;
  for (const Token& token : tokens) {
    size_t begin = token.kind == Token::Kind::kEnd ? source.text.size() : token.span.begin;
    for (std::string& one : comments_in(std::string_view(source.text).substr(from, begin - from))) {
      out.push_back(std::move(one));
    }
    from = token.span.end;
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<std::string> format(std::string_view text, std::string_view file_name, const FormatOptions& options) {
  if (options.line_width > kLineWidthMax || options.indent_width > kLineWidthMax) {
    return fail(Code::kLimit, "lines are at most " + std::to_string(kLineWidthMax) + " columns wide");
  }
  PV_TRY(PolicySet before, PolicySet::parse(text, file_name));
  Source source{std::string(file_name), std::string(text), 1};
  PV_TRY(std::vector<Token> tokens, lex(source));
  std::vector<std::string> comments = all_comments(source, tokens);
  Source out{std::string(file_name), Layout(source, std::move(tokens), options).run(), 1};
  // A layout that lost a comment or changed a policy must never reach a file.
  PV_TRY(PolicySet after, PolicySet::parse(out.text, "the formatted text"));
  PV_TRY(std::vector<Token> again, lex(out));
  if (to_json(before) != to_json(after)) {
    return fail(Code::kInternal, "formatting `" + std::string(file_name) + "` would change a policy");
  }
  if (comments != all_comments(out, again)) {
    return fail(Code::kInternal, "formatting `" + std::string(file_name) + "` would lose a comment");
  }
  return std::move(out.text);
}

}  // namespace proviso::cedar
