// Mirror: machines' twins in a Redis (a hash a machine) and a PostgreSQL (a row a field), so that other programs read
// them where they are. Only what has changed is sent, each machine at most once a period. Fields: docs/format/twin.md.
//
// Threads: one of its own for each receiver; start() and stop() from one. Errors: a receiver that is away holds up
// nothing: it is tried again, first after a second, then ever more seldom up to half a minute, and then gets everything
// anew.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/document.hpp"
#include "core/metrics.hpp"
#include "core/mutex.hpp"
#include "core/result.hpp"
#include "database/database.hpp"
#include "redis/connection.hpp"
#include "twin/twins.hpp"

namespace millwright::twin {

struct RedisMirrorOptions {
  redis::Server server;
  std::string prefix;  // of the hashes' names, before the machine's path
};

struct MirrorOptions {
  std::optional<RedisMirrorOptions> redis;
  database::Options postgresql;             // where `postgresql` is not empty
  core::DurationNs period = core::kSecond;  // of a machine's updates
};

// The section `twin: mirror`. Files are meant from `directory`.
MirrorOptions read_mirror_options(config::Section section, const std::string& directory);

using Fields = std::map<std::string, std::string>;

// Where a mirror is.
class MirrorTarget {
 public:
  virtual ~MirrorTarget() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual core::Status connect() = 0;  // again, where it has to
  virtual core::Status ask() = 0;      // whether it is still there
  virtual core::Status put(const std::string& machine, const Fields& changed, const std::vector<std::string>& gone,
                           core::TimeNs now) = 0;
};
std::unique_ptr<MirrorTarget> make_redis_target(const RedisMirrorOptions& options);
std::unique_ptr<MirrorTarget> make_postgresql_target(const database::Options& options);

// All that is mirrored of one machine.
Fields fields_of(const Context& context, const Twins& twins, const asset::Machine& machine);

class Mirror {
 public:
  Mirror(const MirrorOptions& options, const Twins& twins, Context context);
  ~Mirror();  // stops

  void start();
  void stop();

 private:
  struct Lane {
    std::unique_ptr<MirrorTarget> target;
    core::Gauge* connected = nullptr;
    std::map<std::string, Fields> sent;  // by machine's path
    bool up = false;
    bool told = false;  // that it is away
    core::DurationNs pause = 0;
    std::thread thread;
  };
  void run(Lane& lane);
  core::Status turn(Lane& lane);
  bool wait(core::DurationNs period);
  bool stopping();

  const core::DurationNs period_;
  const Twins& twins_;
  const Context context_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  core::Mutex mutex_;
  core::Condition wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace millwright::twin
