#pragma once
// Reads a Responses event stream as strictly as the protocol is described, for tests: `event:` equals
// `type`, numbers without a gap, items and parts that open, grow, close and come back whole at the end.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "exchange/form.h"

namespace proviso::exchange::test {

class ResponseStream {
 public:
  // Each broken rule is a failure of the running test.
  explicit ResponseStream(std::string_view bytes) { read(bytes); }
  // Of the whole stream, from its deltas, by channel.
  [[nodiscard]] const std::string& text(Channel channel) { return deltas_[channel]; }
  // The Response object of the last `response.…` event, as JSON text.
  [[nodiscard]] const std::string& response() const { return response_; }
  [[nodiscard]] const std::vector<std::string>& types() const { return types_; }
  // completed, incomplete or failed came, and nothing is left open.
  [[nodiscard]] bool ended() const { return ended_ && item_.empty() && part_.empty(); }

 private:
  using Object = json::Object;
  static std::string text_at(Object object, std::string_view name) {
    const auto value = object.at_key(name);
    return value.error() == simdjson::SUCCESS && value.is_string()
               ? std::string(value.get_string().value_unsafe())
               : std::string();
  }
  static int64_t number_at(Object object, std::string_view name) {
    const auto value = object.at_key(name);
    return value.error() == simdjson::SUCCESS && value.is_int64() ? value.get_int64().value_unsafe() : -1;
  }
  static std::string json_at(Object object, std::string_view name) {
    const auto value = object.at_key(name);
    return value.error() == simdjson::SUCCESS ? json::to_text(value.value_unsafe()) : std::string();
  }

  void read(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t end = bytes.find("\n\n");
      ASSERT_NE(end, std::string_view::npos) << bytes;
      take_frame(bytes.substr(0, end));
      bytes.remove_prefix(end + 2);
    }
  }

  void take_frame(std::string_view frame) {
    if (frame.starts_with(':')) return;
    constexpr std::string_view kEvent = "event: ";
    const size_t line = frame.find('\n');
    ASSERT_TRUE(frame.starts_with(kEvent) && line != std::string_view::npos) << frame;
    const std::string name(frame.substr(kEvent.size(), line - kEvent.size()));
    json::Parser parser;
    const auto element = parser.parse(frame.substr(line + 1 + std::string_view("data: ").size()));
    ASSERT_TRUE(element) << frame;
    const Object event = element->get_object().value_unsafe();
    EXPECT_EQ(text_at(event, "type"), name);
    EXPECT_EQ(number_at(event, "sequence_number"), static_cast<int64_t>(types_.size()));
    types_.push_back(name);
    if (types_.size() == 1) EXPECT_EQ(name, "response.created");
    if (types_.size() == 2) EXPECT_EQ(name, "response.in_progress");
    EXPECT_TRUE(!ended_ || name == "error") << name;
    take(name, event);
  }

  void take(const std::string& name, Object event) {
    if (name == "error") return;
    const auto response = event.at_key("response");
    if (response.error() == simdjson::SUCCESS) return take_response(name, response.value_unsafe());
    EXPECT_EQ(number_at(event, "output_index"), static_cast<int64_t>(items_.size())) << name;
    if (name.starts_with("response.output_item.")) return take_item(name, event);
    EXPECT_EQ(text_at(event, "item_id"), item_) << name;
    if (name.starts_with("response.function_call_arguments.")) {
      if (name.ends_with("delta")) deltas_[Channel::kToolArguments] += text_at(event, "delta");
      if (name.ends_with("done")) EXPECT_NE(text_at(event, "arguments"), "");
      return;
    }
    EXPECT_EQ(number_at(event, "content_index"), static_cast<int64_t>(parts_)) << name;
    if (name.starts_with("response.content_part.")) return take_part(name, event);
    take_text(name, event);
  }

  void take_response(const std::string& name, json::Element element) {
    response_ = json::to_text(element);
    const Object response = element.get_object().value_unsafe();
    const std::string status = text_at(response, "status");
    const bool last = name != "response.created" && name != "response.in_progress";
    EXPECT_EQ(status, last ? name.substr(std::string_view("response.").size()) : "in_progress");
    ended_ = ended_ || last;
    if (!last) return;
    std::string output = "[";
    for (const std::string& item : items_) output.append(output.size() > 1 ? "," : "").append(item);
    EXPECT_EQ(json_at(response, "output"), output + "]");
  }

  void take_item(const std::string& name, Object event) {
    const auto found = event.at_key("item");
    ASSERT_EQ(found.error(), simdjson::SUCCESS);
    const Object item = found.get_object().value_unsafe();
    if (name.ends_with("added")) {
      EXPECT_EQ(item_, "");
      EXPECT_EQ(text_at(item, "status"), "in_progress");
      item_ = text_at(item, "id");
      parts_ = 0;
      return;
    }
    EXPECT_EQ(text_at(item, "id"), item_);
    EXPECT_EQ(part_, "");
    item_.clear();
    items_.push_back(json::to_text(found.value_unsafe()));
  }

  void take_part(const std::string& name, Object event) {
    const Object part = event.at_key("part").get_object().value_unsafe();
    if (name.ends_with("added")) {
      EXPECT_EQ(part_, "");
      part_ = text_at(part, "type");
      text_.clear();
      return;
    }
    EXPECT_EQ(text_at(part, "type"), part_);
    EXPECT_EQ(text_at(part, part_ == "refusal" ? "refusal" : "text"), text_);
    part_.clear();
    ++parts_;
  }

  void take_text(const std::string& name, Object event) {
    EXPECT_TRUE(name.starts_with("response." + part_ + ".")) << name << " in " << part_;
    if (name.ends_with(".done")) {
      EXPECT_EQ(text_at(event, part_ == "refusal" ? "refusal" : "text"), text_);
      return;
    }
    const std::string delta = text_at(event, "delta");
    text_ += delta;
    deltas_[part_ == "refusal"          ? Channel::kRefusal
            : part_ == "reasoning_text" ? Channel::kReasoning
                                        : Channel::kText] += delta;
  }

  std::map<Channel, std::string> deltas_;
  std::vector<std::string> types_;
  std::vector<std::string> items_;  // finished, as JSON
  std::string item_;                // id of the open one
  std::string part_;                // type of the open one
  std::string text_;                // of the open part
  size_t parts_ = 0;
  std::string response_;
  bool ended_ = false;
};

}  // namespace proviso::exchange::test
