#include "ledger/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <deque>
#include <future>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "base/file.h"
#include "base/note.h"
#include "ledger/signer.h"
#include "ledger/tile_store.h"
#include "ledger/wal.h"

namespace proviso::ledger {
namespace {

constexpr size_t kFollowBytes = 64u << 10;  // read ahead of the publisher on a live log
constexpr size_t kZerosBytes = 256u << 10;  // of the space written ahead, in one write

struct Pending {
  uint64_t start = 0;
  UtcSeconds time;
  IntervalTree tree;
  std::optional<SignerClient::Ticket> ticket;
};

struct Published {
  note::Checkpoint checkpoint;
  std::string note;
};

Result<Fd> take_lock(Io& io, const std::string& dir) {
  const std::string path = dir + "/lock";
  PV_TRY(auto fd, open_file(io, path, O_RDWR | O_CREAT, 0600));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::kConflict,
                fmt::format("`{}` is held: another process writes this log", path));
  }
  return fd;
}

Result<std::optional<Published>> read_published(const std::string& dir) {
  const std::string path = dir + "/checkpoint";
  auto bytes = read_file(path, note::kNoteBytesMax);
  if (!bytes && bytes.error().code == Code::kNotFound) return std::optional<Published>();
  if (!bytes) return std::unexpected(bytes.error());
  auto note = note::parse(*bytes);
  if (!note) return fail(Code::kCorrupt, fmt::format("`{}`: {}", path, note.error().message));
  auto checkpoint = note::Checkpoint::parse(note->text);
  if (!checkpoint) {
    return fail(Code::kCorrupt, fmt::format("`{}`: {}", path, checkpoint.error().message));
  }
  return Published{std::move(*checkpoint), std::move(*bytes)};
}

class LogImpl final : public Log {
 public:
  LogImpl(LogOptions options, SignerClient& signer)
      : options_(std::move(options)),
        io_(options_.io ? *options_.io : Io::system()),
        signer_(signer),
        wal_path_(options_.dir + "/" + std::string(kWalName)),
        tiles_(io_, options_.dir) {}
  ~LogImpl() override;
  Status start();

  [[nodiscard]] LogState state() const override;
  Status append(std::span<const std::string> entries, UtcSeconds now) override;
  Result<PreparedBatch> prepare(std::span<const std::string> entries, UtcSeconds now) override;
  Status write(PreparedBatch batch) override;
  Status sync() override;
  Status request_signature() override;
  Result<std::vector<Receipt>> collect() override;
  Result<std::vector<Receipt>> sign() override;
  Status publish() override;
  Result<std::string> entry(uint64_t index) const override;
  Status scan(uint64_t from, const EntryVisit& visit) const override;
  Result<Receipt> receipt(uint64_t index) const override;

 private:
  Status create_wal();
  Status replay(const std::optional<Published>& published);
  Status cut_tail();
  Status agree_with_signer(const Result<SignerClient::Standing>& replayed,
                           const std::optional<Published>& published);
  Status check_entries(std::span<const std::string> entries, UtcSeconds now) const;
  Status make_room(size_t bytes);
  Status put(const PreparedBatch& batch);
  void count(PreparedBatch batch);
  Status feed_tiles(uint64_t size);
  Result<std::vector<Receipt>> collect_front(const Pending& batch, SignerClient::Ticket ticket);
  Result<Frame> frame_of(uint64_t index, std::string& bytes) const;
  Status ready() const;
  std::unexpected<Error> fail_for_good(Error error);

  LogOptions options_;
  Io& io_;
  SignerClient& signer_;
  std::string wal_path_;
  Fd lock_;
  Fd wal_;

  // The appending thread's.
  uint64_t offset_ = 0;       // where the next batch goes
  uint64_t allocated_ = 0;    // the file's size
  Tail tail_ = Tail::kEmpty;  // what stood behind the last complete batch at the start
  merkle::Frontier frontier_;

  // The publishing thread's.
  std::mutex publish_mutex_;
  std::optional<WalCursor> published_to_;
  TileStore tiles_;
  bool has_checkpoint_ = false;

  std::mutex syncing_;

