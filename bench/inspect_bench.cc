// What inspection costs, beside the least that any reader of the same bytes must do: a copy and a
// walk through a 256-entry table, byte by byte. Every verdict that is timed is checked.
//
//   bench_inspect [FILE…]     # texts of your own, one text a file
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "inspect/inspector.h"

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
  for (int round = 0; round < 100; ++round) {
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

volatile uint64_t sink;

void measure(const char* name, const std::string& text, TextKind kind) {
  const Inspector inspector = Inspector::create();
  const double kib = static_cast<double>(text.size()) / 1024.0;
  const Text one{text, kind};
  PV_CHECK(inspector.inspect(std::span(&one, 1)).labels.empty());
  uint8_t table[256];
  for (int i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(i * 7);
  const double floor = best_us([&] {
    std::string copy = text;
    uint64_t sum = 0;
    for (char c : copy) sum = sum * 3 + table[static_cast<uint8_t>(c)];
    sink = sum;
  });
  const double whole = best_us([&] { sink = inspector.inspect(std::span(&one, 1)).bytes; });
  std::vector<Segment> out;
  const double segmented = best_us([&] {
    out.clear();
    TextStream stream = inspector.open_stream(kind);
    stream.push(text, out);
    stream.finish(out);
  });
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
  std::printf("%-14s %6zu bytes  floor %5.2f  whole %5.2f (%4.1fx)  segments %5.2f (%zu)  "
              "16-byte chunks %5.2f us/KB (%.2f us a chunk)\n",
              name, text.size(), floor / kib, whole / kib, whole / floor, segmented / kib, segments,
              streamed / kib, streamed / static_cast<double>(chunks));
}

}  // namespace
}  // namespace proviso::inspect

int main(int argc, char** argv) {
  using namespace proviso::inspect;
  measure("prose", prose(2560, false), TextKind::kPlain);
  measure("prose, JSON", prose(2560, false), TextKind::kJson);
  measure("full of names", prose(2560, true), TextKind::kPlain);
  measure("one long word", std::string(2560, 'q'), TextKind::kPlain);
  std::string chinese;
  while (chinese.size() < 2560) chinese += "请按计划检查库存，并说明原因。";
  measure("Chinese", chinese, TextKind::kPlain);
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    measure(argv[i], std::string{std::istreambuf_iterator<char>(in), {}}, TextKind::kPlain);
  }
  return 0;
}
