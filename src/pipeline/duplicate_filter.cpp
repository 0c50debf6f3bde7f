#include "pipeline/duplicate_filter.hpp"

namespace millwright::pipeline {

DuplicateFilter::DuplicateFilter(std::function<LanePosition(core::SourceId)> recovered, core::Metrics& metrics)
    : recovered_(std::move(recovered)),
      dropped_(metrics.counter("millwright_pipeline_duplicate_readings_total",
                               "Readings that a source sent again and that were taken before")) {}

void DuplicateFilter::on_batch(core::BlockBatch& batch) {
  if (batch.purpose == core::BatchPurpose::kStatus) return;
  const auto [source, epoch, sequence] = batch.identity;
  auto lane = lanes_.find(source);
  if (lane == lanes_.end()) lane = lanes_.emplace(source, recovered_(source)).first;
  if (lane->second.covers(epoch, sequence)) {
    dropped_.Increment(static_cast<double>(batch.readings()));
    batch.blocks.clear();
    return;
  }
  lane->second = {epoch, sequence};
}

}  // namespace millwright::pipeline
