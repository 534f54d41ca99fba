// A link to a tool server on standard streams. Nothing on a pipe says which request a notification belongs to,
// so a child works on one request at a time, and one that was given up is waited out before the next begins:
// what a server says for one person never reaches another.
#include <fmt/format.h>

#include <deque>

#include "tools/stdio_child.h"
#include "tools/upstream.h"

namespace proviso::tools {
namespace {

constexpr std::chrono::seconds kStartMax{30};   // digesting an interpreter, its sandbox, its start
constexpr std::chrono::seconds kDrainMax{5};    // for the response to what was given up; then it is killed
constexpr std::chrono::seconds kAgainAfter{2};  // between two starts of a child that ends at once

// Everything about one child, on its loop. Alive as long as a running request or the link holds it.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(http::Loop& loop, const ServerConfig& config, const Surroundings& surroundings)
      : loop_(loop), config_(config), surroundings_(surroundings), heard_(loop) {}

  [[nodiscard]] std::string who() const { return "the tool server `" + config_.id + "`"; }

  // Waits for its turn; a child that runs and is initialised. leave() ends the turn.
  http::Task<Status> enter(http::Time deadline, http::Cancel* cancel) {
    if (busy_) {
      if (turns_.size() >= kStdioTurnsMax) co_return fail(Code::kLimit, who() + " has too much to do");
      const auto turn = std::make_shared<http::Event>(loop_);
      turns_.push_back(turn);
      const http::Woken woken = co_await turn->wait(deadline, cancel);
      if (woken != http::Woken::kSet) {
        if (std::erase(turns_, turn) == 0) leave();  // its turn came in the same moment
        co_return fail(Code::kTimeout, who() + " had no time for this");
      }
    }
    busy_ = true;
    Status ready = co_await settle();
    if (!ready) leave();
    co_return ready;
  }

  void leave() {
    busy_ = false;
    if (turns_.empty()) return;
    busy_ = true;
    const auto next = std::move(turns_.front());
    turns_.pop_front();
    next->set();
  }

  // The next message, whatever it is.
  http::Task<Result<Message>> hear(http::Time deadline, http::Cancel* cancel) {
    while (lines_.empty()) {
      if (!alive_) co_return fail(Code::kUnavailable, fmt::format("{} ended: {}", who(), why_));
      heard_.reset();
      const http::Woken woken = co_await heard_.wait(deadline, cancel);
      if (woken == http::Woken::kDeadline) co_return fail(Code::kTimeout, who() + " did not answer in time");
      if (woken == http::Woken::kCancelled) co_return fail(Code::kUnavailable, who() + " was not waited for");
    }
    const std::string line = std::move(lines_.front());
    lines_.pop_front();
    auto message = parse_message(line, parser_);
    if (!message) co_return fail(Code::kUnavailable, fmt::format("{} sent what is no message of MCP: {}", who(),
                                                                 message.error().message));
    co_return std::move(*message);
  }

  Status say(std::string line) {
    if (child_ == nullptr || !alive_) return fail(Code::kUnavailable, who() + " does not run");
    if (!child_->write(std::move(line))) return fail(Code::kLimit, who() + " does not read what it is sent");
    return {};
  }

