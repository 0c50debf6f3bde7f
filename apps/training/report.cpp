#include "training/report.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/value_text.hpp"
#include "detection/linear_algebra.hpp"
#include "detection/moments.hpp"

namespace millwright::training {
namespace {

using detection::Matrix;
using models::Bundle;

constexpr double kWidth = 860;
constexpr double kHeight = 220;
constexpr double kLeft = 60;
constexpr std::size_t kPoints = 800;
constexpr std::size_t kBars = 40;
constexpr std::size_t kLoadings = 3;  // components shown

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:920px;margin:2rem auto;padding:0 1rem;color:#1d2733}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}"
    "td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}th{font-weight:600}"
    "svg{max-width:100%;height:auto;background:#f7f9fb;border-radius:6px}text{font:11px "
    "system-ui,sans-serif;fill:#44525f}"
    ".line{fill:none;stroke:#1f6feb;stroke-width:1.2}.limit{stroke:#c62f2f;stroke-width:1.2;stroke-dasharray:5 4}"
    ".bar{fill:#1f6feb}.minus{fill:#d9822b}.axis{stroke:#b8c4d0}";

std::string svg(double height, const std::string& inside) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">{}</svg>\n", kWidth, height, inside);
}

// Bars from a middle line, named on their left.
std::string bars(const std::vector<std::string>& names, const std::vector<double>& values) {
  double most = 1e-300;
  for (const double v : values) most = std::max(most, std::abs(v));
  const bool both = std::any_of(values.begin(), values.end(), [](double v) { return v < 0; });
  const double left = 220;
  const double room = kWidth - left - 70;
  const double zero = both ? left + room / 2 : left;
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double y = 8 + 18 * static_cast<double>(i);
    const double length = std::abs(values[i]) / most * (both ? room / 2 : room);
    out += fmt::format(
        "<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text><rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "width=\"{:.1f}\" height=\"12\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{:.3g}</text>",
        left - 8, y + 10, core::html_text(names[i]), values[i] < 0 ? "minus" : "bar",
        values[i] < 0 ? zero - length : zero, y, length, values[i] < 0 ? zero + 6 : zero + length + 6, y + 10,
        values[i]);
  }
  return svg(16 + 18 * static_cast<double>(values.size()), out);
}

// A statistic over the training rows against its limit, on a logarithmic scale.
std::string line(const std::vector<double>& values, double limit, const TrainingData& data) {
  std::vector<double> points;
  const std::size_t step = std::max<std::size_t>(1, values.size() / kPoints);
  for (std::size_t at = 0; at < values.size(); at += step) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(at);
    points.push_back(*std::max_element(begin, begin + static_cast<std::ptrdiff_t>(std::min(step, values.size() - at))));
  }
  const double high = std::log10(std::max(limit, *std::max_element(points.begin(), points.end())) * 1.3);
  const double low = std::log10(std::max(*std::min_element(points.begin(), points.end()), limit * 1e-4));
  const double span = std::max(high - low, 0.1);
  const auto y = [&](double v) {
    return 10 + (kHeight - 40) * (1 - std::clamp((std::log10(std::max(v, 1e-300)) - low) / span, 0.0, 1.0));
  };
  const double width = (kWidth - kLeft - 10) / static_cast<double>(std::max<std::size_t>(points.size() - 1, 1));
  std::string path;
  for (std::size_t i = 0; i < points.size(); ++i) {
    path += fmt::format("{:.1f},{:.1f} ", kLeft + width * static_cast<double>(i), y(points[i]));
  }
  std::string out = fmt::format("<polyline class=\"line\" points=\"{}\"/>", path);
  out += fmt::format("<line class=\"limit\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>", kLeft, kWidth - 10,
                     y(limit));
  out += fmt::format("<text x=\"4\" y=\"{:.1f}\">limit</text><text x=\"4\" y=\"{:.1f}\">{:.3g}</text>", y(limit) + 4,
                     y(limit) + 17, limit);
  out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kLeft,
                     kHeight - 8, core::format_time(data.times.front()), kWidth - 10, kHeight - 8,
                     core::format_time(data.times.back()));
  return svg(kHeight, out);
}

std::string row(std::string_view name, const std::string& value) {
  return fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", name, value);
}

