#include "cedar/type.h"

#include <algorithm>

#include "cedar/text.h"

namespace proviso::cedar {

Type Type::entity(std::string name) {
  Type t(Tag::kEntity);
  t.name_ = std::move(name);
  return t;
}

Type Type::set(Type element) {
  Type t(Tag::kSet);
  t.depth_ = element.depth_ + 1;
  t.nodes_ = element.nodes_ + 1;
  t.element_ = std::make_shared<const Type>(std::move(element));
  return t;
}

Type Type::record(Attributes attributes) {
  Type t(Tag::kRecord);
  std::ranges::sort(attributes, {}, &Attribute::name);
  uint64_t nodes = 1;
  for (const Attribute& a : attributes) {
    t.depth_ = std::max(t.depth_, a.type.depth_ + 1);
    nodes += a.type.nodes_;
  }
  t.nodes_ = static_cast<uint32_t>(std::min<uint64_t>(nodes, UINT32_MAX - 1));
  t.attributes_ = std::make_shared<const Attributes>(std::move(attributes));
  return t;
}

Type Type::open_record(Attributes attributes) {
  Type t = record(std::move(attributes));
  t.open_ = true;
  return t;
}

const Attribute* Type::attribute(std::string_view name) const {
  auto at = std::ranges::lower_bound(*attributes_, name, {}, [](const Attribute& a) {
    return std::string_view(a.name);
  });
  return at != attributes_->end() && at->name == name ? &*at : nullptr;
}

bool operator==(const Type& a, const Type& b) {
  if (a.tag_ != b.tag_) return false;
  switch (a.tag_) {
    case Type::Tag::kEntity: return a.name_ == b.name_;
    case Type::Tag::kSet: return *a.element_ == *b.element_;
    case Type::Tag::kRecord:
      if (a.open_ != b.open_) return false;
      return a.attributes_ == b.attributes_ ||
             std::ranges::equal(*a.attributes_, *b.attributes_,
                                [](const Attribute& x, const Attribute& y) {
                                  return x.name == y.name && x.required == y.required &&
                                         x.type == y.type;
                                });
    default: return true;
  }
}

std::string to_string(const Type& type) {
  switch (type.tag()) {
    case Type::Tag::kBool: return "Bool";
    case Type::Tag::kTrue: return "True";
    case Type::Tag::kFalse: return "False";
    case Type::Tag::kLong: return "Long";
    case Type::Tag::kString: return "String";
    case Type::Tag::kEntity: return type.entity_name();
    case Type::Tag::kSet: return "Set<" + to_string(type.element()) + ">";
    case Type::Tag::kDecimal: return "decimal";
    case Type::Tag::kIp: return "ipaddr";
    case Type::Tag::kDatetime: return "datetime";
    case Type::Tag::kDuration: return "duration";
    case Type::Tag::kNever: return "Never";
    case Type::Tag::kRecord: break;
  }
  std::string out = "{";
  for (const Attribute& a : type.attributes()) {
    if (out.size() > 1) out += ", ";
    out += is_identifier(a.name) ? a.name : quoted(a.name);
    out += (a.required ? ": " : "?: ") + to_string(a.type);
  }
  return out + "}";
}

}  // namespace proviso::cedar
