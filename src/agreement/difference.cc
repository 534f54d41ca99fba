#include "agreement/difference.h"

#include <fmt/format.h>

#include "base/json.h"

namespace proviso::agreement {
namespace {

Result<std::string_view> text_at(json::Element element, const char* pointer) {
  std::string_view text;
  if (element.at_pointer(pointer).get(text) != simdjson::SUCCESS)
    return fail(Code::kInvalid, fmt::format("`{}` is missing or no text", pointer));
  return text;
}

Result<Digest> digest_at(json::Element element, const char* pointer) {
  PV_TRY(const auto text, text_at(element, pointer));
  auto digest = digest_from_hex(text);
  if (!digest) return fail_at(fmt::format("`{}`", pointer), digest.error());
  return digest;
}

Result<DifferencePapers> parse(std::string_view bytes) {
  json::Parser parser;
  PV_TRY(const json::Element element, parser.parse(bytes));
  PV_TRY(const auto format, text_at(element, "/format"));
  if (format != kDifferenceFormat)
    return fail(Code::kInvalid, fmt::format("its format is not `{}`", kDifferenceFormat));
  DifferencePapers papers;
  PV_TRY(papers.from, digest_at(element, "/from/digest"));
  PV_TRY(papers.to, digest_at(element, "/to/digest"));
  papers.digest = sha256(bytes);
  return papers;
}

}  // namespace

Result<DifferencePapers> difference_of(const Agreement& next) {
  const std::string& bytes = next.difference();
  if (bytes.empty()) return fail(Code::kNotFound, fmt::format("there is no `{}`", kDifferencePath));
  if (bytes.size() > kDifferenceBytesMax)
    return fail(Code::kLimit, fmt::format("`{}` is larger than {} bytes", kDifferencePath, kDifferenceBytesMax));
  auto papers = parse(bytes);
  if (!papers) return fail_at(fmt::format("`{}`", kDifferencePath), papers.error());
  return papers;
}

}  // namespace proviso::agreement
