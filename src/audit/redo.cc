#include "audit/redo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"
#include "ledger/wal.h"

namespace proviso::audit {
namespace {

constexpr std::string_view kMagic = "PVREDO1\n";
constexpr size_t kHeadBytes = 8 + 8 + 4;      // magic, sequence, length of the body
constexpr size_t kSectorBytes = 512;          // batches begin at one: a torn write never harms the batch before
constexpr size_t kGrowBytes = 1u << 20;       // a file grows by so much, in zeros
constexpr size_t kFileNameBytesMax = 255;     // the system's

struct Record {
  uint64_t sequence = 0;
  std::string_view body;
  uint64_t bytes = 0;  // on disk, padding included
};

size_t padded(size_t bytes) { return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes; }

size_t bytes_of(std::span<const RedoWrite> batch) {
  size_t bytes = kHeadBytes + sizeof(Digest);
  for (const auto& write : batch) bytes += 2 + write.file.size() + 8 + 4 + write.bytes.size();
  return padded(bytes);
}

std::string encode(uint64_t sequence, std::span<const RedoWrite> batch) {
  std::string record;
  record.reserve(bytes_of(batch));
  record += kMagic;
  put_u64(record, sequence);
  size_t body = 0;
  for (const auto& write : batch) body += 2 + write.file.size() + 8 + 4 + write.bytes.size();
  put_u32(record, static_cast<uint32_t>(body));
  for (const auto& write : batch) {
    put_u16(record, static_cast<uint16_t>(write.file.size()));
    record += write.file;
    put_u64(record, write.offset);
    put_u32(record, static_cast<uint32_t>(write.bytes.size()));
    record += write.bytes;
  }
  record += sha256(record).view();
  record.resize(padded(record.size()), '\0');
  return record;
}

// The record at the front of `bytes`, if one stands there whole.
std::optional<Record> decode(std::string_view bytes) {
  if (!bytes.starts_with(kMagic) || bytes.size() < kHeadBytes + sizeof(Digest)) return std::nullopt;
  ByteReader reader(bytes.substr(kMagic.size()));
  const uint64_t sequence = *reader.u64();
  const size_t body = *reader.u32();
  const size_t hashed = kHeadBytes + body;
  if (bytes.size() < padded(hashed + sizeof(Digest))) return std::nullopt;
  if (sha256(bytes.substr(0, hashed)).view() != bytes.substr(hashed, sizeof(Digest))) return std::nullopt;
  return Record{sequence, bytes.substr(kHeadBytes, body), padded(hashed + sizeof(Digest))};
}

Result<std::vector<RedoWrite>> writes_of(std::string_view body) {
  std::vector<RedoWrite> writes;
  ByteReader reader(body);
  while (!reader.rest().empty()) {
    RedoWrite write;
    PV_TRY(const auto name, reader.u16());
    PV_TRY(write.file, reader.bytes(name));
    PV_TRY(write.offset, reader.u64());
    PV_TRY(const auto count, reader.u32());
    PV_TRY(write.bytes, reader.bytes(count));
    if (write.file.empty() || write.file.size() > kFileNameBytesMax || write.file.starts_with('.') ||
        write.file.find('/') != write.file.npos) {
      return fail(Code::kCorrupt, "a batch names a file that is none of the log or the vault");
    }
    writes.push_back(write);
  }
  return writes;
}

// The batches of one file from its beginning on, each following the one before it.
struct Run {
  std::vector<Record> records;
  std::string_view rest;
  [[nodiscard]] uint64_t first() const { return records.front().sequence; }
  [[nodiscard]] uint64_t last() const { return records.back().sequence; }
};

Run run_of(std::string_view bytes) {
  Run run{.records = {}, .rest = bytes};
  while (const auto record = decode(run.rest)) {
    if (!run.records.empty() && record->sequence != run.last() + 1) break;
    run.records.push_back(*record);
    run.rest.remove_prefix(record->bytes);
  }
  return run;
}

// Batches are written one at a time, each durable before the next: a newer one behind something that is
// none means that what stood there was damaged.
bool hides_a_batch(const Run& run, uint64_t newest) {
  for (std::string_view rest = run.rest; rest.size() >= kSectorBytes; rest.remove_prefix(kSectorBytes)) {
    const auto record = decode(rest);
    if (record && record->sequence > newest) return true;
  }
  return false;
}

std::string path_of(const RedoPlaces& places, size_t number) { return fmt::format("{}/{}", places.dir, number); }

std::string place_of(const RedoPlaces& places, std::string_view file) {
  return (file == ledger::kWalName ? places.log : places.segments) + "/" + std::string(file);
}

// What stands in both files, the older batches first.
struct Standing {
  std::string bytes[2];
  Run runs[2];
  size_t older = 0;     // file whose batches come first
  uint64_t newest = 0;  // sequence
};

Status look(const RedoPlaces& places, Standing& found) {
  for (size_t i = 0; i < 2; ++i) {
    auto bytes = read_file(path_of(places, i), kRedoFileBytesMax + kGrowBytes);
    if (!bytes && bytes.error().code != Code::kNotFound) return std::unexpected(bytes.error());
    if (bytes) found.bytes[i] = std::move(*bytes);
    found.runs[i] = run_of(found.bytes[i]);
    if (!found.runs[i].records.empty()) found.newest = std::max(found.newest, found.runs[i].last());
  }
  const auto& [first, second] = found.runs;
  const bool both = !first.records.empty() && !second.records.empty();
  found.older = (both && second.first() < first.first()) || first.records.empty() ? 1 : 0;
  if (second.records.empty()) found.older = 0;
  const bool gap = both && found.runs[found.older].last() + 1 != found.runs[1 - found.older].first();
  for (size_t i = 0; i < 2; ++i) {
    if (!gap && !hides_a_batch(found.runs[i], found.newest)) continue;
    return fail(Code::kCorrupt, fmt::format("`{}` is damaged: batches that were durable cannot be read; restore the "
                                            "file, or take up a backup", path_of(places, i)));
  }
  return {};
}

// Each write of each batch, oldest first, with the batch's sequence.
template <class Visit>
Status each_write(const RedoPlaces& places, const Standing& found, const Visit& visit) {
  for (const size_t i : {found.older, 1 - found.older}) {
    for (const Record& record : found.runs[i].records) {
      auto writes = writes_of(record.body);
      if (!writes) return fail_at("`" + path_of(places, i) + "`", writes.error());
      for (const auto& write : *writes) PV_TRY_VOID(visit(record.sequence, write));
    }
  }
  return {};
}

// The places that batches name, opened once each.
class Targets {
 public:
  Targets(const RedoPlaces& places, ledger::Io& io, int flags) : places_(places), io_(io), flags_(flags) {}
  Status write(const RedoWrite& write) {
    PV_TRY(const int fd, open(write));
    return ledger::write_all(io_, fd, write.bytes, static_cast<int64_t>(write.offset), place_of(places_, write.file));
  }
  Result<bool> holds(const RedoWrite& write) {
    PV_TRY(const int fd, open(write));
    std::string there(write.bytes.size(), '\0');
    PV_TRY(const auto got, ledger::read_some(io_, fd, there.data(), there.size(), static_cast<int64_t>(write.offset),
                                             place_of(places_, write.file)));
    return got == there.size() && there == write.bytes;
  }
  Status sync() {
    for (const auto& [path, fd] : open_) {
      if (io_.fsync(fd.get()) != 0) return std::unexpected(io_error("sync", path, errno));
    }
    return {};
  }

