#pragma once
// TLS settings, once for the server and once for the client. Inside http only. TLS 1.2 at least, no
// renegotiation, no compression.
#include <string>

#include "base/result.h"
#include "http/server.h"
#include "http/wire.h"

namespace proviso::http {

// kInvalid when certificate and key cannot be used or do not belong together, or others may read the key.
Result<SslContext> server_tls(const ServerTls& config);
// Verifies against `ca_file`, or the system's roots if empty. kInvalid when that cannot be used.
Result<SslContext> client_tls(const std::string& ca_file);
// A client's end that will accept only a certificate for `host`, a name (also sent as SNI) or an address.
Result<SslPtr> client_ssl(const SslContext& context, const std::string& host, int fd);
Result<SslPtr> server_ssl(const SslContext& context, int fd);

}  // namespace proviso::http