std::string summary(const Bundle& bundle) {
  const models::Training& training = bundle.training;
  std::string out =
      "<table>\n" + row("Kind", core::html_text(bundle.kind)) +
      row("Machine type", core::html_text(bundle.machine_type)) +
      row("Sensors", fmt::format("{}: {}", bundle.sensors.size(),
                                 core::html_text(fmt::format("{}", fmt::join(bundle.sensors, ", "))))) +
      row("Grid", core::format_duration(bundle.grid.period) + " between rows") +
      row("Judges in states", bundle.states.empty() ? "any" : fmt::format("{}", fmt::join(bundle.states, ", "))) +
      row("Trained on", fmt::format("{} rows of {}, {} to {}", training.rows,
                                    core::html_text(fmt::format("{}", fmt::join(training.sources, ", "))),
                                    core::format_time(training.from), core::format_time(training.to))) +
      row("Rows of it that alarm", fmt::format("{:.4g} %", 100 * training.false_alarms));
  for (std::size_t m = 0; m < bundle.learnt.models.size(); ++m) {
    if (bundle.learnt.models[m].components > 0) {
      out += row(fmt::format("Components of model {}", m + 1), fmt::format("{}", bundle.learnt.models[m].components));
    }
  }
  return out + "</table>\n";
}

// The share of the variance that each direction of the training rows holds, greatest first.
std::string scree(const Bundle& bundle, const Matrix& rows) {
  detection::Deviations deviations(bundle.learnt.models.front().deviations);
  detection::Moments moments(deviations.now().size());
  for (std::size_t i = 0; i < rows.rows(); ++i) moments.add(deviations.take(rows.row(i)));
  const auto pairs = detection::eigen_pairs(moments.covariance());
  if (!pairs) return {};
  const double all = std::accumulate(pairs->values.begin(), pairs->values.end(), 0.0);
  std::vector<std::string> names;
  std::vector<double> shares;
  for (std::size_t k = 0; k < std::min(kBars, pairs->values.size()); ++k) {
    const bool kept = k < bundle.learnt.models.front().components;
    names.push_back(fmt::format("{}{}", k + 1, kept ? " (component)" : ""));
    shares.push_back(100 * std::max(pairs->values[k], 0.0) / all);
  }
  return "<h2>Scree: share of the variance in each direction, %</h2>\n" + bars(names, shares);
}

std::string loadings(const Bundle& bundle) {
  const auto& model = bundle.learnt.models.front();
  const auto t2 = std::find_if(model.statistics.begin(), model.statistics.end(),
                               [](const auto& one) { return one.kind == detection::Statistic::kT2; });
  if (t2 == model.statistics.end()) return {};
  std::string out;
  for (std::size_t k = 0; k < std::min(kLoadings, t2->form.rows()); ++k) {
    const auto form = t2->form.row(k);
    std::vector<double> values(form.begin(),
                               form.begin() + static_cast<std::ptrdiff_t>(std::min(kBars, bundle.sensors.size())));
    const double length = std::sqrt(std::inner_product(form.begin(), form.end(), form.begin(), 0.0));
    for (double& v : values) v /= length;
    out += fmt::format("<h2>Loadings of component {}</h2>\n", k + 1) + bars(bundle.sensors, values);
  }
  return out;
}

}  // namespace

std::string html_report(const Bundle& bundle, const TrainingData& data) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><style>{1}</style>\n<h1>{0}</h1>\n",
      core::html_text(bundle.id()), kStyle);
  out += summary(bundle);
  const auto detector = models::make_detector(bundle);
  if (!detector) return out;

  Matrix rows = data.rows;
  for (std::size_t i = 0; i < rows.rows(); ++i) models::scale(bundle, data.states[i], rows.row(i));
  const auto& statistics = (*detector)->statistics();
  std::vector<std::vector<double>> values(statistics.size());
  double worst = -1;
  std::size_t worst_row = 0;
  std::vector<double> contributions;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const auto& verdict = (*detector)->score(rows.row(i));
    for (std::size_t s = 0; s < statistics.size(); ++s) values[s].push_back(verdict.statistics[s]);
    const double ratio = verdict.statistics[verdict.worst] / statistics[verdict.worst].limit;
    if (ratio <= worst) continue;
    worst = ratio;
    worst_row = i;
    contributions = (*detector)->contributions();
  }
  for (std::size_t s = 0; s < statistics.size(); ++s) {
    out += fmt::format("<h2>{} over the training rows</h2>\n", core::html_text(statistics[s].name)) +
           line(values[s], statistics[s].limit, data);
  }
  std::vector<std::size_t> order(contributions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return contributions[a] > contributions[b]; });
  std::vector<std::string> names;
  std::vector<double> parts;
  for (std::size_t i = 0; i < std::min(kBars, order.size()); ++i) {
    names.push_back(bundle.sensors[order[i]]);
    parts.push_back(contributions[order[i]]);
  }
  out += fmt::format("<h2>Contributions to the training's worst row, {}</h2>\n",
                     core::format_time(data.times[worst_row])) +
         bars(names, parts);
  if (bundle.kind == "pca") out += scree(bundle, rows) + loadings(bundle);
  return out + "</html>\n";
}

}  // namespace millwright::training
