// The `outputs` section.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "forwarding/outputs.hpp"

namespace millwright::forwarding {
namespace {

using ::testing::HasSubstr;

std::vector<OutputOptions> read(const std::string& yaml, std::string* problems) {
  auto document = config::Document::parse(yaml, "plant.yaml");
  EXPECT_TRUE(document) << document.error().message;
  config::Section root = document->root();
  auto options = read_options(*document, root, "lyon");
  root.finish();
  for (const config::Problem& problem : document->problems()) *problems += config::to_string(problem) + "\n";
  return options;
}

TEST(OutputOptions, HaveDefaults) {
  std::string problems;
  const auto all = read(R"(
outputs:
  - {name: broker, kind: mqtt, host: broker.local, tls: {ca_file: ca.pem}, user: plant, password_file: /run/key}
  - {name: stream, kind: redis, host: 127.0.0.1, retry_max: 5s}
  - {name: hook, kind: webhook, url: "https://[2606:4700::1]/alarms", allow: [10.0.0.0/8], secret_env: HOOK}
)",
                        &problems);
  EXPECT_EQ(problems, "");
  ASSERT_EQ(all.size(), 3U);
  const auto& mqtt = std::get<MqttOptions>(all[0].to);
  EXPECT_EQ(mqtt.broker.port, 8883);
  EXPECT_EQ(mqtt.broker.client_id, "millwright-lyon-broker");
  EXPECT_EQ(mqtt.topic, "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/alarms");
  EXPECT_EQ(mqtt.status_topic, "millwright/lyon/broker/status");
  EXPECT_TRUE(mqtt.broker.tls.ca_file.ends_with("/ca.pem"));
  EXPECT_FALSE(mqtt.retain);
  EXPECT_EQ(std::get<RedisOptions>(all[1].to).stream, "millwright:alarms");
  EXPECT_EQ(all[1].lane.retry_max, 5 * core::kSecond);
  const auto& hook = std::get<WebhookOptions>(all[2].to);
  EXPECT_EQ(hook.host, "2606:4700::1");
  EXPECT_EQ(hook.port, 443);
  EXPECT_EQ(hook.secret.variable, "HOOK");
}

TEST(OutputOptions, OfKafka) {
  std::string problems;
  const auto all = read(R"(
outputs:
  - name: hq
    kind: kafka
    brokers: ["a:9092", "b:9092"]
    backlog_rate: 5000
    sensors: [{match: "**/x", deadband: 0.5, silence_max: 5min}, {match: "**/y", send: false}]
)",
                        &problems);
  EXPECT_EQ(problems, "");
  ASSERT_EQ(all.size(), 1U);
  const auto& kafka = std::get<KafkaOptions>(all[0].to);
  EXPECT_EQ(kafka.topic, "factory-telemetry-{site}");
  EXPECT_EQ(kafka.client_id, "millwright-lyon-hq");
  EXPECT_EQ(kafka.compression, "lz4");
  EXPECT_FALSE(kafka.tls.on);
  const auto* readings = std::get_if<ReadingsOptions>(&all[0].content);
  ASSERT_NE(readings, nullptr);
  EXPECT_EQ(readings->backlog_rate, 5000U);
  EXPECT_EQ(rule_of(readings->rules, "a/b/x").silence_max, 5 * core::kMinute);
  EXPECT_EQ(rule_of(readings->rules, "a/b/x").deadband, 0.5);
  EXPECT_FALSE(rule_of(readings->rules, "a/b/y").send);
  EXPECT_TRUE(rule_of(readings->rules, "a/b/z").send);
}

