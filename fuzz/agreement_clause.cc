// A clause, a schema and red lines from bytes, in front of fixed terms. The input is up to three parts
// divided by NUL: clause, redlines.md, schema.cedarschema.
#include <cstdint>
#include <string_view>

#include "agreement/agreement.h"

using namespace proviso;

namespace {

constexpr const char* kTerms = R"(title = "t"
revision = 1
effective = 2026-01-01
expires = 2026-12-31
[[party]]
name = "Operator"
role = "operator"
key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINr0PLnx1Zuf8CRnwOSb5C+4yP3as88XCfy+BS5p1nyM x"
[roles]
staff = "all"
[purposes]
work = "daily"
[labels]
known = ["secret"]
[[vendor]]
id = "house"
jurisdiction = "own"
[[model]]
id = "local"
vendor = "house"
endpoint = "unix:/run/m"
)";
constexpr const char* kCast = R"({"people": {"ann": {"roles": ["staff"], "clearance": 1,
 "nationality": "x", "training_until": "2027-01-01"}}, "datasets": {"d": {"contains_persons": false,
 "governed": true, "marking": 0}}, "defaults": {"now": "2026-06-01", "purpose": "work"}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  agreement::Files files = {{"agreement.toml", kTerms}, {"examples.json", kCast}};
  for (const char* path : {"clauses/1-use.md", "redlines.md", "schema.cedarschema"}) {
    const size_t cut = bytes.find('\0');
    files[path] = bytes.substr(0, cut);
    if (cut == std::string_view::npos) break;
    bytes.remove_prefix(cut + 1);
  }
  const auto loaded = agreement::Agreement::load(files);
  if (loaded) (void)(*loaded)->run_examples();
  return 0;
}
