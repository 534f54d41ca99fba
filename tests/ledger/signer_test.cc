#include "ledger/signer.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/note.h"
#include "ledger/frame.h"
#include "ledger/signer_wire.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

// The gate's side of the wire without Log: a gate that was patched.
class SignerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(place.open());
    add(place, numbered(0, 5), 10);
    place.close();
    wal = place.dir() + "/log.wal";
    const auto whole = slurp(wal);
    end = whole.find_last_not_of('\0') + 1;
    spill(wal, whole.substr(0, end));
  }
  void start(int64_t skew = 0) {
    auto options = place.signer_options();
    options.skew_s_max = skew;
    signer = fork_signer(options);
  }
  // A frame as the log would write it, behind what is there.
  void write_frame(uint64_t first, const std::vector<std::string>& entries, int64_t time) {
    std::vector<Digest> hashes;
    for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
    std::ofstream(wal, std::ios::binary | std::ios::app)
        << encode_frame(first, {time}, entries, merkle::root(hashes));
  }
  Result<SignerClient::Interval> ask() {
    PV_TRY(const auto ticket, signer->request_batch());
    return signer->wait(ticket);
  }
  Place place;
  std::unique_ptr<SignerClient> signer;
  std::string wal;
  size_t end = 0;
};

TEST_F(SignerTest, SignsOnlyWhatStandsOnDisk) {
  start();
  ASSERT_OK(signer->replay());
  const auto nothing = ask();  // a gate that skips the write
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::kNotFound);
  write_frame(5, numbered(5, 2), 11);
  const auto interval = ask();
  ASSERT_OK(interval);
  EXPECT_EQ(interval->start, 5u);
  EXPECT_EQ(interval->end, 7u);
  EXPECT_EQ(interval->time.value, 11);
  EXPECT_TRUE(place.receipt_key().verify(receipt_message(kOrigin, 5, 7, interval->root, {11}),
                                         interval->signature));
}

TEST_F(SignerTest, RefusesAnIncompleteBatchUntilItIsComplete) {
  start();
  ASSERT_OK(signer->replay());
  write_frame(5, numbered(5, 2), 11);
  const auto whole = slurp(wal);
  spill(wal, whole.substr(0, whole.size() - 1));
  EXPECT_FALSE(ask());
  spill(wal, whole);
  EXPECT_OK(ask());
}

struct Lie {
  const char* name;
  std::function<void(SignerTest&)> tell;
};

TEST_F(SignerTest, RefusesForGoodWhatNoLogWrites) {
  const std::pair<const char*, std::function<void()>> lies[] = {
      {"a gap", [&] { write_frame(6, numbered(6, 2), 11); }},
      {"the same index again", [&] { write_frame(4, numbered(4, 2), 11); }},
      {"an older time", [&] { write_frame(5, numbered(5, 2), 9); }},
      {"a wrong root",
       [&] {
         std::ofstream(wal, std::ios::binary | std::ios::app)
             << encode_frame(5, {11}, numbered(5, 2), sha256("another root"));
       }},
  };
  const auto before = slurp(wal);
  const auto state = slurp(place.signer_options().state_file);
  for (const auto& [name, tell] : lies) {
    spill(wal, before);
    spill(place.signer_options().state_file, state);
    start();
    ASSERT_OK(signer->replay());
    tell();
    EXPECT_FALSE(ask()) << name;
    spill(wal, before);
    write_frame(5, numbered(5, 2), 11);
    EXPECT_FALSE(ask()) << name << ": it said no once";
    EXPECT_FALSE(signer->checkpoint()) << name;
  }
}

TEST_F(SignerTest, RefusesALogThatIsShorterThanWhatItSigned) {
  const auto before = slurp(wal);
  start();
  ASSERT_OK(signer->replay());
  write_frame(5, numbered(5, 2), 11);
  ASSERT_OK(ask());
  spill(wal, before);  // a restored copy
  start();
  const auto standing = signer->replay();
  ASSERT_FALSE(standing);
  EXPECT_NE(standing.error().message.find("fewer than the 7"), std::string::npos)
      << standing.error().message;
  EXPECT_FALSE(signer->checkpoint());
}

TEST_F(SignerTest, RefusesAnotherHistoryOfTheSameLength) {
  const auto before = slurp(wal);
  start();
  ASSERT_OK(signer->replay());
  write_frame(5, numbered(5, 2), 11);
  ASSERT_OK(ask());
  spill(wal, before);
  write_frame(5, numbered(90, 2), 11);
  write_frame(7, numbered(7, 2), 11);
  start();
  const auto standing = signer->replay();
  ASSERT_FALSE(standing);
  EXPECT_EQ(standing.error().code, Code::kConflict);
  // The control: without the memory of what was signed, the other history would pass.
  std::filesystem::remove(place.signer_options().state_file);
  start();
  EXPECT_OK(signer->replay());
}

TEST_F(SignerTest, DoesNotSignAgainWhatWasChangedSince) {
  start();
  ASSERT_OK(signer->replay());
  const auto first = signer->interval_of(3);
  ASSERT_OK(first);
  const auto whole = slurp(wal);
  const auto head = parse_file_head(whole)->bytes;
  std::vector<Digest> hashes;
  auto entries = numbered(0, 5);
  entries[3][0] = 'E';
  for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
  spill(wal, whole.substr(0, head) + encode_frame(0, {10}, entries, merkle::root(hashes)));
  const auto again = signer->interval_of(3);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kCorrupt);
}

