#include <fmt/core.h>
#include <algorithm>

#include "exchange/fields.h"
#include "exchange/support.h"

namespace proviso::exchange {
namespace {

using test::member_json;
using test::member_text;
using test::words;

struct RequestCase {
  Protocol protocol;
  Endpoint endpoint;
  ReadOptions options;
  std::vector<std::string> passthrough;
  std::string request;
};

std::vector<std::string> texts(json::Object object, std::string_view name) {
  std::vector<std::string> out;
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS) return out;
  for (const json::Element item : value.get_array().value_unsafe()) {
    out.emplace_back(item.get_string().value_unsafe());
  }
  return out;
}

RequestCase read_case(json::Object object) {
  RequestCase one;
  one.protocol = test::protocol_of(object);
  one.endpoint = one.protocol == Protocol::kOpenAiChat                ? Endpoint::kChat
                 : one.protocol == Protocol::kOpenAiResponses        ? Endpoint::kResponses
                 : member_text(object, "endpoint") == "count_tokens" ? Endpoint::kCountTokens
                                                                     : Endpoint::kMessages;
  one.options.anthropic_version =
      parse_anthropic_version(member_text(object, "version", "2023-06-01")).value();
  one.passthrough = texts(object, "passthrough");
  one.request = member_json(object, "request");
  return one;
}

Result<Request> read(RequestCase& one, json::Parser& parser) {
  one.options.passthrough = one.passthrough;
  return read_request(one.protocol, one.endpoint, one.request, parser, one.options);
}

std::string sorted_json(std::string_view text) {
  json::Parser parser;
  const auto element = parser.parse(text);
  EXPECT_TRUE(element) << text;
  if (!element) return {};
  // Canonical form knows no fractions; member order is kept by the codec, so plain text will do.
  return json::to_text(*element);
}

// Members in any order, as a set of "name:value".
std::set<std::string> members_of(std::string_view text) {
  json::Parser parser;
  std::set<std::string> out;
  const auto element = parser.parse(text);
  EXPECT_TRUE(element) << text;
  if (!element || !element->is_object()) return out;
  for (const auto [key, value] : element->get_object().value_unsafe()) {
    out.insert(std::string(key) + ":" + json::to_text(value));
  }
  return out;
}

void check_expectations(json::Object want, const Request& got) {
  if (const std::string upstream = member_json(want, "upstream"); !upstream.empty()) {
    EXPECT_EQ(members_of(got.upstream_body), members_of(upstream)) << got.upstream_body;
  }
  if (want.at_key("pieces").error() == simdjson::SUCCESS) {
    EXPECT_EQ(words(got.pieces), texts(want, "pieces"));
  }
  if (want.at_key("stops").error() == simdjson::SUCCESS) {
    EXPECT_EQ(got.stop_sequences, texts(want, "stops"));
  }
  EXPECT_EQ(got.passed_through, texts(want, "passed"));
  const auto flag = [&](std::string_view name, bool value) {
    const auto found = want.at_key(name);
    if (found.error() == simdjson::SUCCESS)
      EXPECT_EQ(found.get_bool().value_unsafe(), value) << name;
  };
  flag("stream", got.stream);
  flag("include_usage", got.include_usage);
  EXPECT_EQ(got.count_only, want.at_key("count_only").error() == simdjson::SUCCESS);
  const auto number = [&](std::string_view name, int64_t value) {
    const auto found = want.at_key(name);
    if (found.error() == simdjson::SUCCESS)
      EXPECT_EQ(found.get_int64().value_unsafe(), value) << name;
  };
  number("choices", got.choices);
  number("tools", got.tools_offered);
  number("unreadable", got.unreadable);
}

TEST(Requests, Cases) {
  size_t passed = 0;
  size_t total = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/requests")) {
    SCOPED_TRACE(file.filename().string());
    ++total;
    const int failed_before = test::failures();
    json::Parser case_parser;
    const auto element = case_parser.parse(test::read_file(file));
    ASSERT_TRUE(element) << element.error().message;
    const json::Object want = element->get_object().value_unsafe();
    RequestCase one = read_case(want);
    json::Parser parser;
    const Result<Request> got = read(one, parser);
    if (const std::string error = member_text(want, "error"); !error.empty()) {
      EXPECT_FALSE(got);
      if (got) continue;
      EXPECT_EQ(got.error().message, error);
      EXPECT_EQ(code_name(got.error().code), member_text(want, "code"));
    } else {
      EXPECT_TRUE(got) << got.error().message;
      if (!got) continue;
      check_expectations(want, *got);
      // What goes upstream is itself a request that reads the same.
      RequestCase again = one;
      again.protocol = upstream_protocol(one.protocol);
      again.endpoint = upstream_endpoint(one.endpoint);
      again.request = got->upstream_body;
      const Result<Request> second = read(again, parser);
      ASSERT_TRUE(second) << second.error().message;
      EXPECT_EQ(sorted_json(second->upstream_body), sorted_json(got->upstream_body));
    }
    if (test::failures() == failed_before) ++passed;
  }
  fmt::print("exchange requests: {}/{}\n", passed, total);
  EXPECT_GE(total, 60U);
}

