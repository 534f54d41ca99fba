// A head that is taken is rewritten from fixed parts only; a pass that was not made is not admitted.
#include <cstdlib>

#include "base/check.h"
#include "models/doorkeeper.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const PublicKey key = PrivateKey::create(std::string(32, 'k'))->public_key();
  static auto keeper = models::Doorkeeper::create(*note::VerifierKey::ed25519("log.example/receipts", key),
                                                  sha256("weights"), {1});
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto request = models::read_door_request(bytes)) {
    const auto again = models::read_door_request(models::worker_head(*request));
    PV_CHECK(again && again->path == request->path && again->body_bytes == request->body_bytes &&
             again->pass.empty());
  }
  if (const auto pass = models::Pass::parse(bytes)) {
    const auto again = models::Pass::parse(pass->text());
    PV_CHECK(again && again->leaf == pass->leaf && again->receipt == pass->receipt);
  }
  PV_CHECK(!keeper->admit(bytes, "/v1/messages", bytes, {100}));
  return 0;
}