 private:
  Result<int> open(const RedoWrite& write) {
    const std::string path = place_of(places_, write.file);
    auto found = open_.find(path);
    if (found == open_.end()) {
      PV_TRY(Fd fd, ledger::open_file(io_, path, flags_ | O_NOFOLLOW));
      found = open_.emplace(path, std::move(fd)).first;
    }
    return found->second.get();
  }

  const RedoPlaces& places_;
  ledger::Io& io_;
  const int flags_;
  std::map<std::string, Fd> open_;
};

}  // namespace

Result<std::unique_ptr<Redo>> Redo::open(RedoPlaces places, ledger::Io& io) {
  std::unique_ptr<Redo> redo(new Redo(std::move(places), io));
  PV_TRY_VOID(redo->take_over());
  return redo;
}

Status Redo::take_over() {
  PV_TRY_VOID(make_dirs(places_.dir));
  const std::string lock = places_.dir + "/lock";
  PV_TRY(lock_, ledger::open_file(io_, lock, O_RDWR | O_CREAT, 0600));
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kConflict, fmt::format("`{}` is held: another process writes this ledger", lock));
  for (size_t number = 0; number < 2; ++number) PV_TRY_VOID(open_file_number(number));
  PV_TRY_VOID(ledger::fsync_path(io_, places_.dir));
  return redo_all();
}

