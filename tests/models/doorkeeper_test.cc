// The receipt check in front of the model: its judgement, and the real program in a real sandbox, asked by
// somebody who plays a gate that skips the ledger.
#include "models/doorkeeper.h"

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/merkle.h"
#include "models/worker.h"

namespace proviso::models {
namespace {

constexpr std::string_view kOrigin = "log.example/test";
constexpr std::string_view kPath = "/v1/chat/completions";
constexpr std::string_view kBody = R"({"model":"local","messages":[{"role":"user","content":"hello"}]})";
constexpr int64_t kStarted = 1000;
constexpr int64_t kNow = 2000;

const PrivateKey& log_key() {
  static const PrivateKey key = *PrivateKey::create(std::string(32, 'r'));
  return key;
}

std::string receipts_of(std::string_view origin) { return std::string(origin) + "/receipts"; }

// What a gate would have made for a prompt, every part open to be spoilt.
struct Made {
  std::string path{kPath};
  std::string body{kBody};       // that the leaf commits to
  std::string verb = "ask";
  std::string decision = "allow";
  Digest model = sha256("weights");
  std::string fact{kPromptFact};
  std::string origin{kOrigin};
  int64_t time = kNow;
  uint64_t index = 7;
  PrivateKey signer = log_key();

  [[nodiscard]] Pass pass() const {
    Pass pass;
    // Three facts; the prompt is the second.
    const Digest salt = sha256("salt");
    const std::string value = json::quoted(prompt_digest(path, body).hex());
    std::vector<Digest> facts;
    facts.push_back(exchange::fact_commitment("a", exchange::fact_value_hash(salt, "1")));
    facts.push_back(exchange::fact_commitment(fact, exchange::fact_value_hash(salt, value)));
    facts.push_back(exchange::fact_commitment("z", exchange::fact_value_hash(salt, "2")));
    pass.opening = {1, salt, *merkle::inclusion_path(1, 3, [&](uint64_t start, uint64_t end) -> Result<Digest> {
      return merkle::root(std::span(facts).subspan(start, end - start));
    })};
    const std::string zeros(64, '0');
    pass.leaf = R"({"agreement":")" + zeros + R"(","decision":")" + decision + R"(","fact_count":3,"fact_root":")" +
                merkle::root(facts).hex() + R"(","format":"proviso/leaf@v1","model":")" + model.hex() +
                R"(","node":"n","sealed":")" + zeros + R"(","time":)" + std::to_string(time) +
                R"(,"vendor":")" + zeros + R"(","verb":")" + verb + R"("})";
    pass.receipt = receipt_for(pass.leaf);
    return pass;
  }
  [[nodiscard]] std::string receipt_for(std::string_view leaf) const {
    const ledger::IntervalTree tree({sha256("other"), merkle::leaf_hash(leaf), sha256("another")});
    ledger::Receipt receipt;
    receipt.origin = origin;
    receipt.index = index;
    receipt.leaf = tree.leaf(1);
    receipt.start = index - 1;
    receipt.end = index + 2;
    receipt.time = {time};
    receipt.path = tree.path(1);
    receipt.signature =
        signer.sign(ledger::receipt_message(origin, receipt.start, receipt.end, tree.root(), {time}));
    return receipt.text();
  }
};

Doorkeeper keeper() {
  return std::move(*Doorkeeper::create(*note::VerifierKey::ed25519(receipts_of(kOrigin), log_key().public_key()),
                                       sha256("weights"), {kStarted}));
}

Status admit(Doorkeeper& keeper, const Made& made) {
  return keeper.admit(made.pass().text(), kPath, kBody, {kNow});
}

TEST(Doorkeeper, AdmitsAPromptOnceWithTheReceiptOfItsAsk) {
  auto door = keeper();
  const auto first = admit(door, Made{});
  EXPECT_TRUE(first.has_value()) << first.error().message;
  const auto again = admit(door, Made{});
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message.find("used before"), std::string::npos) << again.error().message;
  Made next;
  next.index = 8;
  EXPECT_TRUE(admit(door, next).has_value());
}

