#include "vault/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "vault/cipher.h"
#include "vault/vault.h"

namespace proviso::vault {
namespace {

constexpr uint64_t kGrowBytes = 4u << 20;  // what is allocated ahead
constexpr size_t kZerosBytes = 256u << 10;  // of them, in one write
constexpr size_t kHeadersBytes = 128u << 10;  // of a scan, in one read
constexpr size_t kUsualRecordBytes = 4096;  // header included
constexpr size_t kWindowBytes = 1u << 20;  // of a search behind damage

// Up to `count` bytes at `offset`; fewer only at the end of the file.
Result<std::string> read_at(const Fd& fd, const std::string& path, uint64_t offset, size_t count) {
  std::string bytes(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::pread(fd.get(), bytes.data() + filled, count - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(io_error("read", path, errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

Result<uint64_t> size_of(const Fd& fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
  return static_cast<uint64_t>(info.st_size);
}

bool only_zeros(std::string_view bytes) {
  // The first byte is zero and every byte equals the next one; megabytes of allocated space pass
  // here.
  return bytes.empty() ||
         (bytes[0] == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Headers one after the other, out of pieces of the file: a call for each would cost more than the header.
class Headers {
 public:
  Headers(const Fd& fd, const std::string& path) : fd_(fd), path_(path) {}
  // What a header at `offset` would be; shorter only at the end of the file.
  Result<std::string_view> at(uint64_t offset) {
    if (offset < start_ || offset + kFrameHeaderBytes > start_ + bytes_.size()) {
      // Behind a large record little of a piece would be headers.
      const bool near = offset < start_ + bytes_.size() + kHeadersBytes;
      PV_TRY(bytes_, read_at(fd_, path_, offset, near ? kHeadersBytes : kFrameHeaderBytes));
      start_ = offset;
    }
    return std::string_view(bytes_).substr(static_cast<size_t>(offset - start_), kFrameHeaderBytes);
  }

 private:
  const Fd& fd_;
  const std::string& path_;
  std::string bytes_;
  uint64_t start_ = 0;
};

Fault fault(std::string_view path, uint64_t offset, std::string_view what) {
  return {offset, {Code::kCorrupt, fmt::format("`{}` at offset {}: {}", path, offset, what)}};
}

struct Resync {
  bool found = false;
  uint64_t offset = 0;
  bool only_zeros = true;  // between `from` and there
};

// Looks for the next header at or behind `from`.
Result<Resync> find_header(const Fd& fd, const std::string& path, uint64_t from, uint64_t size) {
  Resync result;
  for (uint64_t at = from; at < size; at += kWindowBytes) {
    PV_TRY(const std::string window, read_at(fd, path, at, kWindowBytes + kFrameHeaderBytes - 1));
    const std::string_view view(window);
    for (size_t hit = view.find(kFrameMagic); hit != std::string_view::npos && hit < kWindowBytes;
         hit = view.find(kFrameMagic, hit + 1)) {
      const auto header = decode_header(view.substr(hit));
      if (!header || at + hit + kFrameHeaderBytes + header->length > size) continue;
      result.only_zeros = result.only_zeros && only_zeros(view.substr(0, hit));
      result.found = true;
      result.offset = at + hit;
      return result;
    }
    result.only_zeros = result.only_zeros && only_zeros(view.substr(0, kWindowBytes));
  }
  return result;
}

}  // namespace

Result<Fd> open_segment(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  return fd;
}

Result<Scan> scan_segment(const std::string& path, uint64_t from) {
  PV_TRY(const Fd fd, open_segment(path));
  PV_TRY(const uint64_t size, size_of(fd, path));
  Scan scan;
  uint64_t at = from;
  if (from == 0) {
    PV_TRY(const std::string magic, read_at(fd, path, 0, kSegmentMagic.size()));
    // A crash while the file was made leaves it empty or zero, and without records.
    if (only_zeros(magic))
      at = 0;
    else if (magic == kSegmentMagic)
      at = kSegmentMagic.size();
    else
      scan.faults.push_back(fault(path, 0, "it is no vault segment"));
  }
  scan.end = at;
  Headers headers(fd, path);
  while (at < size) {
    PV_TRY(const std::string_view bytes, headers.at(at));
    const auto header = decode_header(bytes);
    if (header && at + kFrameHeaderBytes + header->length <= size) {
      scan.records.push_back({header->index, at});
      at += kFrameHeaderBytes + header->length;
      scan.end = at;
      continue;
    }
    PV_TRY(const Resync next, find_header(fd, path, at, size));
    if (!next.found) {
      scan.tail = !next.only_zeros;
      break;
    }
    scan.faults.push_back(
        fault(path, at, fmt::format("{} bytes that are no vault record", next.offset - at)));
    at = next.offset;
  }
  return scan;
}

Result<Stored> read_stored(const Fd& fd, const std::string& path, uint64_t offset, uint64_t index) {
  const auto corrupt = [&](std::string_view what) {
    return fail(Code::kCorrupt,
                fmt::format("`{}` at offset {}: {} of leaf {}", path, offset, what, index));
  };
  // Most records are whole with their header in one read.
  PV_TRY(std::string bytes, read_at(fd, path, offset, kUsualRecordBytes));
  const auto header = decode_header(bytes);
  if (!header || header->index != index) return corrupt("a damaged header where the record stood");
  if (header->length > kRecordBytesMax + kRecordOverhead)
    return corrupt("an impossible length in the record");
  if (kFrameHeaderBytes + header->length <= bytes.size()) {
    bytes.resize(kFrameHeaderBytes + header->length);
    bytes.erase(0, kFrameHeaderBytes);
  } else {
    PV_TRY(bytes, read_at(fd, path, offset + kFrameHeaderBytes, header->length));
  }
  if (bytes.size() != header->length) return corrupt("the file ends within the record");
  if (sha256(bytes) != header->digest) return corrupt("the digest does not hold for the record");
  return Stored{std::move(bytes), header->digest};
}

Result<std::shared_ptr<SegmentWriter>> SegmentWriter::open(const std::string& path, uint64_t end,
                                                           const FileOps& ops) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  std::shared_ptr<SegmentWriter> writer(new SegmentWriter(std::move(fd), path, ops));
  PV_TRY(writer->allocated_, size_of(writer->fd_, path));
  writer->end_ = end;
  if (end == 0) PV_TRY_VOID(writer->start());
  return writer;
}

Status SegmentWriter::start() {
  PV_TRY_VOID(append(kSegmentMagic));
  if (ops_->fsync(fd_.get()) != 0) return std::unexpected(io_error("sync", path_, errno));
  dirty_ = false;
  // A record that is durable in a file whose name is not would be lost with the name.
  const std::string dir = path_.substr(0, path_.find_last_of('/'));
  const Fd folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return std::unexpected(io_error("open", dir, errno));
  if (ops_->fsync(folder.get()) != 0) return std::unexpected(io_error("sync", dir, errno));
  return {};
}

Status SegmentWriter::allocate(uint64_t needed) {
  if (needed <= allocated_) return {};
  const uint64_t wanted = (needed + kGrowBytes - 1) / kGrowBytes * kGrowBytes;
  if (ops_->fallocate(fd_.get(), 0, static_cast<off_t>(allocated_),
                      static_cast<off_t>(wanted - allocated_)) != 0) {
    // A file system that cannot allocate ahead only costs time.
    if (errno != EOPNOTSUPP && errno != ENOSYS)
      return std::unexpected(io_error("allocate space for", path_, errno));
    allocated_ = wanted;
    return {};
  }
  // Written, not only reserved: the sync of a record then has no metadata to change.
  const std::string zeros(kZerosBytes, '\0');
  while (allocated_ < wanted) {
    const auto some = std::string_view(zeros).substr(0, wanted - allocated_);
    PV_TRY_VOID(put(some, allocated_));
    allocated_ += some.size();
  }
  return {};
}

Status SegmentWriter::put(std::string_view bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t done = ops_->pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return std::unexpected(io_error("write", path_, done < 0 ? errno : EIO));
    bytes.remove_prefix(static_cast<size_t>(done));
    at += static_cast<uint64_t>(done);
  }
  return {};
}

Status SegmentWriter::reserve(uint64_t count) {
  if (end_ + count > kSegmentBytesMax) {
    return fail(Code::kLimit,
                fmt::format("segment `{}` has reached {} bytes", path_, kSegmentBytesMax));
  }
  return allocate(end_ + count);
}

// Dirty once the bytes are there: a sync beside this may have come too early for them.
Status SegmentWriter::append(std::string_view bytes) {
  PV_TRY_VOID(reserve(bytes.size()));
  PV_TRY_VOID(put(bytes, end_));
  end_ += bytes.size();
  dirty_ = true;
  return {};
}

Status SegmentWriter::sync() {
  if (!dirty_.exchange(false)) return {};
  if (ops_->fdatasync(fd_.get()) != 0) return std::unexpected(io_error("sync", path_, errno));
  return {};
}

Status SegmentWriter::cut(uint64_t offset) {
  if (ops_->ftruncate(fd_.get(), static_cast<off_t>(offset)) != 0) {
    return std::unexpected(io_error("shorten", path_, errno));
  }
  if (ops_->fsync(fd_.get()) != 0) return std::unexpected(io_error("sync", path_, errno));
  end_ = offset;
  allocated_ = offset;
  dirty_ = false;
  return {};
}

}  // namespace proviso::vault
