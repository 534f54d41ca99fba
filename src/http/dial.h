#pragma once
// Connections outward. Inside http only.
#include "http/client.h"
#include "http/wire.h"

namespace proviso::http {

// Resolves, connects and, for TLS, shakes hands; tries each address in turn. kUnavailable, kTimeout,
// kUnverified. `cancel` may be null.
Task<Result<Wire::Ptr>> dial(Loop& loop, const Endpoint& endpoint, SslContext tls, Time due,
                             Cancel* cancel);

}  // namespace proviso::http
