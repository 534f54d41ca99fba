#include "vault/vault.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include <fmt/format.h>

#include "base/check.h"
#include "base/file.h"
#include "vault/cipher.h"
#include "vault/keyring.h"
#include "vault/names.h"
#include "vault/segment.h"

namespace proviso::vault {
namespace {

constexpr size_t kBufferBytes = 1u << 20;  // of a batch, gathered before it is written
constexpr size_t kOpenSegmentsMax = 16;    // file descriptors kept for writing, and for reading; more are reopened
// A header vouches for itself but is no secret: an index far away must not make us allocate.
constexpr uint64_t kIndexGapMax = 1u << 24;
constexpr std::string_view kSegmentSuffix = ".seg";

// Where a leaf's record stands, in one word: eight bytes a leaf is what the index costs.
class Place {
 public:
  Place() = default;
  Place(uint64_t segment, uint64_t offset) : word_((segment + 1) * kSegmentBytesMax + offset) {}
  [[nodiscard]] bool known() const { return word_ != 0; }
  [[nodiscard]] size_t segment() const { return word_ / kSegmentBytesMax - 1; }
  [[nodiscard]] uint64_t offset() const { return word_ % kSegmentBytesMax; }

 private:
  uint64_t word_ = 0;
};

struct Spot {
  std::string segment;
  std::string path;
  uint64_t offset = 0;
  size_t number = 0;
};
struct Segment {
  std::string name;
  std::string path;
  uint64_t end = 0;  // behind the last record
  bool tail = false;
  std::vector<Fault> faults;
};

Result<Fd> take_lock(const std::string& dir) {
  const std::string path = dir + "/lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Code::kConflict, fmt::format("another process writes the vault `{}`", dir));
    return std::unexpected(io_error("lock", path, errno));
  }
  return fd;
}

class VaultImpl final : public Vault {
 public:
  VaultImpl(std::string dir, Access access, Fd lock, std::unique_ptr<KeyRing> keys,
            const FileOps& ops)
      : dir_(std::move(dir)),
        access_(access),
        lock_(std::move(lock)),
        keys_(std::move(keys)),
        ops_(&ops) {}

  Status load() const;

  Result<Sealed> seal(std::string_view retention_class, UtcSeconds time,
                      std::string_view plaintext) const override;
  Status append(uint64_t first_index, const std::vector<const Sealed*>& records) override;
  Result<PreparedRecords> prepare(uint64_t first_index,
                                  const std::vector<const Sealed*>& records) override;
  Status write(PreparedRecords records) override;
  Status sync() override;
  Status recover(uint64_t log_size) override;
  Result<Sealed> record(uint64_t index) const override;
  Result<std::string> open_record(uint64_t index) const override;
  Result<std::string> open(const Sealed& record) const override;
  Status erase(std::string_view segment) override;
  [[nodiscard]] uint64_t size() const override;
  [[nodiscard]] std::vector<Error> faults() const override;

 private:
  struct Pending {
    uint64_t first_offset = 0;
    std::string buffer;
  };

  Status usable() const;
  Status break_with(Error error);
  [[nodiscard]] size_t segment_number(std::string_view name) const;  // mutex_ held; adds it if new
  Status scan(size_t number) const;                                  // mutex_ held
  void note_place(uint64_t index, Place place) const;                // mutex_ held
  Result<std::shared_ptr<SegmentWriter>> writer(size_t number);
  Status may_come_next(uint64_t first_index, const std::vector<const Sealed*>& records) const;
  size_t segment_for(const Sealed& record);
  Status write_through(uint64_t first_index, const std::vector<const Sealed*>& records);
  Result<PreparedRecords> lay_out(uint64_t first_index, const std::vector<const Sealed*>& records);
  Status put(const PreparedRecords& records);
  Status check_complete(uint64_t log_size) const;        // mutex_ held
  Status cut_segment(size_t number, uint64_t log_size);  // mutex_ held
  [[nodiscard]] std::optional<Spot> find(uint64_t index) const;
  Result<std::shared_ptr<const Fd>> reader(const Spot& spot) const;

