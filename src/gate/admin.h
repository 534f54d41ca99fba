#pragma once
// The admin socket: how commands speak to a running gate. A unix socket in the state folder, private to
// the gate's user; whoever can open it administers the gate. It has an event loop of its own, because
// writing a leaf blocks it.
#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "gate/caretaker.h"
#include "gate/engine.h"
#include "gate/house.h"
#include "http/server.h"

namespace proviso::gate {

inline constexpr size_t kAdminBodyBytesMax = 64 * 1024;  // commands are small

class Admin {
 public:
  static Result<std::unique_ptr<Admin>> start(Engine& engine, House& house, Caretaker& caretaker,
                                              std::function<std::string()> tools);

 private:
  Admin(Engine& engine, House& house, Caretaker& caretaker, std::function<std::string()> tools)
      : engine_(engine), house_(house), caretaker_(caretaker), tools_(std::move(tools)) {}
  http::Task<void> handle(http::Call& call);
  Result<std::string> answer(const std::string& method, const std::string& path,
                             const std::string& body);
  std::string status() const;

  Engine& engine_;
  House& house_;
  Caretaker& caretaker_;
  std::function<std::string()> tools_;  // what stands where among the tools; blocks
  json::Parser parser_;
  std::unique_ptr<http::Loops> loops_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace proviso::gate
