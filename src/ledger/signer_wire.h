#pragma once
// What signer and client say to each other: one datagram each way. A request is an operation byte
// and its argument; a reply is a status byte (0, or 1 + Code) and the result, or the error's
// sentence.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "ledger/signer.h"

namespace proviso::ledger::wire {

enum class Op : uint8_t { kReplay = 'S', kBatch = 'B', kInterval = 'I', kCheckpoint = 'C' };

std::string encode_standing(const SignerClient::Standing& standing);
Result<SignerClient::Standing> decode_standing(std::string_view bytes);
std::string encode_interval(const SignerClient::Interval& interval);
Result<SignerClient::Interval> decode_interval(std::string_view bytes);
std::string encode_reply(const Result<std::string>& result);
Result<std::string> decode_reply(std::string_view bytes);

}  // namespace proviso::ledger::wire
