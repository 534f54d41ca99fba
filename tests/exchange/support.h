#pragma once
// Helpers of this room's tests: JSON in test data, pieces and events in words.
#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/stream.h"

namespace proviso::exchange::test {

// How many checks of the running test have failed so far.
inline int failures() {
  const auto* result = testing::UnitTest::GetInstance()->current_test_info()->result();
  int failed = 0;
  for (int i = 0; i < result->total_part_count(); ++i) {
    failed += result->GetTestPartResult(i).failed() ? 1 : 0;
  }
  return failed;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<std::filesystem::path> files_in(std::string_view folder) {
  std::set<std::filesystem::path> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(PV_SOURCE_DIR) / folder)) {
    if (entry.is_regular_file()) found.insert(entry.path());
  }
  return {found.begin(), found.end()};
}

inline std::string member_text(json::Object object, std::string_view name,
                               std::string fallback = {}) {
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS || !value.is_string()) return fallback;
  return std::string(value.get_string().value_unsafe());
}

inline std::string member_json(json::Object object, std::string_view name) {
  const auto value = object.at_key(name);
  return value.error() == simdjson::SUCCESS ? json::to_text(value.value_unsafe()) : std::string();
}

// Of a case file.
inline Protocol protocol_of(json::Object object) {
  const std::string name = member_text(object, "protocol");
  if (name == "openai") return Protocol::kOpenAiChat;
  return name == "responses" ? Protocol::kOpenAiResponses : Protocol::kAnthropicMessages;
}

// "text#0 hello", "file#3! data:…" (unreadable), "tool_arguments#2~ {…}" (JSON)
inline std::string words(const Piece& piece) {
  std::string out = channel_name(piece.channel);
  out += "#" + std::to_string(piece.group);
  if (piece.readable == Readable::kNo) out += "!";
  if (piece.syntax == Syntax::kJson) out += "~";
  return out + " " + piece.text.open_for_inspection();
}

inline std::vector<std::string> words(const std::vector<Piece>& pieces) {
  std::vector<std::string> out;
  for (const Piece& piece : pieces) out.push_back(words(piece));
  return out;
}

inline std::string words(const ToolCall& call) {
  return "tool " + call.id + " " + call.name + " " + call.arguments.open_for_inspection();
}

inline std::string words(const Usage& usage) {
  return std::to_string(usage.input_tokens) + "/" + std::to_string(usage.output_tokens) + "/" +
         std::to_string(usage.cache_read_tokens) + "/" + std::to_string(usage.cache_write_tokens) +
         "/" + std::to_string(usage.reasoning_tokens);
}

// One line an event. Neighbouring deltas of one text become one, so that splits do not show.
inline std::vector<std::string> words(const std::vector<StreamEvent>& events) {
  using Kind = StreamEvent::Kind;
  std::vector<std::string> out;
  std::string text_key;
  for (const StreamEvent& event : events) {
    const std::string key = std::string(channel_name(event.channel)) + "#" +
                            std::to_string(event.group) +
                            (event.readable == Readable::kNo ? "!" : "");
    if (event.kind == Kind::kDelta) {
      if (text_key == key && event.channel != Channel::kFile) {
        out.back() += event.text;
      } else {
        out.push_back(key + " " + event.text);
      }
      text_key = key;
      continue;
    }
    text_key.clear();
    switch (event.kind) {
      case Kind::kStart:
        out.push_back("start");
        break;
      case Kind::kTextEnd:
        out.push_back("end " + key);
        break;
      case Kind::kToolCall:
        out.push_back(words(event.call));
        break;
      case Kind::kDone: {
        std::string line = "done";
        for (const Finish& finish : event.finishes) {
          line += " " + std::to_string(finish.choice) + ":" + finish.reason;
          if (!finish.stop_sequence.empty()) line += "=" + finish.stop_sequence;
        }
        out.push_back(line + " " + words(event.usage));
        break;
      }
      case Kind::kError:
        out.push_back("error " + event.text);
        break;
      case Kind::kUnknown:
        out.push_back("unknown " + event.text);
        break;
      case Kind::kCut:
        out.push_back("cut");
        break;
      case Kind::kDelta:
        break;
    }
  }
  return out;
}

inline std::vector<StreamEvent> read_all(Protocol protocol, std::string_view bytes,
                                         const Frame& frame = {}) {
  StreamReader reader(protocol, frame);
  std::vector<StreamEvent> events;
  reader.feed(bytes, events);
  reader.end(events);
  return events;
}

}  // namespace proviso::exchange::test
