#include "gate/request_state.h"

#include "base/digest.h"

namespace proviso::gate {
namespace {

constexpr std::string_view kNamespace = "mcp-request-state";
constexpr size_t kNonceBytes = 16;

void put_text(std::string& out, std::string_view text) {
  put_u32(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

Result<std::string_view> take_text(ByteReader& reader) {
  PV_TRY(const uint32_t size, reader.u32());
  return reader.bytes(size);
}

std::unexpected<Error> refused(const char* why) {
  return fail(Code::kUnverified, std::string("the `requestState` ") + why);
}

}  // namespace

std::string RequestStates::seal(const StateOwner& owner, std::string_view state, UtcSeconds now) const {
  std::string plain = random_bytes(kNonceBytes);
  put_u64(plain, static_cast<uint64_t>(now.value + kRequestStateSecondsMax));
  put_text(plain, owner.person);
  put_text(plain, owner.server);
  put_text(plain, owner.request);
  put_text(plain, state);
  return base64_encode(vault::encrypt_record(key_, kNamespace, plain));
}

Result<RequestStates::Opened> RequestStates::unseal(const StateOwner& owner, std::string_view sealed,
                                                    UtcSeconds now) const {
  const auto bytes = base64_decode(sealed);
  if (!bytes) return refused("is not one that this gate gave");
  const auto plain = vault::decrypt_record(key_, kNamespace, *bytes);
  if (!plain) return refused("is not one that this gate gave");
  ByteReader reader(*plain);
  PV_TRY(const std::string_view nonce, reader.bytes(kNonceBytes));
  PV_TRY(const uint64_t expires, reader.u64());
  PV_TRY(const std::string_view person, take_text(reader));
  PV_TRY(const std::string_view server, take_text(reader));
  PV_TRY(const std::string_view request, take_text(reader));
  PV_TRY(const std::string_view state, take_text(reader));
  if (person != owner.person) return refused("was given to somebody else");
  if (server != owner.server || request != owner.request) return refused("belongs to another request");
  if (now.value > static_cast<int64_t>(expires)) return refused("came back too late: ask again");
  return Opened{std::string(nonce), static_cast<int64_t>(expires), std::string(state)};
}

Result<std::string> RequestStates::open(const StateOwner& owner, std::string_view sealed, UtcSeconds now) {
  PV_TRY(Opened opened, unseal(owner, sealed, now));
  const std::lock_guard lock(mutex_);
  if (used_.contains(opened.nonce)) return refused("was used before");
  return std::move(opened.state);
}

Status RequestStates::use(const StateOwner& owner, std::string_view sealed, UtcSeconds now) {
  PV_TRY(const Opened opened, unseal(owner, sealed, now));
  const std::lock_guard lock(mutex_);
  if (used_.size() >= kRequestStatesMax) {
    std::erase_if(used_, [now](const auto& entry) { return entry.second < now.value; });
    if (used_.size() >= kRequestStatesMax) return fail(Code::kLimit, "too many questions were answered at once");
  }
  if (!used_.emplace(opened.nonce, opened.expires).second) return refused("was used before");
  return {};
}

}  // namespace proviso::gate
