#pragma once
// Judges cases of Cedar conformance data and counts them by family. Inner to `proviso cedar corpus`.
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cedar/authorizer.h"
#include "cedar/policy_set.h"
#include "cedar/schema.h"

namespace proviso::cli {

struct Family {
  size_t passed = 0;
  size_t total = 0;
};

// Everything that one run counts. A case that throws out of simdjson is a miss, never a crash.
class Judge {
 public:
  using Path = std::filesystem::path;

  explicit Judge(bool quiet) : quiet_(quiet) {}

  // Every case below the folder, whatever part of the data is there; folders with lists of cases come
  // before those that hold the cases. finish() after the last one.
  void run(const Path& root);
  void finish();
  [[nodiscard]] const std::map<std::string, Family>& families() const { return families_; }
  [[nodiscard]] const std::vector<std::string>& misses() const { return misses_; }
  // What is no case of this command, with who judges it.
  [[nodiscard]] const std::map<std::string, size_t>& elsewhere() const { return elsewhere_; }

 private:
  void add(const std::string& family, bool passed, const std::string& what);
  template <class T>
  bool loaded(const std::string& family, const Result<T>& result, const std::string& what) {
    add(family, result.has_value(), what + (result ? "" : " " + result.error().message));
    return result.has_value();
  }

  // cedar_corpus.cc: what a file is.
  void file(const Path& root, const Path& path);
  void json_file(const Path& root, const Path& path);

  // cedar_judge.cc: verdicts and decisions.
  void case_file(const Path& root, const Path& path, json::Element description);
  void case_request(const cedar::Engine& engine, const cedar::Schema& schema, const cedar::Entities& entities,
                    json::Element request, const std::string& name);
  void validator_case(const Path& stem, json::Element description);
  void verdicts(json::Element expected, const cedar::Schema& schema, const cedar::PolicySet& policies,
                const std::string& name);
  void entity_verdicts(json::Element expected, const cedar::Schema& schema, std::string_view entities,
                       const std::string& name);
  void request_verdicts(json::Element expected, const cedar::Schema& schema, json::Element requests,
                        const std::string& name);
  void example(const Path& folder);

  // cedar_judge_sample.cc: the sample folders of Cedar's command line.
  void sample_tests(const Path& path, json::Element tests);
  bool sample_test(json::Element test, const cedar::Engine& engine, const cedar::Schema& schema) const;
  void sample_policies(const Path& bad);
  void levels(const Path& policies);
  void policy_json(const Path& path);

  // cedar_judge_text.cc: texts that are read, written and laid out.
  void policy_text(const Path& path);
  void layout(const Path& plain, const Path& formatted);
  void schema_text(const Path& path);
  void schema_pair(const Path& path);

  // cedar_judge_oracle.cc
  void oracle(const Path& path, json::Element root);
  void oracle_parse(json::Element one);
  void oracle_load(json::Element one);
  void oracle_policies(json::Element one, const cedar::Entities& entities);

  bool quiet_;
  bool in_corpus_ = false;          // the file at hand is one of the generated cases
  std::set<std::string> newer_;     // cases that Cedar 4.13 admits with a warning
  std::set<std::string> listed_;    // cases that a manifest names
  std::set<std::string> judged_;
  std::map<std::string, Family> families_;
  std::vector<std::string> misses_;
  std::map<std::string, size_t> elsewhere_;
};

// Helpers of the parts above.
Result<std::string> slurp(const Judge::Path& path);
std::set<std::string> strings(json::Element array);
bool has(json::Element element, const char* key);
std::set<std::string> reason_of(const cedar::Engine& engine, const cedar::Response& response);
std::set<std::string> errors_of(const cedar::Engine& engine, const cedar::Response& response);
Result<cedar::Entities> entities_in(std::string_view text, const cedar::Schema* schema);
// The first file of the folder, by name, that ends so; empty if there is none.
Judge::Path one_with(const Judge::Path& folder, const std::string& ending);

}  // namespace proviso::cli
