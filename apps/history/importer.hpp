// Importer: readings from files into the pipeline of an engine, as one source, `import`; done when all is durable.
// ImportReport: what was refused, and why.
//
// Readings keep their own times, values and quality. Where the file says nothing of quality, this judges as a connector
// does: a value that is no number, a time in the future and a value outside its range are kept and marked.
//
// Threads: one owner. Errors: kFull where the disk is full, kClosed where the engine has stopped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/model.hpp"
#include "core/quality.hpp"
#include "core/result.hpp"
#include "engine/engine.hpp"
#include "pipeline/pipeline.hpp"

namespace millwright::history {

// Takes readings one at a time.
class ReadingSink {
 public:
  virtual ~ReadingSink() = default;
  // False: it can take no more, and says why when it is finished.
  virtual bool add(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits,
                   std::optional<core::Quality> quality) = 0;
};

// For a look at a file beforehand.
class NoSink final : public ReadingSink {
 public:
  bool add(const asset::Sensor&, core::TimeNs, std::uint64_t, std::optional<core::Quality>) override { return true; }
};

class ImportReport {
 public:
  static constexpr std::size_t kTold = 20;

  void refuse(std::string message);  // "pump.csv:12: …"
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }  // the first kTold

  std::uint64_t readings = 0;
  std::uint64_t rows = 0;

 private:
  std::uint64_t refused_ = 0;
  std::vector<std::string> messages_;
};

// The model that an import runs on: values are in engineering units already and their quality is given or judged here,
// so that nothing on the way changes either; and nothing is monitored, for history raises no alarm.
asset::Model import_model(const asset::Model& model);

class Importer final : public ReadingSink {
 public:
  // `model` is the plant's own, with its ranges; the engine has been started, on import_model().
  Importer(const asset::Model& model, engine::Engine& engine, const io::Clock& clock);
  bool add(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits,
           std::optional<core::Quality> quality) override;
  // Hands over the rest and waits until all is durable.
  core::Status finish();

 private:
  struct Reading {
    core::TimeNs time;
    std::uint64_t bits;
    core::Quality quality;
  };
  class Settled;
  struct Waiting;

  [[nodiscard]] core::Quality judge(const asset::Sensor& sensor, core::TimeNs time, std::uint64_t bits) const;
  void put_block(core::SensorId sensor);
  bool submit();
  bool wait_for(std::uint64_t unsettled_max);

  const asset::Model& model_;
  engine::Engine& engine_;
  pipeline::Inlet inlet_;
  std::shared_ptr<Waiting> waiting_;
  const core::TimeNs received_;
  const std::uint64_t epoch_;
  std::uint64_t sequence_ = 0;
  std::vector<std::vector<Reading>> gathered_;  // by SensorId
  std::uint64_t gathered_count_ = 0;
  std::uint64_t pending_ = 0;  // in blocks, not yet submitted
  core::Status status_;
};

}  // namespace millwright::history
