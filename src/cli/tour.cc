#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "cli/child.h"
#include "cli/command.h"
#include "cli/output.h"
#include "gate/layout.h"
#include "http/client.h"

namespace proviso::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kAnswerBytesMax = 4 << 20;
constexpr std::chrono::seconds kSceneMax{120};

struct TourOptions {
  std::string agreement = "agreements/enclave";
  std::string model, worker;
  bool keep = false;
};

struct Answer {
  int status = 0;
  std::string receipt;
  std::string exchange;
  std::string body;
};

http::Task<Result<Answer>> send(http::Loop& loop, http::Endpoint endpoint, http::RequestSpec spec) {
  http::ClientConfig config;
  config.endpoint = std::move(endpoint);
  Result<std::unique_ptr<http::Client>> client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  Result<http::Reply> reply = co_await (*client)->send(std::move(spec));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  Answer answer;
  answer.status = reply->status();
  answer.receipt = std::string(reply->headers().get_or("proviso-receipt", ""));
  answer.exchange = std::string(reply->headers().get_or("proviso-exchange", ""));
  Result<std::string> body = co_await reply->read_all(kAnswerBytesMax);
  if (!body) co_return std::unexpected(std::move(body.error()));
  answer.body = std::move(*body);
  co_return answer;
}

// One gate, one folder, ten scenes. A scene says what happens and why, and whether it held.
class Tour {
 public:
  explicit Tour(TourOptions options) : options_(std::move(options)) {}
  ~Tour() {
    gate_.reset();
    std::error_code ec;
    if (!options_.keep && !dir_.empty()) fs::remove_all(dir_, ec);
  }

  int run() {
    if (Status opened = open(); !opened) return complain(opened.error());
    scene("an analyst asks", [this] { return ask(); });
    scene("an answer streams", [this] { return stream(); });
    scene("a purpose that the agreement refuses", [this] { return denied_purpose(); });
    scene("a secret in a stream", [this] { return secret_in_stream(); });
    scene("an order waits for two people", [this] { return held_order(); });
    scene("somebody alters an approval", [this] { return altered_approval(); });
    scene("a stop", [this] { return stopped_model(); });
    scene("somebody edits the ledger", [this] { return tampered_ledger(); });
    scene("another program checks the receipt", [this] { return receipt_checked(); });
    scene("a late amendment strikes a protection", [this] { return struck_protection(); });
    print(fmt::format("\n{} of {} scenes held", held_, scenes_));
    return held_ == scenes_ ? 0 : 1;
  }

 private:
  template <class Body>
  void scene(std::string_view title, Body body) {
    ++scenes_;
    print(fmt::format("\n{} {}", bold(fmt::format("scene {}:", scenes_)), title));
    const Status outcome = body();
    if (outcome) {
      ++held_;
      print("  " + green("held"));
    } else {
      print("  " + red("did not hold: ") + outcome.error().message);
    }
  }

