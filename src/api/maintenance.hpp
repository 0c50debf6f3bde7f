// The routes of the maintenance desk: work orders and what people do to them, their deliveries to the ERP, and
// maintenance events.
#pragma once

#include "api/router.hpp"
#include "asset/model.hpp"
#include "io/clock.hpp"
#include "maintenance/desk.hpp"

namespace millwright::api {

// All of it outlives the router.
struct MaintenanceServices {
  maintenance::Desk& desk;
  const asset::Model& model;
  const io::Clock& clock;
};

// nullptr: the desk is off, and every answer says so.
void add_maintenance_routes(Router& router, const MaintenanceServices* services);

}  // namespace millwright::api
