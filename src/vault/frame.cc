#include "vault/frame.h"

#include "base/bytes.h"

namespace proviso::vault {
namespace {

constexpr size_t kCheckBytes = 16;
constexpr size_t kCheckedBytes = kFrameHeaderBytes - kCheckBytes;

}  // namespace

std::string encode_header(const FrameHeader& header) {
  std::string out(kFrameMagic);
  put_u64(out, header.index);
  put_u32(out, header.length);
  out += header.digest.view();
  out += sha256(out).view().substr(0, kCheckBytes);
  return out;
}

std::optional<FrameHeader> decode_header(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes || !bytes.starts_with(kFrameMagic)) return std::nullopt;
  const std::string_view check = bytes.substr(kCheckedBytes, kCheckBytes);
  if (sha256(bytes.substr(0, kCheckedBytes)).view().substr(0, kCheckBytes) != check)
    return std::nullopt;
  ByteReader reader(bytes.substr(kFrameMagic.size(), kCheckedBytes - kFrameMagic.size()));
  FrameHeader header;
  header.index = *reader.u64();
  header.length = *reader.u32();
  header.digest = *digest_from_bytes(*reader.bytes(header.digest.bytes.size()));
  return header;
}

}  // namespace proviso::vault