  const std::string dir_;
  const Access access_;
  const Fd lock_;
  const std::unique_ptr<KeyRing> keys_;
  const FileOps* const ops_;

  std::atomic<bool> failed_ = false;
  std::mutex failing_;
  std::string failure_;  // written before failed_ is set, once

  // What stands where; a reader learns more while it looks.
  mutable std::shared_mutex mutex_;
  mutable std::vector<Segment> segments_;
  mutable std::map<std::string, size_t, std::less<>> numbers_;
  mutable std::vector<Place> places_;

  mutable std::mutex readers_mutex_;
  mutable std::map<size_t, std::shared_ptr<const Fd>> readers_;

  std::mutex syncing_;
  std::mutex writers_mutex_;
  std::map<size_t, std::shared_ptr<SegmentWriter>> writers_;
};

Status VaultImpl::usable() const {
  if (access_ == Access::kReadOnly)
    return fail(Code::kConflict, "the vault was opened for reading only");
  if (failed_.load(std::memory_order_acquire)) {
    return fail(Code::kUnavailable,
                fmt::format("the vault has failed and takes nothing more: {}", failure_));
  }
  return {};
}

Status VaultImpl::break_with(Error error) {
  const std::lock_guard lock(failing_);
  if (!failed_.load()) failure_ = error.message;
  failed_.store(true, std::memory_order_release);
  return std::unexpected(std::move(error));
}

size_t VaultImpl::segment_number(std::string_view name) const {
  const auto found = numbers_.find(name);
  if (found != numbers_.end()) return found->second;
  const std::string path = fmt::format("{}/segments/{}{}", dir_, file_stem(name), kSegmentSuffix);
  segments_.push_back({std::string(name), path, 0, false, {}});
  numbers_.emplace(name, segments_.size() - 1);
  return segments_.size() - 1;
}

void VaultImpl::note_place(uint64_t index, Place place) const {
  if (index > places_.size() + kIndexGapMax) return;
  if (index >= places_.size()) places_.resize(index + 1);
  if (!places_[index].known()) places_[index] = place;
}

Status VaultImpl::scan(size_t number) const {
  Segment& segment = segments_[number];
  PV_TRY(Scan found, scan_segment(segment.path, segment.end));
  for (const Found& record : found.records) note_place(record.index, Place(number, record.offset));
  segment.end = found.end;
  segment.tail = found.tail;
  std::move(found.faults.begin(), found.faults.end(), std::back_inserter(segment.faults));
  return {};
}

// Reads what is new in every segment file.
Status VaultImpl::load() const {
  const std::string path = dir_ + "/segments";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (folder == nullptr) return std::unexpected(io_error("open", path, errno));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(kSegmentSuffix)) continue;
    PV_TRY(names.emplace_back(),
           segment_of_stem(name.substr(0, name.size() - kSegmentSuffix.size())));
  }
  std::sort(names.begin(), names.end());
  const std::unique_lock lock(mutex_);
  for (const std::string& name : names) PV_TRY_VOID(scan(segment_number(name)));
  return {};
}

Result<Sealed> VaultImpl::seal(std::string_view retention_class, UtcSeconds time,
                               std::string_view plaintext) const {
  PV_TRY_VOID(usable());
  if (plaintext.size() > kRecordBytesMax) {
    return fail(Code::kLimit,
                fmt::format("a vault record is larger than {} bytes", kRecordBytesMax));
  }
  Sealed sealed;
  PV_TRY(sealed.segment, segment_name(retention_class, time));
  std::shared_ptr<const Key> key = keys_->cached(sealed.segment);
  if (key == nullptr) {
    bool has_records;
    {
      const std::shared_lock lock(mutex_);
      const auto found = numbers_.find(sealed.segment);
      has_records = found != numbers_.end() && segments_[found->second].end > kSegmentMagic.size();
    }
    PV_TRY(key, keys_->for_sealing(sealed.segment, !has_records));
  }
  sealed.bytes = encrypt_record(*key, sealed.segment, plaintext);
  sealed.digest = sha256(sealed.bytes);
  return sealed;
}

