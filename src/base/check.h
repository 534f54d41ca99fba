#pragma once
// PV_CHECK guards invariants: always on, in every build. A broken invariant stops the program before
// it can release anything; it is never used for bad input, which is an Error (result.h).
namespace proviso {

// Prints the place and the condition to stderr, then aborts. Never returns.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace proviso

#define PV_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::proviso::check_failed(#condition, __FILE__, __LINE__))
