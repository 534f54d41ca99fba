#pragma once
// What is wrong with an agreement's files, gathered so that its author sees all of it at once. Each
// fault stands as `file:line: sentence`, and the sentence says what to do. Not a face: only this room
// includes it.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace proviso::agreement {

inline constexpr size_t kFaultsMax = 100;  // more than a person reads; the rest is counted

struct Fault {
  std::string file;
  size_t line = 1;
  std::string sentence;
  Code code = Code::kInvalid;
};

class Faults {
 public:
  void add(std::string_view file, size_t line, std::string sentence, Code code = Code::kInvalid);
  [[nodiscard]] bool any() const { return !faults_.empty(); }
  [[nodiscard]] size_t count() const { return faults_.size(); }
  // One error with a fault a line, by file and line. Its code is kUnsupported or kLimit only when
  // every fault is of that kind. The caller has checked any().
  [[nodiscard]] Error error() const;
  // The sentences alone, for a text that has no lines.
  [[nodiscard]] std::string sentences() const;

 private:
  std::vector<Fault> faults_;
};

// "file:line", as faults and clause sources write it.
std::string place(std::string_view file, size_t line);

}  // namespace proviso::agreement