// Every string of a body, keys of free JSON included, by the path where it stands.
using Strings = std::vector<std::pair<std::string, std::string>>;

void collect(json::Element element, const std::string& path, Strings& out) {
  if (element.is_string()) out.emplace_back(path, element.get_string().value_unsafe());
  if (element.is_array()) {
    for (const json::Element item : element.get_array().value_unsafe())
      collect(item, path + "[]", out);
  }
  if (element.is_object()) {
    for (const auto [key, value] : element.get_object().value_unsafe()) {
      collect(value, path.empty() ? std::string(key) : path + "." + std::string(key), out);
    }
  }
}

void closed_words(const Type& type, std::set<std::string>& out) {
  for (const std::string_view word : type.words) out.emplace(word);
  const auto down = [&out](std::span<const Field> fields) {
    for (const Field& field : fields) closed_words(*field.type, out);
  };
  down(type.fields);
  for (const Variant& variant : type.variants) {
    out.emplace(variant.value);
    down(variant.fields);
    if (variant.then != nullptr) closed_words(*variant.then, out);
  }
  if (type.item != nullptr) closed_words(*type.item, out);
  for (const Type* one : type.either) closed_words(*one, out);
}

std::set<std::string> closed_words(const RequestCase& one) {
  std::set<std::string> out;
  const std::span<const Field> fields = one.endpoint == Endpoint::kChat ? openai_fields()
                                        : one.endpoint == Endpoint::kResponses
                                            ? responses_fields()
                                        : one.endpoint == Endpoint::kMessages
                                            ? anthropic_fields()
                                            : count_tokens_fields();
  for (const Field& field : fields) closed_words(*field.type, out);
  return out;
}

// Paths of strings that no piece contains. Exempt: words of closed sets, in which nothing can hide,
// and the model's name, which the gate replaces by the registry's.
std::vector<std::string> unvisited(const RequestCase& one, const Strings& strings,
                                   const Request& request) {
  const std::set<std::string> closed = closed_words(one);
  std::vector<std::string> out;
  for (const auto& [path, text] : strings) {
    if (path == "model" || closed.contains(text)) continue;
    const bool seen = std::ranges::any_of(request.pieces, [&text](const Piece& piece) {
      return piece.text.open_for_inspection().find(text) != std::string::npos;
    });
    if (!seen) out.push_back(path);
  }
  return out;
}

Strings strings_of(const RequestCase& one) {
  json::Parser parser;
  Strings out;
  collect(*parser.parse(one.request), {}, out);
  return out;
}

std::vector<std::string> unvisited(const RequestCase& one, const Request& request) {
  return unvisited(one, strings_of(one), request);
}

TEST(Requests, EveryStringIsVisitedByAPiece) {
  size_t requests = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/requests")) {
    SCOPED_TRACE(file.filename().string());
    json::Parser case_parser;
    const auto element = case_parser.parse(test::read_file(file));
    RequestCase one = read_case(element->get_object().value_unsafe());
    json::Parser parser;
    const Result<Request> got = read(one, parser);
    if (!got) continue;
    ++requests;
    EXPECT_EQ(unvisited(one, *got), std::vector<std::string>{});
  }
  EXPECT_GE(requests, 20U);
}

TEST(Requests, AForgottenPieceIsNoticed) {
  json::Parser case_parser;
  const auto element =
      case_parser.parse(test::read_file(std::filesystem::path(PV_SOURCE_DIR) /
                                        "tests/exchange/cases/requests/openai_tools_turn.json"));
  RequestCase one = read_case(element->get_object().value_unsafe());
  json::Parser parser;
  const Result<Request> got = read(one, parser);
  ASSERT_TRUE(got);
  size_t noticed = 0;
  for (size_t drop = 0; drop < got->pieces.size(); ++drop) {
    Request less = *got;
    less.pieces.erase(less.pieces.begin() + static_cast<ptrdiff_t>(drop));
    noticed += unvisited(one, less).empty() ? 0 : 1;
  }
  EXPECT_GE(noticed, 7U);  // the others say what a second piece says too
}

// Parts of reasoning are sent as one string, an empty line between two, over which no word is cut:
// each part is held to be a piece. Whatever else joined them would leave the string unvisited.
Strings parts_apart(const Strings& strings) {
  Strings out;
  for (const auto& [path, text] : strings) {
    std::string_view left = text;
    while (path == "messages[].reasoning_content" && left.contains("\n\n")) {
      const size_t end = left.find("\n\n");
      out.emplace_back(path, left.substr(0, end));
      left.remove_prefix(end + 2);
    }
    out.emplace_back(path, left);
  }
  return out;
}

