// Readers of foreign ssh material; nothing but a true signature verifies.
#include <cstdint>

#include "base/check.h"
#include "base/sshsig.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  static const PublicKey stranger = PrivateKey::create(std::string(32, 'f')).value().public_key();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = sshsig::parse_public_key(text)) {
    PV_CHECK(sshsig::parse_public_key(sshsig::format_public_key(*key, "")).value() == *key);
  }
  if (const auto key = sshsig::parse_private_key(text)) {
    PV_CHECK(sshsig::parse_private_key(sshsig::format_private_key(*key, "")).value().seed() ==
             key->seed());
  }
  static_cast<void>(sshsig::signer(text));
  PV_CHECK(!sshsig::verify(stranger, "agreement", "message that nobody signed", text));
  return 0;
}