  mutable std::mutex mutex_;  // guards what follows
  LogState state_;
  WalIndex index_;
  std::deque<Pending> pending_;
  std::optional<Error> failure_;
};

LogImpl::~LogImpl() {
  if (ready()) (void)tiles_.sync();
}

Status LogImpl::ready() const {
  const std::lock_guard lock(mutex_);
  if (failure_) return std::unexpected(*failure_);
  return {};
}

std::unexpected<Error> LogImpl::fail_for_good(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) {
    failure_ =
        Error{Code::kUnavailable, "the log has failed and takes nothing more: " + error.message};
  }
  return std::unexpected(std::move(error));
}

Status LogImpl::create_wal() {
  struct stat found{};
  if (::stat(wal_path_.c_str(), &found) == 0) return {};
  if (errno != ENOENT) return std::unexpected(io_error("look at", wal_path_, errno));
  if (::stat((options_.dir + "/checkpoint").c_str(), &found) == 0) {
    return fail(Code::kCorrupt,
                fmt::format("`{}` is missing, yet a checkpoint is there", wal_path_));
  }
  return replace_file(io_, wal_path_, encode_file_head(options_.origin), FileMode::kPrivate);
}

Status LogImpl::start() {
  PV_TRY_VOID(check_origin(options_.origin));
  PV_TRY_VOID(make_dirs(options_.dir));
  PV_TRY(lock_, take_lock(io_, options_.dir));
  PV_TRY_VOID(create_wal());
  PV_TRY(wal_, open_file(io_, wal_path_, O_RDWR));
  PV_TRY(const auto published, read_published(options_.dir));
  // Two programs read the whole log beside each other; nothing is cut before both have.
  auto standing = std::async(std::launch::async, [this] { return signer_.replay(); });
  PV_TRY_VOID(replay(published));
  has_checkpoint_ = published.has_value();
  PV_TRY_VOID(agree_with_signer(standing.get(), published));
  return cut_tail();
}

Status LogImpl::replay(const std::optional<Published>& published) {
  PV_TRY(auto cursor, WalCursor::open(io_, wal_path_));
  if (cursor.origin() != options_.origin) {
    return fail(Code::kConflict, fmt::format("`{}` is the log of `{}`, not of `{}`", wal_path_,
                                             cursor.origin(), options_.origin));
  }
  const auto check_root = [&]() -> Status {
    if (!published || published->checkpoint.size != frontier_.size()) return {};
    if (published->checkpoint.root == frontier_.root()) return {};
    return fail(Code::kCorrupt,
                fmt::format("`{}/checkpoint` and the first {} entries of `{}` disagree",
                            options_.dir, frontier_.size(), wal_path_));
  };
  PV_TRY_VOID(check_root());
  for (;;) {
    PV_TRY(const auto frame, cursor.next());
    if (!frame) break;
    index_.add(frame->head.first_index, frame->offset);
    for (size_t i = 0; i < frame->body.entries.size(); ++i) {
      frontier_.append(frame->body.leaf_hashes[i]);
      PV_TRY_VOID(check_root());
      PV_TRY_VOID(tiles_.feed(frame->body.entries[i], frame->body.leaf_hashes[i]));
    }
  }
  if (published && published->checkpoint.size > frontier_.size()) {
    return fail(Code::kCorrupt,
                fmt::format("`{}/checkpoint` covers {} entries, `{}` holds only {}", options_.dir,
                            published->checkpoint.size, wal_path_, frontier_.size()));
  }
  offset_ = cursor.offset();
  tail_ = cursor.tail();
  state_ = {frontier_.size(), frontier_.root(), cursor.last_time(),
            published ? published->checkpoint.size : 0};
  cursor.set_read_ahead(kFollowBytes);
  published_to_ = std::move(cursor);
  return tiles_.restore_partials();
}

