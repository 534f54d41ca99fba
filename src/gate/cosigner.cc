#include "gate/cosigner.h"

#include <fmt/format.h>

#include <future>

#include "http/client.h"

namespace proviso::gate {
namespace {

constexpr uint64_t kAnswerBytes = 64 << 10;  // signature lines; two ML-DSA ones are 7 KB
constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::milliseconds kSweep{100};  // how late a deadline may be seen

struct Answer {
  int status = 0;
  std::string body;
};

// One exchange and what ends it: its deadline over all of it, or the stop of the carrier.
struct Exchange {
  explicit Exchange(http::Loop& loop) : done(loop), watched(loop) {}
  http::Event done;
  http::Event watched;
  http::Cancel cancel;
};

http::Task<void> watch(Exchange& exchange, http::Time deadline, http::Cancel& stop) {
  const http::Woken woken = co_await exchange.done.wait(deadline, &stop);
  if (woken != http::Woken::kSet) exchange.cancel.request();
  exchange.watched.set();
}

http::Task<Result<Answer>> send(http::Loop& loop, http::Endpoint endpoint, std::string body,
                                http::Time deadline, http::Cancel& cancel) {
  http::ClientConfig config;
  config.connect_timeout = kWitnessAnswerMax;
  http::RequestSpec spec;
  spec.method = "POST";
  spec.target = endpoint.base_path + "/add-checkpoint";
  spec.headers.add("Content-Type", "text/plain; charset=utf-8");
  spec.body = std::move(body);
  spec.deadline = deadline;
  spec.cancel = &cancel;
  spec.body_timeout = kWitnessAnswerMax;
  config.endpoint = std::move(endpoint);
  Result<std::unique_ptr<http::Client>> client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  Result<http::Reply> reply = co_await (*client)->send(std::move(spec));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Result<std::string> answered = co_await reply->read_all(kAnswerBytes);
  if (!answered) co_return std::unexpected(std::move(answered.error()));
  co_return Answer{reply->status(), std::move(*answered)};
}

http::Task<Result<Answer>> post(http::Loop& loop, http::Endpoint endpoint, std::string body,
                                http::Time deadline, http::Cancel& stop) {
  if (stop.requested()) co_return fail(Code::kUnavailable, "the gate stops");
  Exchange exchange(loop);
  loop.spawn(watch(exchange, deadline, stop));
  Result<Answer> answer =
      co_await send(loop, std::move(endpoint), std::move(body), deadline, exchange.cancel);
  exchange.done.set();
  (void)co_await exchange.watched.wait();
  if (!answer && exchange.cancel.requested()) {
    co_return fail(Code::kTimeout, "it did not answer in time");
  }
  co_return answer;
}

uint64_t size_of(const std::string& checkpoint) {
  const auto note = note::parse(checkpoint);
  const auto parsed = note ? note::Checkpoint::parse(note->text) : fail(Code::kInvalid, "");
  return parsed ? parsed->size : 0;
}

}  // namespace

Result<std::unique_ptr<Carrier>> Carrier::create(std::string log_dir, ledger::Policy policy,
                                                 note::VerifierKey log_key) {
  auto carrier = std::unique_ptr<Carrier>(
      new Carrier(std::move(log_dir), std::move(policy), std::move(log_key)));
  for (const ledger::Policy::Witness& witness : carrier->policy_.witnesses()) {
    if (witness.url.empty()) continue;
    if (witness.key.type != ledger::kCosignatureType) continue;  // we could not check what it says
    if (const auto endpoint = http::Endpoint::parse(witness.url); !endpoint) {
      return fail_at(fmt::format("witness `{}`", witness.name), endpoint.error());
    }
    carrier->asked_.push_back({witness, 0});
  }
  if (carrier->asked_.size() > kWitnessAskedMax) {
    return fail(Code::kLimit, fmt::format("at most {} witnesses are asked", kWitnessAskedMax));
  }
  PV_TRY(carrier->loops_, http::Loops::create({.count = 1, .sweep = kSweep}));
  return carrier;
}

// Once with what it saw last as far as we know, once more if it says otherwise; one deadline for both.
Result<std::string> Carrier::ask(Asked& asked, const ledger::LogReader& log,
                                 const std::string& checkpoint) {
  const http::Time deadline = http::Loop::now() + kWitnessAnswerMax;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (asked.seen > size_of(checkpoint)) {
      // Somebody may have carried a newer checkpoint of this log to it since ours was read.
      PV_TRY(const std::string newest, log.checkpoint());
      if (size_of(newest) >= asked.seen) {
        return fail(Code::kUnavailable, "a newer checkpoint was carried to it meanwhile");
      }
    }
    PV_TRY(const ledger::AddCheckpoint request,
           ledger::ask_to_cosign(log, checkpoint, asked.seen));
    PV_TRY(http::Endpoint endpoint, http::Endpoint::parse(asked.witness.url));
    http::Loop& loop = loops_->at(0);
    PV_TRY(const Answer answer,
           http::block_on(loop, post(loop, std::move(endpoint), request.text(), deadline, stop_)));
    PV_TRY(const ledger::CosignAnswer said,
           ledger::read_answer(answer.status, answer.body, request.checkpoint, asked.witness.key));
    asked.seen = said.has_seen.value_or(size_of(request.checkpoint));
    if (!said.lines.empty()) return said.lines;
  }
  return fail(Code::kUnavailable, "it says twice that it saw something else: does another copy of this "
                                  "log ask it too?");
}

