#include "inspect/second_opinion.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "inspect/unicode.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

constexpr std::string_view kMagic = "PVSO0001";
constexpr float kBelow = -0.001f;  // nothing stands that was not asked about

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
alignas(64) constexpr unsigned char kFile[] = {
#embed "opinion.bin"
};
#pragma clang diagnostic pop

// Of a file whose length was checked: reads of it cannot fail.
class Numbers {
 public:
  explicit Numbers(std::string_view bytes) : reader_(bytes) {}
  float real() { return std::bit_cast<float>(*reader_.u32()); }
  int16_t half() { return static_cast<int16_t>(*reader_.u16()); }
  uint32_t whole() { return *reader_.u32(); }
  const int8_t* bytes(size_t count) { return reinterpret_cast<const int8_t*>(reader_.bytes(count)->data()); }

 private:
  ByteReader reader_;
};

constexpr size_t kProjectionBytes = 4 + kMeaningSize * 4 + kViewSize * (4 + kMeaningSize);
constexpr size_t kHeadBytes = kMagic.size() + 64 + kProjectionBytes + kClasses * 16 + 4;
constexpr size_t kKeptBytes = kViewSize + kClasses + 2 * kClasses;

void read_projection(Numbers& numbers, Projection& out) {
  out.step = numbers.real();
  for (float& value : out.centre) value = numbers.real();
  ByteMatrix rows{kViewSize, kMeaningSize, {}, std::vector<float>(kViewSize), std::vector<float>(kViewSize)};
  for (size_t i = 0; i < kViewSize; ++i) {
    rows.scales[i] = numbers.real();
    const int8_t* const row = numbers.bytes(kMeaningSize);
    rows.values.insert(rows.values.end(), row, row + kMeaningSize);
  }
  out.rows = TiledMatrix(rows);
}

}  // namespace

const KernelMachine& KernelMachine::built_in() {
  static const KernelMachine instance = [] {
    Result<KernelMachine> read = KernelMachine::read({reinterpret_cast<const char*>(kFile), sizeof kFile});
    PV_CHECK(read.has_value());
    PV_CHECK(read->classifier_digest() == Classifier::built_in().digest());  // they are trained together
    return *std::move(read);
  }();
  return instance;
}

Result<KernelMachine> KernelMachine::read(std::string_view file) {
  const auto refused = fail(Code::kInvalid, "this is no file of weights for second opinions; train them again");
  if (file.size() < kHeadBytes || !file.starts_with(kMagic)) return refused;
  KernelMachine machine;
  machine.encoder_ = *digest_from_bytes(file.substr(kMagic.size(), 32));
  machine.classifier_ = *digest_from_bytes(file.substr(kMagic.size() + 32, 32));
  Numbers numbers(file.substr(kMagic.size() + 64));
  read_projection(numbers, machine.projection_);
  for (size_t k = 0; k < kClasses; ++k) {
    for (Margins* const of : {&machine.floor_, &machine.first_at_, &machine.bias_, &machine.scale_}) (*of)[k] = numbers.real();
  }
  const size_t kept = numbers.whole();
  if (file.size() != kHeadBytes + kept * kKeptBytes) return refused;
  machine.kept_.resize(kept);
  for (Sight& sight : machine.kept_) {
    std::copy_n(numbers.bytes(kViewSize), kViewSize, sight.view.begin());
    std::copy_n(numbers.bytes(kClasses), kClasses, sight.margins.begin());
  }
  machine.weights_.resize(kept);
  for (auto& weights : machine.weights_) {
    for (int16_t& weight : weights) weight = numbers.half();
  }
  Sha256 hash;
  hash.update(file);
  machine.digest_ = hash.finish();
  return machine;
}

std::string opinion_text(std::string_view text) {
  std::string out;
  std::string folded;
  while (!text.empty()) {
    const CodePoint c = read_code_point(text);
    text.remove_prefix(c.length);
    if (is_ignorable(c.value) || is_decoration(c.value) || is_tag(c.value) || is_variation_selector(c.value)) continue;
    if (c.value < 0x80) {
      out += static_cast<char>(to_lower(c.value));
      continue;
    }
    folded.clear();
    append_folded(folded, c.value);
    // Of other scripts letters stay as they are: their marks tell words apart, and Hangul would fall into pieces.
    if (folded.size() == 1 && is_letter(static_cast<unsigned char>(folded[0]))) {
      out += static_cast<char>(to_lower(static_cast<unsigned char>(folded[0])));
    } else {
      append_utf8(out, to_lower(c.value));
    }
  }
  return out;
}

bool only_adds(float first, bool read_whole, SecondOpinion::Extent extent) {
  return first >= kSureMargin || !read_whole || extent == SecondOpinion::Extent::kEnd;
}

bool KernelMachine::is_asked(const Margins& first, uint32_t wanted) const {
  for (size_t k = 0; k < kClasses; ++k) {
    if ((wanted >> k & 1) != 0 && first[k] >= floor_[k]) return true;
  }
  return false;
}

Margins KernelMachine::margins(const Margins& first, const Encoder::Reading& reading, SecondOpinion::Extent extent) const {
  Margins from_zero = first;
  for (size_t k = 0; k < kClasses; ++k) from_zero[k] += first_at_[k];
  const Sight sight = projection_.of(reading.meaning, from_zero);
  Margins sum{};
  for (size_t i = 0; i < kept_.size(); ++i) {
    const float alike = kernel(sight, kept_[i], projection_.step);
    for (size_t k = 0; k < kClasses; ++k) sum[k] += alike * static_cast<float>(weights_[i][k]);
  }
  Margins out;
  for (size_t k = 0; k < kClasses; ++k) {
    if (first[k] < floor_[k]) {
      out[k] = std::min(first[k], kBelow);
      continue;
    }
    out[k] = bias_[k] + scale_[k] * sum[k];
    if (only_adds(first[k], reading.whole, extent)) out[k] = std::max(out[k], first[k]);
  }
  return out;
}

Result<std::shared_ptr<const SecondOpinion>> EncoderOpinion::create(std::string encoder_file) {
  const Digest digest = sha256(encoder_file);
  const Digest& known = KernelMachine::built_in().encoder_digest();
  if (digest != known) {  // before it is read: no other file is ever taken apart in a gate
    return fail(Code::kInvalid, fmt::format("not the encoder that the detectors were trained with: its SHA-256 is {}, theirs {}; "
                                            "tools/fetch_sources.sh encoder brings it",
                                            digest.hex(), known.hex()));
  }
  PV_TRY(Encoder encoder, Encoder::read(std::move(encoder_file)));
  return std::shared_ptr<const SecondOpinion>(new EncoderOpinion(std::move(encoder)));
}

}  // namespace proviso::inspect
