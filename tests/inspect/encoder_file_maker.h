#pragma once
// A small file of an encoder: the right measures, seven pieces of text, numbers from a seed. What it says of a text
// means nothing; that it says the same each time is what tests need.
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspect/encoder_file.h"

namespace proviso::inspect {

class EncoderFileMaker {
 public:
  uint32_t size = kEncoderSize;
  uint32_t layers = kEncoderLayers;
  std::vector<std::pair<std::string, float>> pieces = {{"<s>", 0},     {"</s>", 0},        {"<unk>", 0},      {"\xe2\x96\x81query", -1},
                                                       {":", -1},      {"\xe2\x96\x81", -2}, {"\xe2\x96\x81track", -3}, {"tr", -2},
                                                       {"ack", -2},    {"\xe2\x96\x81poem", -3}};
  std::string left_out;  // a tensor's name

  std::string make() {
    std::string head = "E5S1";
    put32(head, 1);
    for (const uint32_t value : {size, layers, 12u, 1536u, static_cast<uint32_t>(pieces.size()), kPositions, 1u}) put32(head, value);
    put32(head, std::bit_cast<uint32_t>(1e-5f));
    put32(head, 32);
    put_pieces(head);
    put32(head, 1);  // one fold: U+00E4 is read as `a`
    put32(head, 9);
    put32(head, 0xe4);
    head += '\x01';
    put32(head, 'a');
    tensors_.clear();
    add_tensors();
    return with_directory(head);
  }

 private:
  static constexpr uint32_t kPositions = 128;

  static void put32(std::string& out, uint32_t value) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
  }
  static void put64(std::string& out, uint64_t value) {
    for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  }

  void put_pieces(std::string& out) const {
    put32(out, static_cast<uint32_t>(pieces.size()));
    for (const uint32_t special : {0u, 1u, 0u, 2u}) put32(out, special);
    std::string names;
    std::string offsets;
    std::string scores;
    for (const auto& [name, score] : pieces) {
      put32(offsets, static_cast<uint32_t>(names.size()));
      put32(scores, std::bit_cast<uint32_t>(score));
      names += name;
    }
    put32(offsets, static_cast<uint32_t>(names.size()));
    put64(out, names.size());
    out += offsets + scores + names;
  }

  uint8_t random() {
    seed_ = seed_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint8_t>(seed_ >> 56);
  }
  void add_blocks(const std::string& name, size_t numbers) {
    std::string bytes;
    for (size_t block = 0; block < numbers / kBlockNumbers; ++block) {
      bytes += std::string("\x00\x2c", 2);  // 1/16 as a half float
      for (int i = 0; i < 16; ++i) bytes += static_cast<char>(random());
    }
    tensors_.emplace_back(name, std::move(bytes));
  }
  void add_reals(const std::string& name, size_t count, float value) {
    std::string bytes;
    for (size_t i = 0; i < count; ++i) put32(bytes, std::bit_cast<uint32_t>(value));
    tensors_.emplace_back(name, std::move(bytes));
  }
  void add_norm(const std::string& name) {
    add_reals(name + ".w", kEncoderSize, 1);
    add_reals(name + ".b", kEncoderSize, 0);
  }
  void add_matrix(const std::string& name, size_t rows, size_t columns) {
    add_blocks(name + ".w", rows * columns);
    add_reals(name + ".b", rows, 0);
  }
  void add_tensors() {
    add_blocks("emb.word", pieces.size() * kEncoderSize);
    add_reals("emb.pos", kPositions * kEncoderSize, 0.01f);
    add_reals("emb.type", kEncoderSize, 0);
    add_norm("emb.ln");
    for (uint32_t i = 0; i < layers; ++i) {
      const std::string layer = "l" + std::to_string(i) + ".";
      for (const char* name : {"q", "k", "v", "ao"}) add_matrix(layer + name, kEncoderSize, kEncoderSize);
      add_matrix(layer + "fi", kEncoderInnerSize, kEncoderSize);
      add_matrix(layer + "fo", kEncoderSize, kEncoderInnerSize);
      add_norm(layer + "aln");
      add_norm(layer + "oln");
    }
  }
  std::string with_directory(const std::string& head) const {
    size_t directory = 4;
    for (const auto& [name, bytes] : tensors_) directory += 2 + name.size() + 1 + 4 + 8 + 8;
    std::string out = head;
    put32(out, static_cast<uint32_t>(tensors_.size()));
    uint64_t at = head.size() + directory;
    for (const auto& [name, bytes] : tensors_) {
      const std::string shown = name == left_out ? std::string(name.size(), '?') : name;
      out += static_cast<char>(shown.size());
      out += '\0';
      out += shown;
      out += '\0';
      put32(out, 0);
      put64(out, at);
      put64(out, bytes.size());
      at += bytes.size();
    }
    for (const auto& [name, bytes] : tensors_) out += bytes;
    return out;
  }

  uint64_t seed_ = 1;
  std::vector<std::pair<std::string, std::string>> tensors_;
};

}  // namespace proviso::inspect
