// Decisions on a workload folder that bench/cedar/generate.py wrote, timed one by one; prints JSON for
// bench/cedar/bench.py, with every answer, so that they are compared with those of the peer.
//   bench_cedar FOLDER [SECONDS]
//   bench_cedar FOLDER count     each request once, for bench/cedar/count.py to count instructions
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <time.h>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/policy_json.h"
#include "cedar/request_json.h"

namespace {

using namespace proviso;
using namespace proviso::cedar;

constexpr int kRoundsMax = 20'000;

double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <class T>
T must(Result<T> result) {
  if (!result) fmt::print(stderr, "{}\n", result.error().message);
  PV_CHECK(result.has_value());  // the workload is faulty
  return std::move(*result);
}

struct Workload {
  Schema schema;
  Entities entities;
  std::vector<Request> requests;
  std::vector<std::string> texts;
  double load_ms = 0;
};

Workload read_workload(const std::string& folder) {
  Workload out;
  auto text_schema = read_file(folder + "/schema.cedarschema");
  out.schema = text_schema ? must(Schema::parse(*text_schema, "schema.cedarschema"))
                           : must(Schema::from_json(must(read_file(folder + "/schema.json")), "schema.json"));
  json::Parser parser;
  std::string entities = must(read_file(folder + "/entities.json"));
  out.entities = must(Entities::create(must(entities_from_json(must(parser.parse(entities)), &out.schema))));
  json::Parser requests;
  std::string text = must(read_file(folder + "/requests.json"));
  for (json::Element one : json::Array(must(requests.parse(text)))) {
    out.requests.push_back(must(request_from_json(one, &out.schema)));
    out.texts.push_back(json::to_text(one));
  }
  return out;
}

PolicySet read_policies(const std::string& folder) {
  std::string text = must(read_file(folder + "/policies.cedar"));
  PolicySet set = must(PolicySet::parse(text, "policies.cedar"));
  auto links = read_file(folder + "/links.json");
  if (!links) return set;
  json::Parser parser;
  for (json::Element link : json::Array(must(parser.parse(*links)))) {
    SlotValues values;
    for (auto field : json::Object(link["values"])) {
      (field.key == "?principal" ? values.principal : values.resource) = must(uid_from_json(field.value));
    }
    auto linked = set.link(std::string_view(link["templateId"]), std::string_view(link["newId"]), values);
    PV_CHECK(linked.has_value());  // a link is faulty
  }
  return set;
}

std::string answer(const Engine& engine, const Response& response) {
  std::vector<std::string> reason;
  std::vector<std::string> errors;
  for (uint32_t i : response.reason()) reason.push_back(engine.policies()[i].id);
  for (const PolicyError& e : response.errors) errors.push_back(engine.policies()[e.policy].id);
  std::ranges::sort(reason);
  std::ranges::sort(errors);
  return fmt::format("{}|{}|{}", response.decision == Answer::kAllow ? "allow" : "deny", fmt::join(reason, ","),
                     fmt::join(errors, ","));
}

// What is timed and counted; functions of their own, so that callgrind can tell them from the rest.
[[gnu::noinline]] void counted_decision(const Engine& engine, const Request& request, const Entities& entities, Response& out) {
  engine.is_authorized(request, entities, out);
}

struct JsonWork {
  json::Parser parser;
  Response response;
  std::string out;
};
[[gnu::noinline]] void counted_json(const Engine& engine, const Workload& load, const std::string& text, JsonWork& work) {
  Request request = must(request_from_json(must(work.parser.parse(text)), &load.schema));
  engine.is_authorized(request, load.entities, work.response);
  work.out.clear();
  write_response(engine, work.response, work.out);
}

[[gnu::noinline]] Engine counted_load(const std::string& folder, const Schema& schema) {
  return must(Engine::compile(read_policies(folder), &schema, {.steps_max = EngineOptions::kUnbounded}));
}

struct Times {
  double median_ns = 0;
  double p90_ns = 0;
  int rounds = 0;
};

// The median over requests of each request's median time.
template <class Body>
Times time_each(size_t count, double seconds, Body&& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> per_request(count);
  Times out;
  const double until = cpu_us() + seconds * 1e6;
  while (out.rounds < 3 || (cpu_us() < until && out.rounds < kRoundsMax)) {
    for (size_t i = 0; i < count; ++i) {
      const auto start = Clock::now();
      body(i);
      per_request[i].push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    ++out.rounds;
  }
  std::vector<double> medians;
  for (auto& times : per_request) {
    std::ranges::nth_element(times, times.begin() + static_cast<ptrdiff_t>(times.size() / 2));
    medians.push_back(times[times.size() / 2]);
  }
  std::ranges::sort(medians);
  out.median_ns = medians[count / 2];
  out.p90_ns = medians[count * 9 / 10];
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  PV_CHECK(argc >= 2);  // usage: bench_cedar FOLDER [SECONDS|count]
  const bool counting = argc > 2 && std::string_view(argv[2]) == "count";
  const double seconds = argc > 2 && !counting ? std::stod(argv[2]) : 1.0;
  Workload load = read_workload(argv[1]);
  const double before = cpu_us();
  Engine engine = counted_load(argv[1], load.schema);
  load.load_ms = (cpu_us() - before) / 1e3;

  std::vector<std::string> answers;
  size_t candidates = 0;
  Response response;
  for (const Request& request : load.requests) {  // also warms what a thread keeps
    engine.is_authorized(request, load.entities, response);
    answers.push_back(answer(engine, response));
    candidates += engine.candidates(request, load.entities);
  }
  JsonWork work;
  size_t allowed = 0;
  auto decide = [&](size_t i) {
    counted_decision(engine, load.requests[i], load.entities, response);
    allowed += response.decision == Answer::kAllow ? 1 : 0;
  };
  auto from_json = [&](size_t i) {
    counted_json(engine, load, load.texts[i], work);
    allowed += work.out.size();
  };
  Times decided;
  Times from_text;
  if (counting) {
    for (size_t i = 0; i < load.requests.size(); ++i) decide(i);
    for (size_t i = 0; i < load.requests.size(); ++i) from_json(i);
  } else {
    decided = time_each(load.requests.size(), seconds, decide);
    from_text = time_each(load.requests.size(), seconds, from_json);
  }
  std::string result;
  json::Writer w(result);
  w.begin_object().key("policies").uinteger(engine.policies().size()).key("requests").uinteger(load.requests.size());
  w.key("median_ns").real(decided.median_ns).key("p90_ns").real(decided.p90_ns);
  w.key("json_median_ns").real(from_text.median_ns).key("load_ms").real(load.load_ms);
  w.key("candidates").real(static_cast<double>(candidates) / static_cast<double>(load.requests.size()));
  w.key("rounds").integer(decided.rounds).key("checked").uinteger(allowed);
  w.key("answers").begin_array();
  for (const std::string& one : answers) w.string(one);
  w.end_array().end_object();
  fmt::print("{}\n", result);
}
