#pragma once
// The sorts of terms: what a Cedar type becomes for a solver. Booleans lose their singletons, optional
// attributes become options, and Long, decimal, datetime and duration stay apart here although a solver
// sees integers in all of them. Interned: equal sorts have equal ids. Source: cedar-spec SymCC/TermType.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cedar/schema.h"
#include "cedar/type.h"

namespace proviso::prove {

using SortId = uint32_t;

struct Sort {
  enum class Tag : uint8_t {
    kBool, kLong, kDecimal, kDatetime, kDuration, kString, kIp, kEntity, kSet, kOption, kRecord
  };
  struct Field {
    std::string name;
    SortId sort = 0;  // an option if the attribute is optional
  };
  Tag tag = Tag::kBool;
  std::string entity;              // kEntity: the type's name
  std::vector<std::string> ids;    // kEntity: the ids of an enumeration, else empty
  SortId inner = 0;                // kSet, kOption
  std::vector<Field> fields;       // kRecord, sorted by name
  [[nodiscard]] bool is_number() const {
    return tag == Tag::kLong || tag == Tag::kDecimal || tag == Tag::kDatetime || tag == Tag::kDuration;
  }
};

class Sorts {
 public:
  Sorts();
  static constexpr SortId kBool = 0, kLong = 1, kDecimal = 2, kDatetime = 3, kDuration = 4, kString = 5,
                          kIp = 6;
  [[nodiscard]] const Sort& at(SortId id) const { return sorts_[id]; }
  [[nodiscard]] size_t size() const { return sorts_.size(); }
  SortId of(const cedar::Type& type, const cedar::Schema& schema);
  // An entity or action type by name.
  SortId entity(const std::string& type, const cedar::Schema& schema);
  SortId set(SortId element);
  SortId option(SortId inner);
  SortId record(std::vector<Sort::Field> fields);

 private:
  SortId intern(const std::string& key, Sort sort);
  std::vector<Sort> sorts_;
  std::map<std::string, SortId> ids_;
};

}  // namespace proviso::prove
