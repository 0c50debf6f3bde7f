#include "historian/catalogue.hpp"

#include "core/bytes.hpp"
#include "journal/inspect.hpp"

namespace millwright::historian {
namespace {

using core::ErrorCode;
using core::MutexLock;

constexpr std::uint64_t kStream = 0x6d77'6869'7374'0000;

// Types of its records. Payload: u32 number, then a name.
constexpr journal::RecordType kSeries = 1;   // number: value type; name: sensor path
constexpr journal::RecordType kSource = 2;   // name: source name
constexpr journal::RecordType kFolders = 3;  // number of folders
constexpr journal::RecordType kShards = 4;   // number of shards
constexpr journal::RecordType kText = 5;     // name: a text

}  // namespace

core::Result<std::unique_ptr<Catalogue>> Catalogue::open(io::FileSystem& files, const io::Clock& clock,
                                                         const std::string& directory) {
  journal::Options options;
  options.may_use_reserve = true;
  auto journal = journal::Journal::open(files, clock, directory, kStream, options);
  if (!journal) return core::unexpected(journal.error());
  std::unique_ptr<Catalogue> catalogue(new Catalogue(std::move(*journal)));
  if (auto restored = catalogue->restore(); !restored) return core::unexpected(restored.error());
  return catalogue;
}

core::Status Catalogue::restore() {
  MutexLock lock(mutex_);
  bool understood = true;
  // Written out, for the analysis does not see into a lambda that another object calls.
  std::vector<std::pair<journal::Record, std::vector<std::byte>>> records;
  const auto read = journal_->read(1, [&](const journal::Record& record) {
    records.emplace_back(record, std::vector<std::byte>(record.payload.begin(), record.payload.end()));
    return true;
  });
  if (!read) return read;
  for (auto& [record, payload] : records) {
    record.payload = payload;
    understood = take(record) && understood;
  }
  if (!understood) {
    return core::unexpected(ErrorCode::kUnsupported,
                            "the history's catalogue holds records that this version does not know: use the version "
                            "that wrote it, or a newer one");
  }
  return {};
}

core::Result<std::map<SeriesKey, Catalogue::Series>> Catalogue::listed(io::FileSystem& files,
                                                                       const std::string& directory) {
  std::map<SeriesKey, Series> names;
  const auto visit = [&](const journal::Record& record) {
    core::ByteReader in(record.payload);
    const auto number = in.get<std::uint32_t>();
    const auto key = static_cast<SeriesKey>(record.sequence);
    if (record.type == kSeries && in.ok() && number < core::kValueTypeCount) {
      names.insert_or_assign(key, Series{std::string(in.text(in.remaining())), static_cast<core::ValueType>(number)});
    }
    return true;
  };
  const auto read = journal::inspect(files, directory, visit, [](const journal::Damage&) {});
  if (!read) return core::unexpected(read.error());
  return names;
}

bool Catalogue::take(const journal::Record& record) {
  if (record.type == 0) return true;
  core::ByteReader in(record.payload);
  const auto number = in.get<std::uint32_t>();
  const std::string name(in.text(in.remaining()));
  const auto key = static_cast<std::uint32_t>(record.sequence);
  if (!in.ok()) return false;
  switch (record.type) {
    case kSeries:
      if (number >= core::kValueTypeCount) return false;
      // The last of two wins: the first was never given out, since its commit failed.
      series_.insert_or_assign(Series{name, static_cast<core::ValueType>(number)}, key);
      return true;
    case kSource:
      sources_.insert_or_assign(name, key);
      return true;
    case kFolders:
      folders_ = number;
      return true;
    case kShards:
      shards_ = number;
      return true;
    case kText:
      texts_.put(static_cast<std::int32_t>(key), name);
      return true;
    default:
      return false;
  }
}

core::Result<std::uint32_t> Catalogue::append(journal::RecordType type, std::uint32_t number, std::string_view name) {
  std::vector<std::byte> payload;
  core::ByteWriter out(payload);
  out.put(number);
  out.text(name);
  const auto sequence = journal_->append(type, payload);
  if (!sequence) return core::unexpected(sequence.error());
  return static_cast<std::uint32_t>(*sequence);
}

core::Result<std::vector<SeriesKey>> Catalogue::series(const std::vector<Series>& names) {
  MutexLock lock(mutex_);
  std::vector<SeriesKey> keys;
  std::map<Series, SeriesKey> added;
  for (const Series& one : names) {
    if (const auto found = series_.find(one); found != series_.end()) {
      keys.push_back(found->second);
      continue;
    }
    if (const auto found = added.find(one); found != added.end()) {
      keys.push_back(found->second);
      continue;
    }
    const auto key = append(kSeries, static_cast<std::uint32_t>(one.second), one.first);
    if (!key) return core::unexpected(key.error());
    added.emplace(one, *key);
    keys.push_back(*key);
  }
  if (added.empty()) return keys;
  if (auto durable = journal_->commit(); !durable) return core::unexpected(durable.error());
  series_.merge(added);
  return keys;
}

std::unordered_map<SeriesKey, Catalogue::Series> Catalogue::named() const {
  MutexLock lock(mutex_);
  std::unordered_map<SeriesKey, Series> names;
  for (const auto& [series, key] : series_) names.emplace(key, series);
  return names;
}

core::Result<SourceKey> Catalogue::source(const std::string& name) {
  MutexLock lock(mutex_);
  if (const auto found = sources_.find(name); found != sources_.end()) return found->second;
  const auto key = append(kSource, 0, name);
  if (!key) return core::unexpected(key.error());
  if (auto durable = journal_->commit(); !durable) return core::unexpected(durable.error());
  sources_.emplace(name, *key);
  return *key;
}

std::optional<SourceKey> Catalogue::find_source(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found = sources_.find(name);
  return found != sources_.end() ? std::optional(found->second) : std::nullopt;
}

core::Result<std::int32_t> Catalogue::number(std::string_view text) {
  if (const auto known = texts_.find(text)) return *known;
  if (auto good = core::check_text(text); !good) return core::unexpected(good.error());
  MutexLock lock(mutex_);
  if (const auto known = texts_.find(text)) return *known;
  if (texts_.size() >= core::kTextsMax) {
    return core::unexpected(ErrorCode::kFull, "the history holds as many different texts as it can");
  }
  const auto key = append(kText, 0, text);
  if (!key) return core::unexpected(key.error());
  if (auto durable = journal_->commit(); !durable) return core::unexpected(durable.error());
  const auto number = static_cast<std::int32_t>(*key);
  texts_.put(number, text);
  return number;
}

std::uint32_t Catalogue::folders() const {
  MutexLock lock(mutex_);
  return folders_;
}

core::Status Catalogue::set_folders(std::uint32_t folders) {
  MutexLock lock(mutex_);
  if (auto key = append(kFolders, folders, {}); !key) return core::unexpected(key.error());
  if (auto durable = journal_->commit(); !durable) return durable;
  folders_ = folders;
  return {};
}

std::uint32_t Catalogue::shards() const {
  MutexLock lock(mutex_);
  return shards_;
}

core::Status Catalogue::set_shards(std::uint32_t shards) {
  MutexLock lock(mutex_);
  if (auto key = append(kShards, shards, {}); !key) return core::unexpected(key.error());
  if (auto durable = journal_->commit(); !durable) return durable;
  shards_ = shards;
  return {};
}

}  // namespace millwright::historian
