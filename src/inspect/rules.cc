#include "inspect/rules.h"

#include <algorithm>
#include <map>
#include <queue>

#include "base/check.h"

namespace proviso::inspect {
namespace {

constexpr std::string_view kVersion = "secrets/3";

constexpr Set set_of(char c) {
  if (c >= '0' && c <= '9') return kDigit;
  if (c >= 'a' && c <= 'f') return kLowHex;
  if (c >= 'g' && c <= 'z') return kLowRest;
  if (c >= 'A' && c <= 'F') return kUpHex;
  if (c >= 'G' && c <= 'Z') return kUpRest;
  switch (c) {
    case '_': return kUnder;
    case '-': return kDash;
    case '.': return kDot;
    case '=': return kEq;
    case '+':
    case '/': return kPlus;
    case ':': return kColon;
    case '~': return kTilde;
    case '%': return kPercent;
    case '!':
    case '#':
    case '$':
    case '&':
    case '*':
    case '?':
    case '@': return kMarks;
    case ' ':
    case '\t':
    case '\n':
    case '\r': return kBlank;
    case '"':
    case '\'':
    case '`':
    case '\\': return kQuote;
    default: return 0;
  }
}

constexpr std::array<Set, 256> make_sets() {
  std::array<Set, 256> sets{};
  for (int c = 0; c < 128; ++c) sets[static_cast<size_t>(c)] = set_of(static_cast<char>(c));
  return sets;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

constinit const std::array<Set, 256> kSetOf = make_sets();

// The trie before its states are numbered so that those with hits come last.
struct Rules::Build {
  struct Node {
    std::map<uint8_t, size_t> next;
    size_t fail = 0;
    size_t depth = 0;
    std::vector<uint16_t> hits;
  };
  std::vector<Node> nodes{1};

  void add(std::string_view literal, uint16_t id, const std::array<uint8_t, 256>& column) {
    size_t at = 0;
    for (char c : literal) {
      const uint8_t col = column[static_cast<uint8_t>(c)];
      auto found = nodes[at].next.find(col);
      if (found == nodes[at].next.end()) {
        nodes.push_back({});
        nodes.back().depth = nodes[at].depth + 1;
        found = nodes[at].next.emplace(col, nodes.size() - 1).first;
      }
      at = found->second;
    }
    nodes[at].hits.push_back(id);
  }

  // Fills the missing edges, breadth first, so that every state has an edge for every column.
  void close(size_t columns) {
    std::queue<size_t> todo;
    for (size_t col = 0; col < columns; ++col) {
      const auto found = nodes[0].next.emplace(static_cast<uint8_t>(col), 0).first;
      if (found->second != 0) todo.push(found->second);
    }
    while (!todo.empty()) {
      const size_t at = todo.front();
      todo.pop();
      const size_t fail = nodes[at].fail;
      const auto& inherited = nodes[fail].hits;
      nodes[at].hits.insert(nodes[at].hits.end(), inherited.begin(), inherited.end());
      for (size_t col = 0; col < columns; ++col) {
        const size_t fallback = nodes[fail].next.at(static_cast<uint8_t>(col));
        const auto [edge, missing] = nodes[at].next.emplace(static_cast<uint8_t>(col), fallback);
        if (missing) continue;
        nodes[edge->second].fail = fallback;
        todo.push(edge->second);
      }
    }
  }
};

Rules::Rules(Options options) : options_(options) {
  compile();
  identify();
}

void Rules::compile() {
  std::vector<std::pair<std::string, uint16_t>> literals;
  uint16_t index = 0;
  for (const PrefixRule& rule : prefix_rules()) {
    PV_CHECK(rule.max <= kBoundedBodyBytesMax && rule.lead <= kLeadBytesMax);
    literals.emplace_back(rule.literal, index++);
  }
  index = 0;
  for (const KeywordRule& rule : keyword_rules()) {
    PV_CHECK(rule.max <= kValueBytesMax);
    literals.emplace_back(rule.keyword, static_cast<uint16_t>(kKeywordBit | index++));
  }
  uint8_t columns = 1;
  for (auto& [literal, id] : literals) {
    for (char& c : literal) {
      c = lower(c);
      uint8_t& col = column_[static_cast<uint8_t>(c)];
      if (col == 0) col = columns++;
    }
  }
  PV_CHECK(columns <= kColumns);
  for (char c = 'A'; c <= 'Z'; ++c) {
    column_[static_cast<uint8_t>(c)] = column_[static_cast<uint8_t>(lower(c))];
  }
  for (size_t c = 0; c < 256; ++c) {
    const char low = lower(static_cast<char>(c));
    fold_[c] = low >= 'a' && low <= 'z'   ? static_cast<uint8_t>(low - 'a' + 1)
               : low >= '0' && low <= '9' ? 27
               : low == '-'               ? 28
                                          : 29;
  }
  Build build;
  for (const auto& [literal, id] : literals) {
    build.add(literal, id, column_);
    mark_suspects(literal);
  }
  build.close(columns);

  std::vector<size_t> order(build.nodes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto loud = [&](size_t node) { return !build.nodes[node].hits.empty(); };
  std::ranges::sort(order, {}, [&](size_t node) { return std::pair(loud(node), node); });
  PV_CHECK(order.size() < 0x8000);
  first_hit_ = static_cast<uint16_t>(std::ranges::find_if(order, loud) - order.begin());
  std::vector<uint16_t> number(order.size());
  for (size_t i = 0; i < order.size(); ++i) number[order[i]] = static_cast<uint16_t>(i);

  next_.assign(order.size() * kColumns, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const Build::Node& node = build.nodes[order[i]];
    depth_.push_back(static_cast<uint16_t>(node.depth));
    for (const auto& [col, to] : node.next) next_[i * kColumns + col] = number[to];
    if (i < first_hit_) continue;
    hit_begin_.push_back(static_cast<uint32_t>(hit_list_.size()));
    hit_list_.insert(hit_list_.end(), node.hits.begin(), node.hits.end());
  }
  hit_begin_.push_back(static_cast<uint32_t>(hit_list_.size()));
}

void Rules::mark_suspects(std::string_view literal) {
  const auto mark = [this](uint16_t three) { suspects_[three >> 6] |= uint64_t{1} << (three & 63); };
  PV_CHECK(literal.size() >= 2);
  const uint16_t two = roll(roll(0, literal[0]), literal[1]);
  if (literal.size() > 2) return mark(roll(two, literal[2]));
  // A literal of two bytes always has a body: any third byte may follow.
  for (size_t c = 0; c < 256; ++c) mark(roll(two, static_cast<char>(c)));
}

void Rules::identify() {
  version_ = std::string(kVersion);
  Sha256 hash;
  const auto field = [&hash](std::string_view text) {
    std::string bytes;
    put_u32(bytes, static_cast<uint32_t>(text.size()));
    hash.update(bytes);
    hash.update(text);
  };
  const auto number = [&hash](uint64_t value) {
    std::string bytes;
    put_u64(bytes, value);
    hash.update(bytes);
  };
  field("proviso inspect rules v1");
  field(version_);
  for (const PrefixRule& rule : prefix_rules()) {
    field(rule.name);
    field(rule.literal);
    for (uint64_t value : {uint64_t{rule.set}, uint64_t{rule.min}, uint64_t{rule.max},
                           static_cast<uint64_t>(rule.left), static_cast<uint64_t>(rule.check),
                           uint64_t{rule.lead}, uint64_t{rule.lead_min}}) {
      number(value);
    }
  }
  for (const KeywordRule& rule : keyword_rules()) {
    field(rule.name);
    field(rule.keyword);
    for (uint64_t value : {static_cast<uint64_t>(rule.strength), uint64_t{rule.set},
                           uint64_t{rule.min}, uint64_t{rule.max},
                           static_cast<uint64_t>(rule.check)}) {
      number(value);
    }
  }
  digest_ = hash.finish();
}

std::span<const uint16_t> Rules::hits(uint16_t state) const {
  if (!hit(state)) return {};
  const size_t i = state - first_hit_;
  return std::span(hit_list_).subspan(hit_begin_[i], hit_begin_[i + 1] - hit_begin_[i]);
}

}  // namespace proviso::inspect
