// A broker's keys in the plant's file.
#include "mqtt/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millwright::mqtt {
namespace {

using ::testing::HasSubstr;

Options read(const std::string& yaml, std::string* problems) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  Options options = read_options(root, "/plant", "me");
  root.finish();
  for (const config::Problem& problem : document->problems()) *problems += config::to_string(problem) + "\n";
  return options;
}

TEST(Options, HaveDefaults) {
  std::string problems;
  const Options plain = read("host: broker\n", &problems);
  EXPECT_EQ(to_string(plain), "mqtt://broker:1883");
  EXPECT_EQ(plain.client_id, "me");
  EXPECT_EQ(plain.version, Options::Version::k5);
  const Options secure =
      read("{host: broker, protocol: 3.1.1, tls: {ca_file: ca.pem}, user: u, password_env: P}", &problems);
  EXPECT_EQ(to_string(secure), "mqtts://broker:8883");
  EXPECT_EQ(secure.tls.ca_file, "/plant/ca.pem");
  EXPECT_EQ(secure.password.variable, "P");
  EXPECT_EQ(problems, "");
}

TEST(Options, MistakesAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{port: 1}", "host"},
      {"{host: b, port: 70000}", "port"},
      {"{host: b, protocol: 4}", "protocol"},
      {"{host: b, password_env: C}", "a password is given, but no user"},
      {"{host: b, tls: {key_file: k}}", "belong together"},
      {"{host: b, keep_alive: 1s}", "keep_alive"},
  };
  for (const auto& [row, problem] : kCases) {
    std::string problems;
    read(row, &problems);
    EXPECT_THAT(problems, HasSubstr(problem)) << row;
  }
}

}  // namespace
}  // namespace millwright::mqtt
