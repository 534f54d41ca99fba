// Texts that are read, written in another form and laid out.
#include "cedar/formatter.h"
#include "cedar/policy_json.h"
#include "cli/cedar_files.h"
#include "cli/cedar_judge.h"

namespace proviso::cli {

namespace fs = std::filesystem;
using namespace cedar;

namespace {

std::string printed(const PolicySet& set) {
  std::string out;
  for (const auto* family : {&set.templates(), &set.policies()}) {
    for (const Policy& policy : *family) out += to_text(policy) + "\n";
  }
  return out;
}

std::string trimmed(const std::string& text) {
  size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

}  // namespace

// Text to tree to text to tree to JSON to tree: nothing is lost on the way; laid out, it stays as it is.
void Judge::policy_text(const fs::path& path) {
  auto text = slurp(path);
  auto first = text ? PolicySet::parse(*text, path.string()) : Result<PolicySet>(std::unexpected(text.error()));
  if (!loaded("policy files read", first, path.string())) return;
  auto second = PolicySet::parse(printed(*first), "printed");
  auto third = second ? policies_from_json(to_json(*second), "json") : second;
  add("policy files, text to JSON to text", third && printed(*first) == printed(*second) && to_json(*second) == to_json(*third),
      path.string() + (third ? "" : " " + third.error().message));
  auto once = format(*text, path.string());
  auto twice = once ? format(*once, path.string()) : once;
  add("policy files laid out twice", twice && *once == *twice, path.string() + (twice ? "" : " " + twice.error().message));
}

void Judge::layout(const fs::path& plain, const fs::path& formatted) {
  auto text = slurp(plain);
  auto expected = slurp(formatted);
  auto got = text ? format(*text, plain.string()) : text;
  add("formatter pairs", got && expected && trimmed(*got) == trimmed(*expected),
      plain.string() + (got ? "" : " " + got.error().message));
}

// A schema as JSON and back means the same.
void Judge::schema_text(const fs::path& path) {
  auto text = slurp(path);
  auto schema = text ? Schema::parse(*text, path.string()) : Result<Schema>(std::unexpected(text.error()));
  if (!loaded("schema files read", schema, path.string())) return;
  auto json = Schema::text_to_json(*text, path.string());
  auto back = json ? Schema::from_json(*json, path.string()) : Result<Schema>(std::unexpected(json.error()));
  add("schema files, text to JSON", back && same_meaning(*back, *schema), path.string() + (back ? "" : " " + back.error().message));
}

// X.cedarschema.json, or X.resolved.cedarschema.json, beside X.cedarschema and perhaps X.roundtrip.cedarschema.
void Judge::schema_pair(const fs::path& path) {
  auto from_json = read_schema(path.string());
  if (!loaded("schema files read", from_json, path.string())) return;
  auto text = Schema::json_to_text(slurp(path).value_or(""), path.string());
  if (!text && text.error().code == Code::kUnsupported) {
    ++elsewhere_["schemas in JSON with a name that text cannot say: only read"];
  } else {
    auto back = text ? Schema::parse(*text, path.string()) : Result<Schema>(std::unexpected(text.error()));
    add("schema files, JSON to text", back && same_meaning(*back, *from_json), path.string() + (back ? "" : " " + back.error().message));
  }
  std::string stem = path.string();
  stem.resize(stem.size() - std::string_view(".cedarschema.json").size());
  if (stem.ends_with(".resolved")) stem.resize(stem.size() - std::string_view(".resolved").size());
  if (!fs::exists(stem + ".cedarschema")) return;
  auto from_text = read_schema(stem + ".cedarschema");
  add("schema pairs", from_text && same_meaning(*from_json, *from_text), stem);
  if (!from_text || !fs::exists(stem + ".roundtrip.cedarschema")) return;
  auto again = read_schema(stem + ".roundtrip.cedarschema");
  add("schema pairs", again && same_meaning(*again, *from_text), stem + ".roundtrip");
}

}  // namespace proviso::cli