Result<std::shared_ptr<SegmentWriter>> VaultImpl::writer(size_t number) {
  {
    const std::lock_guard lock(writers_mutex_);
    const auto found = writers_.find(number);
    if (found != writers_.end()) return found->second;
    if (writers_.size() >= kOpenSegmentsMax) {
      std::erase_if(writers_, [](const auto& open) { return !open.second->dirty(); });
    }
  }
  std::string path;
  uint64_t end;
  {
    const std::shared_lock lock(mutex_);
    path = segments_[number].path;
    end = segments_[number].end;
  }
  PV_TRY(auto opened, SegmentWriter::open(path, end, *ops_));
  const std::lock_guard lock(writers_mutex_);
  return writers_.emplace(number, std::move(opened)).first->second;
}

size_t VaultImpl::segment_for(const Sealed& record) {
  const std::unique_lock lock(mutex_);
  return segment_number(record.segment);
}

Status VaultImpl::may_come_next(uint64_t first_index, const std::vector<const Sealed*>& records) const {
  PV_TRY_VOID(usable());
  if (first_index != size()) {
    return fail(Code::kConflict, fmt::format("the vault holds {} records; leaf {} cannot come next",
                                             size(), first_index));
  }
  for (const Sealed* record : records) PV_TRY_VOID(check_segment_name(record->segment));
  return {};
}

Status VaultImpl::append(uint64_t first_index, const std::vector<const Sealed*>& records) {
  PV_TRY_VOID(may_come_next(first_index, records));
  if (Status written = write_through(first_index, records); !written) return break_with(written.error());
  return {};
}

Result<PreparedRecords> VaultImpl::prepare(uint64_t first_index,
                                           const std::vector<const Sealed*>& records) {
  PV_TRY_VOID(may_come_next(first_index, records));
  auto laid_out = lay_out(first_index, records);
  if (!laid_out) return std::unexpected(break_with(laid_out.error()).error());
  return laid_out;
}

Result<PreparedRecords> VaultImpl::lay_out(uint64_t first_index,
                                           const std::vector<const Sealed*>& records) {
  PreparedRecords prepared{.first_index = first_index, .writes = {}, .places = {}};
  for (size_t i = 0; i < records.size(); ++i) {
    const Sealed& record = *records[i];
    const size_t number = segment_for(record);
    auto found = std::ranges::find(prepared.writes, number, &PreparedRecords::Write::segment);
    if (found == prepared.writes.end()) {
      PV_TRY(const auto file, writer(number));
      const std::string name = file_stem(record.segment) + std::string(kSegmentSuffix);
      found = prepared.writes.insert(found, {name, file->end(), {}, number});
    }
    prepared.places.push_back({number, found->offset + found->bytes.size()});
    found->bytes +=
        encode_header({first_index + i, static_cast<uint32_t>(record.bytes.size()), record.digest});
    found->bytes += record.bytes;
  }
  for (const auto& write : prepared.writes) {
    PV_TRY(const auto file, writer(write.segment));
    PV_TRY_VOID(file->reserve(write.bytes.size()));
  }
  return prepared;
}

Status VaultImpl::write(PreparedRecords records) {
  PV_TRY_VOID(usable());
  if (records.first_index != size())
    return fail(Code::kConflict, "other records were written since these were prepared");
  if (Status written = put(records); !written) return break_with(written.error());
  return {};
}

