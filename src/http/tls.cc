#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/file.h"

namespace proviso::http {
namespace {

std::string ssl_reason() {
  const unsigned long code = ERR_get_error();
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

Result<SslContext> make_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), SslDeleter());
  if (!context) return fail(Code::kInternal, "cannot make a TLS context: " + ssl_reason());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Result<SslContext> server_tls(const ServerTls& config) {
  PV_TRY(auto context, make_context(TLS_server_method()));
  if (config.version_min == TlsVersion::k13)
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  if (SSL_CTX_use_certificate_chain_file(context.get(), config.cert_file.c_str()) != 1)
    return fail(Code::kInvalid, "certificate `" + config.cert_file + "`: " + ssl_reason());
  PV_TRY(std::string pem, read_private_file(config.key_file));
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                &BIO_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  OPENSSL_cleanse(pem.data(), pem.size());
  if (!key || SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return fail(Code::kInvalid, "key `" + config.key_file + "`: " + ssl_reason());
  return context;
}

Result<SslContext> client_tls(const std::string& ca_file) {
  PV_TRY(auto context, make_context(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                     : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (loaded != 1) return fail(Code::kInvalid, "certificate authorities `" + ca_file + "`: " + ssl_reason());
  return context;
}

Result<SslPtr> client_ssl(const SslContext& context, const std::string& host, int fd) {
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return fail(Code::kInternal, "cannot make a TLS session");
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named = is_address(host)
                         ? X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1
                         : SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
                               SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  if (!named) return fail(Code::kInvalid, "`" + host + "` cannot be verified as a host name");
  SSL_set_connect_state(ssl.get());
  return ssl;
}

Result<SslPtr> server_ssl(const SslContext& context, int fd) {
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return fail(Code::kInternal, "cannot make a TLS session");
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace proviso::http
