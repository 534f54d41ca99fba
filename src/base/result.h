#pragma once
// Outcomes are values. Every function that can fail returns Result<T>; an Error is a closed code and
// a sentence that can stand in front of a user: lower case, no full stop, user input in backticks.
// A denial is never an Error: it is a Decision (agreement/decision.h).
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace proviso {

enum class Code {
  kInvalid,      // the input is malformed or says something that is not allowed
  kNotFound,     // what was named does not exist
  kLimit,        // a named limit was passed
  kUnsupported,  // well-formed, but outside what is implemented
  kConflict,     // true elsewhere, but not together with the present state
  kCorrupt,      // stored bytes are not what was written
  kUnverified,   // a signature, digest or proof does not hold
  kUnavailable,  // the other side is not there, or not ready
  kTimeout,      // it did not happen in time
  kIo,           // the operating system refused
  kInternal,     // a library failed in a way that input cannot explain
};

// The code's name for logs and `--json`: "invalid", "not_found", ...
const char* code_name(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
// The same error, with "where: " in front of its sentence.
[[nodiscard]] inline std::unexpected<Error> fail_at(std::string_view where, Error error) {
  error.message.insert(0, std::string(where) + ": ");
  return std::unexpected(std::move(error));
}

}  // namespace proviso

// PV_TRY(auto x, f()): x is the value, or the enclosing function returns the error.
// PV_TRY_VOID(f()): for a Status. PV_CO_TRY, PV_CO_TRY_VOID: the same inside a coroutine.
#define PV_CONCAT_(a, b) a##b
#define PV_CONCAT(a, b) PV_CONCAT_(a, b)
#define PV_TRY_IMPL(tmp, decl, ret, ...)                          \
  auto tmp = (__VA_ARGS__);                                       \
  if (!tmp) ret std::unexpected(std::move(tmp).error());          \
  decl = std::move(tmp).value()
#define PV_TRY(decl, ...) PV_TRY_IMPL(PV_CONCAT(pv_try_, __COUNTER__), decl, return, __VA_ARGS__)
#define PV_CO_TRY(decl, ...) \
  PV_TRY_IMPL(PV_CONCAT(pv_try_, __COUNTER__), decl, co_return, __VA_ARGS__)
#define PV_TRY_VOID(...)                                                        \
  do {                                                                          \
    auto pv_status = (__VA_ARGS__);                                             \
    if (!pv_status) return std::unexpected(std::move(pv_status).error());       \
  } while (false)
#define PV_CO_TRY_VOID(...)                                                     \
  do {                                                                          \
    auto pv_status = (__VA_ARGS__);                                             \
    if (!pv_status) co_return std::unexpected(std::move(pv_status).error());    \
  } while (false)
