// Metrics: counters, gauges and histograms under Prometheus' rules, named millwright_*_total, _seconds, _bytes.
//
// Threads: all of it from any thread. The references live as long as the Metrics object; look them up once, at start.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace prometheus {
class Registry;
}

namespace millwright::core {

using Counter = prometheus::Counter;      // .Increment(double = 1), .Value()
using Gauge = prometheus::Gauge;          // .Set(double)
using Histogram = prometheus::Histogram;  // .Observe(double)
using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  Metrics();
  ~Metrics();

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels = {});

  // The text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  std::unique_ptr<prometheus::Registry> registry_;
};

}  // namespace millwright::core