// Nothing of an incomplete batch was ever signed or answered: the signer reads complete ones only,
// and is asked only after the sync. It has just agreed that it signed no more than what stands
// before the cut.
Status LogImpl::cut_tail() {
  if (tail_ == Tail::kIncomplete) {
    if (io_.ftruncate(wal_.get(), static_cast<int64_t>(offset_)) != 0) {
      return std::unexpected(io_error("cut", wal_path_, errno));
    }
    if (io_.fsync(wal_.get()) != 0) return std::unexpected(io_error("sync", wal_path_, errno));
  }
  struct stat found{};
  if (fstat(wal_.get(), &found) != 0) return std::unexpected(io_error("look at", wal_path_, errno));
  allocated_ = static_cast<uint64_t>(found.st_size);
  return {};
}

Status LogImpl::agree_with_signer(const Result<SignerClient::Standing>& replayed,
                                  const std::optional<Published>& published) {
  if (!replayed) return std::unexpected(replayed.error());
  const SignerClient::Standing& standing = *replayed;
  if (standing.origin != options_.origin) {
    return fail(Code::kConflict, fmt::format("the signer signs for `{}`, not for `{}`",
                                             standing.origin, options_.origin));
  }
  // Two programs, each from the bytes on disk: a flipped bit in the memory of one shows here.
  if (standing.size != state_.size || standing.root != state_.root) {
    return fail(Code::kCorrupt,
                fmt::format("`{}`: the signer and the log read different entries", wal_path_));
  }
  if (!published) return {};
  PV_TRY(const auto key, note::VerifierKey::parse(standing.log_key));
  const auto opened = note::open(published->note, std::span(&key, 1));
  if (!opened && note::open(published->note, options_.former_keys)) {
    has_checkpoint_ = false;  // the next publication signs these entries under the new key
    return {};
  }
  if (!opened) {
    return fail(Code::kCorrupt,
                fmt::format("`{}/checkpoint`: {}", options_.dir, opened.error().message));
  }
  return {};
}

LogState LogImpl::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Status LogImpl::check_entries(std::span<const std::string> entries, UtcSeconds now) const {
  if (entries.empty()) return fail(Code::kInvalid, "a batch has at least one entry");
  if (entries.size() > kBatchEntriesMax)
    return fail(Code::kLimit, "a batch has at most 1024 entries");
  size_t bytes = 0;
  for (const auto& entry : entries) {
    if (entry.size() > kEntryBytesMax) return fail(Code::kLimit, "an entry is at most 65535 bytes");
    bytes += 2 + entry.size();
  }
  if (bytes > kBatchBytesMax) return fail(Code::kLimit, "a batch is at most 8 MiB");
  const std::lock_guard lock(mutex_);
  if (now.value < 0 || now < state_.last_time) {
    return fail(Code::kInvalid, "a batch is never older than the one before it");
  }
  if (pending_.size() >= kUnsignedBatchesMax)
    return fail(Code::kLimit, "too many batches are unsigned");
  return {};
}

// Zeros are written ahead, not only reserved: the sync of a batch then finds nothing to change but
// its data, and the file system's journal has no part in it.
Status LogImpl::make_room(size_t bytes) {
  if (offset_ + bytes <= allocated_) return {};
  const uint64_t grow = std::max<uint64_t>(kPreallocateBytes, bytes);
  if (io_.fallocate(wal_.get(), static_cast<int64_t>(allocated_), static_cast<int64_t>(grow)) ==
      0) {
    const std::string zeros(kZerosBytes, '\0');
    for (const uint64_t end = allocated_ + grow; allocated_ < end;) {
      const auto some = std::string_view(zeros).substr(0, end - allocated_);
      PV_TRY_VOID(write_all(io_, wal_.get(), some, static_cast<int64_t>(allocated_), wal_path_));
      allocated_ += some.size();
    }
    return {};
  }
  // A file system that cannot reserve grows the file with each write instead.
  if (errno == EOPNOTSUPP) return {};
  return std::unexpected(io_error("extend", wal_path_, errno));
}

Result<PreparedBatch> LogImpl::prepare(std::span<const std::string> entries, UtcSeconds now) {
  PV_TRY_VOID(ready());
  PV_TRY_VOID(check_entries(entries, now));
  std::vector<Digest> hashes;
  hashes.reserve(entries.size());
  for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
  IntervalTree tree(std::move(hashes));
  const uint64_t start = frontier_.size();
  std::string frame = encode_frame(start, now, entries, tree.root());
  if (const auto room = make_room(frame.size()); !room) return fail_for_good(room.error());
  return PreparedBatch{start, now, offset_, std::move(frame), std::move(tree)};
}

