// Modbus devices for tests: over TCP on libmodbus' server side, over a serial line by hand, since libmodbus as one
// device of several takes the request after one to a silent device for that one's answer.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "core/mutex.hpp"

namespace millwright::connectors::test {

// Two terminals joined as by a cable.
class SerialCable {
 public:
  SerialCable() {
    for (int end = 0; end < 2; ++end) {
      char name[64];
      EXPECT_EQ(openpty(&masters_[end], &slaves_[end], name, nullptr, nullptr), 0);
      names_[end] = name;
      termios raw{};
      tcgetattr(slaves_[end], &raw);
      cfmakeraw(&raw);
      tcsetattr(slaves_[end], TCSANOW, &raw);
    }
    pump_ = std::thread([this] { pump(); });
  }
  ~SerialCable() {
    stop_ = true;
    pump_.join();
    for (int end = 0; end < 2; ++end) {
      close(masters_[end]);
      close(slaves_[end]);
    }
  }
  [[nodiscard]] const std::string& end(int i) const { return names_[i]; }
  void cut(bool cut) { cut_ = cut; }

 private:
  void pump() {
    while (!stop_) {
      pollfd waits[2] = {{masters_[0], POLLIN, 0}, {masters_[1], POLLIN, 0}};
      if (poll(waits, 2, 20) <= 0) continue;
      for (int from = 0; from < 2; ++from) {
        if ((waits[from].revents & POLLIN) == 0) continue;
        char bytes[512];
        const ssize_t got = read(masters_[from], bytes, sizeof(bytes));
        if (got <= 0 || cut_) continue;
        EXPECT_EQ(write(masters_[1 - from], bytes, static_cast<std::size_t>(got)), got);
      }
    }
  }
  int masters_[2] = {-1, -1};
  int slaves_[2] = {-1, -1};
  std::string names_[2];
  std::atomic<bool> stop_{false};
  std::atomic<bool> cut_{false};
  std::thread pump_;
};

// Registers 0 to kRegisters - 1 of each table; asked for others it answers "illegal data address".
class ModbusTestServer {
 public:
  static constexpr int kRegisters = 100;
  static constexpr int kSilence = -1;

  // On a TCP port of its own choice.
  ModbusTestServer() : context_(modbus_new_tcp("127.0.0.1", 0)) {
    mapping_ = modbus_mapping_new(kRegisters, kRegisters, kRegisters, kRegisters);
    modbus_set_indication_timeout(context_, 0, 50'000);
    listener_ = modbus_tcp_listen(context_, 4);
    EXPECT_GE(listener_, 0);
    thread_ = std::thread([this] { run(); });
  }
  ~ModbusTestServer() {
    stop_ = true;
    thread_.join();
    close(listener_);
    modbus_mapping_free(mapping_);
    modbus_free(context_);
  }

  [[nodiscard]] std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }
  void set(int address, std::uint16_t value) {
    core::MutexLock lock(mutex_);
    mapping_->tab_registers[address] = value;
    mapping_->tab_input_registers[address] = value;
  }
  void set_bit(int address, bool value) {
    core::MutexLock lock(mutex_);
    mapping_->tab_bits[address] = mapping_->tab_input_bits[address] = value ? 1 : 0;
  }
  [[nodiscard]] std::uint16_t get(int address) {
    core::MutexLock lock(mutex_);
    return mapping_->tab_registers[address];
  }
  [[nodiscard]] bool get_bit(int address) {
    core::MutexLock lock(mutex_);
    return mapping_->tab_bits[address] != 0;
  }
  // Requests that touch the address, or of the unit, get this exception, or kSilence; 0: an answer.
  void fail(int address, int exception) {
    failing_ = Failing{address, exception};
    widest_ = 0;
  }
  void fail_unit(int unit, int exception) { failing_units_[unit] = exception; }
  // Requests that came, and the most that one of those since the last fail() asked for.
  [[nodiscard]] unsigned requests() const { return requests_; }
  [[nodiscard]] int widest() const { return widest_; }
  // Takes requests and says nothing.
  void fall_silent(bool silent) { silent_ = silent; }
  void drop_connection() { drop_ = true; }

