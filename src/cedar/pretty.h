#pragma once
// Documents that lay themselves out: text, breaks, nesting and groups, where a group is on one line if
// it fits. Inner to the room. Source: P. Wadler, "A prettier printer", as the Rust crate `pretty` has it.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace proviso::cedar {

class Pretty {
 public:
  struct Node;
  using Doc = const Node*;

  struct Node {
    enum class Kind : uint8_t { kNil, kText, kBreak, kHardBreak, kNest, kGroup, kAppend };
    Kind kind = Kind::kNil;
    uint32_t size = 0;  // kText: scalars; kBreak: spaces when flat; kNest: columns
    std::string text;
    Doc first = nullptr;
    Doc second = nullptr;
  };
  static Node node(Node::Kind kind, uint32_t size = 0, Doc first = nullptr, Doc second = nullptr) {
    return {kind, size, {}, first, second};
  }

  // Documents live as long as this.
  Doc nil() { return make({}); }
  Doc text(std::string_view text);
  Doc line() { return make(node(Node::Kind::kBreak, 1)); }     // a space, or a new line
  Doc soft() { return make(node(Node::Kind::kBreak)); }     // nothing, or a new line
  Doc hard() { return make(node(Node::Kind::kHardBreak)); }            // a new line; breaks its groups
  Doc nest(uint32_t columns, Doc doc) { return make(node(Node::Kind::kNest, columns, doc)); }
  Doc group(Doc doc) { return make(node(Node::Kind::kGroup, 0, doc)); }
  Doc join(std::initializer_list<Doc> docs);

  std::string render(Doc doc, size_t width);

 private:
  struct Command {
    size_t indent;
    bool flat;
    Doc doc;
  };
  Doc make(Node made) {
    nodes_.push_back(std::move(made));
    return &nodes_.back();
  }
  bool fits(Doc doc, size_t column, size_t width) const;

  std::deque<Node> nodes_;
  std::vector<Command> open_;
};

}  // namespace proviso::cedar