Status LogImpl::put(const PreparedBatch& batch) {
  PV_TRY_VOID(ready());
  if (batch.start != frontier_.size() || batch.offset != offset_)
    return fail(Code::kConflict, "another batch was written since this one was prepared");
  const auto wrote =
      write_all(io_, wal_.get(), batch.frame, static_cast<int64_t>(offset_), wal_path_);
  if (!wrote) return fail_for_good(wrote.error());
  return {};
}

// From here on its signature may be asked for.
void LogImpl::count(PreparedBatch batch) {
  for (size_t i = 0; i < batch.tree.size(); ++i) frontier_.append(batch.tree.leaf(i));
  const std::lock_guard lock(mutex_);
  index_.add(batch.start, offset_);
  offset_ += batch.frame.size();
  allocated_ = std::max(allocated_, offset_);
  state_.size = frontier_.size();
  state_.root = frontier_.root();
  state_.last_time = batch.time;
  pending_.push_back({batch.start, batch.time, std::move(batch.tree), std::nullopt});
}

Status LogImpl::append(std::span<const std::string> entries, UtcSeconds now) {
  PV_TRY(auto batch, prepare(entries, now));
  PV_TRY_VOID(put(batch));
  PV_TRY_VOID(sync());
  count(std::move(batch));
  return {};
}

Status LogImpl::write(PreparedBatch batch) {
  PV_TRY_VOID(put(batch));
  count(std::move(batch));
  return {};
}

// One at a time: the system tells of a lost page once, so whoever syncs behind a failure must hear of it here.
Status LogImpl::sync() {
  const std::lock_guard syncing(syncing_);
  PV_TRY_VOID(ready());
  // A failed sync may have dropped the pages and marked them clean: asking again would lie.
  if (io_.fdatasync(wal_.get()) == 0) return {};
  return fail_for_good(io_error("sync", wal_path_, errno));
}

Status LogImpl::request_signature() {
  PV_TRY_VOID(ready());
  std::unique_lock lock(mutex_);
  for (auto& batch : pending_) {
    if (batch.ticket) continue;
    const auto ticket = signer_.request_batch();
    lock.unlock();
    if (!ticket) return fail_for_good(ticket.error());
    lock.lock();
    batch.ticket = *ticket;
    return {};
  }
  return fail(Code::kConflict, "every batch was asked for already");
}

Result<std::vector<Receipt>> LogImpl::collect_front(const Pending& batch,
                                                    SignerClient::Ticket ticket) {
  PV_TRY(const auto interval, signer_.wait(ticket));
  if (interval.start != batch.start || interval.end != batch.start + batch.tree.size() ||
      interval.root != batch.tree.root() || interval.time != batch.time) {
    return fail(Code::kCorrupt, fmt::format("`{}`: the signer read another batch at entry {}",
                                            wal_path_, batch.start));
  }
  std::vector<Receipt> receipts;
  receipts.reserve(batch.tree.size());
  for (size_t i = 0; i < batch.tree.size(); ++i) {
    receipts.push_back({options_.origin, batch.start + i, batch.tree.leaf(i), interval.start,
                        interval.end, interval.time, batch.tree.path(i), interval.signature});
  }
  return receipts;
}

Result<std::vector<Receipt>> LogImpl::collect() {
  PV_TRY_VOID(ready());
  const Pending* batch = nullptr;
  SignerClient::Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (pending_.empty() || !pending_.front().ticket) {
      return fail(Code::kConflict, "no batch was asked for");
    }
    batch = &pending_.front();  // a deque moves nothing when the appending thread adds behind it
    ticket = *batch->ticket;
  }
  auto receipts = collect_front(*batch, ticket);
  if (!receipts) return fail_for_good(receipts.error());
  const std::lock_guard lock(mutex_);
  pending_.pop_front();
  return receipts;
}

