#pragma once
// The detectors as a gate or a command has them: those that are built in, and the encoder whose file it was given.
#include <string>

#include "base/result.h"
#include "inspect/inspector.h"

namespace proviso::gate {

// `encoder_file` empty: without an encoder. kNotFound, kIo; kInvalid: not the encoder that these detectors know.
// Messages call it `shown`, or by its own name.
Result<inspect::Inspector> load_detectors(const std::string& encoder_file, const std::string& shown = {});

}  // namespace proviso::gate