 private:
  void run() {
    while (!stop_) {
      pollfd wait{listener_, POLLIN, 0};
      if (poll(&wait, 1, 20) <= 0) continue;
      modbus_tcp_accept(context_, &listener_);
      serve();
      modbus_close(context_);
    }
  }
  void serve() {
    std::vector<std::uint8_t> query(MODBUS_TCP_MAX_ADU_LENGTH);
    while (!stop_ && !drop_.exchange(false)) {
      const int got = modbus_receive(context_, query.data());
      if (got < 0 && errno != ETIMEDOUT) return;
      if (got <= 0 || silent_) continue;
      ++requests_;
      if (fails(query)) continue;
      core::MutexLock lock(mutex_);
      modbus_reply(context_, query.data(), got, mapping_);
    }
  }
  // By hand: libmodbus knows no makers' exceptions.
  bool fails(const std::vector<std::uint8_t>& query) {
    const int address = query[8] << 8 | query[9];
    const int count = query[10] << 8 | query[11];
    const auto [bad, exception_there] = failing_.load();
    const bool touches = exception_there != 0 && address <= bad && bad < address + count;
    const int exception = touches ? exception_there : failing_units_.at(query[6]).load();
    if (exception == 0) widest_ = std::max(widest_.load(), count);
    if (exception <= 0) return exception == kSilence;
    std::array<std::uint8_t, 9> reply{query[0], query[1], 0, 0, 0, 3, query[6]};
    reply[7] = query[7] | 0x80;
    reply[8] = static_cast<std::uint8_t>(exception);
    EXPECT_EQ(send(modbus_get_socket(context_), reply.data(), reply.size(), MSG_NOSIGNAL), 9);
    return true;
  }

  modbus_t* context_;
  modbus_mapping_t* mapping_ = nullptr;
  int listener_ = -1;
  core::Mutex mutex_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> silent_{false};
  std::atomic<bool> drop_{false};
  struct Failing {
    int address;
    int exception;
  };
  std::atomic<Failing> failing_{Failing{0, 0}};
  std::array<std::atomic<int>, 256> failing_units_{};
  std::atomic<unsigned> requests_{0};
  std::atomic<int> widest_{0};
  std::thread thread_;
};

// One device on a serial line that answers "read holding registers" (function 3) with the same value in each.
class SerialTestDevice {
 public:
  SerialTestDevice(const std::string& line, std::uint8_t unit)
      : line_(open(line.c_str(), O_RDWR | O_NOCTTY)), unit_(unit) {
    EXPECT_GE(line_, 0);
    thread_ = std::thread([this] { run(); });
  }
  ~SerialTestDevice() {
    stop_ = true;
    thread_.join();
    close(line_);
  }
  void set(std::uint16_t value) { value_ = value; }

 private:
  using Bytes = std::vector<std::uint8_t>;
  static constexpr std::size_t kRequestBytes = 8;

  static void append_crc(Bytes& frame) {
    unsigned crc = 0xFFFF;
    for (const std::uint8_t byte : frame) {
      crc ^= byte;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xA001 : crc >> 1;
    }
    frame.push_back(static_cast<std::uint8_t>(crc));
    frame.push_back(static_cast<std::uint8_t>(crc >> 8));
  }
  void run() {
    Bytes seen;
    while (!stop_) {
      pollfd wait{line_, POLLIN, 0};
      std::uint8_t bytes[256];
      // A pause ends a frame.
      const ssize_t got = poll(&wait, 1, 5) > 0 ? read(line_, bytes, sizeof(bytes)) : 0;
      if (got <= 0) seen.clear();
      seen.insert(seen.end(), bytes, bytes + std::max<ssize_t>(got, 0));
      if (seen.size() < kRequestBytes) continue;
      answer({seen.begin(), seen.begin() + 6}, seen);
      seen.clear();
    }
  }
  void answer(Bytes request, const Bytes& frame) {
    const std::uint8_t words = request[5];
    append_crc(request);
    EXPECT_EQ(request, Bytes(frame.begin(), frame.begin() + kRequestBytes)) << "a request with its checksum";
    if (request[0] != unit_ || request[1] != 3) return;
    Bytes reply = {unit_, 3, static_cast<std::uint8_t>(2 * words)};
    for (int i = 0; i < words; ++i) {
      reply.push_back(static_cast<std::uint8_t>(value_ >> 8));
      reply.push_back(static_cast<std::uint8_t>(value_));
    }
    append_crc(reply);
    EXPECT_EQ(write(line_, reply.data(), reply.size()), static_cast<ssize_t>(reply.size()));
  }

  const int line_;
  const std::uint8_t unit_;
  std::atomic<std::uint16_t> value_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace millwright::connectors::test
