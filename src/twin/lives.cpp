// Twins: remaining lives by models, and what is kept of health: one thread's work, every life_period.
#include <algorithm>
#include <cmath>

#include "core/log.hpp"
#include "twin/twins.hpp"

namespace millwright::twin {
namespace {

using core::MutexLock;

constexpr core::DurationNs kKeepLifeEvery = 6 * core::kHour;
constexpr double kKeepHealthChange = 0.5;  // points
constexpr core::DurationNs kKeepHealthEvery = 24 * core::kHour;

void warn(const core::Error& error) {
  core::logger("twin")->warn("not kept: {}", error.message);
}

}  // namespace

// A rule that is wrong for one machine says so there, and the plant goes on.
void Twins::make_followers() {
  std::map<std::string, core::Result<std::shared_ptr<const prognostics::RulModel>>> loaded;
  std::map<ComponentKey, std::size_t> place;
  for (const LifeModelRule& rule : options_.life_models) {
    for (const asset::Machine& machine : context_.model.machines()) {
      if (!applies(rule, machine)) continue;
      if (!loaded.contains(rule.file)) loaded.emplace(rule.file, load_life_model(context_.files, rule.file));
      const auto& model = loaded.at(rule.file);
      Followed followed;
      followed.component = {machine.name, rule.component};
      followed.file = rule.file.substr(rule.file.rfind('/') + 1);
      if (!model) {
        followed.problem = model.error().message;
      } else if (auto follower = Follower::make(context_.model, machine, rule, *model); follower) {
        followed.follower.emplace(std::move(*follower));
      } else {
        followed.problem = follower.error().message;
      }
      if (!followed.problem.empty()) {
        core::logger("twin")->warn("no remaining life of {}/{}: {}", machine.name, rule.component, followed.problem);
      }
      // The last rule that matches counts.
      const auto [at, fresh] = place.emplace(followed.component, followed_.size());
      if (fresh) {
        followed_.push_back(std::move(followed));
      } else {
        followed_[at->second] = std::move(followed);
      }
    }
  }
}

void Twins::run_lives() {
  do {
    update_lives();
  } while (wait(options_.life_period, &Twins::update_now_));
}

void Twins::update_lives() {
  MutexLock lock(lives_turn_mutex_);
  const core::TimeNs now = context_.clock.now();
  std::vector<Store::LifeRow> rows;
  for (Followed& followed : followed_) {
    {
      MutexLock stop_lock(mutex_);
      if (stopping_) return;
    }
    update(followed, now, rows);
  }
  if (!rows.empty()) {
    if (auto kept = store_.add_lives(rows, now); !kept) warn(kept.error());
  }
  keep_health(now);
}

void Twins::update(Followed& followed, core::TimeNs now, std::vector<Store::LifeRow>& rows) {
  core::TimeNs since = 0;
  {
    MutexLock lock(lives_mutex_);
    if (const auto at = in_service_.find(followed.component); at != in_service_.end()) since = at->second;
  }
  ModelLife out;
  out.model = followed.file;
  out.time = now;
  out.problem = followed.problem;
  if (followed.follower) {
    const auto life = followed.follower->update(context_.history, since, now);
    if (life) {
      out.life = *life;
    } else {
      out.problem = life.error().message;
    }
    out.cycles = followed.follower->cycles();
    out.drift = followed.follower->drift();
  }
  if (const auto outcome = store_.outcomes(followed.component)) out.outcome = *outcome;
  if (out.life && now - followed.kept >= kKeepLifeEvery) {
    rows.push_back({followed.component, now, *out.life});
    followed.kept = now;
  }
  MutexLock lock(lives_mutex_);
  lives_[followed.component] = std::move(out);
}

// Hours that say nothing new are left out.
void Twins::keep_health(core::TimeNs now) {
  std::vector<Store::HealthRow> hours;
  {
    MutexLock lock(lives_mutex_);
    hours.swap(hours_);
  }
  std::erase_if(hours, [&](const Store::HealthRow& row) {
    HealthPoint& last = stored_health_[row.component];
    const bool new_one = last.time == 0 || std::abs(last.health - row.hour.health) >= kKeepHealthChange ||
                         row.hour.time - last.time >= kKeepHealthEvery;
    if (new_one) last = row.hour;
    return !new_one;
  });
  if (hours.empty()) return;
  if (auto kept = store_.add_health(hours, now); !kept) warn(kept.error());
}

}  // namespace millwright::twin
