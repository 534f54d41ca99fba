#include "models/catalog.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace proviso::models {
namespace {

ModelConfig config(std::string id, std::string endpoint) {
  ModelConfig model;
  model.id = std::move(id);
  model.protocols = {exchange::Protocol::kOpenAiChat};
  model.endpoint = std::move(endpoint);
  return model;
}

TEST(Catalog, ReadsEveryKindOfEndpoint) {
  const struct {
    const char* endpoint;
    http::Endpoint::Kind kind;
    const char* base_path;
  } cases[] = {
      {"worker", http::Endpoint::Kind::kUnix, ""},
      {"unix:/run/model.sock", http::Endpoint::Kind::kUnix, ""},
      {"http://127.0.0.1:8000", http::Endpoint::Kind::kPlain, ""},
      {"http://[::1]:8000/v1/", http::Endpoint::Kind::kPlain, ""},
      {"https://models.example/base/v1", http::Endpoint::Kind::kTls, "/base"},
      {"https://models.example/base", http::Endpoint::Kind::kTls, "/base"},
  };
  for (const auto& c : cases) {
    const auto catalog = Catalog::create({config("m", c.endpoint)}, "/run/worker.sock");
    ASSERT_TRUE(catalog.has_value()) << c.endpoint << ": " << catalog.error().message;
    const Model* model = catalog->find("m");
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->endpoint.kind, c.kind) << c.endpoint;
    EXPECT_EQ(model->endpoint.base_path, c.base_path) << c.endpoint;
    EXPECT_EQ(model->worker, std::string(c.endpoint) == "worker");
    EXPECT_EQ(model->upstream_name, "m");
  }
}

TEST(Catalog, RefusesWhatCannotBeMeant) {
  const auto with = [](auto change) {
    auto model = config("m", "http://127.0.0.1:1");
    change(model);
    return std::vector{model};
  };
  const struct {
    std::vector<ModelConfig> models;
    const char* says;
  } cases[] = {
      {{config("m", "http://models.example")}, "use https"},
      {{config("m", "ftp://models.example")}, "an upstream is"},
      {{config("m", "https://user:key@models.example")}, "user info"},
      {{config("m", "unix:relative")}, "model `m`: the path of a socket must be absolute"},
      {{config("m", "worker"), config("m", "worker")}, "named twice"},
      {{config("", "worker")}, "printable"},
      {{config("a b", "worker")}, "printable"},
      {with([](ModelConfig& m) { m.protocols.clear(); }), "no protocol"},
      {with([](ModelConfig& m) { m.ca_file = "/x.pem"; }), "https only"},
      {with([](ModelConfig& m) { m.api_key_file = "/nonexistent"; }), "/nonexistent"},
      {with([](ModelConfig& m) { m.head_timeout = std::chrono::milliseconds(0); }), "timeout"},
  };
  for (const auto& c : cases) {
    const auto catalog = Catalog::create(c.models, "/run/worker.sock");
    ASSERT_FALSE(catalog.has_value()) << c.says;
    EXPECT_NE(catalog.error().message.find(c.says), std::string::npos) << catalog.error().message;
  }
  EXPECT_FALSE(Catalog::create(std::vector(kModelsMax + 1, config("m", "worker")), "/s").has_value());
}

TEST(Catalog, ReadsAKeyFromAPrivateFileOnly) {
  char path[] = "/tmp/proviso-key-XXXXXX";
  ASSERT_GE(mkstemp(path), 0);
  const struct {
    const char* text;
    mode_t mode;
    bool ok;
  } cases[] = {{"sk-test\n", 0600, true}, {"sk-test", 0644, false}, {"\n", 0600, false},
               {"two\nkeys\n", 0600, false}, {"sk test", 0600, false}};
  for (const auto& c : cases) {
    std::ofstream(path, std::ios::trunc) << c.text;
    chmod(path, c.mode);
    auto model = config("m", "https://models.example");
    model.api_key_file = path;
    const auto catalog = Catalog::create({model}, "/s");
    EXPECT_EQ(catalog.has_value(), c.ok) << c.text << " " << c.mode;
    if (catalog) EXPECT_EQ(catalog->find("m")->api_key, "sk-test");
    if (!catalog) EXPECT_EQ(catalog.error().message.find("sk-test"), std::string::npos);
  }
  unlink(path);
}

}  // namespace
}  // namespace proviso::models