TEST(Doorkeeper, RefusesEveryOtherReceipt) {
  const struct {
    const char* why;
    std::function<void(Made&)> spoil;
  } cases[] = {
      {"signature does not hold", [](Made& m) { m.signer = PrivateKey::generate(); }},
      {"of another log", [](Made& m) { m.origin = "log.example/other"; }},
      {"not for an `ask`", [](Made& m) { m.verb = "release"; }},
      {"not for an `ask`", [](Made& m) { m.verb = "act"; }},
      {"was not allowed", [](Made& m) { m.decision = "deny"; }},
      {"was not allowed", [](Made& m) { m.decision = "hold"; }},
      {"for another model", [](Made& m) { m.model = sha256("other weights"); }},
      {"for another prompt", [](Made& m) { m.body += " "; }},
      {"for another prompt", [](Made& m) { m.path = "/v1/messages"; }},
      {"for another prompt", [](Made& m) { m.fact = "exchange.answer_digest"; }},
      {"too old", [](Made& m) { m.time = kNow - kReceiptAgeSMax - 1; }},
      {"from the future", [](Made& m) { m.time = kNow + kReceiptAgeSMax + 1; }},
      {"before this doorkeeper's start", [](Made& m) { m.time = kStarted; }},
  };
  for (const auto& c : cases) {
    Made made;
    c.spoil(made);
    auto door = keeper();
    const auto admitted = admit(door, made);
    ASSERT_FALSE(admitted.has_value()) << c.why;
    EXPECT_EQ(admitted.error().code, Code::kUnverified) << admitted.error().message;
    EXPECT_NE(admitted.error().message.find(c.why), std::string::npos) << admitted.error().message;
  }
}

TEST(Doorkeeper, RefusesNoPassAndAReceiptOfAnotherLeaf) {
  auto door = keeper();
  const auto none = door.admit("", kPath, kBody, {kNow});
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("no prompt without a receipt"), std::string::npos);
  Made denied;
  denied.decision = "deny";
  Pass mixed = Made{}.pass();
  mixed.receipt = denied.pass().receipt;
  const auto other = door.admit(mixed.text(), kPath, kBody, {kNow});
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.error().message.find("another leaf"), std::string::npos) << other.error().message;
}

// What only looks like a leaf: the same members under another format's name.
TEST(Doorkeeper, RefusesALeafOfAnotherFormat) {
  auto door = keeper();
  const Made made;
  Pass pass = made.pass();
  const size_t at = pass.leaf.find("leaf@v1");
  pass.leaf.replace(at, 7, "leaf@v2");
  pass.receipt = made.receipt_for(pass.leaf);
  const auto admitted = door.admit(pass.text(), kPath, kBody, {kNow});
  ASSERT_FALSE(admitted.has_value());
  EXPECT_NE(admitted.error().message.find("of another format"), std::string::npos) << admitted.error().message;
}

TEST(Doorkeeper, ReadsNoPassBeyondItsLimits) {
  auto door = keeper();
  const std::string good = Made{}.pass().text();
  const auto longer = door.admit(good + std::string(kPassBytesMax - good.size() + 1, ' '), kPath, kBody, {kNow});
  ASSERT_FALSE(longer.has_value());
  EXPECT_EQ(longer.error().code, Code::kLimit);
  Pass deep = Made{}.pass();
  deep.opening.proof.resize(9);
  const auto deeper = door.admit(deep.text(), kPath, kBody, {kNow});
  ASSERT_FALSE(deeper.has_value());
  EXPECT_NE(deeper.error().message.find("at most 8"), std::string::npos) << deeper.error().message;
  EXPECT_TRUE(door.admit(good, kPath, kBody, {kNow}).has_value());
}

TEST(Doorkeeper, RefusesEveryPassWithAByteChanged) {
  const std::string good = Made{}.pass().text();
  auto door = keeper();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 7)));
    EXPECT_FALSE(door.admit(bad, kPath, kBody, {kNow}).has_value()) << "byte " << i;
  }
  EXPECT_TRUE(door.admit(good, kPath, kBody, {kNow}).has_value());
}

TEST(Doorkeeper, TheTimesAtItsEdgesPass) {
  for (const int64_t time : {kNow - kReceiptAgeSMax, kNow + kReceiptAgeSMax}) {
    Made made;
    made.time = time;
    auto door = keeper();
    EXPECT_TRUE(admit(door, made).has_value()) << time;
  }
  EXPECT_FALSE(keeper().open_at({kStarted}));
  EXPECT_TRUE(keeper().open_at({kStarted + 1}));
}

