#include "historian/column_store.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/crc32c.hpp"
#include "core/log.hpp"
#include "io/random.hpp"

namespace millwright::historian {
namespace {

using core::ByteReader;
using core::ByteWriter;
using core::ErrorCode;
using core::Status;

constexpr std::string_view kMagic = "MWCOLSET";
constexpr std::uint32_t kVersion = 1;
constexpr std::array<std::string_view, kTiers> kTierNames{"raw", "1s", "1m", "1h", "slow"};

// A line of the manifest: enough to know a file by, whatever is left of its own header.
struct Listed {
  std::uint64_t number = 0;
  ColumnHeader header;
};
struct Manifest {
  journal::Sequence sealed = 0;
  std::uint64_t next_number = 1;
  std::vector<Listed> files;
};

std::vector<std::byte> encode(const Manifest& manifest) {
  std::vector<std::byte> bytes;
  ByteWriter out(bytes);
  out.text(kMagic);
  out.put(kVersion);
  out.put(manifest.sealed);
  out.put(manifest.next_number);
  out.varint(manifest.files.size());
  for (const Listed& file : manifest.files) {
    out.put(file.number);
    out.put(static_cast<std::uint8_t>(file.header.tier));
    out.put(file.header.rank);
    out.put(file.header.id);
    out.put(file.header.retention);
  }
  out.put(core::crc32c(bytes));
  return bytes;
}

core::Result<Manifest> decode(std::span<const std::byte> bytes, std::uint64_t stream) {
  constexpr std::size_t kCheck = sizeof(std::uint32_t);
  ByteReader in(bytes);
  Manifest manifest;
  const bool ours = in.text(kMagic.size()) == kMagic;
  const auto version = in.get<std::uint32_t>();
  if (!ours || bytes.size() < kCheck ||
      ByteReader(bytes.last(kCheck)).get<std::uint32_t>() != core::crc32c(bytes.first(bytes.size() - kCheck))) {
    return core::unexpected(ErrorCode::kCorrupt, "fails its check");
  }
  if (version != kVersion) {
    return core::unexpected(ErrorCode::kUnsupported, "was written by another version: use that one, or a newer one");
  }
  manifest.sealed = in.get<journal::Sequence>();
  manifest.next_number = in.get<std::uint64_t>();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Listed file;
    file.number = in.get<std::uint64_t>();
    const auto tier = in.get<std::uint8_t>();
    if (tier >= kTiers) in.fail();
    file.header.tier = static_cast<Tier>(tier);
    file.header.rank = in.get<std::uint8_t>();
    file.header.stream = stream;
    file.header.id = in.get<std::uint64_t>();
    file.header.retention = in.get<std::uint64_t>();
    manifest.files.push_back(file);
  }
  if (!in.ok() || in.remaining() != kCheck) return core::unexpected(ErrorCode::kCorrupt, "does not fit its own counts");
  return manifest;
}

std::string name_of(Tier tier, std::uint64_t number) {
  return fmt::format("{}-{:016x}.mwc", kTierNames[index_of(tier)], number);
}
std::uint64_t number_of(const std::string& path) {
  const std::size_t dash = path.rfind('-');
  return std::stoull(path.substr(dash + 1), nullptr, 16);
}

}  // namespace

std::uint64_t ColumnSet::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& files : tiers) {
    for (const File& file : files) sum += file->bytes();
  }
  return sum;
}

std::string ColumnStore::path_of(Tier tier, std::uint64_t number) const {
  return directory_ + "/" + name_of(tier, number);
}

core::Result<ColumnStore::Listing> ColumnStore::listed(io::FileSystem& files, const std::string& directory,
                                                       std::uint64_t stream) {
  const std::string path = directory + "/" + std::string(kManifest);
  if (!files.exists(path)) return Listing{};
  const auto bytes = io::read_file(files, path);
  if (!bytes) return core::unexpected(bytes.error());
  const auto manifest = decode(*bytes, stream);
  if (!manifest) return core::unexpected(manifest.error().within(path));
  Listing listing{.sealed = manifest->sealed, .files = {}};
  for (const Listed& file : manifest->files) {
    listing.files.push_back({name_of(file.header.tier, file.number), file.header});
  }
  return listing;
}

core::Result<std::unique_ptr<ColumnStore>> ColumnStore::open(io::FileSystem& files, const std::string& directory,
                                                             std::uint64_t stream) {
  if (auto made = files.make_directories(directory); !made) return core::unexpected(made.error());
  std::unique_ptr<ColumnStore> store(new ColumnStore(files, directory, stream));
  if (auto loaded = store->load(); !loaded) return core::unexpected(loaded.error().within("opening " + directory));
  return store;
}

std::shared_ptr<const ColumnSet> ColumnStore::set() const {
  core::MutexLock lock(mutex_);
  return set_;
}

