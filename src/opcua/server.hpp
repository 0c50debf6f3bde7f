// OPC UA server: what SCADA and other clients read of the plant. Machines stand under Objects/Machines as OPC 40001-1
// (Machinery) has it, with their components and sensors below; alarms go out as events.
//
//   Objects/Machines (http://opcfoundation.org/UA/Machinery/, i=1001)
//     pump-1               urn:millwright:plant, s=pump-1              Identification, Components, states:
//     machinery.hpp
//       motor              s=pump-1/motor
//         current          s=pump-1/motor/current                      EURange, EngineeringUnits
//
// Values are read from the live table when a client asks or samples; nothing is copied per update. Writes are refused.
// History is answered from the historian (opcua/history.hpp).
// Alarms are conditions (opcua/conditions.hpp); their events are to be heard at the sensor or machine that they are
// about, at Machines and at the Server object. Who has logged in acknowledges and shelves them.
//
// Threads: construct, start() and stop() from one; on_alarm(), endpoint() and port() from any. One thread of its own.
// Security: without more said, no encryption and anonymous readers, so it listens on the loopback address. With
// `security` it offers those policies, each to sign and to sign and encrypt, to clients whose certificate is trusted;
// with `users` it asks for a name and password. Nobody, whoever it is, can write; anonymous readers call no methods.
// Errors: start() gives kConflict where the port is in use. Alarms beyond alarm_queue are dropped and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alarms/alarm_manager.hpp"
#include "asset/commands.hpp"
#include "asset/model.hpp"
#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/result.hpp"
#include "core/texts.hpp"
#include "core/time.hpp"
#include "historian/historian.hpp"
#include "io/clock.hpp"
#include "io/file_system.hpp"
#include "opcua/session_user.hpp"
#include "pipeline/live_table.hpp"
#include "security/certificate_store.hpp"
#include "security/ua_security.hpp"

namespace millwright::opcua {

struct ServerOptions {
  bool enabled = true;  // the owner's to heed
  std::string host = "127.0.0.1";
  std::uint16_t port = 4840;  // 0: any that is free
  std::string application_name = "Millwright";
  core::DurationNs min_sampling_interval = 10 * core::kMillisecond;
  core::DurationNs min_publishing_interval = 10 * core::kMillisecond;
  std::uint32_t max_sessions = 100;
  std::uint32_t max_connections = 110;  // secure channels, also those without a session yet
  std::uint32_t max_subscriptions = 500;
  std::uint32_t max_subscriptions_per_session = 50;
  std::uint32_t max_monitored_items = 200'000;
  std::uint32_t max_items_per_subscription = 100'000;
  std::uint32_t max_queue = 10'000;           // values of a monitored item that wait
  std::uint32_t max_nodes_per_call = 10'000;  // of Read, Browse, CreateMonitoredItems, …
  std::uint64_t max_message_bytes = 16 << 20;
  std::uint32_t max_history_values = 10'000;  // of a node, in one answer
  std::size_t alarm_queue = 8192;             // a power of two
  std::string nodesets = {};                  // the folder of OPC Foundation's nodesets; "": without
  std::vector<security::Policy> security{security::Policy::kNone};
  std::string users = {};  // a file as security/users.hpp has it; "": nobody has a password
  bool anonymous = true;   // whether one may read without
  std::map<std::string, asset::CommandRight> rights = {};  // of users; kOperate of who is not named

  // Whether everybody is known and nothing goes in the clear: what a listener beyond this machine has to be.
  [[nodiscard]] bool is_closed() const;
};

// What security needs; all of it outlives the server.
struct ServerSecurity {
  security::CertificateStore& certificates;
  io::FileSystem& files;
  io::Clock& clock;
};

// What history is read from; all of it outlives the server.
struct ServerHistory {
  const historian::Historian& historian;
  io::Clock& clock;
};

// What the server works with besides values; all of it outlives the server.
struct ServerParts {
  const ServerSecurity* security = nullptr;  // may be left out where the options ask for none
  const ServerHistory* history = nullptr;    // without it no sensor has any
  alarms::AlarmManager* alarms = nullptr;    // without it alarms are only shown
  asset::Commands* commands = nullptr;       // without it machines have no methods
  MayAct may_act = {};                       // without it what the options' `rights` say
};

// The `opcua` section; calls finish(). Problems go to the document.
// `directory`: where relative paths begin.
ServerOptions read_options(config::Section section, const std::string& directory);

class Server {
 public:
  // `model`, `live`, `texts` and `metrics` outlive it.
  Server(ServerOptions options, const asset::Model& model, const pipeline::LiveTable& live, const core::Texts& texts,
         core::Metrics& metrics, const ServerParts& parts = {});
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Builds the address space and listens.
  core::Status start();
  void stop();
  // An alarm has changed; clients get it as an event. Never blocks.
  void on_alarm(const alarms::Alarm& alarm);

  [[nodiscard]] std::string endpoint() const;  // "opc.tcp://127.0.0.1:4840"
  [[nodiscard]] std::uint16_t port() const;    // the one it got, where 0 was asked for

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millwright::opcua
