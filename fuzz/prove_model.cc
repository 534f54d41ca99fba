// What a solver prints is read as values of several sorts: never a crash, and what is read as a value of
// a sort is one.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "prove/encode.h"
#include "prove/model.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto schema = cedar::Schema::parse(
      "entity U enum [\"a\", \"b\"]; entity T; action a appliesTo { principal: [U], resource: [T], context: "
      "{ b: Bool, n: Long, s: String, i: ipaddr, u: U, t: T, ts: Set<T>, o?: Long, r: { x: Long, y?: Set<String> } } };",
      "schema");
  PV_CHECK(schema.has_value());
  const auto parsed = prove::parse_sexprs({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  prove::Terms terms(*schema);
  const prove::SortId context = terms.sorts.of(schema->actions().begin()->second.context, *schema);
  const std::vector<prove::Sort::Field> fields = terms.sorts.at(context).fields;
  for (const prove::Sexpr& one : *parsed) {
    for (const prove::Sort::Field& field : fields) {
      const auto value = prove::value_of(terms, one, field.sort);
      if (value) PV_CHECK(terms.at(*value).ground && terms.at(*value).sort == field.sort);
    }
  }
  return 0;
}
