#include "base/result.h"

#include "base/check.h"

namespace proviso {

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kLimit:
      return "limit";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kConflict:
      return "conflict";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kUnverified:
      return "unverified";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kTimeout:
      return "timeout";
    case Code::kIo:
      return "io";
    case Code::kInternal:
      return "internal";
  }
  PV_CHECK(false);
}

}  // namespace proviso
