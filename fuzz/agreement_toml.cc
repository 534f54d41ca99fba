// agreement.toml and examples.json from bytes: whatever they hold, load() answers with faults or an
// agreement that decides, and never stops the program. Bytes after a NUL are examples.json.
#include <cstdint>
#include <string_view>

#include "agreement/agreement.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = bytes.find('\0');
  agreement::Files files;
  files["agreement.toml"] = bytes.substr(0, cut);
  if (cut != std::string_view::npos) files["examples.json"] = bytes.substr(cut + 1);
  files["clauses/1-use.md"] = "# 1 Use\n\nAll may.\n\n```cedar\npermit (principal, action, resource);\n```\n";
  const auto loaded = agreement::Agreement::load(files);
  if (loaded) {
    exchange::Facts facts;
    facts.set("principal.id", std::string("p"));
    (void)(*loaded)->decide(exchange::Verb::kAsk, facts);
    (void)(*loaded)->check_signatures();
  }
  (void)agreement::with_party_keys(
      files, {{"Operator",
               "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINr0PLnx1Zuf8CRnwOSb5C+4yP3as88XCfy+BS5p1nyM x"}});
  return 0;
}
