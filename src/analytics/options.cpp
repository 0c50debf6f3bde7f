#include "analytics/options.hpp"

namespace millwright::analytics {

Options read_options(config::Section section, const std::string& directory, const std::string& node) {
  Options options;
  options.calendars = read_calendars(section);
  options.reasons = Reasons::read(section);
  options.downtime_interval = section.duration(
      "downtime_interval", {.fallback = options.downtime_interval, .low = core::kSecond, .high = core::kHour});
  if (section.has("production_orders")) {
    config::Section orders = section.section("production_orders");
    OrdersOptions& mqtt = options.orders.emplace();
    mqtt.broker = mqtt::read_options(orders, directory, node + "-production-orders");
    mqtt.topic = orders.text("topic", {.fallback = "millwright/production-orders"});
    mqtt::check_topic(orders, "topic", mqtt.topic);
    orders.finish();
  }
  section.finish();
  return options;
}

}  // namespace millwright::analytics
