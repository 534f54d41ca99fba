#include "ledger/witness.h"

#include "base/data.h"
#include "base/json.h"
#include "ledger/accuse.h"
#include "ledger/cosigning.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

NamedKey witness_key() {
  return {"example.com/witness", PrivateKey::create(std::string(32, 'w')).value()};
}

std::string text_of(json::Element one, std::string_view name) {
  return std::string(one[name].get_string().value());
}

TEST(WitnessVectors, AnswerTheSequenceAsPublished) {
  const auto path = test::data_path("witness sequence", "tlog-vectors/add-checkpoint-sequence.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  TempDir dir;
  const ManualClock clock({1'760'000'000});
  auto witness = Witness::open({dir.path(), witness_key(),
                                {note::VerifierKey::parse(text_of(file, "log_vkey")).value()},
                                &clock});
  ASSERT_OK(witness);
  size_t passed = 0;
  size_t total = 0;
  for (const json::Element step : file["steps"].get_array().value()) {
    const WitnessAnswer answer = (*witness)->add_checkpoint(text_of(step, "request"));
    const std::string body = text_of(step, "body");
    const std::string rule = text_of(step, "body_rule");
    bool good = static_cast<uint64_t>(answer.status) == step["status"].get_uint64().value();
    if (rule == "exact") good = good && answer.body == body;
    if (rule == "contains") good = good && answer.body.find(body) != std::string::npos;
    EXPECT_TRUE(good) << text_of(step, "name") << ": " << answer.status << " " << answer.body;
    passed += good ? 1 : 0;
    ++total;
  }
  std::printf("ledger: witness-sequence %zu/%zu\n", passed, total);
}

// A log, published at three sizes, and a witness that knows it.
class WitnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(place.open());
    for (int round = 0; round < 3; ++round) {
      add(place, numbered(static_cast<uint64_t>(round) * 300, 300), round + 1);
      ASSERT_OK(place.log->publish());
      notes.push_back(slurp(place.dir() + "/checkpoint"));
    }
    key = note::VerifierKey::parse(place.log_key()).value();
    reader = LogReader::open_published(place.dir()).value();
    ASSERT_OK(open());
  }
  Status open(Io* io = nullptr) {
    witness.reset();
    PV_TRY(witness, Witness::open({dir.path(), witness_key(), {key}, &clock, io}));
    return {};
  }
  std::vector<Digest> proof(uint64_t from, uint64_t to) const {
    return merkle::consistency_path(from, to, [&](uint64_t start, uint64_t end) {
             return reader->subtree(start, end);
           }).value();
  }
  WitnessAnswer submit(uint64_t old_size, size_t note, std::vector<Digest> hashes) {
    return witness->add_checkpoint(AddCheckpoint{old_size, std::move(hashes), notes[note]}.text());
  }
  // Another history under the log's own key: what only its operator can make.
  std::string fork_of(uint64_t size) const {
    const auto log = read_private_key(place.keys() + "/log.key").value();
    const note::Checkpoint body{kOrigin, size, sha256("another history"), {}};
    return note::sign(body.text(), kOrigin, log.key).value();
  }
  size_t evidence() const {
    size_t count = 0;
    for (const auto& each : std::filesystem::recursive_directory_iterator(dir.path() + "/evidence")) {
      count += each.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  Place place;
  TempDir dir;
  ManualClock clock{{1'760'000'000}};
  std::vector<std::string> notes;
  note::VerifierKey key;
  std::unique_ptr<LogReader> reader;
  std::unique_ptr<Witness> witness;
};

TEST_F(WitnessTest, CosignsContinuationsAndRemembersThemOverARestart) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  EXPECT_EQ(submit(300, 1, proof(300, 600)).status, 200);
  ASSERT_OK(open());
  const WitnessAnswer old = submit(300, 2, proof(300, 900));
  EXPECT_EQ(old.status, 409);
  EXPECT_EQ(old.body, "600\n");
  EXPECT_EQ(old.content_type, "text/x.tlog.size");
  const WitnessAnswer last = submit(600, 2, proof(600, 900));
  ASSERT_EQ(last.status, 200);
  const auto own = cosigner_key(witness_key().name, witness_key().key.public_key()).value();
  const auto found = cosignatures(note::parse(notes[2] + last.body).value(), std::span(&own, 1));
  ASSERT_OK(found);
  EXPECT_EQ(found->front().time.value, 1'760'000'000);
  EXPECT_EQ(witness->latest(sha256(kOrigin).hex()).body, notes[2] + last.body);
  EXPECT_EQ(witness->latest(sha256("other").hex()).status, 404);
}

TEST_F(WitnessTest, AsksForTheSameSizeAgainGiveAFreshTime) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  clock.set({1'760'000'100});
  const WitnessAnswer again = submit(300, 0, {});
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(submit(300, 0, proof(300, 600)).status, 422);  // a proof where none belongs
  clock.set({1'759'999'999});
  EXPECT_EQ(submit(300, 0, {}).status, 500);  // its clock ran back
}

TEST_F(WitnessTest, NeverCosignsASecondHistoryAndKeepsItAsEvidence) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  const auto ask = [&](uint64_t old_size, const std::string& note, std::vector<Digest> hashes) {
    return witness->add_checkpoint(AddCheckpoint{old_size, std::move(hashes), note}.text()).status;
  };
  EXPECT_EQ(ask(300, fork_of(300), {}), 422);                 // two roots for one size
  EXPECT_EQ(ask(300, fork_of(600), proof(300, 600)), 422);    // a proof that leads elsewhere
  EXPECT_EQ(ask(300, fork_of(600), {}), 422);                 // no proof
  EXPECT_EQ(ask(0, fork_of(600), {}), 409);                   // a fresh start
  EXPECT_EQ(ask(600, fork_of(300), {}), 400);
  EXPECT_EQ(evidence(), 1u);  // a larger size without a proof convicts nobody
  for (const auto& kept : std::filesystem::recursive_directory_iterator(dir.path() + "/evidence")) {
    if (!kept.is_regular_file()) continue;
    std::string text = slurp(kept.path());
    text.pop_back();
    const auto judged = judge(Evidence::parse(text).value(), Brought{place.log_key(), {}, {}, {}});
    ASSERT_OK(judged);
    EXPECT_EQ(judged->finding, Finding::kProven);  // alone, with the witness's own note in it
  }
  // The control: the true history still goes on.
  EXPECT_EQ(submit(300, 1, proof(300, 600)).status, 200);
}

// Whoever has no key of the log can send its true checkpoints with lines of their own and proofs that fail.
TEST_F(WitnessTest, KeepsRoomForTheRealForkWhateverStrangersSend) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  const auto dressed = [](const std::string& note, size_t number) {
    return note + signature_line({"grease.example", static_cast<uint32_t>(number), "xxxxxxxx"});
  };
  const auto ask = [&](const std::string& note, std::vector<Digest> hashes) {
    return witness->add_checkpoint(AddCheckpoint{300, std::move(hashes), note}.text()).status;
  };
  for (size_t i = 0; i < kEvidencePerLogMax + 4; ++i) {
    EXPECT_EQ(ask(dressed(notes[1], i), {sha256("junk")}), 422);
    EXPECT_EQ(ask(dressed(fork_of(300), i), {}), 422);
  }
  EXPECT_EQ(evidence(), 1u);  // the fork, once
  const auto log = read_private_key(place.keys() + "/log.key").value();
  for (size_t i = 0; i < kEvidencePerLogMax + 4; ++i) {
    const note::Checkpoint body{kOrigin, 300, sha256(std::to_string(i)), {}};
    EXPECT_EQ(ask(note::sign(body.text(), kOrigin, log.key).value(), {}), 422);
  }
  EXPECT_EQ(evidence(), kEvidencePerLogMax);
}

TEST_F(WitnessTest, RefusesOldSizesBeforeLookingAtProofs) {
  EXPECT_EQ(submit(300, 1, proof(300, 600)).body, "0\n");  // it never saw 300
  EXPECT_EQ(submit(0, 1, proof(300, 600)).status, 422);    // from nothing, the proof is empty
}

// A line under the witness's own name and id that somebody put into a request is neither trusted nor
// kept: kept, it would make the stored note one that does not open (ANT-2026-SAPGR4D6 was that).
TEST_F(WitnessTest, IsNotWedgedByAForgedLineOfItsOwn) {
  const auto own = cosigner_key(witness_key().name, witness_key().key.public_key()).value();
  notes[0] += signature_line({own.name, own.id, std::string(kCosignatureBytes, '\1')});
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  ASSERT_OK(open());
  EXPECT_EQ(submit(300, 1, proof(300, 600)).status, 200);
}

TEST_F(WitnessTest, DoesNotStartOnMemoryThatIsNotItsOwn) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  const std::string file = dir.path() + "/logs/" + sha256(kOrigin).hex();
  const std::string good = slurp(file);
  spill(file, notes[1]);  // a later checkpoint, put there by another hand
  EXPECT_EQ(open().error().code, Code::kCorrupt);
  spill(file, good);
  for (const size_t byte : {size_t{3}, good.find("300"), good.size() - 10}) {
    flip_bit(file, byte);
    EXPECT_FALSE(open()) << byte;
    spill(file, good);
  }
  EXPECT_OK(open());
}

TEST_F(WitnessTest, AnswersNothingThatItCouldNotStore) {
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  for (const char* call : {"open", "pwrite", "fsync", "rename"}) {
    FaultyIo io;
    ASSERT_OK(open(&io));
    io.plan = [&](std::string_view name) { return name == call ? ENOSPC : 0; };
    const WitnessAnswer failed = submit(300, 1, proof(300, 600));
    EXPECT_EQ(failed.status, 500) << call;
    EXPECT_EQ(failed.body.find("\xE2\x80\x94"), std::string::npos);
    io.plan = [](std::string_view) { return 0; };
    EXPECT_EQ(submit(300, 1, proof(300, 600)).status, 500) << call;  // for good
    witness.reset();
    // A rename that happened although its folder's sync failed may stand: it was never answered.
    std::filesystem::remove_all(dir.path() + "/logs");
    ASSERT_OK(open());
    EXPECT_EQ(submit(0, 0, {}).status, 200);
  }
}

TEST_F(WitnessTest, TakesOneSpellingOfARequestOnly) {
  const std::string good = AddCheckpoint{0, {}, notes[0]}.text();
  for (const std::string& wrong :
       {"old 00" + good.substr(5), "Old" + good.substr(3), "old +0" + good.substr(5), good.substr(0, 7),
        "old 0 \n" + good.substr(6), std::string(), std::string(kWitnessBodyBytesMax + 1, 'x')}) {
    EXPECT_EQ(witness->add_checkpoint(wrong).status, 400) << wrong.substr(0, 20);
  }
  std::string many = "old 0\n";
  for (size_t i = 0; i <= kConsistencyHashesMax; ++i) many += std::string(43, 'A') + "=\n";
  EXPECT_EQ(witness->add_checkpoint(many + "\n" + notes[0]).status, 400);
  EXPECT_EQ(witness->add_checkpoint(good).status, 200);
  EXPECT_EQ(Witness::open({dir.path(), witness_key(), {key}, &clock}).error().code, Code::kConflict);
}

// The log's side: asks, reads answers, keeps what has the quorum.
class CosigningTest : public WitnessTest {
 protected:
  CosigningTest() {
    const auto own = cosigner_key(witness_key().name, witness_key().key.public_key()).value();
    vkey = own;
  }
  note::VerifierKey vkey;
};

TEST_F(CosigningTest, FindsWhereTheWitnessStandsAndKeepsItsWord) {
  const Policy policy = Policy::parse("witness w " + vkey.text() + "\nquorum w\n").value();
  EXPECT_EQ(submit(0, 0, {}).status, 200);
  auto request = ask_to_cosign(*reader, reader->checkpoint().value(), 0);
  ASSERT_OK(request);
  WitnessAnswer said = witness->add_checkpoint(request->text());
  auto answer = read_answer(said.status, said.body, request->checkpoint, vkey);
  ASSERT_OK(answer);
  ASSERT_EQ(answer->has_seen, 300u);
  request = ask_to_cosign(*reader, reader->checkpoint().value(), 300);
  said = witness->add_checkpoint(request->text());
  answer = read_answer(said.status, said.body, request->checkpoint, vkey);
  ASSERT_OK(answer);
  EXPECT_FALSE(keep_cosigned(place.dir(), notes[2], {}, policy, key)->quorum);
  EXPECT_EQ(read_witnessed(place.dir()).error().code, Code::kNotFound);
  const auto kept = keep_cosigned(place.dir(), notes[2], std::span(&answer->lines, 1), policy, key);
  ASSERT_OK(kept);
  EXPECT_TRUE(kept->quorum);
  const auto stored = read_witnessed(place.dir());
  ASSERT_OK(stored);
  EXPECT_TRUE(open_witnessed(*stored, policy, std::span(&key, 1))->quorum);
}

TEST_F(CosigningTest, TakesNoLineThatDoesNotHold) {
  const auto request = ask_to_cosign(*reader, reader->checkpoint().value(), 0).value();
  std::string line = witness->add_checkpoint(request.text()).body;
  EXPECT_OK(read_answer(200, line, request.checkpoint, vkey));
  const auto other = cosigner_key("example.com/witness", PrivateKey::generate().public_key()).value();
  EXPECT_EQ(read_answer(200, line, request.checkpoint, other).error().code, Code::kUnavailable);
  line[40] = line[40] == 'A' ? 'B' : 'A';
  EXPECT_EQ(read_answer(200, line, request.checkpoint, vkey).error().code, Code::kUnavailable);
  EXPECT_EQ(read_answer(200, "", request.checkpoint, vkey).error().code, Code::kUnavailable);
  EXPECT_EQ(read_answer(422, "no\n", request.checkpoint, vkey).error().code, Code::kUnverified);
  EXPECT_EQ(read_answer(503, "later\n", request.checkpoint, vkey).error().code, Code::kUnavailable);
  EXPECT_EQ(read_answer(409, "many\n", request.checkpoint, vkey).error().code, Code::kUnavailable);
  // A witness that saw more than is published: this copy is behind.
  EXPECT_EQ(ask_to_cosign(*reader, reader->checkpoint().value(), 901).error().code, Code::kConflict);
}

// tlog-witness: an answer may hold several cosignatures. One of a key type that we do not verify stands beside ours,
// before or behind it, under another name or the witness's own, and is no cosignature where it stands alone.
TEST_F(CosigningTest, ReadsPastAnMlDsaLineInAnAnswer) {
  const auto path = test::data_path("ML-DSA-44 note", "tlog-vectors/mldsa44-cosignature.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  const auto note = note::parse(file["checkpoint"].get_string().value()).value();
  const auto request = ask_to_cosign(*reader, reader->checkpoint().value(), 0).value();
  const std::string ours = witness->add_checkpoint(request.text()).body;
  note::Signature theirs = note.signatures.at(0);
  for (const std::string& name : {theirs.name, vkey.name}) {
    theirs.name = name;
    const std::string line = signature_line(theirs);
    for (const std::string& body : {line + ours, ours + line, line + ours + line}) {
      const auto answer = read_answer(200, body, request.checkpoint, vkey);
      ASSERT_OK(answer);
      EXPECT_EQ(answer->lines, ours);
    }
    EXPECT_EQ(read_answer(200, line, request.checkpoint, vkey).error().code, Code::kUnavailable);
  }
}

}  // namespace
}  // namespace proviso::ledger::testing
