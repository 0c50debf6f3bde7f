#include "prognostics/regimes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millwright::prognostics {
namespace {

using Point = std::vector<double>;
using Learnt = Regimes::Learnt;

constexpr double kVarianceLeft = 0.001;
constexpr int kTurns = 50;
constexpr double kStill = 1e-6;  // of a sensor's size

double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

struct Nearest {
  std::size_t centre = 0;
  double distance = std::numeric_limits<double>::infinity();
};
Nearest nearest_of(const std::vector<Point>& centres, std::span<const double> point) {
  Nearest best;
  for (std::size_t k = 0; k < centres.size(); ++k) {
    const double d = distance(centres[k], point);
    if (d < best.distance) best = {k, d};
  }
  return best;
}

// The point that is farthest from all centres.
const Point& farthest(const std::vector<Point>& points, const std::vector<Point>& centres) {
  const auto far = std::max_element(points.begin(), points.end(), [&](const Point& a, const Point& b) {
    return nearest_of(centres, a).distance < nearest_of(centres, b).distance;
  });
  return *far;
}

// One turn of k-means (S. Lloyd, 1982); gives the sum of distances before it.
double turn(const std::vector<Point>& points, std::vector<Point>& centres) {
  std::vector<Point> sums(centres.size(), Point(centres.front().size()));
  std::vector<double> counts(centres.size());
  double left = 0;
  for (const Point& point : points) {
    const Nearest near = nearest_of(centres, point);
    left += near.distance;
    ++counts[near.centre];
    for (std::size_t j = 0; j < point.size(); ++j) sums[near.centre][j] += point[j];
  }
  for (std::size_t k = 0; k < centres.size(); ++k) {
    if (counts[k] == 0) continue;
    for (std::size_t j = 0; j < sums[k].size(); ++j) centres[k][j] = sums[k][j] / counts[k];
  }
  return left;
}

double settle(const std::vector<Point>& points, std::vector<Point>& centres) {
  double before = std::numeric_limits<double>::infinity();
  double left = turn(points, centres);
  for (int i = 0; i < kTurns && left < before; ++i) {
    before = left;
    left = turn(points, centres);
  }
  return left;
}

std::vector<Point> cluster(const std::vector<Point>& points) {
  std::vector<Point> one{Point(points.front().size())};
  turn(points, one);
  const double all = turn(points, one);
  if (!(all > 1e-12 * static_cast<double>(points.size()))) return one;
  std::vector<Point> seeds{farthest(points, one)};
  while (seeds.size() < Regimes::kMost) {
    seeds.push_back(farthest(points, seeds));
    std::vector<Point> centres = seeds;
    if (settle(points, centres) < kVarianceLeft * all) return centres;
  }
  return one;
}

void learn_settings(const std::vector<Run>& runs, Learnt& out) {
  const std::size_t width = runs.front().settings.columns();
  out.low.assign(width, std::numeric_limits<double>::infinity());
  Point high(width, -std::numeric_limits<double>::infinity());
  for (const Run& run : runs) {
    for (std::size_t i = 0; i < run.settings.rows(); ++i) {
      for (std::size_t j = 0; j < width; ++j) {
        out.low[j] = std::min(out.low[j], run.settings(i, j));
        high[j] = std::max(high[j], run.settings(i, j));
      }
    }
  }
  for (std::size_t j = 0; j < width; ++j) out.range.push_back(high[j] - out.low[j]);
}

Point scaled(const Learnt& learnt, std::span<const double> settings) {
  Point out(learnt.low.size());
  for (std::size_t j = 0; j < out.size(); ++j) {
    if (learnt.range[j] > 0) out[j] = (settings[j] - learnt.low[j]) / learnt.range[j];
  }
  return out;
}

// Mean and standard deviation of each sensor in each regime, over the readings that there are.
struct Usual {
  std::vector<Point> mean;
  std::vector<Point> squares;
  std::vector<Point> count;

  Usual(std::size_t regimes, std::size_t sensors)
      : mean(regimes, Point(sensors)), squares(regimes, Point(sensors)), count(regimes, Point(sensors)) {}
  void add(std::size_t regime, std::span<const double> row) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (!std::isfinite(row[j])) continue;
      const double step = row[j] - mean[regime][j];
      mean[regime][j] += step / ++count[regime][j];
      squares[regime][j] += step * (row[j] - mean[regime][j]);
    }
  }
  [[nodiscard]] double spread(std::size_t regime, std::size_t j) const {
    return count[regime][j] < 2 ? 0 : std::sqrt(squares[regime][j] / (count[regime][j] - 1));
  }
};

}  // namespace

core::Result<Regimes> Regimes::learn(const std::vector<Run>& runs) {
  ASSERT(!runs.empty(), "regimes are learnt from runs");
  Learnt out;
  learn_settings(runs, out);
  std::vector<Point> points;
  for (const Run& run : runs) {
    for (std::size_t i = 0; i < run.sensors.rows(); ++i) {
      points.push_back(out.low.empty() ? Point{} : scaled(out, run.settings.row(i)));
    }
  }
  out.centres = cluster(points);
  const std::size_t sensors = runs.front().sensors.columns();
  Usual usual(out.centres.size(), sensors);
  std::size_t at = 0;
  for (const Run& run : runs) {
    for (std::size_t i = 0; i < run.sensors.rows(); ++i, ++at) {
      usual.add(nearest_of(out.centres, points[at]).centre, run.sensors.row(i));
    }
  }
  for (std::size_t j = 0; j < sensors; ++j) {
    bool varies = true;
    for (std::size_t k = 0; k < out.centres.size(); ++k) {
      varies = varies && usual.spread(k, j) > kStill * std::max(1.0, std::abs(usual.mean[k][j]));
    }
    if (varies) out.kept.push_back(j);
  }
  if (out.kept.empty()) {
    return core::unexpected(core::ErrorCode::kInvalid, "no sensor varies: nothing tells how far a unit has worn");
  }
  for (std::size_t k = 0; k < out.centres.size(); ++k) {
    out.usual.emplace_back();
    out.spread.emplace_back();
    for (const std::size_t j : out.kept) {
      out.usual.back().push_back(usual.mean[k][j]);
      out.spread.back().push_back(usual.spread(k, j));
    }
  }
  return Regimes(std::move(out));
}

std::size_t Regimes::nearest(std::span<const double> settings) const {
  return nearest_of(learnt_.centres, scaled(learnt_, settings)).centre;
}

detection::Matrix Regimes::deviations(const Run& run) const {
  const std::size_t width = learnt_.kept.size();
  detection::Matrix out(run.sensors.rows(), width);
  for (std::size_t i = 0; i < out.rows(); ++i) {
    const std::size_t k = nearest(learnt_.low.empty() ? std::span<const double>{} : run.settings.row(i));
    for (std::size_t j = 0; j < width; ++j) {
      const double value = run.sensors(i, learnt_.kept[j]);
      if (std::isfinite(value)) {
        out(i, j) = (value - learnt_.usual[k][j]) / learnt_.spread[k][j];
      } else if (i > 0) {
        out(i, j) = out(i - 1, j);
      }
    }
  }
  return out;
}

}  // namespace millwright::prognostics
