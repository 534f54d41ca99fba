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
    case Kind::kString: return *a.s == *b.s;
    case Kind::kEntity: return equal(*a.uid, *b.uid);
    case Kind::kIp: case Kind::kSet: case Kind::kRecord: return compare(a, b) == 0;
    default: return a.i == b.i;
  }
}

const HashedUid* Program::add_uid(const EntityUid& uid) {
  uids.push_back({{uid.type, uid.id}, hash_uid(uid.type, uid.id)});
  return &uids.back();
}

uint32_t Program::add_constant(Value value, Span span) {
  Val constant;
  if (const EntityUid* uid = value.get_if<EntityUid>()) {
    constant.kind = Kind::kEntity;
    constant.hashed = true;
    constant.uid = add_uid(*uid);
  } else {
    values.push_back(std::move(value));
    constant = view(values.back());
  }
  constants.push_back(constant);
  Node node;
  node.datum = static_cast<uint32_t>(constants.size() - 1);
  node.span = span;
  nodes.push_back(node);
  return static_cast<uint32_t>(nodes.size() - 1);
}

// Sets, records and extension constructors of constants become constants. What would fail at run time
// stays as it is, so that it fails at run time.
Result<uint32_t> Program::add_folded(const Expr& expr, const std::vector<uint32_t>& kid_nodes) {
  std::vector<Value> parts;
  for (uint32_t kid : kid_nodes) parts.push_back(to_value(constants[nodes[kid].datum]));
  if (expr.op == Op::kSet) return add_constant(Value::set(Set(std::move(parts))), expr.span);
  if (expr.op == Op::kRecord) {
    Record record;
    for (size_t i = 0; i < parts.size(); ++i) record.set(expr.path[i], std::move(parts[i]));
    return add_constant(Value::record(std::move(record)), expr.span);
  }
  const ExtInfo* ext = find_extension(expr.name);
  const std::string* text = parts.size() == 1 ? parts[0].get_if<std::string>() : nullptr;
  if (text == nullptr || !is_constructor(ext->ext)) return fail(Code::kInvalid, "not a constant");
  PV_TRY(Value value, apply_constructor(ext->ext, *text));
  return add_constant(std::move(value), expr.span);
}

Result<uint32_t> Program::add(const Expr& expr) {
  if (nodes.size() >= kProgramNodesMax) {
    return fail(Code::kLimit, "the policies compile to more than " + std::to_string(kProgramNodesMax) + " steps");
  }
  if (expr.op == Op::kLiteral) return add_constant(expr.value, expr.span);
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
  node.span = expr.span;
  node.kids = static_cast<uint32_t>(kids.size());
  node.count = static_cast<uint32_t>(kid_nodes.size());
  kids.insert(kids.end(), kid_nodes.begin(), kid_nodes.end());
  switch (expr.op) {
    case Op::kVar: node.sub = static_cast<uint8_t>(expr.var); break;
    case Op::kExtension: node.sub = static_cast<uint8_t>(find_extension(expr.name)->ext); break;
    case Op::kGetAttr: case Op::kIs: case Op::kIsIn:
      names.push_back(expr.name);
      node.datum = static_cast<uint32_t>(names.size() - 1);
      break;
    case Op::kHas: case Op::kRecord:
      paths.push_back(expr.path);
      node.datum = static_cast<uint32_t>(paths.size() - 1);
      break;
    case Op::kLike:
      patterns.push_back(expr.pattern);
      node.datum = static_cast<uint32_t>(patterns.size() - 1);
      break;
    default: break;
  }
  nodes.push_back(node);
  return static_cast<uint32_t>(nodes.size() - 1);
}

}  // namespace proviso::cedar
