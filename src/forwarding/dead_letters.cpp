#include "forwarding/dead_letters.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millwright::forwarding {
namespace {

std::string line_of(const DeadLetter& letter) {
  const auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  const bool json = nlohmann::json::accept(letter.body);  // else many lines, as text
  return fmt::format("{{\"time\":\"{}\",\"key\":{},\"reason\":{},\"event\":{}}}\n", core::format_time(letter.time),
                     quoted(letter.key), quoted(letter.reason), json ? letter.body : quoted(letter.body));
}

// Whether the file ends in the middle of a line, as a crash leaves it.
core::Result<bool> torn(const io::File& file, std::uint64_t size) {
  std::byte last{'\n'};
  if (size != 0) {
    if (const auto read = file.read_at(size - 1, {&last, 1}); !read) return core::unexpected(read.error());
  }
  return last != std::byte{'\n'};
}

}  // namespace

DeadLetters::DeadLetters(io::FileSystem& files, std::string directory, std::uint64_t bytes_max)
    : files_(files), directory_(std::move(directory)), bytes_max_(bytes_max) {}

core::Status DeadLetters::add(const DeadLetter& letter) {
  const std::string path = directory_ + "/dead-letters.jsonl";
  const bool fresh = !files_.exists(path);
  auto file = files_.open(path, fresh ? io::OpenMode::kCreate : io::OpenMode::kReadWrite);
  if (!file) return core::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return core::unexpected(size.error());
  std::string line = line_of(letter);
  if (*size != 0 && *size + line.size() > bytes_max_) {
    if (auto moved = files_.rename(path, directory_ + "/dead-letters.old.jsonl"); !moved) return moved;
    return add(letter);
  }
  const auto half_line = torn(**file, *size);
  if (!half_line) return core::unexpected(half_line.error());
  if (*half_line) line.insert(0, 1, '\n');
  if (auto written = (*file)->write_at(*size, std::as_bytes(std::span(line))); !written) return written;
  if (auto synced = (*file)->sync(); !synced) return synced;
  return fresh ? files_.sync_directory(directory_) : core::Status();
}

}  // namespace millwright::forwarding
