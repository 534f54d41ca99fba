#include "ledger/signer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/check.h"
#include "base/merkle.h"
#include "base/note.h"
#include "ledger/keys.h"
#include "ledger/receipt.h"
#include "ledger/signer_wire.h"
#include "ledger/wal.h"

namespace proviso::ledger {
namespace {

constexpr size_t kFollowBytes = 64u << 10;  // read ahead on a live log: most batches fit
constexpr size_t kStateBytes = 512;         // one sector: it is written whole or not at all
constexpr std::string_view kStateFormat = "proviso/signer-state@v1";

// What was signed last.
struct Signed {
  uint64_t size = 0;
  Digest root;
};

std::string encode_state(std::string_view origin, const Signed& last) {
  std::string text =
      fmt::format("{}\n{}\n{}\n{}\n", kStateFormat, origin, last.size, last.root.hex());
  text += sha256(text).hex() + "\n";
  PV_CHECK(text.size() <= kStateBytes);
  text.resize(kStateBytes, '\n');
  return text;
}

Result<Signed> decode_state(std::string_view bytes, std::string_view origin) {
  const auto bad = [] { return fail(Code::kCorrupt, "not a signer's state, or damaged"); };
  std::vector<std::string_view> lines;
  for (size_t i = 0; i < 5; ++i) {
    const auto end = bytes.find('\n');
    if (end == bytes.npos) return bad();
    lines.push_back(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  Signed last;
  PV_TRY(last.size, parse_u64(lines[2]));
  PV_TRY(last.root, digest_from_hex(lines[3]));
  if (lines[1] != origin) return fail(Code::kConflict, fmt::format("it is about `{}`", lines[1]));
  // One encoding: whatever differs from it anywhere is damage.
  const std::string whole = encode_state(origin, last);
  if (lines[4] != whole.substr(whole.find(lines[3]) + lines[3].size() + 1, 64)) return bad();
  return last;
}

// Consecutive batches in one piece of the log, with a digest over all their heads and roots: enough
// to see whether a batch that is read again is the one that was read first.
struct Window {
  WalIndex::Place place;
  uint64_t end = 0;
  Digest chain;
};

Digest chain_next(const Digest& chain, const FrameHead& head, const Digest& root) {
  std::string numbers;
  put_u64(numbers, head.first_index);
  put_u32(numbers, head.count);
  put_u64(numbers, static_cast<uint64_t>(head.time.value));
  return sha256({"proviso/signer-window@v1", chain.view(), numbers, root.view()});
}

class Signer {
 public:
  explicit Signer(SignerOptions options)
      : options_(std::move(options)), wal_path_(options_.log_dir + "/" + std::string(kWalName)) {}

  // Keys and state. Called once, before anything is read.
  Status load();
  Result<std::string> answer(std::string_view request);

 private:
  Result<std::string> dispatch(std::string_view request);
  Status replay();
  Status take(const Frame& frame);
  Status check_last_signed(uint64_t before);
  Result<std::string> standing() const;
  Result<SignerClient::Interval> sign_batch();
  Result<SignerClient::Interval> sign_again(uint64_t index);
  Result<std::string> sign_checkpoint();
  SignerClient::Interval interval(const FrameHead& head, const Digest& root) const;
  Status remember();

  SignerOptions options_;
  std::string wal_path_;
  std::optional<NamedKey> log_key_;
  std::optional<NamedKey> receipt_key_;
  Fd state_;
  Signed last_;
  std::optional<WalCursor> cursor_;
  merkle::Frontier frontier_;
  std::vector<Window> windows_;
  bool replayed_ = false;
  std::optional<Error> refusal_;  // why nothing is signed any more
};

Status Signer::load() {
  PV_TRY(auto log_key, read_private_key(options_.log_key_file));
  PV_TRY(auto receipt_key, read_private_key(options_.receipt_key_file));
  PV_TRY_VOID(check_origin(log_key.name));
  if (receipt_key.name != receipt_key_name(log_key.name) ||
      receipt_key.key.public_key() == log_key.key.public_key()) {
    return fail(Code::kInvalid, fmt::format("`{}` is not the receipt key of the log `{}`",
                                            options_.receipt_key_file, log_key.name));
  }
  log_key_ = std::move(log_key);
  receipt_key_ = std::move(receipt_key);

  Io& io = Io::system();
  auto state = read_file(options_.state_file, kStateBytes);
  if (!state && state.error().code == Code::kNotFound) {
    PV_TRY_VOID(replace_file(io, options_.state_file, encode_state(log_key_->name, {}),
                             FileMode::kPrivate));
    state = read_file(options_.state_file, kStateBytes);
  }
  if (!state) return std::unexpected(state.error());
  auto last = decode_state(*state, log_key_->name);
  if (!last) return fail_at("`" + options_.state_file + "`", last.error());
  last_ = *last;
  PV_TRY(state_, open_file(io, options_.state_file, O_WRONLY));
  return {};
}

// Written before the signature leaves, never synced: after a crash of the program the page is still
// there; after a power cut the log that was synced before the signature is.
Status Signer::remember() {
  last_ = {frontier_.size(), frontier_.root()};
  return write_all(Io::system(), state_.get(), encode_state(log_key_->name, last_), 0,
                   options_.state_file);
}

Status Signer::check_last_signed(uint64_t before) {
  if (last_.size <= before || last_.size > frontier_.size()) return {};
  if (last_.size == frontier_.size() && last_.root == frontier_.root()) return {};
  return fail(Code::kConflict,
              fmt::format("the first {} entries of `{}` are not the ones that were "
                          "signed: nothing more is signed",
                          last_.size, wal_path_));
}

Status Signer::take(const Frame& frame) {
  const uint64_t before = frontier_.size();
  for (const auto& hash : frame.body.leaf_hashes) frontier_.append(hash);
  if (windows_.empty() || before >= windows_.back().place.first_index + kIndexStride) {
    windows_.push_back({{before, frame.offset}, before, Digest{}});
  }
  auto& window = windows_.back();
  window.chain = chain_next(window.chain, frame.head, frame.body.root);
  window.end = frame.head.end_index();
  return check_last_signed(before);
}

Status Signer::replay() {
  if (!cursor_) {
    PV_TRY(auto cursor, WalCursor::open(Io::system(), wal_path_));
    if (cursor.origin() != log_key_->name) {
      return fail(Code::kConflict, fmt::format("`{}` is the log of `{}`, the key is of `{}`",
                                               wal_path_, cursor.origin(), log_key_->name));
    }
    cursor_ = std::move(cursor);
  }
  for (;;) {
    PV_TRY(const auto frame, cursor_->next());
    if (!frame) break;
    PV_TRY_VOID(take(*frame));
  }
  cursor_->set_read_ahead(kFollowBytes);
  if (frontier_.size() < last_.size) {
    return fail(
        Code::kConflict,
        fmt::format("`{}` holds {} entries, fewer than the {} that were signed: nothing more "
                    "is signed",
                    wal_path_, frontier_.size(), last_.size));
  }
  replayed_ = true;
  return {};
}

Result<std::string> Signer::standing() const {
  PV_TRY(const auto log, note::VerifierKey::ed25519(log_key_->name, log_key_->key.public_key()));
  PV_TRY(const auto receipt,
         note::VerifierKey::ed25519(receipt_key_->name, receipt_key_->key.public_key()));
  return wire::encode_standing(
      {log_key_->name, log.text(), receipt.text(), frontier_.size(), frontier_.root()});
}

SignerClient::Interval Signer::interval(const FrameHead& head, const Digest& root) const {
  const auto message =
      receipt_message(log_key_->name, head.first_index, head.end_index(), root, head.time);
  return {head.first_index, head.end_index(), root, head.time, receipt_key_->key.sign(message)};
}

Result<SignerClient::Interval> Signer::sign_batch() {
  PV_TRY(const auto frame, cursor_->next());
  if (!frame)
    return fail(Code::kNotFound, fmt::format("`{}` has no new complete batch", wal_path_));
  const int64_t skew = SystemClock().now().value - frame->head.time.value;
  if (options_.skew_s_max > 0 && std::abs(skew) > options_.skew_s_max) {
    return fail(Code::kConflict,
                fmt::format("the batch at entry {} says a time {} s from the clock",
                            frame->head.first_index, skew));
  }
  PV_TRY_VOID(take(*frame));
  PV_TRY_VOID(remember());
  return interval(frame->head, frame->body.root);
}

Result<SignerClient::Interval> Signer::sign_again(uint64_t index) {
  if (index >= frontier_.size())
    return fail(Code::kNotFound, fmt::format("there is no entry {}", index));
  auto window = std::prev(windows_.end());
  while (window->place.first_index > index) --window;
  std::optional<SignerClient::Interval> found;
  std::pair<FrameHead, Digest> wanted;
  WalIndex::Place at = window->place;
  Digest chain;
  std::string bytes;
  while (at.first_index < window->end) {
    PV_TRY(const auto frame,
           read_frame(Io::system(), cursor_->fd(), wal_path_, at, at.first_index, bytes));
    chain = chain_next(chain, frame.head, frame.body.root);
    if (index >= frame.head.first_index && index < frame.head.end_index()) {
      wanted = {frame.head, frame.body.root};
    }
    at = {frame.head.end_index(), frame.offset + frame.head.frame_bytes()};
  }
  if (chain != window->chain) {
    return fail(Code::kCorrupt,
                fmt::format("`{}` at byte {}: the batches here are not the ones that "
                            "were read before",
                            wal_path_, window->place.offset));
  }
  return interval(wanted.first, wanted.second);
}

Result<std::string> Signer::sign_checkpoint() {
  PV_TRY_VOID(remember());
  const note::Checkpoint checkpoint{log_key_->name, frontier_.size(), frontier_.root(), {}};
  return note::sign(checkpoint.text(), log_key_->name, log_key_->key);
}

Result<std::string> Signer::dispatch(std::string_view request) {
  ByteReader reader(request);
  PV_TRY(const auto op, reader.u8());
  if (!replayed_ || op == static_cast<uint8_t>(wire::Op::kReplay)) PV_TRY_VOID(replay());
  switch (static_cast<wire::Op>(op)) {
    case wire::Op::kReplay:
      return standing();
    case wire::Op::kBatch: {
      PV_TRY(const auto signed_now, sign_batch());
      return wire::encode_interval(signed_now);
    }
    case wire::Op::kInterval: {
      PV_TRY(const auto index, reader.u64());
      PV_TRY(const auto signed_before, sign_again(index));
      return wire::encode_interval(signed_before);
    }
    case wire::Op::kCheckpoint:
      return sign_checkpoint();
  }
  return fail(Code::kInvalid, "the signer does not know this request");
}

Result<std::string> Signer::answer(std::string_view request) {
  if (refusal_) return std::unexpected(*refusal_);
  if (!log_key_) {
    if (const auto loaded = load(); !loaded) {
      refusal_ = loaded.error();
      return std::unexpected(*refusal_);
    }
  }
  auto result = dispatch(request);
  // What was asked too early or for a wrong index may be asked again; all else is final.
  const bool harmless =
      result || result.error().code == Code::kNotFound || result.error().code == Code::kInvalid;
  if (!harmless) refusal_ = result.error();
  return result;
}

// Keys must not leave through a core file, a debugger, or a descriptor that was open before.
void give_up_privileges(int fd) {
  PV_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  PV_CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
  const rlimit none{0, 0};
  PV_CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
  if (fd > 3) (void)close_range(3, static_cast<unsigned>(fd) - 1, 0);
  (void)close_range(static_cast<unsigned>(fd) + 1, ~0u, 0);
}

}  // namespace

int run_signer(int fd, const SignerOptions& options) {
  const Fd socket(fd);
  give_up_privileges(fd);
  Signer signer(options);
  std::string buffer(kSignerMessageBytesMax, '\0');
  for (;;) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? 0 : 1;
    const auto request = std::string_view(buffer).substr(0, static_cast<size_t>(got));
    const std::string reply = wire::encode_reply(signer.answer(request));
    PV_CHECK(reply.size() <= kSignerMessageBytesMax);
    while (send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) {
      if (errno != EINTR) return 0;
    }
  }
}

}  // namespace proviso::ledger
