#include "analytics/options.hpp"

#include "analytics/order_intake.hpp"

namespace millwright::analytics {

Options read_options(config::Section section, const std::string& directory, const std::string& node) {
  Options options;
  options.calendars = read_calendars(section);
  options.reasons = Reasons::read(section);
  options.downtime_interval = section.duration(
      "downtime_interval", {.fallback = options.downtime_interval, .low = core::kSecond, .high = core::kHour});
  if (section.has("production_orders")) {
    config::Section orders = section.section("production_orders");
    OrdersOptions read;
    read.broker = mqtt::read_options(orders, directory, node + "-production-orders");
    read.topic = orders.text("topic", {.fallback = "millwright/production-orders"});
    mqtt::check_topic(orders, "topic", read.topic);
    orders.finish();
    options.orders = std::make_shared<const OrdersOptions>(std::move(read));
  }
  section.finish();
  return options;
}

}  // namespace millwright::analytics
