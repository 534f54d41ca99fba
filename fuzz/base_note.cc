// A note that opens re-encodes; keys and checkpoints that parse give back the same text.
#include <cstdint>

#include "base/check.h"
#include "base/note.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::note;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto note = parse(text)) {
    PV_CHECK(!note->text.empty() && note->text.back() == '\n' && !note->signatures.empty());
    PV_CHECK(text.starts_with(note->text));
    if (const auto checkpoint = Checkpoint::parse(note->text))
      PV_CHECK(checkpoint->text() == note->text);
  }
  if (const auto checkpoint = Checkpoint::parse(text)) PV_CHECK(checkpoint->text() == text);
  if (const auto key = VerifierKey::parse(text)) PV_CHECK(key->text() == text);
  return 0;
}