// What was used and forgotten because it was old must not become fresh again when the clock is set back.
TEST(Doorkeeper, AClockThatGoesBackOpensNothing) {
  auto door = keeper();
  ASSERT_TRUE(admit(door, Made{}).has_value());
  Made later;
  later.index = 9;
  later.time = kNow + 1000;
  ASSERT_TRUE(door.admit(later.pass().text(), kPath, kBody, {kNow + 1000}).has_value());
  const auto again = admit(door, Made{});
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message.find("too old"), std::string::npos) << again.error().message;
}

// Memory is bounded by the window.
TEST(Doorkeeper, ForgetsWhatIsTooOldToBeUsedAgain) {
  auto door = keeper();
  Made made;
  const Pass pass = made.pass();
  size_t admitted = 0;
  for (size_t i = 0; i < 200; ++i) {
    made.index = 10 + i;
    Pass next = pass;
    next.receipt = made.receipt_for(pass.leaf);
    if (door.admit(next.text(), kPath, kBody, {kNow})) ++admitted;
  }
  EXPECT_EQ(admitted, 200U);
  EXPECT_EQ(door.remembered(), 200U);
  made.index = 1'000'000;
  made.time = kNow + 2 * kReceiptAgeSMax + 1;
  ASSERT_TRUE(door.admit(made.pass().text(), kPath, kBody, {made.time}).has_value());
  EXPECT_EQ(door.remembered(), 1U);
}

TEST(Doorkeeper, TakesNothingMoreWhenItsMemoryIsFull) {
  auto door = std::move(*Doorkeeper::create(
      *note::VerifierKey::ed25519(receipts_of(kOrigin), log_key().public_key()), sha256("weights"), {kStarted}, 2));
  Made made;
  for (made.index = 10; made.index < 12; ++made.index) EXPECT_TRUE(admit(door, made).has_value());
  const auto full = admit(door, made);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, Code::kLimit);
  made.time = kNow + kReceiptAgeSMax + 1;  // the first two are forgotten by then
  EXPECT_TRUE(door.admit(made.pass().text(), kPath, kBody, {made.time}).has_value());
}

TEST(Doorkeeper, TakesOnlyAReceiptKey) {
  const auto log = note::VerifierKey::ed25519(kOrigin, log_key().public_key());
  EXPECT_FALSE(Doorkeeper::create(*log, sha256("weights"), {1}).has_value());
}

TEST(DoorRequest, IsReadStrictlyAndWrittenAnew) {
  const std::string prompt = "POST /v1/messages HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nProviso-Pass: {}\r\n\r\n";
  const auto read = read_door_request(prompt);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->path, "/v1/messages");
  EXPECT_EQ(read->body_bytes, 5U);
  EXPECT_EQ(read->pass, "{}");
  EXPECT_EQ(worker_head(*read), "POST /v1/messages HTTP/1.1\r\nHost: worker\r\nContent-Type: application/json\r\n"
                                "Connection: close\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(read_door_request("GET /health HTTP/1.1\r\nHost: x\r\n\r\n").has_value());
  for (const char* bad : {
           "GET /slots HTTP/1.1\r\n\r\n", "POST /completion HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\n\r\n", "GET /health HTTP/1.1\r\nContent-Length: 4\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
           "POST /v1/messages HTTP/1.1\nContent-Length: 1\n\n",
           "POST /v1/messages HTTP/1.0\r\nContent-Length: 1\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\n Content-Length: 1\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\n: a\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nHost\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\n X: a\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nX: a\nProviso-Pass: b\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\nProviso-Pass: a\r\nProviso-Pass: b\r\n\r\n",
           "POST /v1/messages HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"}) {
    EXPECT_FALSE(read_door_request(bad).has_value()) << bad;
  }
}

// The real program before a model that repeats what it is told, in their sandbox.
enum class Door { kKept, kNone };

