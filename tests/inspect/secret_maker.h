#pragma once
// Makes secrets of every kind that the rules know, from the rules and a seed, so that no token stands
// in the source. Shared with the tests of the promises.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "inspect/checks.h"
#include "inspect/rules.h"

namespace proviso::inspect {

struct Made {
  std::string kind;
  std::string lead;    // what must stand before it ("meraki_api_key = "), not secret by itself
  std::string secret;
  std::string tail;    // what must stand behind it
};

struct Carrier {
  const char* before;
  const char* after;
};

// Every carrier puts a delimiter on both sides of the secret.
inline constexpr Carrier kCarriers[] = {
    {"", ""},
    {"Use ", " until Friday."},
    {"{\"line\":\"", "\"}"},
    {"export X=1\n", "\nDEBUG=1\n"},
    {"请使用 ", " 登录。"},
    {"```\n- ", "\n```"},
    {"| prod | ", " |"},
};

class SecretMaker {
 public:
  explicit SecretMaker(uint64_t seed) : random_(seed) {}

  // One of every prefix rule, every keyword rule and the special forms.
  std::vector<Made> every_kind() {
    std::vector<Made> all;
    for (const PrefixRule& rule : prefix_rules()) {
      if (rule.check == Check::kPem || rule.check == Check::kUrl || rule.check == Check::kJwt) continue;
      all.push_back({rule.name, "", token(rule), ""});
    }
    for (const KeywordRule& rule : keyword_rules()) all.push_back(assigned(rule));
    all.push_back({"jwt", "", jwt(60), ""});
    all.push_back({"private-key", "", pem("RSA PRIVATE KEY", 300), ""});
    all.push_back({"private-key", "", pem("OPENSSH PRIVATE KEY", 200), ""});
    all.push_back({"private-key", "", pem("PGP PRIVATE KEY BLOCK", 100), ""});
    all.push_back({"connection-string", "postgres://app:", text(kAlnum, 16), "@db.internal/main"});
    all.push_back({"connection-string", "amqp://svc:", text(kAlnum, 9) + "7", "@mq:5672"});
    all.push_back({"password", "password: \"", text(kAlnum, 7) + "3,;(x", "\""});
    all.push_back({"password", "the password is ", text(kAlnum, 8) + "4", ""});
    all.push_back({"password", "--password ", text(kAlnum, 8) + "5", ""});
    all.push_back({"github-token", "", github(), ""});
    return all;
  }

  std::string text(Set set, size_t length) {
    std::string out;
    while (out.size() < length) {
      const char c = static_cast<char>(32 + random_() % 95);
      if (in_set(c, set)) out += c;
    }
    return out;
  }

  std::string jwt(size_t payload) {
    return "ey" + std::string("Jhb") + text(kAlnum, 17) + ".ey" + text(kAlnum, payload) + "." +
           text(kAlnum, 43);
  }

  std::string pem(const std::string& what, size_t body) {
    std::string out = "-----BEGIN " + what + "-----\n";
    for (size_t i = 0; i < body; i += 64) out += text(kAlnum | kPlus, 64) + "\n";
    return out + "-----END " + what + "-----";
  }

  std::string github() { return with_checksum("ghp_" + text(kAlnum, 30)); }

  uint64_t below(uint64_t limit) { return random_() % limit; }

 private:
  static std::string with_checksum(const std::string& head) {
    static constexpr std::string_view kDigits62 =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t crc = 0xffffffff;
    for (char c : head.substr(4)) {
      crc ^= static_cast<uint8_t>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    }
    crc = ~crc;
    std::string sum(6, '0');
    for (size_t i = 0; i < 6; ++i) {
      sum[5 - i] = kDigits62[crc % 62];
      crc /= 62;
    }
    return head + sum;
  }

  std::string token(const PrefixRule& rule) {
    const Set inner = rule.set & (kAlnum | kDash | kUnder | kDot);
    for (int attempt = 0;; ++attempt) {
      PV_CHECK(attempt < 10000);
      const size_t length = rule.max != 0 ? rule.max : rule.min;
      std::string body = text(inner != 0 ? inner : kAlnum, rule.set == 0 ? 0 : length);
      if (rule.check == Check::kDotted && body.size() > 20) body[10] = body[20] = '.';
      const std::string lead = text(kAlnum, rule.lead);
      const std::string whole = lead + rule.literal + body;
      if (score_token(whole, rule.lead > 0 ? "" : body, rule.check) > 0) return whole;
    }
  }

  Made assigned(const KeywordRule& rule) {
    const std::string name = std::string(rule.keyword);
    for (int attempt = 0;; ++attempt) {
      PV_CHECK(attempt < 10000);
      std::string value;
      if (rule.strength != Strength::kVendor) {
        value = text(kAlnum, 24);
        if (score_assigned(value, rule.strength) == 0) continue;
        return {rule.name, name + (rule.strength == Strength::kCarrier ? " " : " = "), value, ""};
      }
      const size_t length = rule.max;
      value = text(rule.set & (kAlnum | kUnder), length);
      if (rule.check == Check::kUuid) {
        for (size_t i : {8u, 13u, 18u, 23u}) value[i] = '-';
      }
      if (count_kinds(value).digits == 0 || score_token(value, {}, rule.check) == 0) continue;
      return {rule.name, name + "_id: \"", value, "\""};
    }
  }

  std::mt19937_64 random_;
};

}  // namespace proviso::inspect
