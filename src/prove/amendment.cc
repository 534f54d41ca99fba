#include "prove/amendment.h"

#include <algorithm>

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::Files;

constexpr const char* kSchemaFile = "schema.cedarschema";

std::string bytes_of(const Files& files, const std::string& path) {
  const auto found = files.find(path);
  return found != files.end() ? found->second : std::string();
}

bool same_schema(const Agreement& a, const Files& a_files, const Agreement& b, const Files& b_files) {
  return bytes_of(a_files, kSchemaFile) == bytes_of(b_files, kSchemaFile) && a.terms().roles == b.terms().roles;
}

}  // namespace

bool Amendment::looser_rules() const {
  return !not_comparable.empty() || std::ranges::any_of(environments, [](const Comparison& one) {
    return one.relation != Relation::kEquivalent && one.relation != Relation::kLess;
  });
}

Amendment amend(Prover& prover, const Agreement& old_one, const Files& old_files, const Agreement& new_one,
                const Files& new_files) {
  Amendment out;
  out.touched = agreement::touched_lines(old_one, new_one);
  out.wider = agreement::wider_terms(old_one, new_one);
  for (const auto& [path, bytes] : old_files) {
    if (path.starts_with("signatures/")) continue;
    if (!new_files.contains(path)) out.files.push_back("removed " + path);
    else if (bytes != bytes_of(new_files, path)) out.files.push_back("changed " + path);
  }
  for (const auto& [path, bytes] : new_files) {
    if (!path.starts_with("signatures/") && !old_files.contains(path)) out.files.push_back("added " + path);
  }
  if (!same_schema(old_one, old_files, new_one, new_files)) {
    out.not_comparable = "the two agreements have different types or roles, so no request is one of both";
    return out;
  }
  for (const Environment& env : environments(new_one.schema())) {
    out.environments.push_back(
        compare(prover, new_one.schema(), env, new_one.rules(), old_one.rules(), Semantics::kAnyErrorDenies));
  }
  return out;
}

}  // namespace proviso::prove
