#include "gate/config.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace proviso::gate {
namespace {

TEST(Config, DefaultsStandWithoutAFile) {
  const auto config = parse_config("", "x.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->listen, "127.0.0.1:8484");
  EXPECT_EQ(config->loops, 1);
}

// The file at the top of the repository explains every key with its default: it must parse, and say
// the defaults that the code has.
TEST(Config, ShippedFileSaysTheDefaults) {
  const auto text = read_file(std::string(PV_SOURCE_DIR) + "/proviso.toml");
  ASSERT_TRUE(text);
  const auto config = parse_config(*text, "proviso.toml");
  ASSERT_TRUE(config) << config.error().message;
  const Config defaults;
  EXPECT_EQ(config->listen, defaults.listen);
  EXPECT_EQ(config->node, defaults.node);
  EXPECT_EQ(config->body_bytes_max, defaults.body_bytes_max);
  EXPECT_EQ(config->answer_bytes_max, defaults.answer_bytes_max);
  EXPECT_EQ(config->idle_seconds, defaults.idle_seconds);
  EXPECT_EQ(config->commit_deadline_seconds, defaults.commit_deadline_seconds);
  EXPECT_EQ(config->model_deadline_seconds, defaults.model_deadline_seconds);
  EXPECT_EQ(config->drain_seconds, defaults.drain_seconds);
  EXPECT_EQ(config->worker.threads, defaults.worker.threads);
  EXPECT_EQ(config->worker.slots, defaults.worker.slots);
  EXPECT_EQ(config->worker.context, defaults.worker.context);
}

struct Fault {
  const char* text;
  const char* says;
};

TEST(Config, FaultsNameFileLineAndKey) {
  const Fault faults[] = {
      {"[gate]\nlisten = 1\n", "x.toml:2: `listen` must be a string"},
      {"[gate]\n\nloops = 0\n", "x.toml:3: `loops` must be an integer from 1 to 256"},
      {"[gate]\nlissten = \"a\"\n", "x.toml:2: `lissten` is not a key of [gate]; known: heartbeat_seconds, listen"},
      {"[gates]\nlisten = \"a\"\n", "x.toml:1: `gates` is not a section"},
      {"[[model]]\nid = \"a\"\n", "x.toml:1: a [[model]] needs `id` and `endpoint`"},
      {"[tls]\nkey = \"a\"\n", "[tls] needs both"},
      {"[gate\n", "x.toml:1:"},
      {"model = 3\n", "write models as [[model]] tables"},
      {"[[tool_server]]\nid = \"a\"\n", "x.toml:1: a [[tool_server]] needs `id` and one of `url` and `command`"},
      {"[[tool_server]]\nid = \"a\"\nurl = \"u\"\ncommand = [\"c\"]\n", "one of `url` and `command`"},
      {"[[tool_server]]\nid = \"a/b\"\nurl = \"u\"\n", "holds no `/`"},
      {"[[tool_server]]\nid = \"a\"\ncommand = [1]\n", "x.toml:3: `command` must be a list of strings"},
      {"[[tool_server]]\nid = \"a\"\nurl = \"u\"\nera = \"new\"\n", "`era` is"},
      {"[[tool_server]]\nid = \"a\"\nurl = \"u\"\n[[tool_server]]\nid = \"a\"\nurl = \"v\"\n", "is there twice"},
  };
  for (const Fault& fault : faults) {
    const auto config = parse_config(fault.text, "x.toml");
    ASSERT_FALSE(config) << fault.text;
    EXPECT_NE(config.error().message.find(fault.says), std::string::npos) << config.error().message;
  }
}

}  // namespace
}  // namespace proviso::gate
