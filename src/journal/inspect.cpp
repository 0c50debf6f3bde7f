#include "journal/inspect.hpp"

#include <fmt/format.h>

#include "journal/format.hpp"
#include "journal/scanner.hpp"

namespace millwright::journal {
namespace {

using core::ErrorCode;

class Inspector {
 public:
  Inspector(io::FileSystem& files, const std::string& directory, const Visitor& visitor,
            const std::function<void(const Damage&)>& damaged)
      : files_(files), directory_(directory), visitor_(visitor), damaged_(damaged) {}

  core::Result<Inspection> run() {
    const auto names = files_.list(directory_);
    if (!names) return core::unexpected(names.error());
    std::vector<Sequence> firsts;
    for (const std::string& name : *names) {
      if (const auto first = parse_segment_name(name)) firsts.push_back(*first);
    }
    for (std::size_t i = 0; i < firsts.size(); ++i) {
      if (auto done = segment(firsts[i], i + 1 < firsts.size() ? firsts[i + 1] : 0); !done) {
        return core::unexpected(done.error());
      }
    }
    return inspection_;
  }

 private:
  // `next` is the segment after it, 0: it is the newest.
  core::Status segment(Sequence first, Sequence next) {
    const std::string path = directory_ + "/" + segment_name(first);
    const auto file = files_.open(path, io::OpenMode::kRead);
    // Sealed or dropped since the folder was read.
    if (!file && file.error().code == ErrorCode::kNotFound) return {};
    if (!file) return core::unexpected(file.error());
    const auto bytes = (*file)->size();
    if (!bytes) return core::unexpected(bytes.error());
    ++inspection_.segments;
    inspection_.bytes += *bytes;
    const auto header = read_header(**file);
    if (!header) {
      damaged_({.where = fmt::format("{}, bytes 0 to {}", path, *bytes),
                .first_lost = first,
                .last_lost = next == 0 ? 0 : next - 1,
                .reason = "both copies of the segment header fail their check"});
      return {};
    }
    SegmentScanner scanner(**file, *header, path, *bytes);
    const auto outcome = scanner.scan(0, first, visitor_, damaged_);
    if (!outcome) return core::unexpected(outcome.error());
    inspection_.records += outcome->records;
    if (next == 0) {
      inspection_.tail_bytes = *bytes - outcome->tail;
    } else if (outcome->next < next) {
      damaged_({.where = fmt::format("{}, bytes {} to {}", path, outcome->tail, *bytes),
                .first_lost = outcome->next,
                .last_lost = next - 1,
                .reason = "the bytes fail their check, or are missing"});
    }
    return {};
  }

  io::FileSystem& files_;
  const std::string& directory_;
  const Visitor& visitor_;
  const std::function<void(const Damage&)>& damaged_;
  Inspection inspection_;
};

}  // namespace

core::Result<Inspection> inspect(io::FileSystem& files, const std::string& directory, const Visitor& visitor,
                                 const std::function<void(const Damage&)>& damaged) {
  return Inspector(files, directory, visitor, damaged).run();
}

}  // namespace millwright::journal
