#include "cli/cedar_corpus.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "cli/cedar_judge.h"
#include "cli/output.h"

extern char** environ;

namespace proviso::cli {

namespace fs = std::filesystem;

// Told apart by their names and by what stands beside them.
void Judge::file(const fs::path& root, const fs::path& path) {
  std::string name = path.filename().string();
  auto ends = [&](std::string_view ending) { return name.ends_with(ending); };
  if (ends(".snap")) {
    ++elsewhere_["results of the symbolic analyser: `./test prove` judges them"];
  } else if (ends(".formatted.cedar")) {
    std::string plain = path.string().substr(0, path.string().size() - std::string_view(".formatted.cedar").size());
    layout(plain + ".cedar", path);
  } else if (name == "formatted.cedar") {
    layout(path.parent_path() / "unformatted.cedar", path);
  } else if (ends(".cedarschema.json")) {
    schema_pair(path);
  } else if (ends(".cedar.json")) {
    policy_json(path);
  } else if (ends(".json")) {
    json_file(root, path);
  } else if (in_corpus_) {
    return;  // its texts are read with their case
  } else if (ends(".cedarschema")) {
    schema_text(path);
  } else if (ends(".cedar")) {
    policy_text(path);
    if (ends("_bad.cedar") || name.starts_with("invalid_")) sample_policies(path);
    if (name.starts_with("policy-level-")) levels(path);
  }
}

void Judge::json_file(const fs::path& root, const fs::path& path) {
  std::string name = path.filename().string();
  if (name.ends_with(".entities.json") || name.ends_with(".validation.json")) return;
  auto text = slurp(path);
  json::Parser parser;
  auto parsed = text ? parser.parse(*text) : Result<json::Element>(std::unexpected(text.error()));
  if (!parsed) return add("JSON files read", false, path.string() + " " + parsed.error().message);
  json::Element element = *parsed;
  fs::path stem = path.parent_path() / path.stem();
  bool sample = name.starts_with("tests-") || name.starts_with("test-");
  if (sample && fs::exists(path.parent_path() / "schema.cedarschema")) {
    sample_tests(path, element);
  } else if (has(element, "cases")) {
    oracle(path, element);
  } else if (has(element, "requests") && fs::exists(stem.string() + ".validation.json") && fs::exists(stem.string() + ".cedar")) {
    validator_case(stem, element);
  } else if (has(element, "requests") && has(element, "policies") && has(element, "shouldValidate")) {
    // Paths in a case are relative to the folder that its data was laid out in, one of those above it.
    fs::path base = path.parent_path();
    while (base != root && !fs::exists(base / std::string(std::string_view(element["policies"])))) base = base.parent_path();
    case_file(base, path, element);
    judged_.insert(path.stem().string());
  }
}

namespace {

// The first column of a table whose lines that begin with # are comments.
std::set<std::string> first_column(const fs::path& table) {
  std::set<std::string> out;
  std::istringstream lines(slurp(table).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') out.insert(line.substr(0, line.find('\t')));
  }
  return out;
}

}  // namespace

void Judge::run(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    fs::path path = entry.path();
    if (entry.is_directory() && (fs::exists(path / "ALLOW") || fs::exists(path / "DENY"))) example(path);
    if (!entry.is_regular_file()) continue;
    std::string name = path.filename().string();
    if (name.starts_with("known-differences-4.13")) newer_.merge(first_column(path));
    if (name.starts_with("manifest") && name.ends_with(".tsv")) listed_.merge(first_column(path));
    files.push_back(path);
  }
  std::ranges::sort(files);
  for (const fs::path& path : files) {
    in_corpus_ = path.parent_path().filename().string().starts_with("corpus-tests");
    try {
      file(root, path);
    } catch (const simdjson::simdjson_error& error) {
      add("case files", false, path.string() + ": not the form of the data: " + error.what());
    }
  }
}

void Judge::finish() {
  for (const std::string& id : listed_) add("cases that a manifest lists", judged_.contains(id), id + " is not there");
}

namespace {

// A folder of this run's own that goes away at its end.
class Unpacked {
 public:
  Unpacked() {
    std::string name = (fs::temp_directory_path() / "proviso-cedar-XXXXXX").string();
    if (const char* made = ::mkdtemp(name.data())) path_ = made;
  }
  ~Unpacked() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Status unpack(const fs::path& archive, const fs::path& folder) {
  std::string from = archive.string();
  std::string to = folder.string();
  std::string words[] = {"tar", "-xzf", from, "-C", to};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  pid_t child = 0;
  int status = 1;
  if (::posix_spawnp(&child, "tar", nullptr, nullptr, argv, environ) != 0 || ::waitpid(child, &status, 0) != child ||
      status != 0) {
    return fail(Code::kIo, "`" + from + "` could not be unpacked with tar");
  }
  return {};
}

void report(const Judge& judge, bool as_json) {
  if (!as_json) {
    for (const auto& [name, family] : judge.families()) print(fmt::format("{}: {}/{}", name, family.passed, family.total));
    for (const auto& [what, count] : judge.elsewhere()) print(fmt::format("not judged here: {} {}", count, what));
    return;
  }
  std::string out;
  json::Writer w(out);
  w.begin_object().key("families").begin_object();
  for (const auto& [name, family] : judge.families()) {
    w.key(name).begin_object().key("passed").uinteger(family.passed).key("total").uinteger(family.total).end_object();
  }
  w.end_object().key("not_judged_here").begin_object();
  for (const auto& [what, count] : judge.elsewhere()) w.key(what).uinteger(count);
  w.end_object().key("misses").begin_array();
  for (const std::string& miss : judge.misses()) w.string(miss);
  w.end_array().end_object();
  print(out);
}

}  // namespace

int judge_corpus(const std::string& folder, bool as_json) {
  if (!fs::is_directory(folder)) return complain({Code::kNotFound, "`" + folder + "` is not a folder"});
  Judge judge(as_json);
  judge.run(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || !entry.path().string().ends_with(".tar.gz")) continue;
    Unpacked unpacked;
    if (Status done = unpack(entry.path(), unpacked.path()); !done) return complain(done.error());
    judge.run(unpacked.path());
  }
  judge.finish();
  report(judge, as_json);
  if (judge.families().empty()) return complain({Code::kNotFound, "`" + folder + "` holds no case that is known here"});
  return judge.misses().empty() ? 0 : 1;
}

}  // namespace proviso::cli