Result<CosignRound> Carrier::round() {
  // At a start tiles may be missing that log.wal will make again; later they are all that is needed.
  PV_TRY(const auto log, first_ ? ledger::LogReader::open(log_dir_)
                                : ledger::LogReader::open_published(log_dir_));
  first_ = false;
  PV_TRY(const std::string checkpoint, log->checkpoint());
  std::vector<std::future<Result<std::string>>> answers;
  answers.reserve(asked_.size());
  for (Asked& asked : asked_) {
    answers.push_back(std::async(std::launch::async, [&] { return ask(asked, *log, checkpoint); }));
  }
  CosignRound round;
  std::vector<std::string> lines;
  std::vector<std::string> silent;
  for (const ledger::Policy::Witness& witness : policy_.witnesses()) silent.push_back(witness.name);
  for (size_t i = 0; i < answers.size(); ++i) {
    const Result<std::string> line = answers[i].get();
    CosignRound::Said said{asked_[i].witness.name, line.has_value(), "", false};
    if (!line) {
      said.why = line.error().message;
      said.contradicts =
          line.error().code == Code::kConflict || line.error().code == Code::kUnverified;
    }
    round.said.push_back(std::move(said));
    if (line) lines.push_back(*line);
    if (line) std::erase(silent, asked_[i].witness.name);
  }
  round.settled = !lines.empty() && !policy_.satisfied_by(silent);
  // A contradiction is told whatever becomes of the lines.
  if (!round.contradiction().empty()) return round;
  PV_TRY(round.witnessed,
         ledger::keep_cosigned(log_dir_, checkpoint, lines, policy_, log_key_));
  return round;
}

void Carrier::stop() {
  loops_->at(0).post([this] { stop_.request(); });
}

std::string CosignRound::contradiction() const {
  for (const Said& each : said) {
    if (each.contradicts) return fmt::format("witness `{}`: {}", each.name, each.why);
  }
  return "";
}

Cosigner::Cosigner(std::unique_ptr<Carrier> carrier, std::chrono::milliseconds interval, Heard heard,
                   std::function<void()> tick)
    : carrier_(std::move(carrier)),
      interval_(interval),
      heard_(std::move(heard)),
      tick_(std::move(tick)) {
  thread_ = std::thread([this] { run(); });
}

Cosigner::~Cosigner() {
  stopping_ = true;
  carrier_->stop();
  thread_.join();
}

// The round runs beside: a witness that takes its time must not keep the age of the quorum from being seen.
void Cosigner::run() {
  auto next = http::Loop::now();
  std::future<Result<CosignRound>> round;
  while (!stopping_) {
    if (!round.valid() && http::Loop::now() >= next) {
      next = http::Loop::now() + interval_;
      round = std::async(std::launch::async, [this] { return carrier_->round(); });
    }
    if (!round.valid()) {
      std::this_thread::sleep_for(kTick);
    } else if (round.wait_for(kTick) == std::future_status::ready && !stopping_) {
      heard_(round.get());
    }
    tick_();
  }
  if (round.valid()) round.wait();
}

}  // namespace proviso::gate
