// What the simulator's tests share: a small plant in memory, folders that clean up, and an OPC UA client that keeps
// everything it is told.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "asset/model.hpp"
#include "core/time.hpp"

namespace millwright::simulator::testing {

// A folder of its own below the system's temporary one, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }
  // Writes `content` and gives the path.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

// pump-1, pump-2 (type centrifugal-pump) and press-1 (a type unknown to the simulator).
asset::Model small_plant();

// One notification, or one read value.
struct Told {
  double value = 0;
  core::TimeNs source_time = 0;
  std::uint32_t status = 0;
  bool has_value = false;
};

// open62541's own client. Everything happens inside run() and the calls, on the caller's thread.
class TestClient {
 public:
  explicit TestClient(std::uint16_t port);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  // The index of the simulator's namespace; 0 where there is none.
  std::uint16_t simulator_namespace();
  // Asks for every write of these string ids: sampling interval 0, the default trigger (status and value).
  bool subscribe(const std::vector<std::string>& ids, std::uint32_t queue_size);
  Told read(const std::string& id);
  // Names of what is organised below Objects/…
  std::vector<std::string> browse(const std::vector<std::string>& folders);
  // Works until `done`, at most about a minute.
  template <typename Done>
  bool run_until(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < end) {
      if (done()) return true;
      iterate();
    }
    return done();
  }
  [[nodiscard]] const std::vector<Told>& told(const std::string& id) { return told_[id]; }

 private:
  void iterate();
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool connected_ = false;
  std::map<std::string, std::vector<Told>> told_;
};

}  // namespace millwright::simulator::testing