Status VaultImpl::put(const PreparedRecords& records) {
  for (const auto& write : records.writes) {
    PV_TRY(const auto file, writer(write.segment));
    PV_CHECK(file->end() == write.offset);
    PV_TRY_VOID(file->append(write.bytes));
  }
  const std::unique_lock lock(mutex_);
  for (const auto& place : records.places) places_.emplace_back(place.segment, place.offset);
  for (const auto& write : records.writes) segments_[write.segment].end = write.offset + write.bytes.size();
  return {};
}

// Of any size: what was gathered is written piece by piece.
Status VaultImpl::write_through(uint64_t first_index, const std::vector<const Sealed*>& records) {
  std::map<size_t, std::string> buffers;
  std::vector<Place> places;
  places.reserve(records.size());
  std::map<size_t, uint64_t> ends;
  for (size_t i = 0; i < records.size(); ++i) {
    const Sealed& record = *records[i];
    const size_t number = segment_for(record);
    PV_TRY(const auto file, writer(number));
    std::string& buffer = buffers[number];
    places.emplace_back(number, file->end() + buffer.size());
    buffer +=
        encode_header({first_index + i, static_cast<uint32_t>(record.bytes.size()), record.digest});
    buffer += record.bytes;
    if (buffer.size() >= kBufferBytes) {
      PV_TRY_VOID(file->append(buffer));
      buffer.clear();
    }
  }
  for (const auto& [number, buffer] : buffers) {
    PV_TRY(const auto file, writer(number));
    PV_TRY_VOID(file->append(buffer));
    ends[number] = file->end();
  }
  const std::unique_lock lock(mutex_);
  places_.insert(places_.end(), places.begin(), places.end());
  for (const auto& [number, end] : ends) segments_[number].end = end;
  return {};
}

// One at a time: whoever finds nothing left to sync has waited for the one who syncs it, and hears if that failed.
Status VaultImpl::sync() {
  const std::lock_guard syncing(syncing_);
  PV_TRY_VOID(usable());
  std::vector<std::shared_ptr<SegmentWriter>> files;
  {
    const std::lock_guard lock(writers_mutex_);
    for (const auto& [number, file] : writers_) files.push_back(file);
  }
  for (const auto& file : files) {
    if (Status synced = file->sync(); !synced) return break_with(synced.error());
  }
  return {};
}

Status VaultImpl::check_complete(uint64_t log_size) const {
  for (uint64_t index = 0; index < log_size; ++index) {
    if (index < places_.size() && places_[index].known()) continue;
    std::string why;
    for (const Segment& segment : segments_) {
      if (!segment.faults.empty()) why = "; " + segment.faults.front().error.message;
      if (segment.tail)
        why = fmt::format("; `{}` is damaged at offset {}", segment.path, segment.end);
    }
    return fail(Code::kCorrupt, fmt::format("the vault has no record of leaf {}{}", index, why));
  }
  return {};
}

Status VaultImpl::cut_segment(size_t number, uint64_t log_size) {
  Segment& segment = segments_[number];
  uint64_t cut = segment.end;
  for (uint64_t index = log_size; index < places_.size(); ++index) {
    const Place& place = places_[index];
    if (place.known() && place.segment() == number) cut = std::min(cut, place.offset());
  }
  if (cut == segment.end && !segment.tail) return {};
  PV_TRY(const auto file, SegmentWriter::open(segment.path, segment.end, *ops_));
  PV_TRY_VOID(file->cut(cut));
  segment.end = cut;
  segment.tail = false;
  std::erase_if(segment.faults, [&](const Fault& fault) { return fault.offset >= cut; });
  return {};
}

Status VaultImpl::recover(uint64_t log_size) {
  PV_TRY_VOID(usable());
  const std::unique_lock lock(mutex_);
  PV_TRY_VOID(check_complete(log_size));
  writers_.clear();
  for (size_t number = 0; number < segments_.size(); ++number) {
    if (Status cut = cut_segment(number, log_size); !cut) return break_with(cut.error());
  }
  if (places_.size() > log_size) places_.resize(log_size);
  return {};
}

