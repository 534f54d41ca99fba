// `proviso inspect` shows what the detectors see in a text; `proviso eval` counts how well they do.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "agreement/agreement.h"
#include "base/file.h"
#include "base/json.h"
#include "base/visible.h"
#include "cli/command.h"
#include "cli/output.h"
#include "gate/detectors.h"
#include "gate/judge.h"
#include "gate/redaction.h"
#include "inspect/inspector.h"
#include "inspect/readings.h"
#include "inspect/training/evaluation.h"

namespace proviso::cli {
namespace {

using inspect::Evaluation;
using inspect::Finding;
using inspect::Segment;
using inspect::Share;

// --- detectors

// Where tools/fetch_sources.sh puts it; empty if it is not there.
std::string fetched_encoder() {
  const char* const cache = std::getenv("PROVISO_CACHE");
  const char* const home = std::getenv("HOME");
  if (cache == nullptr && home == nullptr) return {};
  const std::string folder = cache != nullptr ? cache : std::string(home) + "/.cache/proviso";
  const std::string file = folder + "/models/multilingual-e5-small-q4.bin";
  std::error_code none;
  return std::filesystem::exists(file, none) ? file : std::string();
}

// With the encoder that was named; else with the one that was fetched, unless it is another release's.
Result<inspect::Inspector> detectors_with(const std::optional<std::string>& encoder) {
  if (encoder) return gate::load_detectors(*encoder);
  auto loaded = gate::load_detectors(fetched_encoder());
  if (loaded) return loaded;
  std::fputs(("note: without an encoder: " + loaded.error().message + "\n").c_str(), stderr);
  return gate::load_detectors("");
}

// --- inspect

struct InspectOptions {
  std::string file;
  bool json_text = false;
  bool as_json = false;
  std::string agreement, who, purpose, does = "ask";
  std::optional<std::string> encoder;
};

Result<std::string> read_text(const std::string& file) {
  if (file != "-") return read_file(file);
  return std::string{std::istreambuf_iterator<char>(std::cin), {}};
}

struct Seen {
  std::vector<std::string> labels;
  int64_t top_score = 0;
  int64_t marking = 0;
  std::vector<Finding> findings;
};

Seen look_at(const inspect::Inspector& inspector, const std::string& text, inspect::TextKind kind) {
  const inspect::Text one{text, kind};
  inspect::Verdict verdict = inspector.inspect(std::span(&one, 1));
  return {std::move(verdict.labels), verdict.top_score, verdict.marking, std::move(verdict.findings)};
}

// What stands at a finding, on one line.
std::string quoted_part(const std::string& text, const Finding& finding) {
  constexpr size_t kShownMax = 72;
  const size_t begin = std::min<size_t>(finding.offset, text.size());
  size_t end = std::min<size_t>(begin + std::min<size_t>(finding.length, kShownMax), text.size());
  while (end > begin && end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // no half a character
  std::string part = text.substr(begin, end - begin);
  std::ranges::replace_if(part, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, ' ');
  return part;
}

void print_seen(const std::string& text, const Seen& seen) {
  print(fmt::format("{} bytes, labels: {}", text.size(),
                    seen.labels.empty() ? "none" : fmt::format("{}", fmt::join(seen.labels, ", "))));
  print(fmt::format("top score {} per mille, marking {}", seen.top_score, seen.marking));
  for (const Finding& finding : seen.findings) {
    print(fmt::format("  {:>6}+{:<5} {:<22} {:<26} {:>4}  {}", finding.offset, finding.length,
                      finding.label, finding.rule, finding.score, quoted_part(text, finding)));
  }
  for (const inspect::Reading& reading : inspect::decoded_readings(text)) {
    const Finding whole{.label = {}, .rule = {}, .offset = 0, .length = reading.text.size(), .score = 0};
    print(fmt::format("  reads as {:<18} {}", reading.name, quoted_part(reading.text, whole)));
  }
}

// What an agreement would do with the text, decision by decision: a second one if the first redacts.
struct Would {
  std::vector<agreement::Decision> decisions;
  std::string left;  // the text as the last decision is about it
};

Result<Would> what_would_happen(const InspectOptions& options, const inspect::Inspector& detectors, const std::string& text) {
  PV_TRY(const agreement::Files files, read_tree(options.agreement));
  PV_TRY(const auto loaded, agreement::Agreement::load(files));
  if (loaded->terms().models.empty()) return fail(Code::kInvalid, "the agreement names no model to ask");
  const inspect::Inspector inspector = detectors.looking_for(loaded->terms().labels);
  std::vector<exchange::Piece> pieces(1);
  pieces[0].text = exchange::UntrustedText(text);
  pieces[0].syntax = options.json_text ? exchange::Syntax::kJson : exchange::Syntax::kPlain;
  pieces[0].source = 0;
  const auto decide = [&](const gate::Content& content) {
    agreement::Asked asked{options.who, {}, options.does, "model " + loaded->terms().models.front().id, ""};
    asked.when = fmt::format("labels={} marking={} top_score={} bytes={}", fmt::join(content.labels, ","), content.marking,
                             content.top_score, content.bytes);
    if (!options.purpose.empty()) asked.when += " purpose=" + options.purpose;
    return loaded->ask(asked);
  };
  Would would{{}, text};
  PV_TRY(agreement::Decision first, decide(gate::Judge::content_of(inspector, pieces)));
  would.decisions.push_back(first);
  if (first.outcome != agreement::Outcome::kRedact) return would;
  const gate::Redacted less = gate::redact(inspector, pieces, first.redacts);
  if (const auto found = less.texts.find(0); found != less.texts.end()) would.left = found->second;
  pieces[0].text = exchange::UntrustedText(would.left);
  PV_TRY(agreement::Decision second, decide(gate::Judge::content_of(inspector, pieces)));
  would.decisions.push_back(std::move(second));
  return would;
}

void print_would(const InspectOptions& options, const std::string& text, const Would& would) {
  print("");
  for (const agreement::Decision& decision : would.decisions) {
    const bool allowed = decision.outcome == agreement::Outcome::kAllow;
    const std::string name = agreement::outcome_name(decision.outcome);
    print(fmt::format("{} by {}: {}  {}", options.does, options.who, allowed ? green(name) : red(name), decision.reason));
  }
  if (would.left != text) print("what is left:\n" + visible(would.left));
}

void put_would(json::Writer& writer, const Would& would) {
  writer.key("decisions").begin_array();
  for (const agreement::Decision& decision : would.decisions) {
    writer.begin_object().key("decision").string(agreement::outcome_name(decision.outcome));
    writer.key("reason").string(decision.reason).end_object();
  }
  writer.end_array().key("left").string(would.left);
}

void print_seen_json(const Seen& seen, const Would* would) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (would != nullptr) put_would(writer, *would);
  writer.key("findings").begin_array();
  for (const Finding& finding : seen.findings) {
    writer.begin_object();
    writer.key("label").string(finding.label).key("length").uinteger(finding.length);
    writer.key("offset").uinteger(finding.offset).key("rule").string(finding.rule);
    writer.key("score").integer(finding.score).end_object();
  }
  writer.end_array().key("labels").begin_array();
  for (const std::string& label : seen.labels) writer.string(label);
  writer.end_array();
  writer.key("marking").integer(seen.marking).key("top_score").integer(seen.top_score).end_object();
  print(out);
}

int run_inspect(const InspectOptions& options) {
  const Result<std::string> text = read_text(options.file);
  if (!text) return complain(text.error());
  const auto detectors = detectors_with(options.encoder);
  if (!detectors) return complain(detectors.error());
  const Seen seen =
      look_at(*detectors, *text, options.json_text ? inspect::TextKind::kJson : inspect::TextKind::kPlain);
  std::optional<Would> would;
  if (!options.agreement.empty()) {
    auto happens = what_would_happen(options, *detectors, *text);
    if (!happens) return complain(happens.error());
    would = std::move(*happens);
  }
  if (options.as_json) {
    print_seen_json(seen, would ? &*would : nullptr);
    return 0;
  }
  print_seen(*text, seen);
  if (would) print_would(options, *text, *would);
  return 0;
}

// --- eval

constexpr size_t kRowsATick = 20;  // of progress on a terminal

struct EvalOptions {
  std::vector<std::string> files;
  std::optional<std::string> encoder;
  bool as_json = false;
};

std::string shown(const Share& share) {
  if (share.n == 0) return "-";
  return fmt::format("{}/{} {:.3f} [{:.3f}, {:.3f}]", share.k, share.n, share.value(), share.low(), share.high());
}

void print_table(const Evaluation& evaluation, const std::string& detectors) {
  print(fmt::format("{} rows; shares with exact 95 % bounds\ndetectors: {}", evaluation.rows, detectors));
  for (const auto& [name, label] : evaluation.labels) {
    print(fmt::format("\n{}\n  recall                     {}\n  precision                  {}\n"
                      "  false positives, benign    {}\n  false positives, ordinary  {}",
                      bold(name), shown(label.recall), shown(label.precision), shown(label.false_all),
                      shown(label.false_ordinary)));
    if (label.encoded.n > 0) {
      print(fmt::format("  recall, plain              {}\n  recall, encoded            {}",
                        shown(label.plain), shown(label.encoded)));
    }
    if (label.languages.size() < 2) continue;
    for (const auto& [language, share] : label.languages) {
      print(fmt::format("  recall, {:<18} {}", language, shown(share)));
    }
  }
  print("\nby category (benign rows: with any label)");
  for (const auto& [name, category] : evaluation.categories) {
    std::string labels;
    for (const auto& [label, count] : category.labels) labels += fmt::format(" {}={}", label, count);
    print(fmt::format("  {:<15} {:<38} {}{}", category.label, name, shown(category.found), labels));
  }
  for (const auto& [type, share] : evaluation.spans) {
    print(fmt::format("  spans           {:<38} {}", type, shown(share)));
  }
  for (const auto& [label, score] : evaluation.span_scores) {
    print(fmt::format("  span F1         {:<38} {:.3f} exact ends; {:.3f} half covered", label, score.exact_f1(), score.half_f1()));
  }
  if (evaluation.markings_exact.n > 0) {
    print(fmt::format("  markings with exactly the expected attributes          {}",
                      shown(evaluation.markings_exact)));
  }
}

void write_share(json::Writer& writer, std::string_view key, const Share& share) {
  writer.key(key).begin_object();
  writer.key("k").uinteger(share.k).key("n").uinteger(share.n);
  if (share.n > 0) {
    writer.key("value").real(share.value()).key("low").real(share.low()).key("high").real(share.high());
  }
  writer.end_object();
}

void print_table_json(const Evaluation& evaluation, const std::string& detectors) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("detectors").string(detectors).key("rows").uinteger(evaluation.rows);
  writer.key("labels").begin_object();
  for (const auto& [name, label] : evaluation.labels) {
    writer.key(name).begin_object();
    writer.key("n").uinteger(label.recall.n);
    write_share(writer, "recall", label.recall);
    write_share(writer, "precision", label.precision);
    write_share(writer, "false_positive_rate", label.false_all);
    write_share(writer, "false_positive_rate_ordinary", label.false_ordinary);
    write_share(writer, "recall_plain", label.plain);
    write_share(writer, "recall_encoded", label.encoded);
    writer.key("recall_by_language").begin_object();
    for (const auto& [language, share] : label.languages) write_share(writer, language, share);
    writer.end_object().end_object();
  }
  writer.end_object().key("categories").begin_object();
  for (const auto& [name, category] : evaluation.categories) {
    writer.key(name).begin_object();
    writer.key("label").string(category.label).key("n").uinteger(category.found.n);
    write_share(writer, category.label == "benign" ? "false_positive_rate" : "recall", category.found);
    writer.key("labels").begin_object();
    for (const auto& [label, count] : category.labels) writer.key(label).uinteger(count);
    writer.end_object().end_object();
  }
  writer.end_object().key("spans").begin_object();
  for (const auto& [type, share] : evaluation.spans) write_share(writer, type, share);
  writer.end_object().key("span_scores").begin_object();
  for (const auto& [label, score] : evaluation.span_scores) {
    writer.key(label).begin_object().key("exact_f1").real(score.exact_f1()).key("half_f1").real(score.half_f1());
    write_share(writer, "exact_recall", score.exact_recall);
    write_share(writer, "exact_precision", score.exact_precision);
    write_share(writer, "half_recall", score.half_recall);
    write_share(writer, "half_precision", score.half_precision);
    writer.end_object();
  }
  writer.end_object();
  write_share(writer, "markings_exact", evaluation.markings_exact);
  writer.end_object();
  print(out);
}

int run_eval(const EvalOptions& options) {
  const auto inspector = detectors_with(options.encoder);
  if (!inspector) return complain(inspector.error());
  std::vector<inspect::Row> rows;
  for (const std::string& file : options.files) {
    const Result<std::string> bytes = read_file(file);
    if (!bytes) return complain(bytes.error());
    Result<std::vector<inspect::Row>> more = inspect::read_rows(*bytes);
    if (!more) return complain(Error{more.error().code, fmt::format("`{}`: {}", file, more.error().message)});
    std::ranges::move(*more, std::back_inserter(rows));
  }
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  const auto progress = [&](size_t done) {
    if (watched && done % kRowsATick == 0) std::fputs(fmt::format("\r{} of {} rows", done, rows.size()).c_str(), stderr);
  };
  const Evaluation evaluation = inspect::evaluate(*inspector, rows, progress);
  if (watched) std::fputs("\r\033[K", stderr);
  if (options.as_json) {
    print_table_json(evaluation, inspector->version());
  } else {
    print_table(evaluation, inspector->version());
  }
  return 0;
}

void add_encoder(CLI::App& command, std::optional<std::string>& file) {
  if (const char* named = std::getenv("PROVISO_ENCODER")) file = named;
  command.add_option("--encoder", file,
                     "the encoder's file: classifiers ask it where they are unsure, as a gate does that has it; if it is not "
                     "named, PROVISO_ENCODER, then the one that tools/fetch_sources.sh brought; empty: without");
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand(
      "inspect", "show what the detectors see in a text: labels, scores, places, decoded readings");
  command->add_option("FILE", options->file, "the text, - for standard input")->required();
  command->add_flag("--arguments", options->json_text, "the text is JSON, as a tool call's arguments are");
  auto* folder = command->add_option("--agreement", options->agreement, "an agreement's folder: what it would do with the text");
  auto* who = command->add_option("--as", options->who, "who asks, of its examples.json")->needs(folder);
  folder->needs(who);
  command->add_option("--purpose", options->purpose, "for which purpose")->needs(folder);
  command->add_option("--does", options->does, "ask or release")->check(CLI::IsMember({"ask", "release"}))->capture_default_str();
  add_encoder(*command, options->encoder);
  command->add_flag("--json", options->as_json, "one JSON object, for programs");
  command->callback([options, &status] { status = run_inspect(*options); });
}

void add_eval(CLI::App& app, int& status) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = app.add_subcommand(
      "eval", "count how well the detectors do on labelled rows, with exact 95 % bounds");
  command->add_option("DATA", options->files, "JSON lines with `label`, `category` and `text`")->required();
  add_encoder(*command, options->encoder);
  command->add_flag("--json", options->as_json, "one JSON object, for programs");
  command->callback([options, &status] { status = run_eval(*options); });
}

}  // namespace proviso::cli
