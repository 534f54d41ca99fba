#include "prove/sort.h"

#include "base/check.h"

namespace proviso::prove {

Sorts::Sorts() {
  using Tag = Sort::Tag;
  for (Tag tag : {Tag::kBool, Tag::kLong, Tag::kDecimal, Tag::kDatetime, Tag::kDuration, Tag::kString,
                  Tag::kIp}) {
    sorts_.push_back({tag, {}, {}, 0, {}});
  }
}

SortId Sorts::intern(const std::string& key, Sort sort) {
  const auto [at, fresh] = ids_.try_emplace(key, static_cast<SortId>(sorts_.size()));
  if (fresh) sorts_.push_back(std::move(sort));
  return at->second;
}

SortId Sorts::entity(const std::string& type, const cedar::Schema& schema) {
  const cedar::EntityTypeDecl* declared = schema.entity_type(type);
  return intern("E" + type, {Sort::Tag::kEntity, type,
                             declared != nullptr ? declared->enum_ids : std::vector<std::string>{}, 0, {}});
}

SortId Sorts::set(SortId element) {
  return intern("S" + std::to_string(element), {Sort::Tag::kSet, {}, {}, element, {}});
}

SortId Sorts::option(SortId inner) {
  return intern("O" + std::to_string(inner), {Sort::Tag::kOption, {}, {}, inner, {}});
}

SortId Sorts::record(std::vector<Sort::Field> fields) {
  std::string key = "R";
  for (const Sort::Field& field : fields) {
    key += std::to_string(field.name.size()) + ":" + field.name + "=" + std::to_string(field.sort) + ";";
  }
  return intern(key, {Sort::Tag::kRecord, {}, {}, 0, std::move(fields)});
}

SortId Sorts::of(const cedar::Type& type, const cedar::Schema& schema) {
  using Tag = cedar::Type::Tag;
  switch (type.tag()) {
    case Tag::kBool: case Tag::kTrue: case Tag::kFalse: return kBool;
    case Tag::kLong: return kLong;
    case Tag::kString: return kString;
    case Tag::kDecimal: return kDecimal;
    case Tag::kIp: return kIp;
    case Tag::kDatetime: return kDatetime;
    case Tag::kDuration: return kDuration;
    case Tag::kEntity: return entity(type.entity_name(), schema);
    case Tag::kSet: return set(of(type.element(), schema));
    case Tag::kRecord: case Tag::kNever: break;
  }
  PV_CHECK(type.tag() == Tag::kRecord);  // only permissive validation makes the other
  std::vector<Sort::Field> fields;
  for (const cedar::Attribute& attribute : type.attributes()) {
    const SortId inner = of(attribute.type, schema);
    fields.push_back({attribute.name, attribute.required ? inner : option(inner)});
  }
  return record(std::move(fields));
}

}  // namespace proviso::prove
