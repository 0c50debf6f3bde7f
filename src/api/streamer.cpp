#include "api/streamer.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access/authority.hpp"
#include "alarms/alarm_json.hpp"
#include "api/machine_view.hpp"
#include "api/twin.hpp"
#include "api/views.hpp"
#include "core/log.hpp"

namespace millwright::api {
namespace {

using std::chrono::steady_clock;

std::string event(std::string_view name, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, data);
}

std::string alarm_event(const alarms::Alarm& alarm) {
  return fmt::format("id: {}\nevent: alarm\ndata: {}\n\n", alarm.version, alarms::alarm_text(alarm));
}

std::shared_ptr<const std::string> share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

Streamer::Streamer(const Options& options, const Services& services, const AlarmBoard& board)
    : options_(options),
      services_(services),
      board_(board),
      clients_gauge_(services.metrics.gauge("millwright_sse_clients", "Open event streams.")) {}

Streamer::~Streamer() {
  stop();
}

void Streamer::start() {
  bool cut = false;
  const auto known = changed_after(0, &cut);
  alarm_version_ = known.empty() ? 0 : known.back().version;
  thread_ = std::thread([this] { run(); });
}

void Streamer::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Streamer::discard() {
  while (auto item = queue_.try_pop()) {
    if (std::holds_alternative<Client>(*item)) give_back();
  }
}

bool Streamer::reserve() {
  std::size_t taken = places_taken_.load();
  while (taken < options_.sse_clients_max) {
    if (places_taken_.compare_exchange_weak(taken, taken + 1)) return true;
  }
  return false;
}

void Streamer::give_back() {
  --places_taken_;
}

bool Streamer::add(std::unique_ptr<StreamSink> sink, Subscription subscription) {
  Item item = Client{std::move(sink), std::move(subscription.who), std::move(subscription.machines),
                     subscription.alarms_after, 0};
  if (queue_.try_push(item)) return true;
  give_back();
  std::get<Client>(item).sink->finish(": too busy, try again\n\n");
  return false;
}

void Streamer::on_alarm(const alarms::Alarm& alarm) {
  Item item = alarm;
  if (!queue_.try_push(item)) overrun_ = true;
}

void Streamer::on_twin(const twin::MachineView& view) {
  if (places_taken_ == 0) return;
  const std::string data = twin_event_text(services_.model.machine(view.machine), view);
  Item item = TwinEvent{view.machine, share(event("twin", data))};
  queue_.try_push(item);
}

void Streamer::run() {
  const std::chrono::nanoseconds period(options_.sse_period);
  const std::chrono::nanoseconds keep_alive_period(options_.sse_keep_alive);
  auto next_tick = steady_clock::now() + period;
  auto next_keep_alive = steady_clock::now() + keep_alive_period;
  while (!queue_.closed()) {
    const auto now = steady_clock::now();
    if (now >= next_keep_alive) {
      keep_alive();
      next_keep_alive = now + keep_alive_period;
    }
    if (now >= next_tick) {
      tick();
      drop_closed();
      next_tick = now + period;  // late ticks are left out, not made up for
    }
    const auto wait = std::min(next_tick, next_keep_alive) - steady_clock::now();
    if (auto item = queue_.pop(wait)) handle(std::move(*item));
    if (overrun_.exchange(false)) catch_up();
  }
  for (Client& client : clients_) {
    if (client.sink) client.sink->finish(": the server stops\n\n");
  }
  places_taken_ -= clients_.size();
  clients_.clear();
  clients_gauge_.Set(0);
}

void Streamer::handle(Item item) {
  if (auto* alarm = std::get_if<alarms::Alarm>(&item)) broadcast(*alarm);
  if (auto* twin = std::get_if<TwinEvent>(&item)) broadcast(*twin);
  if (auto* client = std::get_if<Client>(&item)) welcome(std::move(*client));
}

void Streamer::welcome(Client client) {
  std::string text = "retry: 2000\n\n";
  if (client.alarms_after) {
    // A version that is ahead of ours is from alarms that are gone: the client has none of these.
    const std::uint64_t after = *client.alarms_after <= alarm_version_ ? *client.alarms_after : 0;
    bool cut = false;
    const auto changed = changed_after(after, &cut);
    if (cut) text += ": more alarms have changed than are sent here; read /v1/alarms\n\n";
    for (const alarms::Alarm& alarm : changed) {
      if (sees(client.who, services_.model, alarm)) text += alarm_event(alarm);
    }
    if (!changed.empty()) client.alarm_version = changed.back().version;
  }
  send(client, share(std::move(text)));
  clients_.push_back(std::move(client));
  clients_gauge_.Set(static_cast<double>(clients_.size()));
}

void Streamer::tick() {
  look_who_is_there();
  if (clients_.empty()) return;
  const core::TimeNs now = services_.clock.now();
  fragments_.clear();
  briefs_.clear();
  Text of_all;
  const Text stats = share(event("stats", to_text(stats_json(services_.plant_status(), services_))));
  for (Client& client : clients_) {
    if (!client.machines.empty()) {
      send(client, readings_of(client.machines, now));
    } else if (client.who.sees_all()) {
      if (!of_all) of_all = readings_of_all(client.who, now);
      send(client, of_all);
    } else {
      send(client, readings_of_all(client.who, now));
    }
    if (client.who.sees_all()) send(client, stats);
  }
}

void Streamer::look_who_is_there() {
  for (Client& client : clients_) {
    const auto& before = client.who.principal;
    if (!client.sink || !before || services_.access == nullptr) continue;
    const auto now = services_.access->again(*before);
    if (now && now->role == before->role && now->scope == before->scope) continue;
    client.sink->finish(": ended, because who you are or what you may see has changed\n\n");
    client.sink.reset();
  }
  drop_closed();
}

void Streamer::keep_alive() {
  static const Text kComment = share(": keep-alive\n\n");
  for (Client& client : clients_) send(client, kComment);
}

void Streamer::broadcast(const alarms::Alarm& alarm) {
  alarm_version_ = std::max(alarm_version_, alarm.version);
  Text text;
  for (Client& client : clients_) {
    if (alarm.version <= client.alarm_version) continue;
    if (!sees(client.who, services_.model, alarm)) continue;
    if (!text) text = share(alarm_event(alarm));
    client.alarm_version = alarm.version;
    send(client, text);
  }
}

void Streamer::broadcast(const TwinEvent& event) {
  const std::string& path = services_.model.machine(event.machine).path;
  for (Client& client : clients_) {
    if (!client.who.sees(path)) continue;
    const auto& machines = client.machines;
    const bool wanted =
        machines.empty() || std::find(machines.begin(), machines.end(), event.machine) != machines.end();
    if (wanted && client.who.sees(services_.model.machine(event.machine).path)) send(client, event.text);
  }
}

// More alarms came than the queue holds: what was left out is read back from where alarms are kept.
void Streamer::catch_up() {
  bool cut = false;
  for (const alarms::Alarm& alarm : changed_after(alarm_version_, &cut)) broadcast(alarm);
}

void Streamer::send(Client& client, const Text& text) {
  if (!client.sink || client.sink->closed()) return;
  const std::size_t queued = client.sink->queued_bytes();
  if (queued != 0 && queued + text->size() > options_.sse_queue_bytes_max) {
    client.sink->finish(": ended, because events were not read fast enough\n\n");
    client.sink.reset();
    return;
  }
  client.sink->send(text);
}

void Streamer::drop_closed() {
  const std::size_t before = clients_.size();
  std::erase_if(clients_, [](const Client& client) { return !client.sink || client.sink->closed(); });
  places_taken_ -= before - clients_.size();
  clients_gauge_.Set(static_cast<double>(clients_.size()));
}

std::vector<alarms::Alarm> Streamer::changed_after(std::uint64_t version, bool* cut) const {
  // In one call: an alarm that changed between two pages would be missed.
  alarms::Filter all;
  all.limit = std::numeric_limits<std::size_t>::max();
  auto changed = services_.alarms.list(all);
  std::erase_if(changed, [&](const alarms::Alarm& alarm) { return alarm.version <= version; });
  std::sort(changed.begin(), changed.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
  *cut = changed.size() > kReplayMax;
  if (*cut) changed.erase(changed.begin(), changed.end() - kReplayMax);
  return changed;
}

std::string Streamer::machine_text(const asset::Machine& machine, bool with_sensors) const {
  JsonWriter json;
  MachineView view(services_.model, services_.live, services_.historian.texts(), json);
  view.streamed(machine, view.summary(machine, *board_.active()), with_sensors);
  return json.take();
}

Streamer::Text Streamer::readings_of_all(const Identity& who, core::TimeNs now) {
  std::string data = fmt::format(R"({{"time":"{}","machines":[)", core::format_time(now));
  bool first = true;
  for (const asset::Machine& machine : services_.model.machines()) {
    if (!who.sees(machine.path)) continue;
    std::string& brief = briefs_[machine.id.value];
    if (brief.empty()) brief = machine_text(machine, false);
    if (!std::exchange(first, false)) data += ',';
    data += brief;
  }
  return share(event("readings", data + "]}"));
}

Streamer::Text Streamer::readings_of(const std::vector<core::MachineId>& machines, core::TimeNs now) {
  std::string data = fmt::format(R"({{"time":"{}","machines":[)", core::format_time(now));
  for (std::size_t i = 0; i < machines.size(); ++i) {
    std::string& fragment = fragments_[machines[i].value];
    if (fragment.empty()) fragment = machine_text(services_.model.machine(machines[i]), true);
    if (i != 0) data += ',';
    data += fragment;
  }
  return share(event("readings", data + "]}"));
}

}  // namespace millwright::api
