#include "models/worker.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "models/chat_template.h"

namespace proviso::models {
namespace {

constexpr const char* kSocketName = "worker.sock";

// Each option is explained in docs/models.md.
std::vector<std::string> arguments(const WorkerConfig& config, bool our_template) {
  const auto number = [](uint64_t value) { return std::to_string(value); };
  std::vector<std::string> all = {
          "--model", sandbox::file_argument(0),
          "--host", config.doorkeeper.empty() ? kSocketName : sandbox::inner_socket(),
          "--alias", "local",
          "--offline", "--no-ui", "--no-slots", "--no-mmproj", "--jinja",
          "--no-cache-prompt", "--no-cache-idle-slots", "--cache-ram", "0",
          "--log-verbosity", "1", "--log-colors", "off",
          "--threads", number(config.threads),
          "--threads-http", number(uint64_t{config.slots} * 2 + 4),
          "--parallel", number(config.slots),
          "--ctx-size", number(config.context_tokens),
          "--fit", "off"};
  if (our_template) all.insert(all.end(), {"--chat-template", std::string(chatml_with_tools())});
  return all;
}

// GET /health over a blocking socket: 200 once the model is loaded, 503 before. At most a second.
bool healthy(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return false;
  const timeval limit{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  constexpr std::string_view kRequest = "GET /health HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n";
  constexpr std::string_view kYes = "HTTP/1.1 200 ";
  if (send(fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kRequest.size())) {
    return false;
  }
  char answer[kYes.size()];
  return recv(fd.get(), answer, sizeof answer, MSG_WAITALL) == static_cast<ssize_t>(sizeof answer) &&
         std::string_view(answer, sizeof answer) == kYes;
}

Status check(const WorkerConfig& config) {
  if (config.threads == 0 || config.threads > kWorkerThreadsMax) {
    return fail(Code::kInvalid, "the worker's threads must be 1 to " + std::to_string(kWorkerThreadsMax));
  }
  if (config.slots == 0 || config.slots > kWorkerSlotsMax) {
    return fail(Code::kInvalid, "the worker's slots must be 1 to " + std::to_string(kWorkerSlotsMax));
  }
  if (config.context_tokens < config.slots) {
    return fail(Code::kInvalid, "the worker's context must hold at least a token per slot");
  }
  if (worker_socket(config.run_dir).size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::kLimit, "the path of the worker's socket, `" + worker_socket(config.run_dir) +
                                  "`, is longer than a socket's may be; choose a shorter folder");
  }
  return {};
}

}  // namespace

std::string worker_socket(const std::string& run_dir) { return run_dir + "/worker/" + kSocketName; }

Result<std::unique_ptr<Worker>> Worker::start(const WorkerConfig& config, sandbox::SupervisorHooks hooks) {
  PV_TRY_VOID(check(config));
  sandbox::Spec spec;
  spec.launcher = config.launcher;
  spec.program = config.program;
  PV_TRY(const bool our_template, wants_our_template(config.model_file));
  spec.arguments = arguments(config, our_template);
  spec.read_only = {config.model_file};
  spec.scratch = config.run_dir + "/worker";
  spec.memory_bytes = config.memory_bytes;
  spec.run_as = config.run_as;
  if (!config.doorkeeper.empty()) {
    spec.doorkeeper = sandbox::Doorkeeper{
        config.doorkeeper, {kSocketName, config.receipt_key, std::string(sandbox::kModelArgument)}};
  }
  PV_TRY_VOID(make_dirs(spec.scratch));
  hooks.ready = [path = worker_socket(config.run_dir)] { return healthy(path); };
  std::unique_ptr<Worker> worker(new Worker());
  if (our_template) worker->call_opening_ = kToolCallOpening;
  worker->demands_receipt_ = !config.doorkeeper.empty();
  PV_TRY(worker->supervisor_, sandbox::Supervisor::start(std::move(spec), std::move(hooks)));
  return worker;
}

}  // namespace proviso::models
