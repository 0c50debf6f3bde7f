#include "history/progress.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace millwright::history {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr std::size_t kBar = 30;

}  // namespace

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      watched_(::isatty(STDERR_FILENO) == 1),
      shown_(start_ + kPatience - kRedraw) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void Progress::update(double done, double whole, std::uint64_t count) {
  if (!watched_) return;
  const auto now = Clock::now();
  if (now - shown_ < kRedraw) return;
  shown_ = now;
  drawn_ = true;
  const double part = whole > 0 ? std::clamp(done / whole, 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(part * static_cast<double>(kBar));
  fmt::print(stderr, "\r{} [{}{}] {:3.0f} %  {:L} {}  {:.1f} M/s\x1b[K", what_, std::string(full, '#'),
             std::string(kBar - full, ' '), part * 100, count, unit_, static_cast<double>(count) / seconds() / 1e6);
  std::fflush(stderr);
}

}  // namespace millwright::history
