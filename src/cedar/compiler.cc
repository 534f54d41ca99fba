#include <algorithm>

#include "cedar/program.h"

namespace proviso::cedar {

Val view(const Value& value) {
  Val out;
  out.kind = value.kind();
  switch (value.kind()) {
    case Kind::kBool: out.b = *value.get_if<bool>(); break;
    case Kind::kLong: out.i = *value.get_if<int64_t>(); break;
    case Kind::kString: out.s = value.get_if<std::string>(); break;
    case Kind::kEntity: out.uid = value.get_if<EntityUid>(); break;
    case Kind::kSet: out.set = value.get_if<Set>(); break;
    case Kind::kRecord: out.record = value.get_if<Record>(); break;
    case Kind::kDecimal: out.i = value.get_if<Decimal>()->units; break;
    case Kind::kIp: out.ip = value.get_if<IpAddr>(); break;
    case Kind::kDatetime: out.i = value.get_if<Datetime>()->ms; break;
    case Kind::kDuration: out.i = value.get_if<Duration>()->ms; break;
  }
  return out;
}

Value to_value(const Val& value) {
  switch (value.kind) {
    case Kind::kBool: return Value::boolean(value.b);
    case Kind::kLong: return Value::integer(value.i);
    case Kind::kString: return Value::string(*value.s);
    case Kind::kEntity: return Value::entity(*value.uid);
    case Kind::kSet: return Value::set(*value.set);
    case Kind::kRecord: return Value::record(*value.record);
    case Kind::kDecimal: return Value::decimal(Decimal{value.i});
    case Kind::kIp: return Value::ip(*value.ip);
    case Kind::kDatetime: return Value::datetime_ms(value.i);
    case Kind::kDuration: return Value::duration_ms(value.i);
  }
  return {};
}

// The order of compare(Value, Value), so that sets can be searched without making a Value.
std::strong_ordering compare(const Val& a, const Val& b) {
  if (auto c = a.kind <=> b.kind; c != 0) return c;
  switch (a.kind) {
    case Kind::kBool: return a.b <=> b.b;
    case Kind::kString: return *a.s <=> *b.s;
    case Kind::kEntity: return a.uid == b.uid ? std::strong_ordering::equal : *a.uid <=> *b.uid;
    case Kind::kIp: return *a.ip <=> *b.ip;
    case Kind::kSet: return a.set == b.set ? std::strong_ordering::equal : compare(*a.set, *b.set);
    case Kind::kRecord:
      return a.record == b.record ? std::strong_ordering::equal : compare(*a.record, *b.record);
    default: return a.i <=> b.i;
  }
}

bool equal(const Val& a, const Val& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kBool: return a.b == b.b;
    case Kind::kString: return same_text(*a.s, *b.s);
    case Kind::kEntity: return equal(*a.uid, *b.uid);
    case Kind::kIp: case Kind::kSet: case Kind::kRecord: return compare(a, b) == 0;
    default: return a.i == b.i;
  }
}

uint64_t fingerprint(const Val& value) {
  switch (value.kind) {
    case Kind::kBool: return fingerprint(static_cast<int64_t>(value.b));
    case Kind::kString: return fingerprint(*value.s);
    case Kind::kEntity: return fingerprint(value.uid->id);
    case Kind::kSet: case Kind::kRecord: case Kind::kIp: return kOtherFingerprint;
    default: return fingerprint(value.i);
  }
}

uint32_t Program::literal_of(uint64_t hash, std::string_view type, std::string_view id) const {
  if (literal_table_.empty()) return kNone;
  size_t mask = literal_table_.size() - 1;
  for (size_t slot = hash & mask; literal_table_[slot] != 0; slot = (slot + 1) & mask) {
    const Literal& literal = literals[literal_table_[slot] - 1];
    if (literal.hash == hash && same_text(literal.id, id) && same_text(literal.type, type)) return literal.index;
  }
  return kNone;
}

const Literal& Program::add_literal(const EntityUid& uid) {
  uint64_t hash = hash_uid(uid.type, uid.id);
  if (uint32_t known = literal_of(hash, uid.type, uid.id); known != kNone) return literals[known];
  literals.push_back({uid, hash, static_cast<uint32_t>(literals.size())});
  bool full = literals.size() * 2 > literal_table_.size();
  if (full) literal_table_.assign(std::max<size_t>(16, literal_table_.size() * 2), 0);
  size_t mask = literal_table_.size() - 1;
  for (size_t i = full ? 0 : literals.size() - 1; i < literals.size(); ++i) {
    size_t slot = literals[i].hash & mask;
    while (literal_table_[slot] != 0) slot = (slot + 1) & mask;
    literal_table_[slot] = static_cast<uint32_t>(i + 1);
  }
  return literals.back();
}

uint32_t Program::type_of(std::string_view type) const {
  auto at = types.find(type);
  return at != types.end() ? at->second : kNone;
}

uint32_t Program::add_type(std::string_view type) {
  return types.try_emplace(std::string(type), static_cast<uint32_t>(types.size())).first->second;
}

uint32_t Program::numbered(char what, std::string key, size_t next, bool& fresh) {
  key.push_back(what);
  auto [at, inserted] = numbers_.try_emplace(std::move(key), static_cast<uint32_t>(next));
  fresh = inserted;
  return at->second;
}

