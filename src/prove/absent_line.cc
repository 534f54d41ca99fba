#include "prove/absent_line.h"

#include <fmt/format.h>

#include "base/file.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::Kind;
using agreement::RedLine;

constexpr std::string_view kRecordFormat = "proviso-absence-1";

std::string record_text(const Agreement& agreement, const Kind& kind, const std::string& tool, const SchemaFinding& found) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("definition").string(agreement.tool(tool)->definition);
  out.key("format").string(kRecordFormat);
  out.key("kind").begin_object();
  out.key("digits").integer(kind.digits);
  out.key("id").string(kind.id);
  out.key("text").integer(kind.text);
  out.key("words").begin_array();
  for (const std::string& word : kind.words) out.string(word);
  out.end_array();
  out.end_object();
  out.key("said").string("cannot carry it");
  out.key("schema").string(found.schema);
  out.key("tool").string(tool);
  out.end_object();
  return text;
}

}  // namespace

std::vector<std::string> tools_of(const Agreement& agreement, const RedLine& line) {
  std::vector<std::string> out;
  for (const agreement::Tool& tool : agreement.terms().tools) {
    if (line.absent->covers(tool.id, tool.tool_class)) out.push_back(tool.id);
  }
  if (line.absent->covers("", agreement::kClientClass)) out.emplace_back();
  return out;
}

std::string never_called(const Agreement& agreement, const std::string& tool) {
  const std::string of_class = agreement.tool_class(tool);
  std::string out = fmt::format("!(resource in ToolClass::\"{}\"", of_class);
  for (const auto& [other, description] : agreement.terms().tool_classes) {
    if (other != of_class) out += fmt::format(" && !(resource in ToolClass::\"{}\")", other);
  }
  if (!tool.empty()) return out + fmt::format(" && resource == Tool::\"{}\")", tool);
  for (const agreement::Tool& one : agreement.terms().tools) {
    if (one.tool_class == agreement::kClientClass) out += fmt::format(" && resource != Tool::\"{}\"", one.id);
  }
  return out + ")";
}

SchemaFinding by_schema(const Agreement& agreement, const Kind& kind, const std::string& tool) {
  SchemaFinding out;
  const agreement::Tool* const registered = agreement.tool(tool);
  const arguments::Paper* const paper = agreement.paper(tool);
  if (registered == nullptr) {
    out.why = "tools that nobody registered take any arguments";
  } else if (registered->definition.empty()) {
    out.why = "it has no pinned definition, so its arguments are held to nothing";
  } else if (tool.find('/') != std::string::npos) {
    out.why = "it is a channel of a server and carries what people write";
  } else if (paper == nullptr) {
    out.why = "its pinned definition is not in tools/, so nobody can tell";
  } else if (paper->held.schema == nullptr) {
    out.why = paper->held.why;
  } else {
    const Absence found = can_carry(*paper->held.schema, kind);
    out.schema = paper->held.schema->digest().hex();
    out.cannot = found.carries == Carries::kNo;
    out.shown = found.carries == Carries::kYes;
    out.arguments = found.example;
    const char* const how = out.shown ? "it can carry one" : "too open to tell";
    if (!out.cannot) out.why = fmt::format("{}: {} {}", how, found.place, found.why);
  }
  return out;
}

Result<bool> keep_record(const ProverOptions& options, const Agreement& agreement, const Kind& kind,
                         const std::string& tool, const SchemaFinding& found) {
  if (options.records.empty()) return false;
  const std::string text = record_text(agreement, kind, tool, found);
  const std::string path = fmt::format("{}/{}.json", options.records, sha256(text).hex());
  if (const auto there = read_file(path); there && *there == text) return true;
  if (!options.keep_records) return false;
  PV_TRY_VOID(make_dirs(options.records));
  PV_TRY_VOID(write_file_durable(path, text, FileMode::kPrivate));
  return false;
}

}  // namespace proviso::prove
