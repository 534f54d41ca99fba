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

struct AnnotationSyntax {
  std::string key;
  std::optional<std::string> value;
};
using Annotations = std::vector<AnnotationSyntax>;

struct TypeSyntax;
struct AttributeSyntax {
  Annotations annotations;
  std::string name;
  bool required = true;
  std::shared_ptr<const TypeSyntax> type;
};
struct TypeSyntax {
  enum class Kind : uint8_t { kName, kEntity, kSet, kRecord };
  Kind kind = Kind::kRecord;
  std::string name;  // kName, kEntity (only JSON can say that no other is meant), with its namespace if written
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
  Annotations annotations;
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
  Annotations annotations;
  std::vector<NameSyntax> names;
  std::vector<ActionRefSyntax> member_of;
  bool applies = false;
  std::vector<NameSyntax> principals;
  std::vector<NameSyntax> resources;
  TypeSyntaxPtr context;  // may be null
  Place place;
};
struct CommonTypeSyntax {
  Annotations annotations;
  NameSyntax name;
  TypeSyntaxPtr type;
  Place place;
};
struct NamespaceSyntax {
  Annotations annotations;
  std::string name;  // empty for declarations outside any
  std::vector<EntitySyntax> entities;
  std::vector<ActionSyntax> actions;
  std::vector<CommonTypeSyntax> types;
  Place place;
};

// A schema as JSON, read and written; and as Cedar text. Source: Cedar 4.5, "JSON schema format".
Status schema_from_json(std::string_view json, std::string_view file_name, std::vector<NamespaceSyntax>& out);
std::string schema_to_json(const std::vector<NamespaceSyntax>& spaces);
// kUnsupported: an entity type that shares its name with a common type, which text cannot say.
Result<std::string> schema_to_text(const std::vector<NamespaceSyntax>& spaces);
// Bool, Record, …: names that no common type may have.
bool is_reserved_type(std::string_view name);

class SchemaParser : public TokenReader {
 public:
  SchemaParser(SourcePtr source, std::vector<Token> tokens)
      : TokenReader(*source, std::move(tokens)), shared_(std::move(source)) {}
  // Appends to `out`, whose first entry is the empty namespace.
  Status parse(std::vector<NamespaceSyntax>& out);

 private:
  Result<Annotations> annotations();
  Status declaration(NamespaceSyntax& into);
  Status entity(NamespaceSyntax& into, Annotations annotations);
  Status entity_enum(EntitySyntax& entity);
  Status action(NamespaceSyntax& into, Annotations annotations);
  Status applies_to(ActionSyntax& action);
  Status common_type(NamespaceSyntax& into, Annotations annotations);
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