  Status open() {
    std::string pattern = fs::temp_directory_path() / "proviso-tour-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
      return std::unexpected(io_error("make", pattern, errno));
    }
    dir_ = pattern;
    // The gate may become another user: it must be able to walk through here.
    fs::permissions(dir_, fs::perms(0711));
    state_ = dir_ + "/state";
    print("starting a gate with the sample agreement on a free port; the model takes a second to load");
    std::vector<std::string> argv = {own_path(),      "serve",    "--state",  state_,
                                     "--sample",      options_.agreement,
                                     "--listen",      "127.0.0.1:0", "--json"};
    if (!options_.model.empty()) argv.insert(argv.end(), {"--model", options_.model});
    if (!options_.worker.empty()) argv.insert(argv.end(), {"--worker", options_.worker});
    PV_TRY(ChildProgram child, ChildProgram::start(argv, log()));
    gate_.emplace(std::move(child));
    const auto line = gate_->read_line();
    if (!line) {
      PV_TRY(const std::string said, read_file(log()));
      return fail(Code::kUnavailable, "the gate did not start:\n" + said);
    }
    PV_TRY(const json::Element ready, parser_.parse(*line));
    int64_t port = 0;
    json::Array keys;
    if (ready.at_key("port").get(port) != simdjson::SUCCESS ||
        ready.at_key("keys").get(keys) != simdjson::SUCCESS) {
      return fail(Code::kInternal, "the gate's ready line cannot be read: " + *line);
    }
    for (json::Element key : keys) {
      std::string_view role, text;
      if (key.at_key("role").get(role) == simdjson::SUCCESS && key.at_key("key").get(text) == simdjson::SUCCESS) {
        keys_[std::string(role)] = std::string(text);
      }
    }
    for (const char* role : {"analyst", "planner", "commander", "legal", "security"}) {
      if (keys_.contains(role)) continue;
      return fail(Code::kInvalid, fmt::format("the agreement has no role `{}`; the tour speaks as one", role));
    }
    PV_TRY(endpoint_, http::Endpoint::parse(fmt::format("http://127.0.0.1:{}", port)));
    PV_TRY(loops_, http::Loops::create({.count = 1}));
    print(fmt::format("it listens on 127.0.0.1:{}", port));
    return {};
  }

  Result<Answer> request(const std::string& role, std::string_view method, std::string target, std::string_view purpose,
                         std::string body) {
    http::RequestSpec spec;
    spec.method = std::string(method);
    spec.target = std::move(target);
    spec.headers.add("Authorization", "Bearer " + keys_.at(role));
    spec.headers.add("Proviso-Purpose", purpose);
    spec.headers.add("Content-Type", "application/json");
    spec.body = std::move(body);
    spec.deadline = http::Loop::now() + kSceneMax;
    http::Loop& loop = loops_->at(0);
    return http::block_on(loop, send(loop, endpoint_, std::move(spec)));
  }

  Result<Answer> chat(std::string_view purpose, std::string body, const std::string& role = "analyst") {
    return request(role, "POST", "/v1/chat/completions", purpose, std::move(body));
  }

  Status ask() {
    print("  \"Say hello in one sentence.\", for the purpose `analysis`");
    PV_TRY(const Answer answer,
           chat("analysis",
                R"({"model":"local","max_tokens":40,"messages":[{"role":"user","content":"Say hello in one sentence."}]})"));
    if (answer.status != 200) return fail(Code::kInvalid, answer.body);
    PV_TRY(const json::Element parsed, parser_.parse(answer.body));
    std::string_view text;
    if (parsed.at_pointer("/choices/0/message/content").get(text) != simdjson::SUCCESS || text.empty()) {
      return fail(Code::kInvalid, "the answer has no text: " + answer.body);
    }
    if (answer.receipt.empty()) return fail(Code::kInvalid, "the answer came without a receipt");
    receipt_ = answer.receipt;
    print(fmt::format("  the model: {}\n  two leaves, `ask` and `release`, were on disk and signed before this "
                      "answer left; its receipt came with it",
                      text));
    return {};
  }

  Status stream() {
    PV_TRY(const Answer answer,
           chat("analysis",
                R"({"model":"local","stream":true,"max_tokens":40,"messages":[{"role":"user","content":"Count from one to ten."}]})"));
    if (answer.status != 200) return fail(Code::kInvalid, answer.body);
    if (!answer.body.ends_with("data: [DONE]\n\n")) {
      return fail(Code::kInvalid, "the stream did not end as the protocol says");
    }
    print(fmt::format("  {} events; each segment waited for its verdict, the end for its leaf",
                      std::count(answer.body.begin(), answer.body.end(), '\n') / 2));
    return {};
  }

  Status denied_purpose() {
    PV_TRY(const Answer answer,
           chat("targeting",
                R"({"model":"local","messages":[{"role":"user","content":"Rank these targets."}]})"));
    if (answer.status != 403) {
      return fail(Code::kInvalid, fmt::format("status {}: {}", answer.status, answer.body));
    }
    PV_TRY(const json::Element parsed, parser_.parse(answer.body));
    std::string_view message;
    if (parsed.at_pointer("/error/message").get(message) != simdjson::SUCCESS) {
      return fail(Code::kInvalid, "no message: " + answer.body);
    }
    print(fmt::format("  403: {}", message));
    return {};
  }

  // The model is made to speak a key by a grammar: the request holds only its pattern.
  Status secret_in_stream() {
    print("  a grammar makes the model speak an access key (a made-up one); nothing in the request is secret");
    PV_TRY(const Answer answer,
           chat("analysis",
                R"({"model":"local","stream":true,"max_tokens":80,"messages":[{"role":"user","content":"Give the id."}],)"
                R"("response_format":{"type":"json_schema","json_schema":{"name":"id","schema":{"type":"object",)"
                R"("properties":{"note":{"const":"the id follows"},"id":{"type":"string","pattern":)"
                R"("^AKIA[Q-T][2-4][G-K][W-Z][5-7][B-E][M-P][H-L][U-W][2-3][R-T][D-F][J-M][X-Z][6-7][N-Q]$"}},)"
                R"("required":["note","id"]}}}})"));
    if (answer.status != 200) return fail(Code::kInvalid, answer.body);
    if (answer.body.find("AKIA") != std::string::npos) {
      return fail(Code::kInvalid, "bytes of the key left the gate");
    }
    if (answer.body.find("content_filter") == std::string::npos) {
      return fail(Code::kInvalid, "the stream was not stopped: " + answer.body);
    }
    print("  what stood before the key was delivered, not a byte of the key; the stream ended with "
          "finish_reason \"content_filter\" and the clause");
    return {};
  }

  // `proviso hold …` and its like, as that person.
  Result<Finished> as(const std::string& role, std::vector<std::string> args) {
    const std::string key_file = fmt::format("{}/{}.key", dir_, role);
    PV_TRY_VOID(write_file_durable(key_file, keys_.at(role), FileMode::kPrivate));
    args.insert(args.begin(), own_path());
    args.insert(args.end(), {"--gate", fmt::format("http://{}:{}", endpoint_.host, endpoint_.port), "--api-key-file",
                             key_file});
    return run_program(args, log());
  }

  // The model is made to call a tool that spends; what it asks for is its own.
  Result<Answer> order(int quantity) {
    return chat("logistics",
                fmt::format(R"({{"model":"local","max_tokens":70,"messages":[{{"role":"user","content":"Order axles."}}],)"
                            R"("tools":[{{"type":"function","function":{{"name":"order_parts","parameters":{{"type":"object",)"
                            R"("properties":{{"part":{{"enum":["axle"]}},"quantity":{{"enum":[{}]}}}},)"
                            R"("required":["part","quantity"]}}}}}}],)"
                            R"("tool_choice":{{"type":"function","function":{{"name":"order_parts"}}}}}})",
                            quantity),
                "planner");
  }

  // The next hold that is open, as soon as it is; none once the question is answered.
  Result<std::optional<std::string>> open_hold(const std::atomic<bool>& answered) {
    const http::Time until = http::Loop::now() + kSceneMax;
    while (http::Loop::now() < until && !answered) {
      PV_TRY(const Answer answer, request("commander", "GET", "/proviso/holds", "", ""));
      json::Parser parser;
      PV_TRY(const json::Element parsed, parser.parse(answer.body));
      json::Array holds;
      if (parsed.at_key("holds").get(holds) != simdjson::SUCCESS) return fail(Code::kInvalid, answer.body);
      for (const json::Element hold : holds) {
        std::string_view id, state;
        if (hold.at_key("id").get(id) == simdjson::SUCCESS && hold.at_key("state").get(state) == simdjson::SUCCESS &&
            state == "open" && met_.insert(std::string(id)).second) {
          return std::optional<std::string>(id);
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (answered) return std::optional<std::string>();
    return fail(Code::kTimeout, "nothing waits for approval");
  }

  struct Signed {
    std::string file;       // the statement
    std::string signature;  // its file
  };
  // By ssh-keygen, with the sample's key of that person.
  Result<Signed> sign(const std::string& hold, const std::string& role) {
    PV_TRY(const Finished statement,
           as(role, {"hold", "statement", hold, "--as", role, "--reason", "read it, and it is needed"}));
    if (statement.status != 0) return fail(Code::kInvalid, "no statement for " + role);
    const std::string file = fmt::format("{}/statement-{}", dir_, role);
    PV_TRY_VOID(write_file_durable(file, statement.output, FileMode::kPrivate));
    std::error_code ignored;
    fs::remove(file + ".sig", ignored);
    PV_TRY(const Finished signing,
           run_program({"/usr/bin/ssh-keygen", "-Y", "sign", "-n", "proviso-approval-v1", "-f",
                        gate::Layout{state_}.sample_approvers() + "/" + role, file},
                       log()));
    if (signing.status != 0) return fail(Code::kInvalid, "ssh-keygen did not sign");
    return Signed{file, file + ".sig"};
  }

  Status held_order() {
    Result<Answer> answer = fail(Code::kInternal, "no answer");
    std::atomic<bool> answered = false;
    std::thread asking([&] {
      answer = order(4);
      answered = true;
    });
    const Status approved = approve_all(answered);
    asking.join();
    if (!approved) return approved;
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200 || answer->body.find("axle") == std::string::npos) {
      return fail(Code::kInvalid, fmt::format("status {}: {}", answer->status, answer->body));
    }
    print("  then, and not before, the call left the gate; the intent that let it go used the approvals up");
    return {};
  }

  // A small model may call twice in one answer: each call waits for approvals of its own.
  Status approve_all(const std::atomic<bool>& answered) {
    for (size_t count = 0;; ++count) {
      PV_TRY(const auto hold, open_hold(answered));
      if (!hold) return count > 0 ? Status() : fail(Code::kInvalid, "nothing was held");
      print(count == 0 ? fmt::format("  a planner's model calls `order_parts`, which spends: clause 2.4 holds it as {}\n"
                                     "  two people read the rendering and sign exactly it, with ssh-keygen", *hold)
                       : fmt::format("  the model calls it again; that is another action to approve: {}", *hold));
      for (const char* role : {"commander", "legal"}) PV_TRY_VOID(approve(*hold, role));
    }
  }

  Status approve(const std::string& hold, const std::string& role) {
    PV_TRY(const Signed made, sign(hold, role));
    PV_TRY(const Finished sent, as(role, {"hold", "vote", made.file, made.signature}));
    if (sent.status != 0) return fail(Code::kInvalid, fmt::format("the approval of {} was refused", role));
    print("    " + sent.output.substr(0, sent.output.find('\n')) + ", as " + role);
    return {};
  }

  Status altered_approval() {
    Result<Answer> answer = fail(Code::kInternal, "no answer");
    std::atomic<bool> answered = false;
    std::thread asking([&] {
      answer = order(400);
      answered = true;
    });
    const auto hold = open_hold(answered);
    Status refused = hold && *hold ? refuse_altered(**hold) : Status(fail(Code::kInvalid, "nothing was held"));
    if (refused) {
      const auto denied = as("legal", {"hold", "deny", **hold, "--as", "legal", "--reason", "nobody needs so many", "--key",
                                       gate::Layout{state_}.sample_approvers() + "/legal"});
      if (!denied || denied->status != 0) refused = fail(Code::kInvalid, "legal could not deny");
    }
    asking.join();
    if (!refused) return refused;
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 403 || answer->body.find("axle") != std::string::npos) {
      return fail(Code::kInvalid, fmt::format("status {}: {}", answer->status, answer->body));
    }
    print("  legal denies, and a denial ends it: 403, and nothing of the call left");
    return {};
  }

  Status refuse_altered(const std::string& hold) {
    PV_TRY(const Signed made, sign(hold, "commander"));
    PV_TRY(std::string statement, read_file(made.file));
    const size_t at = statement.find("needed");
    if (at == std::string::npos) return fail(Code::kInvalid, "the statement does not hold its reason");
    statement.replace(at, 6, "wanted");
    PV_TRY_VOID(write_file_durable(made.file, statement, FileMode::kPrivate));
    PV_TRY(const Finished sent, as("commander", {"hold", "vote", made.file, made.signature}));
    if (sent.status == 0) return fail(Code::kInvalid, "an altered approval was taken");
    print("  a commander signs for 400 axles; one word of the statement is altered on the way: refused");
    return {};
  }

  Status stopped_model() {
    PV_TRY(const Finished stop, as("security", {"stop", "model", "local", "--reason", "it ordered 400 axles"}));
    if (stop.status != 0) return fail(Code::kInvalid, "the stop was refused");
    print("  a security officer, alone: " + stop.output.substr(0, stop.output.find('\n')));
    PV_TRY(const Answer answer,
           chat("analysis", R"({"model":"local","messages":[{"role":"user","content":"Say hello."}]})"));
    if (answer.status != 403 || answer.body.find("is stopped") == std::string::npos) {
      return fail(Code::kInvalid, fmt::format("status {}: {}", answer.status, answer.body));
    }
    print("  the next question: 403, model `local` is stopped. Letting it in again would need two more offices");
    return {};
  }

  std::vector<std::string> verifier(std::vector<std::string> args) const {
    args.insert(args.begin(), beside("proviso-verify"));
    return args;
  }

  Status tampered_ledger() {
    PV_TRY(const Finished before, run_program(verifier({state_}), log()));
    if (before.status != 0) return fail(Code::kInvalid, "the ledger does not verify untouched:\n" + before.output);
    const std::string copy = dir_ + "/copy";
    for (const char* part : {"/log", "/vault", "/agreements", "/keys"}) {
      std::error_code ec;
      fs::create_directories(copy + part, ec);
      fs::copy(state_ + part, copy + part, fs::copy_options::recursive, ec);
      if (ec) return fail(Code::kIo, fmt::format("copy `{}{}`: {}", state_, part, ec.message()));
    }
    const std::string wal = gate::Layout{copy}.log() + "/log.wal";
    PV_TRY(std::string bytes, read_file(wal, 1ull << 30));
    const size_t at = bytes.find(R"("decision":"deny")");
    if (at == std::string::npos) return fail(Code::kInvalid, "no denied leaf to edit");
    bytes.replace(at, 17, R"("decision":"kept")");
    PV_TRY_VOID(write_file_durable(wal, bytes, FileMode::kPrivate));
    PV_TRY(const Finished after, run_program(verifier({copy}), log()));
    if (after.status != 1) {
      return fail(Code::kInvalid, fmt::format("the edit went unnoticed (status {})", after.status));
    }
    print("  proviso-verify re-derived every decision of the untouched ledger. In a copy one refusal was "
          "edited away:");
    print("    " + after.output.substr(0, after.output.find('\n')));
    return {};
  }

  Status receipt_checked() {
    if (receipt_.empty()) return fail(Code::kInvalid, "the first scene gave no receipt");
    const std::string file = dir_ + "/receipt.json";
    PV_TRY_VOID(write_file_durable(file, receipt_ + "\n", FileMode::kShared));
    const gate::Layout layout{state_};
    const std::vector<std::string> place = {"--log", layout.log(), "--receipt-key", layout.receipt_pub()};
    std::vector<std::string> args = {"receipt", file};
    args.insert(args.end(), place.begin(), place.end());
    PV_TRY(const Finished good, run_program(verifier(args), log()));
    if (good.status != 0) return fail(Code::kInvalid, "the receipt does not verify: " + good.output);
    print("    " + good.output.substr(0, good.output.find('\n')));
    // The control: one digit of the index changed.
    std::string forged = receipt_;
    const size_t index = forged.find("\"index\":") + 8;
    forged[index] = forged[index] == '9' ? '8' : static_cast<char>(forged[index] + 1);
    PV_TRY_VOID(write_file_durable(file, forged + "\n", FileMode::kShared));
    PV_TRY(const Finished bad, run_program(verifier(args), log()));
    if (bad.status == 0) return fail(Code::kInvalid, "a forged receipt verified");
    print("  with another index in it, it does not verify");
    return {};
  }

  // The sample with an emergency exit for secrets, its rule and its example both.
  Status write_struck(const std::string& folder) const {
    std::error_code ec;
    fs::copy(options_.agreement, folder, fs::copy_options::recursive, ec);
    if (ec) return fail(Code::kIo, fmt::format("copy `{}`: {}", options_.agreement, ec.message()));
    const std::string file = folder + "/clauses/6-secrets.md";
    PV_TRY(std::string text, read_file(file));
    const std::string_view rule = "context.content.labels.contains(\"secret\")";
    const size_t at = text.find(rule);
    const size_t example = text.find("analyst | release | model local | purpose=coding labels=secret break_glass=true");
    if (at == std::string::npos || example == std::string::npos) {
      return fail(Code::kInvalid, "the agreement is not the sample that this scene edits");
    }
    text.erase(example, text.find('\n', example) + 1 - example);
    text.insert(at + rule.size(), " && !context.moment.break_glass");
    return write_file_durable(file, text, FileMode::kShared);
  }

  Status struck_protection() {
    const std::string struck = dir_ + "/struck";
    PV_TRY_VOID(write_struck(struck));
    print("  somebody adds to clause 6.1, late: \"unless it is an emergency\". Its examples still hold; what it does:");
    PV_TRY(const Finished diff, run_program({own_path(), "agreement", "diff", options_.agreement, struck}, log()));
    if (diff.status != 1 || diff.output.find("newly allowed") == std::string::npos) {
      return fail(Code::kInvalid, "the difference was not seen: " + diff.output);
    }
    const size_t newly = diff.output.find("newly allowed");
    print("    " + diff.output.substr(newly, diff.output.find('\n', newly) - newly));
    // Signed by every party, with this tour's keys; even so it does not take effect.
    PV_TRY(const Finished refused, run_program({own_path(), "serve", "--state", dir_ + "/struck-state", "--sample", struck,
                                                "--listen", "127.0.0.1:0", "--no-worker", "--json"}, log()));
    PV_TRY(const std::string said, read_file(log()));
    const size_t why = (said + refused.output).rfind("red line `R6` is not proven");
    if (refused.status == 0 || why == std::string::npos) {
      return fail(Code::kInvalid, "a gate put the amendment in force");
    }
    const std::string all = said + refused.output;
    print("  signed by every party, it does not take effect all the same:\n    " +
          all.substr(why, all.find('\n', why) - why));
    return {};
  }

  std::string log() const { return dir_ + "/gate.log"; }

  TourOptions options_;
  std::string dir_, state_, receipt_;
  std::map<std::string, std::string> keys_;  // by role
  std::set<std::string> met_;                // holds that were open_hold()'s answer
  std::optional<ChildProgram> gate_;
  http::Endpoint endpoint_;
  std::unique_ptr<http::Loops> loops_;
  json::Parser parser_;
  int scenes_ = 0;
  int held_ = 0;
};

}  // namespace

void add_tour(CLI::App& app, int& status) {
  auto options = std::make_shared<TourOptions>();
  auto* command = app.add_subcommand("tour", "ten scenes with a real model, alone, on a free port");
  command->add_option("--agreement", options->agreement, "the sample to sign")->capture_default_str();
  command->add_option("--model", options->model, "GGUF file")->envname("PROVISO_MODEL");
  command->add_option("--worker", options->worker, "llama-server")->envname("PROVISO_WORKER");
  command->add_flag("--keep", options->keep, "keep the folder that it worked in");
  command->footer("exit status 0 only if every scene held");
  command->callback([options, &status] { status = Tour(*options).run(); });
}

}  // namespace proviso::cli