TEST_F(SignerTest, LooksAtItsOwnClockWhenAskedTo) {
  start(60);
  ASSERT_OK(signer->replay());
  write_frame(5, numbered(5, 1), 11);  // 1970
  const auto dated = ask();
  ASSERT_FALSE(dated);
  EXPECT_EQ(dated.error().code, Code::kConflict);
}

TEST_F(SignerTest, SignsACheckpointForExactlyWhatItRead) {
  start();
  const auto standing = signer->replay();
  ASSERT_OK(standing);
  write_frame(5, numbered(5, 2), 11);  // on disk, not asked for
  const auto note = signer->checkpoint();
  ASSERT_OK(note);
  const auto key = note::VerifierKey::parse(standing->log_key).value();
  const auto opened = note::open(*note, std::span(&key, 1));
  ASSERT_OK(opened);
  const auto checkpoint = note::Checkpoint::parse(opened->text);
  EXPECT_EQ(checkpoint->size, 5u);
  EXPECT_EQ(checkpoint->root, standing->root);
}

TEST_F(SignerTest, SaysWhyItsKeysCannotBeUsed) {
  chmod((place.keys() + "/log.key").c_str(), 0644);
  start();
  const auto standing = signer->replay();
  ASSERT_FALSE(standing);
  EXPECT_NE(standing.error().message.find("log.key"), std::string::npos)
      << standing.error().message;
  auto options = place.signer_options();
  chmod((place.keys() + "/log.key").c_str(), 0600);
  options.receipt_key_file =
      options.log_key_file;  // one key for both would let one signature pass as another
  signer = fork_signer(options);
  EXPECT_EQ(signer->replay().error().code, Code::kInvalid);
}

TEST_F(SignerTest, RefusesADamagedState) {
  flip_bit(place.signer_options().state_file, 60);
  start();
  EXPECT_FALSE(signer->replay());
}

TEST_F(SignerTest, ThatIsGoneFailsTheLog) {
  ASSERT_OK(place.open());
  ASSERT_OK(place.log->append(numbered(5, 1), {11}));
  place.signer.reset();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
  auto dead = SignerClient::attach(pair[0]).value();
  close(pair[1]);
  EXPECT_EQ(dead->replay().error().code, Code::kUnavailable);
  EXPECT_FALSE(dead->checkpoint());
}

TEST(SignerProcess, EndsWithItsParentAndGivesUpPrivileges) {
  Place place;
  ASSERT_OK(place.open());
  place.close();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  const int extra = open("/dev/null", O_RDONLY);
  const pid_t child = fork();
  if (child == 0) {
    close(pair[0]);
    _exit(run_signer(pair[1], place.signer_options()));
  }
  close(pair[1]);
  auto client = SignerClient::attach(pair[0]).value();
  ASSERT_OK(client->replay());
  const std::string proc = "/proc/" + std::to_string(child);
  EXPECT_NE(slurp(proc + "/status").find("NoNewPrivs:\t1"), std::string::npos);
  std::error_code unreadable;  // the signer is not dumpable: only root may look at its descriptors
  for (const auto& descriptor : std::filesystem::directory_iterator(proc + "/fd", unreadable)) {
    const auto target = std::filesystem::read_symlink(descriptor.path()).string();
    const int number = std::atoi(descriptor.path().filename().c_str());
    if (number <= STDERR_FILENO) continue;
    EXPECT_TRUE(target.starts_with("socket:") || target.starts_with(place.root())) << target;
  }
  client.reset();  // as the kernel does when the parent dies
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  close(extra);
}

TEST(SignerArgs, ComeBackAsTheyWere) {
  const SignerOptions options{"/l", "/k/log.key", "/k/receipt.key", "/k/state", 30};
  const auto parsed = parse_signer_args(signer_args(options));
  ASSERT_OK(parsed);
  EXPECT_EQ(parsed->log_dir, "/l");
  EXPECT_EQ(parsed->state_file, "/k/state");
  EXPECT_EQ(parsed->skew_s_max, 30);
  EXPECT_FALSE(parse_signer_args(std::vector<std::string>{"--log-dir"}));
  EXPECT_FALSE(parse_signer_args(std::vector<std::string>{"--what", "x"}));
  EXPECT_FALSE(parse_signer_args(std::vector<std::string>{"--log-dir", "x"}));
}

TEST(SignerClient, SaysWhatCannotBeStarted) {
  const auto none = SignerClient::spawn({"/no/such/program"});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("/no/such/program"), std::string::npos);
  auto other = SignerClient::spawn({"/bin/true"});
  ASSERT_OK(other);
  EXPECT_EQ((*other)->replay().error().code, Code::kUnavailable);
}

TEST(Keys, AreMadeOnceAndPrivate) {
  TempDir dir;
  ASSERT_OK(create_keys(dir.path(), kOrigin));
  EXPECT_EQ(create_keys(dir.path(), kOrigin).error().code, Code::kConflict);
  struct stat found{};
  for (const auto* name : {"/log.key", "/receipt.key"}) {
    ASSERT_EQ(stat((dir.path() + name).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
  }
  const auto key = read_private_key(dir.path() + "/log.key");
  ASSERT_OK(key);
  EXPECT_EQ(key->name, kOrigin);
  auto line = format_private_key(*key);
  EXPECT_OK(parse_private_key(line));
  for (size_t i = 0; i < line.size(); ++i) {
    auto changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_private_key(changed)) << i;
  }
}

}  // namespace
}  // namespace proviso::ledger::testing