Result<std::vector<Receipt>> LogImpl::sign() {
  PV_TRY_VOID(ready());
  std::vector<Receipt> all;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (pending_.empty()) return all;
    }
    const auto asked = request_signature();
    if (!asked && asked.error().code != Code::kConflict) return std::unexpected(asked.error());
    PV_TRY(auto receipts, collect());
    std::move(receipts.begin(), receipts.end(), std::back_inserter(all));
  }
}

Status LogImpl::feed_tiles(uint64_t size) {
  while (tiles_.size() < size) {
    PV_TRY(const auto frame, published_to_->next());
    if (!frame)
      return fail(Code::kCorrupt, fmt::format("`{}` holds less than was signed", wal_path_));
    for (size_t i = 0; i < frame->body.entries.size(); ++i) {
      PV_TRY_VOID(tiles_.feed(frame->body.entries[i], frame->body.leaf_hashes[i]));
    }
  }
  return {};
}

Status LogImpl::publish() {
  const std::lock_guard publishing(publish_mutex_);
  PV_TRY_VOID(ready());
  auto signed_note = signer_.checkpoint();
  if (!signed_note) return fail_for_good(signed_note.error());
  PV_TRY(const auto note, note::parse(*signed_note));
  PV_TRY(const auto checkpoint, note::Checkpoint::parse(note.text));
  const auto before = state();
  if (has_checkpoint_ && checkpoint.size == before.checkpoint_size) return {};
  // The order is the design: every tile of a checkpoint is in place before the checkpoint is.
  if (const auto fed = feed_tiles(checkpoint.size); !fed) return fail_for_good(fed.error());
  if (tiles_.size() != checkpoint.size || tiles_.root() != checkpoint.root) {
    return fail_for_good({Code::kCorrupt, "the tiles and the signer's checkpoint disagree"});
  }
  if (const auto wrote = tiles_.write_partials(); !wrote) return fail_for_good(wrote.error());
  const auto replaced =
      replace_file(io_, options_.dir + "/checkpoint", *signed_note, FileMode::kShared);
  if (!replaced) return fail_for_good(replaced.error());
  has_checkpoint_ = true;
  const std::lock_guard lock(mutex_);
  state_.checkpoint_size = checkpoint.size;
  return {};
}

Result<Frame> LogImpl::frame_of(uint64_t index, std::string& bytes) const {
  WalIndex::Place from;
  {
    const std::lock_guard lock(mutex_);
    if (index >= state_.size)
      return fail(Code::kNotFound, fmt::format("there is no entry {}", index));
    from = index_.before(index);
  }
  return read_frame(io_, wal_.get(), wal_path_, from, index, bytes);
}

Result<std::string> LogImpl::entry(uint64_t index) const {
  std::string bytes;
  PV_TRY(const auto frame, frame_of(index, bytes));
  return std::string(frame.body.entries[index - frame.head.first_index]);
}

Status LogImpl::scan(uint64_t from, const EntryVisit& visit) const {
  std::string bytes;
  for (uint64_t next = from; next < state().size;) {
    PV_TRY(const auto frame, frame_of(next, bytes));
    for (; next < frame.head.end_index(); ++next) {
      PV_TRY_VOID(visit(next, frame.body.entries[next - frame.head.first_index]));
    }
  }
  return {};
}

Result<Receipt> LogImpl::receipt(uint64_t index) const {
  std::string bytes;
  PV_TRY(auto frame, frame_of(index, bytes));
  PV_TRY(const auto interval, signer_.interval_of(index));
  const IntervalTree tree(std::move(frame.body.leaf_hashes));
  if (interval.start != frame.head.first_index || interval.end != frame.head.end_index() ||
      interval.root != tree.root()) {
    return fail(Code::kCorrupt, fmt::format("`{}`: the signer read another batch at entry {}",
                                            wal_path_, interval.start));
  }
  const auto at = static_cast<size_t>(index - interval.start);
  return Receipt{options_.origin, index,         tree.leaf(at), interval.start,
                 interval.end,    interval.time, tree.path(at), interval.signature};
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(LogOptions options, SignerClient& signer) {
  auto log = std::make_unique<LogImpl>(std::move(options), signer);
  PV_TRY_VOID(log->start());
  return std::unique_ptr<Log>(std::move(log));
}

}  // namespace proviso::ledger
