#pragma once
// A second opinion on a stretch of text: where the classifiers, which count words, are not sure that a class is absent, an
// encoder says what the stretch means, and a kernel machine weighs that against what was seen in training. Its weights are
// trained together with the classifiers' (tools/train_classifiers.sh) and built into the program; docs/model-card.md
// says from which rows.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "inspect/classifier.h"
#include "inspect/encoder.h"
#include "inspect/inspector.h"
#include "inspect/kernel.h"

namespace proviso::inspect {

// How much of a text is read for it: its end, about as much as the encoder takes. Of more than is read, and of what the
// classifiers are sure of by this margin, it can only add labels: else padding would take them off.
inline constexpr size_t kOpinionBytesMax = 512;
inline constexpr float kSureMargin = 0.7f;

// Immutable; safe from any thread. Two exist: the one below, and the one that writes down what training learns from.
class SecondOpinion {
 public:
  virtual ~SecondOpinion() = default;
  // `first` is what the classifiers say. False where they are sure, or where nobody wants to know.
  [[nodiscard]] virtual bool is_asked(const Margins& first, uint32_t wanted) const = 0;
  // What stands about `text` (opinion_text() made it) instead of `first`; kEnd where `text` is only the end of what
  // `first` is about.
  enum class Extent : uint8_t { kWhole, kEnd };
  [[nodiscard]] virtual Margins of(const Margins& first, std::string_view text, Extent extent) const = 0;
  [[nodiscard]] virtual size_t opinions_max() const { return kOpinionsMax; }  // of a text that is alone
};

// Whether what stands by `first` stands whatever the second opinion is.
bool only_adds(float first, bool read_whole, SecondOpinion::Extent extent);

// A text as the encoder reads it: what shows nothing dropped, small letters, and Latin letters without accents, so that
// none of these hides a word from it. The training program and the gate use this one function.
std::string opinion_text(std::string_view text);

inline constexpr float kWeightMax = 32'767;

// The weights: a Gaussian kernel (kernel.h) around the stretches that training kept.
class KernelMachine {
 public:
  static const KernelMachine& built_in();
  // A weights file: kInvalid if it is none. The bytes must outlive the machine.
  static Result<KernelMachine> read(std::string_view file);

  [[nodiscard]] bool is_asked(const Margins& first, uint32_t wanted) const;
  // Of each class that may be asked about, how far from its threshold; of the others `first`, but below it.
  [[nodiscard]] Margins margins(const Margins& first, const Encoder::Reading& reading, SecondOpinion::Extent extent) const;
  [[nodiscard]] const Digest& digest() const { return digest_; }           // SHA-256 of the weights file
  // Of the encoder and of the classifiers' weights that it was trained with.
  [[nodiscard]] const Digest& encoder_digest() const { return encoder_; }
  [[nodiscard]] const Digest& classifier_digest() const { return classifier_; }

 private:
  KernelMachine() = default;

  Digest digest_;
  Digest encoder_;
  Digest classifier_;
  Margins floor_{};     // below it a class is not asked about
  Margins first_at_{};  // the classifiers' own thresholds: margins are told from them, the kernel counts from 0
  Margins bias_{};
  Margins scale_{};     // of one unit of a weight
  Projection projection_;
  std::vector<Sight> kept_;
  std::vector<std::array<int16_t, kClasses>> weights_;  // of each that is kept
};

class EncoderOpinion final : public SecondOpinion {
 public:
  // `encoder_file` is the whole file. kInvalid: it is not the one that the weights were trained with.
  static Result<std::shared_ptr<const SecondOpinion>> create(std::string encoder_file);
  [[nodiscard]] bool is_asked(const Margins& first, uint32_t wanted) const override {
    return KernelMachine::built_in().is_asked(first, wanted);
  }
  [[nodiscard]] Margins of(const Margins& first, std::string_view text, Extent extent) const override {
    return KernelMachine::built_in().margins(first, encoder_.read_text(text), extent);
  }

 private:
  explicit EncoderOpinion(Encoder encoder) : encoder_(std::move(encoder)) {}
  Encoder encoder_;
};

}  // namespace proviso::inspect
