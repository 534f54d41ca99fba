#include "cedar/pretty.h"

#include <algorithm>

namespace proviso::cedar {

Pretty::Doc Pretty::text(std::string_view text) {
  auto scalars = std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80U; });
  return make({Node::Kind::kText, static_cast<uint32_t>(scalars), std::string(text), nullptr, nullptr});
}

Pretty::Doc Pretty::join(std::initializer_list<Doc> docs) {
  Doc out = nullptr;
  for (Doc doc : docs) {
    out = out == nullptr ? doc : make(node(Node::Kind::kAppend, 0, out, doc));
  }
  return out == nullptr ? nil() : out;
}

// Does `doc` on one line, with what follows up to the next possible new line, stay within the width?
bool Pretty::fits(Doc doc, size_t column, size_t width) const {
  std::vector<Doc> todo = {doc};
  size_t rest = open_.size();
  bool flat = true;
  while (true) {
    if (todo.empty()) {
      if (rest == 0) return true;
      flat = false;
      todo.push_back(open_[--rest].doc);
    }
    Doc at = todo.back();
    todo.pop_back();
    switch (at->kind) {
      case Node::Kind::kNil: break;
      case Node::Kind::kText:
        column += at->size;
        if (column > width) return false;
        break;
      case Node::Kind::kBreak:
        if (!flat) return true;
        column += at->size;
        if (column > width) return false;
        break;
      case Node::Kind::kHardBreak: return !flat;
      case Node::Kind::kNest: case Node::Kind::kGroup: todo.push_back(at->first); break;
      case Node::Kind::kAppend:
        todo.push_back(at->second);
        todo.push_back(at->first);
    }
  }
}

std::string Pretty::render(Doc doc, size_t width) {
  std::string out;
  size_t column = 0;
  open_ = {{0, false, doc}};
  auto new_line = [&](size_t indent) {
    out += '\n' + std::string(indent, ' ');
    column = indent;
  };
  while (!open_.empty()) {
    Command at = open_.back();
    open_.pop_back();
    switch (at.doc->kind) {
      case Node::Kind::kNil: break;
      case Node::Kind::kText:
        out += at.doc->text;
        column += at.doc->size;
        break;
      case Node::Kind::kBreak:
        if (at.flat) {
          out.append(at.doc->size, ' ');
          column += at.doc->size;
        } else {
          new_line(at.indent);
        }
        break;
      case Node::Kind::kHardBreak: new_line(at.indent); break;
      case Node::Kind::kNest: open_.push_back({at.indent + at.doc->size, at.flat, at.doc->first}); break;
      case Node::Kind::kGroup:
        open_.push_back({at.indent, at.flat || fits(at.doc->first, column, width), at.doc->first});
        break;
      case Node::Kind::kAppend:
        open_.push_back({at.indent, at.flat, at.doc->second});
        open_.push_back({at.indent, at.flat, at.doc->first});
    }
  }
  return out;
}

}  // namespace proviso::cedar
