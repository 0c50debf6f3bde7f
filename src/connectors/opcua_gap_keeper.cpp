#include "connectors/opcua_gap_keeper.hpp"

#include "core/log.hpp"

namespace millwright::connectors::opcua_detail {
namespace {

constexpr core::DurationNs kBetween = 2 * core::kSecond;  // two files, where nothing would be lost by waiting

class CountDown final : public core::Receipt {
 public:
  explicit CountDown(std::shared_ptr<std::atomic<std::int64_t>> count) : count_(std::move(count)) {
    count_->fetch_add(1, std::memory_order_relaxed);
  }
  void settle() override { count_->fetch_sub(1, std::memory_order_release); }

 private:
  std::shared_ptr<std::atomic<std::int64_t>> count_;
};

}  // namespace

GapKeeper::GapKeeper(std::string name, std::string path, const io::Clock& clock)
    : name_(std::move(name)), path_(std::move(path)), clock_(clock) {}

std::vector<KeptGap> GapKeeper::load() {
  if (path_.empty()) return {};
  auto gaps = read_gaps(files_, path_);
  if (gaps) return std::move(*gaps);
  tell(gaps.error());
  return {};
}

void GapKeeper::closed(KeptGap gap) {
  is_changed_ = true;
  closing_.push_back(std::move(gap));
}

std::shared_ptr<core::Receipt> GapKeeper::receipt() {
  return path_.empty() ? nullptr : std::make_shared<CountDown>(unsettled_);
}

bool GapKeeper::is_due(bool must) {
  if (path_.empty() || !is_changed_) return false;
  const bool is_settled = unsettled_->load(std::memory_order_acquire) == 0;
  if (is_settled) closing_.clear();
  return must || (is_settled && clock_.monotonic() - kept_at_ >= kBetween);
}

void GapKeeper::keep(std::vector<KeptGap> open, bool must) {
  if (!is_due(must)) return;
  open.insert(open.end(), closing_.begin(), closing_.end());
  if (auto written = write_gaps(files_, path_, open); !written) tell(written.error());
  kept_at_ = clock_.monotonic();
  is_changed_ = !closing_.empty();
}

void GapKeeper::tell(const core::Error& why) {
  if (std::exchange(told_, true)) return;
  core::logger("opcua-client")
      ->warn("{}: what is still to be filled from the server's history will not be known after a restart: {}", name_,
             why.message);
}

}  // namespace millwright::connectors::opcua_detail
