// Doctor's look at the services that a plant leans on: its database, the twins' mirrors, the broker of production
// orders, the identity provider. Nothing is written to any.
//
// Threads: the caller's.
#pragma once

#include <string>
#include <vector>

#include "doctor.hpp"
#include "mqtt/options.hpp"

namespace millwright::app {

std::vector<Finding> examine_services(const PlantConfig& config, const io::Clock& clock);
// Whether a broker takes the connection and lets us subscribe.
Finding examine_subscriptions(const std::string& what, const mqtt::Options& broker,
                              const std::vector<std::string>& filters);

}  // namespace millwright::app