class Behind {
 public:
  explicit Behind(Door door) {
    char dir[] = "/tmp/proviso-door-XXXXXX";
    if (mkdtemp(dir) == nullptr) std::abort();
    dir_ = dir;
    chmod(dir, 0755);
    WorkerConfig config;
    config.launcher = copied(PV_LAUNCHER, "launch");
    config.program = copied(PV_ECHO, "echo");
    config.model_file = dir_ + "/weights";
    std::ofstream(config.model_file) << "weights";
    config.run_dir = dir_;
    if (door == Door::kKept) {
      config.doorkeeper = copied(PV_DOORKEEPER, "doorkeeper");
      config.receipt_key = note::VerifierKey::ed25519(receipts_of(kOrigin), log_key().public_key())->text();
    }
    sandbox::SupervisorHooks hooks;
    hooks.on_state = [this](sandbox::WorkerState state, const std::string& why) {
      const std::lock_guard lock(mutex_);
      if (state == sandbox::WorkerState::kReady) ready_ = true;
      trouble_ += why;
      changed_.notify_all();
    };
    auto started = Worker::start(config, hooks);
    EXPECT_TRUE(started.has_value()) << started.error().message;
    worker_ = std::move(*started);
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [this] { return ready_; })) << trouble_;
  }
  ~Behind() {
    worker_.reset();
    std::filesystem::remove_all(dir_);
  }

  // A connection to the worker's socket, as the gate makes one.
  [[nodiscard]] Fd connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", worker_socket(dir_).c_str());
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  [[nodiscard]] std::string ask(std::string_view body, const std::string& pass) const {
    const Fd fd = connect();
    send_prompt(fd, body, pass);
    return read_until(fd, "");
  }
  static void send_prompt(const Fd& fd, std::string_view body, const std::string& pass) {
    std::string request = "POST " + std::string(kPath) + " HTTP/1.1\r\nHost: worker\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n";
    if (!pass.empty()) request += "Proviso-Pass: " + pass + "\r\n";
    request += "\r\n";
    request += body;
    EXPECT_EQ(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  }
  [[nodiscard]] std::string health() const {
    const Fd fd = connect();
    constexpr std::string_view kAsk = "GET /health HTTP/1.1\r\nHost: worker\r\n\r\n";
    EXPECT_EQ(send(fd.get(), kAsk.data(), kAsk.size(), MSG_NOSIGNAL), static_cast<ssize_t>(kAsk.size()));
    return read_until(fd, "");
  }
  // Until `word` was read, or to the end.
  static std::string read_until(const Fd& fd, std::string_view word) {
    std::string out;
    char buffer[4096];
    while (word.empty() || out.find(word) == std::string::npos) {
      pollfd entry{fd.get(), POLLIN, 0};
      if (poll(&entry, 1, 20'000) != 1) return out + " (no more came)";
      const ssize_t got = read(fd.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  [[nodiscard]] bool demands_receipt() const { return worker_->demands_receipt(); }

 private:
  std::string copied(const char* from, const char* name) {
    const std::string to = dir_ + "/" + name;
    std::filesystem::copy_file(from, to);
    chmod(to.c_str(), 0755);
    return to;
  }
  std::string dir_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
  std::string trouble_;
  std::unique_ptr<Worker> worker_;
};

// As of now, which is the doorkeeper's own clock.
Made made_now(std::string_view body = kBody) {
  static uint64_t index = 100;
  Made made;
  made.body = body;
  made.time = SystemClock().now().value;
  made.index = index += 10;
  return made;
}

bool answered(const std::string& said) { return said.starts_with("HTTP/1.1 200 "); }

TEST(PatchedGate, GetsNoAnswerFromAModelThatDemandsItsReceipt) {
  const Behind model(Door::kKept);
  ASSERT_TRUE(model.demands_receipt());
  const auto refused = [&](const char* how, const std::string& said, const char* why) {
    EXPECT_TRUE(said.starts_with("HTTP/1.1 403 ")) << how << ": " << said;
    EXPECT_NE(said.find(why), std::string::npos) << how << ": " << said;
    EXPECT_EQ(said.find("hello"), std::string::npos) << how << ": " << said;
  };
  refused("no receipt", model.ask(kBody, ""), "no prompt without a receipt");
  Made forged = made_now();
  forged.signer = PrivateKey::generate();
  refused("a receipt that another key signed", model.ask(kBody, forged.pass().text()), "signature");
  Made other = made_now("{}");
  refused("a receipt of another prompt", model.ask(kBody, other.pass().text()), "another prompt");
  Made stale = made_now();
  stale.time -= kReceiptAgeSMax + 5;
  // Older than the door too, which it says first.
  refused("a stale receipt", model.ask(kBody, stale.pass().text()), "before this doorkeeper's start");
  Made release = made_now();
  release.verb = "release";
  refused("the receipt of a release", model.ask(kBody, release.pass().text()), "not for an `ask`");
  Made denied = made_now();
  denied.decision = "deny";
  refused("the receipt of a denied ask", model.ask(kBody, denied.pass().text()), "not allowed");

  const std::string good = made_now().pass().text();
  const std::string said = model.ask(kBody, good);
  EXPECT_TRUE(answered(said)) << said;
  EXPECT_NE(said.find(std::string(kBody)), std::string::npos) << said;
  EXPECT_EQ(said.find("Proviso-Pass"), std::string::npos) << "the pass goes no further than the door: " << said;
  refused("a receipt used twice", model.ask(kBody, good), "used before");
}

// The control: without the doorkeeper the same gate gets its answers.
TEST(PatchedGate, GetsAnAnswerWhereNoDoorkeeperStands) {
  const Behind model(Door::kNone);
  EXPECT_FALSE(model.demands_receipt());
  EXPECT_TRUE(answered(model.ask(kBody, "")));
  Made forged = made_now();
  forged.signer = PrivateKey::generate();
  EXPECT_TRUE(answered(model.ask(kBody, forged.pass().text())));
}

TEST(DoorkeeperProgram, HealthNeedsNoReceipt) {
  const Behind model(Door::kKept);
  EXPECT_TRUE(answered(model.health()));
}

TEST(DoorkeeperProgram, PassesAStreamOnAsItComes) {
  const Behind model(Door::kKept);
  constexpr std::string_view kStream = R"({"stream":true})";
  const Fd fd = model.connect();
  Behind::send_prompt(fd, kStream, made_now(kStream).pass().text());
  // The model says the second piece only after somebody asked for its health, so the first did not wait.
  const std::string first = Behind::read_until(fd, "data: first\n\n");
  EXPECT_NE(first.find("data: first"), std::string::npos) << first;
  EXPECT_EQ(first.find("data: second"), std::string::npos) << first;
  EXPECT_TRUE(answered(model.health()));
  const std::string rest = Behind::read_until(fd, "");
  EXPECT_NE(rest.find("data: second"), std::string::npos) << rest;
}

TEST(DoorkeeperProgram, AGateThatGoesEndsTheAnswer) {
  const Behind model(Door::kKept);
  constexpr std::string_view kForever = R"({"forever":true})";
  {
    const Fd fd = model.connect();
    Behind::send_prompt(fd, kForever, made_now(kForever).pass().text());
    EXPECT_NE(Behind::read_until(fd, "data: more").find("data: more"), std::string::npos);
  }
  std::string said;
  for (int tries = 0; tries < 2000 && said.find("dropped 1") == std::string::npos; ++tries) said = model.health();
  EXPECT_NE(said.find("dropped 1"), std::string::npos) << said;
}

TEST(DoorkeeperProgram, TakesOneRequestAConnection) {
  const Behind model(Door::kKept);
  const Fd fd = model.connect();
  const std::string pass = made_now().pass().text();
  const std::string prompt = "POST " + std::string(kPath) + " HTTP/1.1\r\nContent-Length: " +
                             std::to_string(kBody.size()) + "\r\nProviso-Pass: " + pass + "\r\n\r\n" + std::string(kBody);
  const std::string both = prompt + prompt;
  ASSERT_EQ(send(fd.get(), both.data(), both.size(), MSG_NOSIGNAL), static_cast<ssize_t>(both.size()));
  const std::string said = Behind::read_until(fd, "");
  size_t answers = 0;
  for (size_t at = 0; (at = said.find("HTTP/1.1 200", at)) != std::string::npos; ++at) ++answers;
  EXPECT_LE(answers, 1U) << said;
}

TEST(DoorkeeperProgram, ALargePromptComesThroughWhole) {
  const Behind model(Door::kKept);
  const std::string body = "{\"text\":\"" + std::string(3 << 20, 'x') + "\"}";
  const std::string said = model.ask(body, made_now(body).pass().text());
  EXPECT_TRUE(answered(said));
  EXPECT_NE(said.find(body), std::string::npos);
}

}  // namespace
}  // namespace proviso::models
