#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "base/file.h"
#include "ledger/signer.h"
#include "ledger/signer_wire.h"

namespace proviso::ledger {

namespace wire {
namespace {

void put_text(std::string& out, std::string_view text) {
  put_u16(out, static_cast<uint16_t>(text.size()));
  out += text;
}
Result<std::string> take_text(ByteReader& reader) {
  PV_TRY(const auto length, reader.u16());
  PV_TRY(const auto text, reader.bytes(length));
  return std::string(text);
}
Result<Digest> take_digest(ByteReader& reader) {
  PV_TRY(const auto bytes, reader.bytes(32));
  return digest_from_bytes(bytes);
}

}  // namespace

std::string encode_standing(const SignerClient::Standing& standing) {
  std::string out;
  put_text(out, standing.origin);
  put_text(out, standing.log_key);
  put_text(out, standing.receipt_key);
  put_u64(out, standing.size);
  out += standing.root.view();
  return out;
}

Result<SignerClient::Standing> decode_standing(std::string_view bytes) {
  ByteReader reader(bytes);
  SignerClient::Standing standing;
  PV_TRY(standing.origin, take_text(reader));
  PV_TRY(standing.log_key, take_text(reader));
  PV_TRY(standing.receipt_key, take_text(reader));
  PV_TRY(standing.size, reader.u64());
  PV_TRY(standing.root, take_digest(reader));
  return standing;
}

std::string encode_interval(const SignerClient::Interval& interval) {
  std::string out;
  put_u64(out, interval.start);
  put_u64(out, interval.end);
  put_u64(out, static_cast<uint64_t>(interval.time.value));
  out += interval.root.view();
  put_text(out, interval.signature);
  return out;
}

Result<SignerClient::Interval> decode_interval(std::string_view bytes) {
  ByteReader reader(bytes);
  SignerClient::Interval interval;
  PV_TRY(interval.start, reader.u64());
  PV_TRY(interval.end, reader.u64());
  PV_TRY(const auto time, reader.u64());
  interval.time.value = static_cast<int64_t>(time);
  PV_TRY(interval.root, take_digest(reader));
  PV_TRY(interval.signature, take_text(reader));
  return interval;
}

std::string encode_reply(const Result<std::string>& result) {
  if (result) return std::string(1, '\0') + *result;
  std::string out(1, static_cast<char>(1 + static_cast<int>(result.error().code)));
  return out + result.error().message.substr(0, kSignerMessageBytesMax - 1);
}

Result<std::string> decode_reply(std::string_view bytes) {
  ByteReader reader(bytes);
  PV_TRY(const auto status, reader.u8());
  std::string rest(reader.rest());
  if (status == 0) return rest;
  if (status > 1 + static_cast<int>(Code::kInternal)) {
    return fail(Code::kInternal, "the signer answered with an unknown status");
  }
  return fail(static_cast<Code>(status - 1), std::move(rest));
}

}  // namespace wire

namespace {

class ClientImpl final : public SignerClient {
 public:
  ClientImpl(Fd socket, pid_t child) : socket_(std::move(socket)), child_(child) {}
  ~ClientImpl() override {
    socket_ = Fd();
    if (child_ > 0) {
      while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

  Result<Standing> replay() override {
    PV_TRY(const auto bytes, call(request_of(wire::Op::kReplay)));
    return wire::decode_standing(bytes);
  }
  Result<Ticket> request_batch() override { return send_request(request_of(wire::Op::kBatch)); }
  Result<Interval> wait(Ticket ticket) override {
    PV_TRY(const auto bytes, wait_reply(ticket));
    return wire::decode_interval(bytes);
  }
  Result<Interval> interval_of(uint64_t index) override {
    std::string request = request_of(wire::Op::kInterval);
    put_u64(request, index);
    PV_TRY(const auto bytes, call(request));
    return wire::decode_interval(bytes);
  }
  Result<std::string> checkpoint() override { return call(request_of(wire::Op::kCheckpoint)); }

 private:
  static std::string request_of(wire::Op op) { return std::string(1, static_cast<char>(op)); }

  Result<std::string> call(const std::string& request) {
    PV_TRY(const auto ticket, send_request(request));
    return wait_reply(ticket);
  }

  Result<Ticket> send_request(const std::string& request) {
    const std::lock_guard lock(send_mutex_);
    while (send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      if (errno != EINTR) return std::unexpected(gone());
    }
    return next_ticket_++;
  }

  // Replies come in the order of the requests; whoever waits reads for those before it too.
  Result<std::string> wait_reply(Ticket ticket) {
    const std::lock_guard lock(receive_mutex_);
    while (!replies_.contains(ticket)) {
      PV_CHECK(next_reply_ <= ticket);
      PV_TRY(auto reply, receive());
      replies_.emplace(next_reply_++, std::move(reply));
    }
    const auto found = replies_.extract(ticket);
    return wire::decode_reply(found.mapped());
  }

  Result<std::string> receive() {
    std::string buffer(kSignerMessageBytesMax, '\0');
    for (;;) {
      const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::unexpected(gone());
      buffer.resize(static_cast<size_t>(got));
      return buffer;
    }
  }

  static Error gone() { return {Code::kUnavailable, "the signer process is gone"}; }

  Fd socket_;
  pid_t child_;
  std::mutex send_mutex_;
  Ticket next_ticket_ = 0;
  std::mutex receive_mutex_;
  Ticket next_reply_ = 0;
  std::map<Ticket, std::string> replies_;
};

}  // namespace

Result<std::unique_ptr<SignerClient>> SignerClient::spawn(const std::vector<std::string>& argv) {
  PV_CHECK(!argv.empty());
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return std::unexpected(io_error("make a socket for", argv[0], errno));
  }
  Fd ours(pair[0]);
  const Fd theirs(pair[1]);
  std::vector<char*> args;
  for (const auto& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  std::string path = "PATH=/usr/bin:/bin";
  std::vector<char*> environment{path.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kSignerFd);
  pid_t child = -1;
  const int failed =
      posix_spawn(&child, argv[0].c_str(), &actions, nullptr, args.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::unexpected(io_error("start", argv[0], failed));
  return std::make_unique<ClientImpl>(std::move(ours), child);
}

Result<std::unique_ptr<SignerClient>> SignerClient::attach(int fd) {
  return std::make_unique<ClientImpl>(Fd(fd), -1);
}

std::vector<std::string> signer_args(const SignerOptions& options) {
  return {"--log-dir",     options.log_dir,
          "--log-key",     options.log_key_file,
          "--receipt-key", options.receipt_key_file,
          "--state",       options.state_file,
          "--skew-max",    std::to_string(options.skew_s_max)};
}

Result<SignerOptions> parse_signer_args(std::span<const std::string> args) {
  SignerOptions options;
  for (size_t i = 0; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      return fail(Code::kInvalid, fmt::format("the signer's argument `{}` has no value", args[i]));
    }
    const auto& value = args[i + 1];
    if (args[i] == "--log-dir")
      options.log_dir = value;
    else if (args[i] == "--log-key")
      options.log_key_file = value;
    else if (args[i] == "--receipt-key")
      options.receipt_key_file = value;
    else if (args[i] == "--state")
      options.state_file = value;
    else if (args[i] == "--skew-max") {
      PV_TRY(const auto seconds, parse_u64(value));
      options.skew_s_max = static_cast<int64_t>(seconds);
    } else {
      return fail(Code::kInvalid, fmt::format("the signer does not know `{}`", args[i]));
    }
  }
  if (options.log_dir.empty() || options.log_key_file.empty() || options.receipt_key_file.empty() ||
      options.state_file.empty()) {
    return fail(Code::kInvalid, "the signer needs --log-dir, --log-key, --receipt-key and --state");
  }
  return options;
}

}  // namespace proviso::ledger
