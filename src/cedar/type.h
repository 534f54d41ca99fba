#pragma once
// Types of the schema and of the validator. Booleans split into True and False so that branches that
// cannot be taken are seen. Values, cheap to copy (shared inner parts). Never evaluates.
// Source: Cedar 4.5, "Validation"; cedar-spec Validation/Types.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/value.h"

namespace proviso::cedar {

struct Attribute;

// Strict validation is Cedar's; permissive admits more types (entities of several types in one place, open
// records, `[]`) and promises less.
enum class Mode : uint8_t { kStrict, kPermissive };

inline constexpr size_t kTypeDepthMax = 64;          // types are walked recursively
inline constexpr size_t kTypeNodesMax = 1U << 16;    // comparing and printing walk a type written out

class Type {
 public:
  enum class Tag : uint8_t {
    kBool, kTrue, kFalse, kLong, kString, kEntity, kSet, kRecord, kDecimal, kIp, kDatetime, kDuration,
    kNever  // of the elements of `[]`; only permissive validation has it
  };
  using Attributes = std::vector<Attribute>;  // sorted by name, no name twice

  Type() = default;  // Bool
  Type(Tag tag) : tag_(tag) {}  // NOLINT: a tag is a type where it needs no parts
  static Type entity(std::string name);
  static Type set(Type element);
  static Type record(Attributes attributes);  // any order; sorted here
  // A record that may have more attributes than are known; only permissive validation has it.
  static Type open_record(Attributes attributes);
  static Type boolean(bool value) { return value ? Tag::kTrue : Tag::kFalse; }

  [[nodiscard]] Tag tag() const { return tag_; }
  // kEntity. Permissive validation also has several types in one, `A|B`.
  [[nodiscard]] const std::string& entity_name() const { return name_; }
  [[nodiscard]] const Type& element() const { return *element_; }          // kSet
  [[nodiscard]] const Attributes& attributes() const { return *attributes_; }  // kRecord
  [[nodiscard]] const Attribute* attribute(std::string_view name) const;   // kRecord
  [[nodiscard]] bool is_bool() const {
    return tag_ == Tag::kBool || tag_ == Tag::kTrue || tag_ == Tag::kFalse;
  }
  // How deep it nests and how large it is written out (it shares parts in memory); saturating.
  [[nodiscard]] uint32_t depth() const { return depth_; }
  [[nodiscard]] uint32_t nodes() const { return nodes_; }
  [[nodiscard]] bool is_extension() const { return tag_ >= Tag::kDecimal && tag_ != Tag::kNever; }
  [[nodiscard]] bool is_open() const { return open_; }
  friend bool operator==(const Type& a, const Type& b);

 private:
  Tag tag_ = Tag::kBool;
  bool open_ = false;
  uint32_t depth_ = 1;
  uint32_t nodes_ = 1;
  std::string name_;
  std::shared_ptr<const Type> element_;
  std::shared_ptr<const Attributes> attributes_;
};

struct Attribute {
  std::string name;
  Type type;
  bool required = true;
};

// "Set<Long>", "{a: Long, b?: String}"
std::string to_string(const Type& type);

}  // namespace proviso::cedar
