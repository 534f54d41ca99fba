#pragma once
// Started as root, the gate becomes an ordinary user before it opens its state or a socket. What it must
// still be able to execute or read, wherever it lies, it opens first: a path through its own descriptor
// table stays good.
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace proviso::gate {

// Files opened while they could be.
class Pinned {
 public:
  // The path to use for the file at `index` of those given: itself when nothing was dropped.
  [[nodiscard]] std::string path(size_t index) const { return paths_[index]; }

 private:
  friend Result<Pinned> drop_privileges(const std::string&, const std::string&,
                                        const std::vector<std::string>&);
  std::vector<std::string> paths_;
  std::vector<Fd> files_;
};

// Does nothing unless the effective user is root. Else: gives `state` and what is in it to the user, pins
// `files` (empty ones stay empty), changes group and user for good, and checks that there is no way
// back. `user` empty: "proviso" if there is such a user, else "nobody". kNotFound for an unknown user.
Result<Pinned> drop_privileges(const std::string& user, const std::string& state,
                               const std::vector<std::string>& files);

}  // namespace proviso::gate
