#pragma once
// Changing a log's two keys while no gate runs. The order is the design: new keys, written beside the old; a
// `rotate` leaf that names them, signed and published under the old; the note that both log keys sign, durable:
// that is the change. Then the files change places and the checkpoint is signed again under the new key. Cut
// short before the note, nothing has changed; after it, the command is given again and goes on.
#include <string>

#include "gate/engine.h"

namespace proviso::gate {

struct Rotated {
  uint64_t index = 0;  // of the `rotate` leaf
  uint64_t size = 0;   // entries that the old keys signed
  std::string old_log_key, new_log_key, new_receipt_key;  // verifier keys
  std::string note;    // the file
};

// kConflict while a gate or a command holds the state.
Result<Rotated> rotate_keys(const EngineOptions& options, const Digest& agreement, const std::string& reason);

// kConflict, with what to do, where a change of keys was cut short behind its note.
Status check_not_rotating(const Layout& layout);

}  // namespace proviso::gate
