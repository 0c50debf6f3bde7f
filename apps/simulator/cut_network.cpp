#include "simulator/cut_network.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/mutex.hpp"

namespace millwright::simulator {

struct CutNetwork::State {
  core::Mutex mutex;
  bool cut GUARDED_BY(mutex) = false;
  std::vector<io::Stream*> streams GUARDED_BY(mutex);  // alive
};

namespace {

class CutStream final : public io::Stream {
 public:
  CutStream(std::unique_ptr<io::Stream> stream, std::shared_ptr<CutNetwork::State> state)
      : stream_(std::move(stream)), state_(std::move(state)) {
    core::MutexLock lock(state_->mutex);
    state_->streams.push_back(stream_.get());
    if (state_->cut) stream_->shut_down();
  }
  ~CutStream() override {
    core::MutexLock lock(state_->mutex);
    std::erase(state_->streams, stream_.get());
  }
  core::Result<std::size_t> read_some(std::span<std::byte> out, core::DurationNs timeout) override {
    return stream_->read_some(out, timeout);
  }
  core::Status write_all(std::span<const std::byte> bytes, core::DurationNs timeout) override {
    return stream_->write_all(bytes, timeout);
  }
  void shut_down() override { stream_->shut_down(); }
  [[nodiscard]] std::string peer() const override { return stream_->peer(); }

 private:
  std::unique_ptr<io::Stream> stream_;
  std::shared_ptr<CutNetwork::State> state_;
};

}  // namespace

CutNetwork::CutNetwork() : state_(std::make_shared<State>()) {}
CutNetwork::~CutNetwork() = default;

core::Result<std::unique_ptr<io::Listener>> CutNetwork::listen(const io::Address& address) {
  return real_.listen(address);
}

core::Result<std::unique_ptr<io::Stream>> CutNetwork::connect(const io::Address& address, core::DurationNs timeout) {
  {
    core::MutexLock lock(state_->mutex);
    if (state_->cut) {
      return core::unexpected(core::ErrorCode::kUnavailable, io::to_string(address) + ": simulated network loss");
    }
  }
  auto stream = real_.connect(address, timeout);
  if (!stream) return core::unexpected(stream.error());
  return std::unique_ptr<io::Stream>(std::make_unique<CutStream>(std::move(*stream), state_));
}

void CutNetwork::cut() {
  core::MutexLock lock(state_->mutex);
  state_->cut = true;
  for (io::Stream* stream : state_->streams) stream->shut_down();
}

void CutNetwork::mend() {
  core::MutexLock lock(state_->mutex);
  state_->cut = false;
}

}  // namespace millwright::simulator