uint32_t Program::add_node(Node node, const std::vector<uint32_t>& kid_nodes) {
  std::string key;
  auto append = [&key](uint32_t number) {
    key.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  append(static_cast<uint32_t>(node.op) << 8U | node.sub);
  append(node.datum);
  for (uint32_t kid : kid_nodes) append(kid);
  bool fresh = false;
  uint32_t index = numbered('n', std::move(key), nodes.size(), fresh);
  if (!fresh) {
    if (node.op != Op::kLiteral && node.op != Op::kVar && nodes[index].slot == Node::kNoSlot) {
      nodes[index].slot = slots++;
    }
    return index;
  }
  node.count = static_cast<uint32_t>(kid_nodes.size());
  if (kid_nodes.size() <= node.kids.size()) {
    std::ranges::copy(kid_nodes, node.kids.begin());
  } else {
    node.kids[0] = static_cast<uint32_t>(kids.size());
    kids.insert(kids.end(), kid_nodes.begin(), kid_nodes.end());
  }
  nodes.push_back(node);
  return index;
}

uint32_t Program::add_constant(Value value) {
  bool fresh = false;
  Node node;
  std::string key = to_string(value);
  key.push_back(static_cast<char>(value.kind()));
  node.datum = numbered('c', std::move(key), constants.size(), fresh);
  if (fresh) {
    Val constant;
    if (const EntityUid* uid = value.get_if<EntityUid>()) {
      constant.kind = Kind::kEntity;
      constant.literal = true;
      constant.uid = &add_literal(*uid);
    } else {
      values.push_back(std::move(value));
      constant = view(values.back());
    }
    constants.push_back(constant);
  }
  return add_node(node, {});
}

// Sets, records and extension constructors of constants become constants. What would fail at run time
// stays as it is, so that it fails at run time.
Result<uint32_t> Program::add_folded(const Expr& expr, const std::vector<uint32_t>& kid_nodes) {
  std::vector<Value> parts;
  for (uint32_t kid : kid_nodes) parts.push_back(to_value(constants[nodes[kid].datum]));
  if (expr.op == Op::kSet) return add_constant(Value::set(Set(std::move(parts))));
  if (expr.op == Op::kRecord) {
    std::vector<Field> fields;
    for (size_t i = 0; i < parts.size(); ++i) fields.push_back({expr.path[i], std::move(parts[i])});
    return add_constant(Value::record(Record(std::move(fields))));
  }
  const ExtInfo* ext = find_extension(expr.name);
  const std::string* text = parts.size() == 1 ? parts[0].get_if<std::string>() : nullptr;
  if (text == nullptr || !is_constructor(ext->ext)) return fail(Code::kInvalid, "not a constant");
  PV_TRY(Value value, apply_constructor(ext->ext, *text));
  return add_constant(std::move(value));
}

void Program::set_datum(const Expr& expr, Node& node) {
  bool fresh = false;
  auto joined = [](const std::vector<std::string>& parts) {
    std::string key;
    for (const std::string& part : parts) key += std::to_string(part.size()) + ':' + part;
    return key;
  };
  switch (expr.op) {
    case Op::kVar: node.sub = static_cast<uint8_t>(expr.var); break;
    case Op::kExtension: node.sub = static_cast<uint8_t>(find_extension(expr.name)->ext); break;
    case Op::kGetAttr: case Op::kIs: case Op::kIsIn:
      node.datum = numbered('s', expr.name, names.size(), fresh);
      if (fresh) names.push_back(expr.name);
      break;
    case Op::kHas: case Op::kRecord:
      node.datum = numbered('p', joined(expr.path), paths.size(), fresh);
      if (fresh) paths.push_back(expr.path);
      break;
    case Op::kLike:
      node.datum = numbered('l', joined(expr.pattern.pieces()), patterns.size(), fresh);
      if (fresh) patterns.push_back(expr.pattern);
      break;
    default: break;
  }
}

// `principal in T::"x"` and `principal == T::"x"`: a look at the marks that the evaluator makes once
// for a request.
void Program::fuse(Node& node, const std::vector<uint32_t>& kid_nodes) const {
  if (node.op != Op::kIn && node.op != Op::kEq) return;
  const Node& left = nodes[kid_nodes[0]];
  const Node& right = nodes[kid_nodes[1]];
  if (left.op != Op::kVar || left.sub == static_cast<uint8_t>(Var::kContext)) return;
  if (right.op != Op::kLiteral || !constants[right.datum].literal) return;
  node.on_literal = true;
  node.sub = left.sub;
  node.datum = static_cast<const Literal&>(*constants[right.datum].uid).index;
}

Result<uint32_t> Program::add(const Expr& expr) {
  if (nodes.size() >= kProgramNodesMax) {
    return fail(Code::kLimit, "the policies compile to more than " + std::to_string(kProgramNodesMax) + " steps");
  }
  if (expr.op == Op::kLiteral) return add_constant(expr.value);
  std::vector<uint32_t> kid_nodes;
  kid_nodes.reserve(expr.args.size());
  for (const ExprPtr& arg : expr.args) {
    PV_TRY(uint32_t kid, add(*arg));
    kid_nodes.push_back(kid);
  }
  if (expr.op == Op::kSet || expr.op == Op::kRecord || expr.op == Op::kExtension) {
    bool constant = std::ranges::all_of(
        kid_nodes, [this](uint32_t kid) { return nodes[kid].op == Op::kLiteral; });
    if (constant) {
      if (auto folded = add_folded(expr, kid_nodes)) return folded;
    }
  }
  Node node;
  node.op = expr.op;
  set_datum(expr, node);
  fuse(node, kid_nodes);
  return add_node(node, kid_nodes);
}

}  // namespace proviso::cedar
