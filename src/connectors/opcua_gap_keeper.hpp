// Keeps one connector's open gaps on disk. A gap is forgotten only once all that filled it is durable: what a crash
// leaves there is filled again, and history answers equal readings once.
//
// Threads: the connector's; receipts are settled from any. Errors: a warning, once; gaps are then kept in memory only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/opcua_gap_file.hpp"
#include "core/block.hpp"
#include "io/clock.hpp"

namespace millwright::connectors::opcua_detail {

class GapKeeper {
 public:
  // `path` "": nothing is kept.
  GapKeeper(std::string name, std::string path, const io::Clock& clock);

  // What an earlier run left.
  std::vector<KeptGap> load();
  void changed() { is_changed_ = true; }
  void closed(KeptGap gap);
  // Of a batch that fills gaps.
  std::shared_ptr<core::Receipt> receipt();
  // Writes down what is open, where that is due; at once if it must.
  void keep(std::vector<KeptGap> open, bool must);
  [[nodiscard]] bool is_due(bool must);

 private:
  void tell(const core::Error& why);

  const std::string name_;
  const std::string path_;
  const io::Clock& clock_;
  io::RealFileSystem files_;
  std::shared_ptr<std::atomic<std::int64_t>> unsettled_ = std::make_shared<std::atomic<std::int64_t>>(0);
  std::vector<KeptGap> closing_;  // filled, but not durably yet
  core::TimeNs kept_at_ = 0;      // monotonic
  bool is_changed_ = false;
  bool told_ = false;
};

}  // namespace millwright::connectors::opcua_detail