  std::string next_id() { return std::to_string(next_id_++); }
  void give_up(std::string id) { abandoned_ = std::move(id); }
  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] const Greeting& greeting() const { return greeting_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  void stop() {
    alive_ = false;
    child_.reset();
  }

 private:
  http::Task<Status> settle() {
    if (!abandoned_.empty() && alive_) {
      const http::Time until = http::Loop::now() + kDrainMax;
      while (!abandoned_.empty()) {
        Result<Message> said = co_await hear(until, nullptr);
        if (!said) break;
        if (said->is_response() && said->id == abandoned_) abandoned_.clear();
      }
      if (!abandoned_.empty()) stop();
    }
    abandoned_.clear();
    if (alive_) co_return Status{};
    Status started = co_await restart();
    co_return started;
  }

  http::Task<Status> restart() {
    if (http::Loop::now() - started_ < kAgainAfter && child_ != nullptr) {
      co_return fail(Code::kUnavailable, fmt::format("{} ended: {}", who(), why_));
    }
    child_.reset();
    lines_.clear();
    started_ = http::Loop::now();
    alive_ = true;
    const uint64_t life = ++life_;
    const std::weak_ptr<Core> weak = weak_from_this();
    http::Loop& loop = loop_;
    StdioChild::Hooks hooks;
    hooks.on_line = [weak, &loop, life](std::string line) {
      loop.post([weak, life, line = std::move(line)]() mutable {
        if (const auto core = weak.lock()) core->on_line(life, std::move(line));
      });
    };
    hooks.on_end = [weak, &loop, life](std::string why) {
      loop.post([weak, life, why = std::move(why)]() mutable {
        if (const auto core = weak.lock()) core->on_end(life, std::move(why));
      });
    };
    child_ = std::make_unique<StdioChild>(config_, surroundings_, std::move(hooks));
    Status greeted = co_await initialize();
    if (!greeted) alive_ = false;
    co_return greeted;
  }

  http::Task<Status> initialize() {
    const std::string id = next_id();
    Status said = say(request_text(id, "initialize",
                                   fmt::format(R"({{"protocolVersion":"{}","capabilities":{{}},"clientInfo":{}}})",
                                               kLegacyVersion, kClientInfo)));
    if (!said) co_return said;
    const http::Time until = http::Loop::now() + kStartMax;
    while (true) {
      Result<Message> heard = co_await hear(until, nullptr);
      if (!heard) co_return std::unexpected(std::move(heard.error()));
      if (!heard->is_response() || heard->id != id) continue;
      if (heard->kind != Message::Kind::kResult) co_return fail(Code::kUnavailable, who() + " refuses `initialize`");
      Status taken = take_greeting(heard->body);
      if (taken) taken = say(notification_text("notifications/initialized", "{}"));
      co_return taken;
    }
  }

  Status take_greeting(const std::string& body) {
    PV_TRY(const json::Element document, parser_.parse(body));
    json::Object result;
    if (document.get(result) != simdjson::SUCCESS) return fail(Code::kUnavailable, who() + " answers with no object");
    const auto version = text_member(result, "protocolVersion");
    if (!version || !legacy_version(*version)) {
      return fail(Code::kUnavailable, who() + " speaks no revision of MCP that this gate knows");
    }
    version_ = std::string(*version);
    greeting_ = Greeting{};
    greeting_.eras.legacy = true;
    const std::string capabilities = member_text(result, "capabilities");
    const std::string info = member_text(result, "serverInfo");
    if (!capabilities.empty()) greeting_.capabilities = greeting_.legacy_capabilities = capabilities;
    if (!info.empty()) greeting_.server_info = info;
    return {};
  }

  void on_line(uint64_t life, std::string line) {
    if (life != life_) return;
    // While it works for nobody, only that its list changed is of interest, to whoever comes next.
    if (!busy_ && line.find("/list_changed") == std::string::npos) return;
    if (lines_.size() >= kStdioLinesMax) {
      why_ = "it said more than anybody read";
      stop();
    } else {
      lines_.push_back(std::move(line));
    }
    heard_.set();
  }
  void on_end(uint64_t life, std::string why) {
    if (life != life_) return;
    alive_ = false;
    why_ = std::move(why);
    heard_.set();
  }

  http::Loop& loop_;
  const ServerConfig config_;
  const Surroundings surroundings_;
  json::Parser parser_;
  std::unique_ptr<StdioChild> child_;
  http::Event heard_;
  std::deque<std::string> lines_;
  std::deque<std::shared_ptr<http::Event>> turns_;
  Greeting greeting_;
  std::string version_, why_, abandoned_;
  http::Time started_ = {};
  uint64_t next_id_ = 1;
  uint64_t life_ = 0;
  bool busy_ = false;
  bool alive_ = false;
};

class StdioRunning final : public Running {
 public:
  StdioRunning(std::shared_ptr<Core> core, std::string id, http::Time deadline, http::Cancel* cancel)
      : core_(std::move(core)), id_(std::move(id)), deadline_(deadline), cancel_(cancel) {}
  ~StdioRunning() override {
    if (!answered_) {
      core_->give_up(id_);
      const Status told = core_->say(notification_text("notifications/cancelled",
                                                       fmt::format(R"({{"requestId":{}}})", id_)));
      (void)told;
    }
    core_->leave();
  }

  http::Task<Result<Message>> next() override {
    while (true) {
      Result<Message> said = co_await core_->hear(deadline_, cancel_);
      if (!said) co_return std::unexpected(std::move(said.error()));
      if (said->is_response() && said->id != id_) continue;
      // Of no request in particular: it may belong to what somebody else asked before.
      if (said->kind == Message::Kind::kNotification && said->method == "notifications/message") continue;
      answered_ = answered_ || said->is_response();
      co_return std::move(*said);
    }
  }

  http::Task<Status> answer(std::string response) override { co_return core_->say(std::move(response)); }

 private:
  std::shared_ptr<Core> core_;
  std::string id_;
  http::Time deadline_;
  http::Cancel* cancel_;
  bool answered_ = false;
};

class StdioLink final : public Link {
 public:
  explicit StdioLink(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~StdioLink() override { core_->stop(); }

  http::Task<Result<Greeting>> greet() override {
    Status entered = co_await core_->enter(http::Loop::now() + kStartMax, nullptr);
    if (!entered) co_return std::unexpected(std::move(entered.error()));
    Greeting greeting = core_->greeting();
    core_->leave();
    co_return greeting;
  }

  // One session for all: the child was initialised once, for a client that can be asked nothing.
  http::Task<Result<Session>> open(std::string) override {
    Result<Greeting> greeting = co_await greet();
    if (!greeting) co_return std::unexpected(std::move(greeting.error()));
    co_return Session{"", core_->version(), std::move(*greeting)};
  }

  http::Task<Status> close(Session) override { co_return Status{}; }
  [[nodiscard]] bool busy() const override { return core_->busy(); }

  http::Task<Result<std::unique_ptr<Running>>> start(Ask ask) override {
    if (ask.era != Era::kLegacy) co_return fail(Code::kUnsupported, core_->who() + " speaks the legacy era only");
    Status entered = co_await core_->enter(ask.deadline, ask.cancel);
    if (!entered) co_return std::unexpected(std::move(entered.error()));
    const std::string id = core_->next_id();
    auto running = std::make_unique<StdioRunning>(core_, id, ask.deadline, ask.cancel);
    Status said = core_->say(request_text(id, ask.method, ask.params));
    if (!said) co_return std::unexpected(std::move(said.error()));
    co_return std::unique_ptr<Running>(std::move(running));
  }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<Link>> connect_stdio(http::Loop& loop, const ServerConfig& config,
                                            const Surroundings& surroundings) {
  if (config.command.empty() || surroundings.launcher.empty()) {
    return fail(Code::kInvalid, "a server on standard streams needs a command, and a sandbox to run it in");
  }
  return std::unique_ptr<Link>(
      std::make_unique<StdioLink>(std::make_shared<Core>(loop, config, surroundings)));
}

}  // namespace proviso::tools