// What is sent is written anew in another protocol: no string of it may be one that no piece showed.
TEST(Requests, WhatAResponsesRequestBecomesWasAllInspected) {
  size_t requests = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/requests")) {
    SCOPED_TRACE(file.filename().string());
    json::Parser case_parser;
    const auto element = case_parser.parse(test::read_file(file));
    RequestCase one = read_case(element->get_object().value_unsafe());
    if (one.protocol != Protocol::kOpenAiResponses) continue;
    json::Parser parser;
    const Result<Request> got = read(one, parser);
    if (!got) continue;
    ++requests;
    RequestCase sent = one;
    sent.protocol = Protocol::kOpenAiChat;
    sent.endpoint = Endpoint::kChat;
    sent.request = got->upstream_body;
    Result<Request> again = read(sent, parser);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(unvisited(sent, parts_apart(strings_of(sent)), *got), std::vector<std::string>{});
    EXPECT_EQ(again->unreadable, got->unreadable);
    EXPECT_EQ(again->tools_offered, got->tools_offered);
    // The guard itself.
    Request blind = *got;
    blind.pieces.clear();
    EXPECT_FALSE(unvisited(sent, blind).empty());
  }
  EXPECT_GE(requests, 8U);
}

TEST(Requests, AResponseRepeatsTheSettings) {
  json::Parser parser;
  const auto got = read_request(
      Protocol::kOpenAiResponses, Endpoint::kResponses,
      R"({"model":"m","input":"hi","temperature":0.5,"metadata":{"a":"b"},"tool_choice":"none"})",
      parser, ReadOptions{});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->settings,
            R"(,"instructions":null,"max_output_tokens":null,"parallel_tool_calls":true,)"
            R"("reasoning":null,"temperature":0.5,"text":{"format":{"type":"text"}},)"
            R"("tool_choice":"none","tools":[],"top_p":null,"metadata":{"a":"b"})");
}

TEST(Requests, HostileBodies) {
  json::Parser parser;
  const auto message = [&](std::string_view body) {
    const auto got =
        read_request(Protocol::kOpenAiChat, Endpoint::kChat, body, parser, ReadOptions{});
    return got ? std::string() : got.error().message;
  };
  EXPECT_NE(message(""), "");
  EXPECT_NE(message("{"), "");
  EXPECT_NE(message(R"({"model":"m","messages":[]} x)"), "");
  // SPEC RFC 8259 section 4: names should be unique; two readers of one body may each take another.
  EXPECT_NE(message(R"({"model":"m","messages":[],"model":"n"})"), "");
  EXPECT_NE(message(R"({"model":"m","messages":[],"mod\u0065l":"n"})"), "");
  EXPECT_NE(message(R"({"model":"m","messages":[{"role":"user","role":"system","content":"x"}]})"),
            "");
  EXPECT_NE(message("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"),
            "");
  EXPECT_EQ(message(R"({"model":"m","messages":[]})"), "");
}

TEST(Requests, LongListsAreRefused) {
  std::string body = R"({"model":"m","messages":[)";
  for (size_t i = 0; i <= kListItemsMax; ++i) body += R"({"role":"user","content":"x"},)";
  body.back() = ']';
  body += '}';
  json::Parser parser;
  const auto got =
      read_request(Protocol::kOpenAiChat, Endpoint::kChat, body, parser, ReadOptions{});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kLimit);
}

TEST(Requests, TheUpstreamsNameReplacesTheModel) {
  json::Parser parser;
  const auto got =
      read_request(Protocol::kOpenAiChat, Endpoint::kChat,
                   R"({"messages":[],"model":"a\"b\\","seed":1})", parser, ReadOptions{});
  ASSERT_TRUE(got);
  EXPECT_EQ(upstream_body(*got, "c\"d"), R"({"model":"c\"d","messages":[],"seed":1})");
  EXPECT_EQ(upstream_body(*got, got->model), got->upstream_body);
}

TEST(Requests, EscapesAreDecodedLeniently) {
  EXPECT_EQ(decode_escapes(R"({"a":"\u0041KIA\n\"\\"})"), "{\"a\":\"AKIA\n\"\\\"}");
  EXPECT_EQ(decode_escapes(R"(\ud83d\ude00)"), "😀");
  EXPECT_EQ(decode_escapes(R"(\ud83d)"), "\xEF\xBF\xBD");
  EXPECT_EQ(decode_escapes(R"(\udE00x)"), "\xEF\xBF\xBDx");
  EXPECT_EQ(decode_escapes(R"(\u00e9\u20ac\/)"), "é€/");
  EXPECT_EQ(decode_escapes(R"(\x\u12\)"), R"(\x\u12\)");
  EXPECT_EQ(decode_escapes(""), "");
}

TEST(Requests, VersionsReadBack) {
  for (const auto version : {AnthropicVersion::k20230601, AnthropicVersion::k20261021}) {
    EXPECT_EQ(parse_anthropic_version(anthropic_version_name(version)), version);
  }
  EXPECT_EQ(parse_anthropic_version("2023-01-01"), std::nullopt);
}

}  // namespace
}  // namespace proviso::exchange
