#include "gate/detectors.h"

#include "base/file.h"
#include "inspect/second_opinion.h"

namespace proviso::gate {

Result<inspect::Inspector> load_detectors(const std::string& encoder_file, const std::string& shown) {
  if (encoder_file.empty()) return inspect::Inspector::create();
  PV_TRY(std::string file, read_file(encoder_file, inspect::kEncoderFileBytesMax));
  auto second = inspect::EncoderOpinion::create(std::move(file));
  if (!second) return fail_at("`" + (shown.empty() ? encoder_file : shown) + "`", std::move(second).error());
  return inspect::Inspector::create({.second = *std::move(second)});
}

}  // namespace proviso::gate