Status ColumnStore::load() {
  const std::string path = directory_ + "/" + std::string(kManifest);
  auto set = std::make_shared<ColumnSet>();
  if (files_.exists(path)) {
    const auto bytes = io::read_file(files_, path);
    if (!bytes) return core::unexpected(bytes.error());
    const auto manifest = decode(*bytes, stream_);
    if (!manifest) {
      return core::unexpected(manifest.error().within(path + " (restore it from a backup; nothing was changed)"));
    }
    // A process may have died between giving the manifest its name and syncing that. What follows from it, such as
    // dropping the journal that it says is sealed, must not reach the disk before it.
    if (auto synced = files_.sync_directory(directory_); !synced) return synced;
    set->sealed = manifest->sealed;
    next_number_ = manifest->next_number;
    for (const Listed& listed : manifest->files) {
      const std::string name = path_of(listed.header.tier, listed.number);
      auto file = ColumnFile::open(files_, name, listed.header);
      if (!file && file.error().code == ErrorCode::kNotFound) {
        core::logger("historian")->error("{} is gone; what it held is lost unless a backup has it", name);
        continue;
      }
      if (!file) return core::unexpected(file.error());
      set->tiers[index_of(listed.header.tier)].push_back(std::move(*file));
    }
  }
  if (auto removed = remove_strangers(*set); !removed) return removed;
  core::MutexLock lock(mutex_);
  set_ = std::move(set);
  return {};
}

Status ColumnStore::remove_strangers(const ColumnSet& set) {
  std::set<std::string> known{std::string(kManifest)};
  for (const auto& files : set.tiers) {
    for (const ColumnSet::File& file : files) known.insert(file->path().substr(directory_.size() + 1));
  }
  const auto names = files_.list(directory_);
  if (!names) return core::unexpected(names.error());
  for (const std::string& name : *names) {
    if (known.contains(name)) continue;
    if (auto removed = files_.remove(directory_ + "/" + name); !removed) return removed;
  }
  return {};
}

core::Result<ColumnStore::Draft> ColumnStore::draft(Tier tier, std::uint8_t rank, std::uint64_t retention) {
  Draft draft;
  draft.number = next_number_++;
  draft.header = {.tier = tier, .rank = rank, .stream = stream_, .id = io::entropy(), .retention = retention};
  auto writer = ColumnWriter::create(files_, path_of(tier, draft.number), draft.header);
  if (!writer) return core::unexpected(writer.error());
  draft.writer = std::move(*writer);
  return draft;
}

Status ColumnStore::write_manifest(const ColumnSet& set) {
  Manifest manifest{.sealed = set.sealed, .next_number = next_number_, .files = {}};
  for (const auto& files : set.tiers) {
    for (const ColumnSet::File& file : files) manifest.files.push_back({number_of(file->path()), file->header()});
  }
  return io::write_file_atomically(files_, directory_ + "/" + std::string(kManifest), encode(manifest));
}

// Finishes the drafts and puts them into `next`; `made` lists what has its name already, also where it fails.
Status ColumnStore::finish_drafts(Change& change, ColumnSet& next, std::vector<std::string>& made) {
  std::array<std::vector<ColumnSet::File>, kTiers> added;
  for (Draft& draft : change.add) {
    if (draft.writer->chunks() == 0) continue;
    const std::string path = path_of(draft.header.tier, draft.number);
    made.push_back(path);
    if (auto finished = draft.writer->finish(change.written); !finished) return finished;
    auto file = ColumnFile::open(files_, path, draft.header);
    if (!file) return core::unexpected(file.error());
    added[index_of(draft.header.tier)].push_back(std::move(*file));
  }
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    auto& list = next.tiers[tier];
    const auto goes = [&](const ColumnSet::File& file) {
      return std::find(change.remove.begin(), change.remove.end(), file) != change.remove.end();
    };
    const auto at = std::find_if(list.begin(), list.end(), goes) - list.begin();
    std::erase_if(list, goes);
    list.insert(list.begin() + at, added[tier].begin(), added[tier].end());
  }
  return {};
}

Status ColumnStore::apply(Change change) {
  auto next = std::make_shared<ColumnSet>(*set());
  std::vector<std::string> made;
  if (auto finished = finish_drafts(change, *next, made); !finished) {
    change.add.clear();
    remove_all(made);
    return finished;
  }
  if (change.sealed != 0) next->sealed = change.sealed;
  if (auto written = write_manifest(*next); !written) {
    // Whether the old manifest or the new one is on disk cannot be told, so that the files of both have to stay until
    // another one is.
    unsure_.insert(unsure_.end(), made.begin(), made.end());
    return written;
  }
  {
    core::MutexLock lock(mutex_);
    set_ = std::move(next);
  }
  std::vector<std::string> gone = std::move(unsure_);
  unsure_.clear();
  for (const ColumnSet::File& file : change.remove) gone.push_back(file->path());
  remove_all(gone);
  return {};
}

// What cannot be removed now goes when the folder is opened again.
void ColumnStore::remove_all(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (!files_.exists(path)) continue;
    if (auto removed = files_.remove(path); !removed) {
      core::logger("historian")->warn("{} is no longer needed: {}", path, removed.error().message);
    }
  }
}

}  // namespace millwright::historian
