// A book over a database in a temporary file, with a clock that stands still.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/metrics.hpp"
#include "database/database.hpp"
#include "io/clock.hpp"
#include "maintenance/desk.hpp"
#include "maintenance/order_book.hpp"

namespace millwright::maintenance::testing {

inline constexpr core::TimeNs kStart = 1'795'248'000 * core::kSecond;  // 2026-11-21T08:00:00Z

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "maintenance-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

inline std::unique_ptr<database::Database> open_database(const std::string& folder) {
  auto opened = database::Database::open({.file = folder + "/plant.db", .postgresql = {}, .password = {}});
  EXPECT_TRUE(opened) << opened.error().message;
  return std::move(*opened);
}

// What the hooks were told.
struct Told {
  std::vector<AuditNote> notes;
  std::vector<MaintenanceEvent> events;
  Hooks hooks() {
    return {.audit = [this](const AuditNote& note) { notes.push_back(note); },
            .on_event = [this](const MaintenanceEvent& event) { events.push_back(event); }};
  }
};

inline WorkOrder an_order() {
  WorkOrder order;
  order.machine = "pump-1";
  order.machine_path = "acme/lyon/utilities/cooling/pumps/pump-1";
  order.component = "motor";
  order.cause = "bearing wear";
  order.recommended_action = "Replace the bearing";
  order.created_by = "anna";
  return order;
}

inline bool sees_all(std::string_view) {
  return true;
}

}  // namespace millwright::maintenance::testing