std::optional<Spot> VaultImpl::find(uint64_t index) const {
  const std::shared_lock lock(mutex_);
  if (index >= places_.size() || !places_[index].known()) return std::nullopt;
  const Segment& segment = segments_[places_[index].segment()];
  return Spot{segment.name, segment.path, places_[index].offset(), places_[index].segment()};
}

Result<std::shared_ptr<const Fd>> VaultImpl::reader(const Spot& spot) const {
  {
    const std::lock_guard lock(readers_mutex_);
    const auto found = readers_.find(spot.number);
    if (found != readers_.end()) return found->second;
  }
  PV_TRY(Fd opened, open_segment(spot.path));
  auto file = std::make_shared<const Fd>(std::move(opened));
  const std::lock_guard lock(readers_mutex_);
  if (readers_.size() >= kOpenSegmentsMax) readers_.clear();
  readers_.emplace(spot.number, file);
  return file;
}

Result<Sealed> VaultImpl::record(uint64_t index) const {
  std::optional<Spot> spot = find(index);
  if (!spot && access_ == Access::kReadOnly) {
    PV_TRY_VOID(load());
    spot = find(index);
  }
  if (!spot) return fail(Code::kNotFound, fmt::format("the vault has no record of leaf {}", index));
  PV_TRY(const auto file, reader(*spot));
  PV_TRY(Stored stored, read_stored(*file, spot->path, spot->offset, index));
  return Sealed{std::move(spot->segment), std::move(stored.bytes), stored.digest};
}

Result<std::string> VaultImpl::open_record(uint64_t index) const {
  PV_TRY(const Sealed sealed, record(index));
  auto plaintext = open(sealed);
  if (!plaintext && plaintext.error().code == Code::kCorrupt) {
    return fail_at(fmt::format("leaf {}", index), plaintext.error());
  }
  return plaintext;
}

Result<std::string> VaultImpl::open(const Sealed& record) const {
  PV_TRY(const std::shared_ptr<const Key> key, keys_->for_opening(record.segment));
  auto plaintext = decrypt_record(*key, record.segment, record.bytes);
  if (!plaintext) return fail_at(fmt::format("record in segment `{}`", record.segment), plaintext.error());
  return plaintext;
}

Status VaultImpl::erase(std::string_view segment) {
  if (access_ == Access::kReadOnly)
    return fail(Code::kConflict, "the vault was opened for reading only");
  return keys_->erase(std::string(segment));
}

uint64_t VaultImpl::size() const {
  const std::shared_lock lock(mutex_);
  return places_.size();
}

std::vector<Error> VaultImpl::faults() const {
  const std::shared_lock lock(mutex_);
  std::vector<Error> all;
  for (const Segment& segment : segments_) {
    for (const Fault& fault : segment.faults) all.push_back(fault.error);
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(const std::string& dir, const FileOps& ops) {
  PV_TRY_VOID(make_dirs(dir + "/segments"));
  PV_TRY(Fd lock, take_lock(dir));
  PV_TRY(std::unique_ptr<KeyRing> keys, KeyRing::open(dir + "/keys", Access::kReadWrite));
  auto vault =
      std::make_unique<VaultImpl>(dir, Access::kReadWrite, std::move(lock), std::move(keys), ops);
  PV_TRY_VOID(vault->load());
  return vault;
}

Result<std::unique_ptr<Vault>> Vault::open_reader(const std::string& dir) {
  PV_TRY(std::unique_ptr<KeyRing> keys, KeyRing::open(dir + "/keys", Access::kReadOnly));
  auto vault =
      std::make_unique<VaultImpl>(dir, Access::kReadOnly, Fd(), std::move(keys), system_file_ops());
  PV_TRY_VOID(vault->load());
  return vault;
}

}  // namespace proviso::vault
