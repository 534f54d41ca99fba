#pragma once
// A schema: entity types, actions and their contexts, names resolved. Read from Cedar's human syntax or JSON;
// several texts make one schema, as if they stood in one file. Immutable after parse().
// Source: Cedar 4.5, "Schema", and RFC 70 for name resolution.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cedar/source.h"
#include "cedar/type.h"
#include "cedar/value.h"
#include "cedar/entities.h"

namespace proviso::cedar {

struct EntityTypeDecl {
  std::string name;
  std::vector<std::string> member_of;    // as declared
  std::set<std::string> ancestors;       // every type that an entity of this type can be in
  Type attributes;                       // a record type
  std::optional<Type> tags;
  std::vector<std::string> enum_ids;     // not empty: only these ids exist
  friend bool operator==(const EntityTypeDecl&, const EntityTypeDecl&) = default;
};

struct ActionDecl {
  EntityUid uid;
  std::vector<EntityUid> member_of;
  std::set<EntityUid> ancestors;
  std::vector<std::string> principals;
  std::vector<std::string> resources;
  Type context;  // a record type
  friend bool operator==(const ActionDecl&, const ActionDecl&) = default;
};

struct SchemaText {
  std::string file;
  std::string text;
  uint32_t first_line = 1;
};

class Schema {
 public:
  // kInvalid with "file:line:column: …"; kLimit: too large or too deep.
  static Result<Schema> parse(std::string_view text, std::string_view file_name);
  static Result<Schema> parse(const std::vector<SchemaText>& texts);
  // The same from JSON: kInvalid says which declaration.
  static Result<Schema> from_json(std::string_view json, std::string_view file_name);
  // One syntax as the other, after a check that it resolves; common types and annotations are kept,
  // comments are not. kUnsupported: an entity type named by JSON that a common type hides in text.
  static Result<std::string> text_to_json(std::string_view text, std::string_view file_name);
  static Result<std::string> json_to_text(std::string_view json, std::string_view file_name);

  [[nodiscard]] const EntityTypeDecl* entity_type(std::string_view name) const;
  [[nodiscard]] const ActionDecl* action(const EntityUid& uid) const;
  // Action::"name" in the empty namespace.
  [[nodiscard]] const ActionDecl* action(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, EntityTypeDecl, std::less<>>& entity_types() const {
    return entity_types_;
  }
  [[nodiscard]] const std::map<EntityUid, ActionDecl>& actions() const { return actions_; }
  // Type of `path` ("content.labels") inside a record type; nullptr if there is no such attribute.
  // `required`, if given, says whether every step is required.
  static const Type* at(const Type& record, std::string_view path, bool* required = nullptr);

  // The action entities that the schema declares, with their parents: part of every store.
  [[nodiscard]] std::vector<Entity> action_entities() const;

 private:
  friend class SchemaResolver;
  std::map<std::string, EntityTypeDecl, std::less<>> entity_types_;
  std::map<EntityUid, ActionDecl> actions_;
};

// Whether the two admit the same: lists in a schema mean sets, and memberships mean their closure.
bool same_meaning(const Schema& a, const Schema& b);

}  // namespace proviso::cedar
