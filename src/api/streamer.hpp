// Streamer: the event streams (server-sent events, WHATWG HTML 9.2). Once a second the plant's readings and statistics,
// every change of an alarm or a twin at once, and a comment now and then so that proxies keep the connection.
//
// Threads: one of its own, which alone touches the clients; reserve(), add(), on_alarm() and on_twin() from any,
// without waiting. Limits: clients_max clients; each may have queue_bytes_max waiting in its socket, or one event where
// that is larger, and is ended when it is over. It then connects again and says by Last-Event-ID which alarms it has.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/active_alarms.hpp"
#include "api/http.hpp"
#include "api/identity.hpp"
#include "api/server.hpp"
#include "api/views.hpp"
#include "core/bounded_queue.hpp"
#include "core/ids.hpp"
#include "core/metrics.hpp"

namespace millwright::api {

struct Subscription {
  Identity who = local_identity();
  std::vector<core::MachineId> machines;      // with their sensors; empty: all machines, without
  std::optional<std::uint64_t> alarms_after;  // Last-Event-ID: the version of the last alarm that it has
};

class Streamer {
 public:
  Streamer(const Options& options, const Services& services, const AlarmBoard& board);
  ~Streamer();
  void start();
  void stop();
  // Ends what was added while the streamer stopped. After stop(), when nobody adds any more.
  void discard();

  // Takes a place for a client, to be filled by add() or given back. False where all are taken.
  bool reserve();
  void give_back();
  // Fills a reserved place. False where the streamer has stopped or is overrun: `sink` is then ended.
  bool add(std::unique_ptr<StreamSink> sink, Subscription subscription);
  void on_alarm(const alarms::Alarm& alarm);
  // One that does not fit into the queue is left out: the next change tells all of it again.
  void on_twin(const twin::MachineView& view);

 private:
  using Text = std::shared_ptr<const std::string>;
  struct Client {
    std::unique_ptr<StreamSink> sink;
    Identity who;
    std::vector<core::MachineId> machines;
    std::optional<std::uint64_t> alarms_after;
    std::uint64_t alarm_version = 0;  // of the newest alarm sent
  };
  struct TwinEvent {
    core::MachineId machine;
    Text text;
  };
  using Item = std::variant<std::monostate, alarms::Alarm, TwinEvent, Client>;

  void run();
  void handle(Item item);
  void welcome(Client client);
  void tick();
  // Ends the streams of those who are no longer who they were.
  void look_who_is_there();
  void keep_alive();
  void broadcast(const alarms::Alarm& alarm);
  void broadcast(const TwinEvent& event);
  void catch_up();
  void send(Client& client, const Text& text);
  void drop_closed();
  // Alarms that changed after `version`, oldest change first, the newest kReplayMax of them.
  [[nodiscard]] std::vector<alarms::Alarm> changed_after(std::uint64_t version, bool* cut) const;
  [[nodiscard]] std::string machine_text(const asset::Machine& machine, bool with_sensors) const;
  // Of all machines that somebody sees, without their sensors.
  [[nodiscard]] Text readings_of_all(const Identity& who, core::TimeNs now);
  [[nodiscard]] Text readings_of(const std::vector<core::MachineId>& machines, core::TimeNs now);

  static constexpr std::size_t kQueueLenMax = 1024;
  static constexpr std::size_t kReplayMax = 10'000;

  const Options options_;
  const Services services_;
  const AlarmBoard& board_;
  core::Gauge& clients_gauge_;
  core::BoundedQueue<Item> queue_{kQueueLenMax};
  std::atomic<std::size_t> places_taken_{0};
  std::atomic<bool> overrun_{false};  // an alarm did not fit into the queue
  std::thread thread_;
  // The thread's own from here on.
  std::vector<Client> clients_;
  std::uint64_t alarm_version_ = 0;  // newest seen
  // Of this tick, shared by the clients: machines as JSON without and with their sensors.
  std::unordered_map<std::uint32_t, std::string> briefs_;
  std::unordered_map<std::uint32_t, std::string> fragments_;
};

}  // namespace millwright::api