TEST(OutputOptions, OfDatabasesAndNamespaces) {
  std::string problems;
  const auto all = read(R"(
outputs:
  - {name: store, kind: postgres, host: db, database: plant, user: plant, table: plant.values, tls: {ca_file: ca.pem}}
  - {name: lines, kind: influx, url: "http://db:8086/write?db=plant", user: u, password_env: P}
  - {name: uns, kind: mqtt, content: readings, host: broker}
  - {name: now, kind: redis, content: latest, host: cache, every: 1s}
  - {name: scada, kind: sparkplug, host: broker, primary_host: scada}
  - {name: second, kind: kafka, tier: 1s, brokers: ["a:9092"]}
)",
                        &problems);
  EXPECT_EQ(problems, "");
  ASSERT_EQ(all.size(), 6U);
  const auto& postgres = std::get<PostgresOptions>(all[0].to);
  EXPECT_EQ(postgres.table, "plant.values");
  EXPECT_TRUE(postgres.tls.on);
  EXPECT_EQ(all[0].lane.retry_max, core::kSecond);
  EXPECT_EQ(std::get<LineOptions>(all[1].to).measurement, "readings");
  EXPECT_EQ(std::get<UnsOptions>(all[2].to).link.topic,
            "{enterprise}/{site}/{area}/{line}/{cell}/{machine}/{component}/{sensor}");
  EXPECT_EQ(std::get<LatestOptions>(all[3].content).every, core::kSecond);
  const auto& sparkplug = std::get<SparkplugEdgeOptions>(all[4].to);
  EXPECT_EQ(sparkplug.edge_node, "lyon");
  EXPECT_EQ(sparkplug.mark_topic, "millwright/lyon/scada/mark");
  EXPECT_EQ(std::get<ReadingsOptions>(all[5].content).tier, Tier::kSecond);
}

TEST(OutputOptions, MistakesAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{name: a, kind: mqt, host: b}", "no output 'mqt' (did you mean 'mqtt'?)"},
      {"{name: A b, kind: mqtt, host: b}", "'A b' is not a name"},
      {"{name: a, kind: mqtt}", "host"},
      {"{name: a, kind: mqtt, host: b, topik: c}", "did you mean 'topic'?"},
      {"{name: a, kind: mqtt, content: latest, host: b}", "content"},
      {"{name: a, kind: mqtt, content: readings, host: b, topic: 'x/{machine}'}", "{sensor} must be in it"},
      {"{name: a, kind: postgres, host: b, database: c, user: d, table: 'x;y'}", "'x;y' is no name of a table"},
      {"{name: a, kind: influx, url: 'ftp://x'}", "no web address"},
      {"{name: a, kind: influx, url: 'http://u:p@x/write'}", "no password may be in it"},
      {"{name: a, kind: sparkplug, host: b, group: 'x/y'}", "'x/y' goes into topics"},
      {"{name: a, kind: mqtt, host: b, topic: 'x/#'}", "'x/#' is no topic to publish on"},
      {"{name: a, kind: mqtt, host: b, topic: '{plant}/alarms'}", "'{plant}' stands for nothing"},
      {"{name: a, kind: mqtt, host: b, password_env: C}", "a password is given, but no user"},
      {"{name: a, kind: mqtt, host: b, user: u, password_env: C, password_file: d}", "one of the two"},
      {"{name: a, kind: mqtt, host: b, tls: {key_file: k}}", "belong together"},
      {"{name: a, kind: redis, host: b, user: u}", "a user has a password"},
      {"{name: a, kind: kafka}", "a list of brokers"},
      {"{name: a, kind: kafka, brokers: ['a b']}", "'a b' is no broker"},
      {"{name: a, kind: kafka, brokers: [b], topic: 'a/{site}'}", "no topic of Kafka"},
      {"{name: a, kind: kafka, brokers: [b], topic: '{plant}'}", "'{plant}' stands for nothing"},
      {"{name: a, kind: kafka, brokers: [b], user: u}", "a user and a password belong together"},
      {"{name: a, kind: kafka, brokers: [b], compression: lz5}", "did you mean 'lz4'?"},
      {"{name: a, kind: kafka, brokers: [b], sensors: [{match: '**', deadband: -1}]}", "deadband"},
      {"{name: a, kind: webhook, url: 'ftp://b/c'}", "is no web address"},
      {"{name: a, kind: webhook, url: nowhere}", "is no web address"},
      {"{name: a, kind: webhook, url: 'https://me:secret@b/c'}", "no password may be in it"},
      {"{name: a, kind: webhook, url: 'https://b/c', allow: [10.0.0.0/33]}", "'10.0.0.0/33' is no host"},
      {"{name: a, kind: redis, host: b, retry_min: 5s, retry_max: 1s}", "must not be shorter than retry_min"},
      {"{name: a, kind: redis, host: b}, {name: a, kind: redis, host: c}", "another output has the name 'a'"},
  };
  for (const auto& [row, problem] : kCases) {
    std::string problems;
    read(std::string("outputs: [") + row + "]\n", &problems);
    EXPECT_THAT(problems, HasSubstr(problem)) << row;
  }
}

// RFC 4231, test case 2.
TEST(Webhook, SignsWithHmacSha256) {
  EXPECT_EQ(signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace millwright::forwarding
