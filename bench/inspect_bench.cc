// What inspection costs, by the detectors that run. Segments that are timed are put together again and
// compared with the text.
//
//   bench_inspect [FILE…]     # texts of your own, one text a file
//
// With PROVISO_ENCODER, the encoder's file, also what one second opinion costs.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "inspect/inspector.h"
#include "inspect/second_opinion.h"
#include "inspect/stream.h"

namespace proviso::inspect {
namespace {

// Processor time of this thread, so that a busy machine does not count.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double best_us(const std::function<void()>& work) {
  double best = 1e9;
  for (int round = 0; round < 30; ++round) {
    constexpr int kRepeats = 20;
    const double start = cpu_us();
    for (int i = 0; i < kRepeats; ++i) work();
    best = std::min(best, (cpu_us() - start) / kRepeats);
  }
  return best;
}

// `names`: one word in ten is a name whose value might follow.
std::string prose(size_t bytes, bool names) {
  static constexpr std::string_view kWords[] = {
      "the", "report", "says", "that", "every", "unit", "keeps", "its", "own", "figures", "in", "a",
      "table", "of", "supplies,", "dates", "and", "places.", "Leave", "is", "granted", "by", "rank;"};
  std::string text;
  size_t state = 1;
  while (text.size() < bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += names && (state >> 40) % 10 == 0 ? "key" : kWords[(state >> 33) % std::size(kWords)];
    text += (state >> 60) == 0 ? '\n' : ' ';
  }
  text.resize(bytes);
  return text;
}

volatile uint64_t labelled;

// One text through one set of detectors: whole, and in chunks as a model sends it.
void measure(const char* detectors, const Inspector& inspector, const char* name,
             const std::string& text, TextKind kind) {
  const double kib = static_cast<double>(text.size()) / 1024.0;
  std::vector<Segment> out;
  const double whole = best_us([&] {
    out.clear();
    TextStream stream = inspector.open_stream(kind);
    stream.push(text, out);
    stream.finish(out);
  });
  std::string joined;
  for (const Segment& segment : out) {
    joined += segment.text;
    labelled = labelled + segment.labels.size();
  }
  PV_CHECK(joined == text);
  const size_t segments = out.size();
  size_t chunks = 0;
  const double streamed = best_us([&] {
    out.clear();
    chunks = 0;
    TextStream stream = inspector.open_stream(kind);
    for (size_t i = 0; i < text.size(); i += 16, ++chunks) {
      stream.push(std::string_view(text).substr(i, 16), out);
    }
    stream.finish(out);
  });
  // The slowest of a hundred chunks, each the fastest of many tries, so that the machine does not count.
  std::vector<double> each(chunks, 1e9);
  for (int round = 0; round < 40; ++round) {
    out.clear();
    TextStream stream = inspector.open_stream(kind);
    for (size_t i = 0; i < chunks; ++i) {
      const double start = cpu_us();
      stream.push(std::string_view(text).substr(i * 16, 16), out);
      each[i] = std::min(each[i], cpu_us() - start);
    }
  }
  std::ranges::sort(each);
  std::printf("%-22s %-14s whole %6.2f us/KB (%zu segments)  16-byte chunks %6.2f us/KB, p99 %5.1f us a chunk\n",
              detectors, name, whole / kib, segments, streamed / kib, each[each.size() * 99 / 100]);
}

// The first stage alone: what the others are measured against.
void measure_first_stage(const char* name, const std::string& text, TextKind kind) {
  const auto rules = std::make_shared<const Rules>(Options{});
  std::vector<Segment> out;
  const double whole = best_us([&] {
    out.clear();
    SecretStream stream(rules, kind);
    stream.push(text, &out);
    stream.finish(&out);
    stream.findings().clear();
  });
  std::printf("%-22s %-14s whole %6.2f us/KB (%zu segments)\n", "first stage alone", name,
              whole / (static_cast<double>(text.size()) / 1024.0), out.size());
}

void measure_all(const char* name, const std::string& text, TextKind kind) {
  measure_first_stage(name, text, kind);
  const Inspector every = Inspector::create();
  const std::vector<std::string> personal = {"personal_identifier", "contact", "marking", "marking_fault"};
  measure("secrets, ranks", every.looking_for({}), name, text, kind);
  measure("every rule", every.looking_for(personal), name, text, kind);
  const std::vector<std::string> persons = {"personal_name", "personal_address"};
  measure("secrets, persons", every.looking_for(persons), name, text, kind);
  measure("every label", every, name, text, kind);
}

// One second opinion on the beginning of a text, by how much of it is read.
int measure_opinion(const char* file) {
  std::ifstream in(file, std::ios::binary);
  const auto second = EncoderOpinion::create({std::istreambuf_iterator<char>(in), {}});
  if (!second) {
    std::fprintf(stderr, "error: %s: %s\n", file, second.error().message.c_str());
    return 2;
  }
  for (const size_t bytes : {64u, 128u, 256u, 512u}) {
    const std::string text = prose(bytes, false);
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
      const double start = cpu_us();
      labelled = labelled + ((*second)->of(Margins{}, text, SecondOpinion::Extent::kWhole)[0] > 0 ? 1 : 0);
      best = std::min(best, cpu_us() - start);
    }
    std::printf("%-22s %4zu bytes %8.1f us\n", "second opinion", bytes, best);
  }
  return 0;
}

}  // namespace
}  // namespace proviso::inspect

int main(int argc, char** argv) {
  using namespace proviso::inspect;
  measure_all("prose", prose(2560, false), TextKind::kPlain);
  measure_all("prose, JSON", prose(2560, false), TextKind::kJson);
  measure_all("full of names", prose(2560, true), TextKind::kPlain);
  measure_all("one long word", std::string(2560, 'q'), TextKind::kPlain);
  std::string chinese;
  while (chinese.size() < 2560) chinese += "请按计划检查库存，并说明原因。";
  measure_all("Chinese", chinese, TextKind::kPlain);
  std::string russian;
  while (russian.size() < 2560) russian += "Проверьте запасы по плану и объясните причину. ";
  measure_all("Russian", russian, TextKind::kPlain);
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.empty()) {
      std::fprintf(stderr, "error: there is no text in %s; usage: bench_inspect [TEXT…]\n", argv[i]);
      return 2;
    }
    measure_all(argv[i], text, TextKind::kPlain);
  }
  const char* const encoder = std::getenv("PROVISO_ENCODER");
  return encoder == nullptr ? 0 : measure_opinion(encoder);
}