Status Redo::open_file_number(size_t number) {
  File& file = files_[number];
  file.path = path_of(places_, number);
  PV_TRY(file.fd, ledger::open_file(io_, file.path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  struct stat found{};
  if (fstat(file.fd.get(), &found) != 0) return std::unexpected(io_error("look at", file.path, errno));
  file.allocated = static_cast<uint64_t>(found.st_size);
  return {};
}

Status Redo::redo_all() {
  Standing found;
  PV_TRY_VOID(look(places_, found));
  Targets targets(places_, io_, O_WRONLY);
  uint64_t last = 0;
  PV_TRY_VOID(each_write(places_, found, [&](uint64_t sequence, const RedoWrite& write) -> Status {
    if (std::exchange(last, sequence) != sequence) ++redone_;
    return targets.write(write);
  }));
  PV_TRY_VOID(targets.sync());
  newest_ = 1 - found.older;
  if (found.runs[newest_].records.empty()) newest_ = found.older;
  next_sequence_ = found.newest + 1;
  return forget();
}

Result<uint64_t> Redo::first_outstanding(const RedoPlaces& places) {
  Standing found;
  PV_TRY_VOID(look(places, found));
  Targets targets(places, ledger::Io::system(), O_RDONLY);
  uint64_t first = 0;
  PV_TRY_VOID(each_write(places, found, [&](uint64_t sequence, const RedoWrite& write) -> Status {
    if (first != 0) return {};
    PV_TRY(const bool there, targets.holds(write));
    if (!there) first = sequence;
    return {};
  }));
  return first;
}

bool Redo::fits(std::span<const RedoWrite> batch) const {
  return files_[current_].end + bytes_of(batch) <= kRedoFileBytesMax;
}

Status Redo::put(File& file, std::string_view record) {
  PV_CHECK(file.end + record.size() <= kRedoFileBytesMax);
  while (file.allocated < file.end + record.size()) {
    const std::string zeros(kGrowBytes, '\0');
    PV_TRY_VOID(ledger::write_all(io_, file.fd.get(), zeros, static_cast<int64_t>(file.allocated), file.path));
    file.allocated += zeros.size();
  }
  PV_TRY_VOID(ledger::write_all(io_, file.fd.get(), record, static_cast<int64_t>(file.end), file.path));
  // A failed sync may have dropped the pages and marked them clean: asking again would lie.
  if (io_.fdatasync(file.fd.get()) != 0) return std::unexpected(io_error("sync", file.path, errno));
  file.end += record.size();
  return {};
}

Status Redo::write(std::span<const RedoWrite> batch) {
  turned_ = false;
  newest_ = current_;
  return put(files_[current_], encode(next_sequence_++, batch));
}

bool Redo::turn() {
  if (turned_) return true;  // nothing was written since
  if (!other_free_) return false;
  turned_ = true;
  current_ = 1 - current_;
  files_[current_].end = 0;
  other_free_ = false;
  return true;
}

void Redo::release() { other_free_ = true; }

// An empty batch at the front of each file; what stands behind it is older and counts no more. The file
// with the newest batches comes last, so that one always goes on where the other ends.
Status Redo::forget() {
  for (const size_t number : {1 - newest_, newest_}) {
    files_[number].end = 0;
    PV_TRY_VOID(put(files_[number], encode(next_sequence_++, {})));
  }
  current_ = newest_;
  other_free_ = true;
  turned_ = true;
  return {};
}

}  // namespace proviso::audit
