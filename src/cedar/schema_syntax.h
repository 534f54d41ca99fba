#pragma once
// Schemas as written: declarations with names not yet resolved. Inner to the room.
// Source: Cedar 4.5, "Schema grammar".
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cedar/lexer.h"
#include "cedar/parser.h"
#include "cedar/source.h"
#include "cedar/type.h"

namespace proviso::cedar {

struct Place {
  SourcePtr source;
  uint32_t offset = 0;
};

struct TypeSyntax;
struct AttributeSyntax {
  std::string name;
  bool required = true;
  std::shared_ptr<const TypeSyntax> type;
};
struct TypeSyntax {
  enum class Kind : uint8_t { kName, kSet, kRecord };
  Kind kind = Kind::kRecord;
  std::string name;  // kName, with its namespace if written
  std::shared_ptr<const TypeSyntax> element;
  std::vector<AttributeSyntax> attributes;
  uint32_t offset = 0;
};
using TypeSyntaxPtr = std::shared_ptr<const TypeSyntax>;

struct NameSyntax {
  std::string name;
  uint32_t offset = 0;
};
struct EntitySyntax {
  std::vector<NameSyntax> names;
  std::vector<NameSyntax> member_of;
  TypeSyntaxPtr attributes;  // may be null
  TypeSyntaxPtr tags;        // may be null
  std::vector<std::string> enum_ids;
  Place place;
};
struct ActionRefSyntax {
  std::string type;  // empty: an action of the same namespace
  std::string id;
  uint32_t offset = 0;
};
struct ActionSyntax {
  std::vector<NameSyntax> names;
  std::vector<ActionRefSyntax> member_of;
  bool applies = false;
  std::vector<NameSyntax> principals;
  std::vector<NameSyntax> resources;
  TypeSyntaxPtr context;  // may be null
  Place place;
};
struct CommonTypeSyntax {
  NameSyntax name;
  TypeSyntaxPtr type;
  Place place;
};
struct NamespaceSyntax {
  std::string name;  // empty for declarations outside any
  std::vector<EntitySyntax> entities;
  std::vector<ActionSyntax> actions;
  std::vector<CommonTypeSyntax> types;
  Place place;
};

class SchemaParser : public TokenReader {
 public:
  SchemaParser(SourcePtr source, std::vector<Token> tokens)
      : TokenReader(*source, std::move(tokens)), shared_(std::move(source)) {}
  // Appends to `out`, whose first entry is the empty namespace.
  Status parse(std::vector<NamespaceSyntax>& out);

 private:
  Status annotations();
  Status declaration(NamespaceSyntax& into);
  Status entity(NamespaceSyntax& into);
  Status entity_enum(EntitySyntax& entity);
  Status action(NamespaceSyntax& into);
  Status applies_to(ActionSyntax& action);
  Status common_type(NamespaceSyntax& into);
  Result<TypeSyntaxPtr> type();
  Result<TypeSyntaxPtr> record();
  Status attribute(TypeSyntax& record);
  Result<NameSyntax> type_path();
  Result<std::vector<NameSyntax>> type_list();
  Result<ActionRefSyntax> action_ref();
  Result<std::string> attribute_name();
  [[nodiscard]] Place here() const { return {shared_, peek().span.begin}; }

  SourcePtr shared_;
  size_t depth_ = 0;
};

}  // namespace proviso::cedar
