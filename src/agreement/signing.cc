#include <algorithm>
#include <fmt/format.h>

#include "agreement/impl.h"
#include "agreement/terms.h"
#include "base/json.h"
#include "base/sshsig.h"

namespace proviso::agreement {
namespace {

constexpr std::string_view kSignatureFolder = "signatures/";

std::string with_difference(std::string_view manifest, std::string_view difference) {
  return fmt::format("{}{}  {}\n", manifest, sha256(difference).hex(), kDifferencePath);
}

}  // namespace

std::string slug(std::string_view party_name) {
  std::string out;
  for (char c : party_name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (keep) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  if (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

std::string signature_path(std::string_view party_name) {
  return fmt::format("{}{}.sig", kSignatureFolder, slug(party_name));
}

std::string custodian_signature_path(std::string_view party_name) {
  return fmt::format("{}{}.custodian.sig", kSignatureFolder, slug(party_name));
}

std::string manifest_of(const Files& files) {
  std::string manifest;
  for (const auto& [path, bytes] : files) {
    if (path.starts_with(kSignatureFolder)) continue;
    manifest += sha256(bytes).hex() + "  " + path + "\n";
  }
  return manifest;
}

Status Agreement::check_signatures() const {
  std::string problems;
  for (const Party& party : impl_->terms.parties) {
    const std::string path = signature_path(party.name);
    const auto report = [&](std::string_view what) {
      if (!problems.empty()) problems += '\n';
      problems += fmt::format("party `{}` has not signed this agreement: {}: {}", party.name, path, what);
    };
    const auto found = impl_->signatures.find(path);
    if (found == impl_->signatures.end()) {
      report("there is no such file; sign the manifest and put the signature there");
      continue;
    }
    const auto key = sshsig::parse_public_key(party.key);
    if (!key) {
      report(key.error().message);
    } else if (Status status = sshsig::verify(*key, kSignatureNamespace, impl_->manifest, found->second);
               !status) {
      report(status.error().message);
    }
  }
  if (!problems.empty()) return fail(Code::kUnverified, std::move(problems));
  return {};
}

const std::string& Agreement::difference() const {
  static const std::string kNone;
  const auto found = impl_->signatures.find(std::string(kDifferencePath));
  return found == impl_->signatures.end() ? kNone : found->second;
}

bool Agreement::signed_by_custodian(std::string_view key_line) const {
  const auto key = sshsig::parse_public_key(key_line);
  if (!key || difference().empty()) return false;
  const std::string text = with_difference(impl_->manifest, difference());
  return std::ranges::any_of(impl_->signatures, [&](const auto& file) {
    return sshsig::verify(*key, kSignatureNamespace, text, file.second).has_value();
  });
}

Result<Files> with_party_keys(Files files, const std::map<std::string, std::string>& key_by_party) {
  const auto terms = files.find(std::string(kTermsFile));
  if (terms == files.end()) return fail(Code::kNotFound, "the agreement has no agreement.toml");
  PV_TRY(std::vector<PartyKeySpan> spans, party_key_spans(terms->second));
  for (const auto& [party, key] : key_by_party) {
    const bool known = std::any_of(spans.begin(), spans.end(),
                                   [&](const PartyKeySpan& span) { return span.party == party; });
    if (!known) return fail(Code::kNotFound, fmt::format("agreement.toml has no party `{}`", party));
    if (const auto parsed = sshsig::parse_public_key(key); !parsed) {
      return fail_at(fmt::format("key of party `{}`", party), parsed.error());
    }
  }
  std::sort(spans.begin(), spans.end(),
            [](const PartyKeySpan& a, const PartyKeySpan& b) { return a.begin > b.begin; });
  for (const PartyKeySpan& span : spans) {
    const auto key = key_by_party.find(span.party);
    if (key == key_by_party.end()) continue;
    std::string_view line = key->second;
    if (line.ends_with('\n')) line.remove_suffix(1);
    terms->second.replace(span.begin, span.end - span.begin, json::quoted(line));
  }
  std::erase_if(files, [](const auto& file) { return file.first.starts_with(kSignatureFolder); });
  return files;
}

Result<Files> sign_for_party(Files files, std::string_view party, const PrivateKey& key) {
  const auto terms = files.find(std::string(kTermsFile));
  if (terms == files.end()) return fail(Code::kNotFound, "the agreement has no agreement.toml");
  PV_TRY(const std::vector<PartyKeySpan> spans, party_key_spans(terms->second));
  const auto span = std::find_if(spans.begin(), spans.end(),
                                 [&](const PartyKeySpan& one) { return one.party == party; });
  if (span == spans.end()) {
    return fail(Code::kNotFound, fmt::format("agreement.toml has no party `{}`", party));
  }
  const auto named = sshsig::parse_public_key(span->key);
  if (!named || !(*named == key.public_key())) {
    return fail(Code::kUnverified, fmt::format("this is not the key that agreement.toml names for party "
                                               "`{}`", party));
  }
  files[signature_path(party)] = sshsig::sign(key, kSignatureNamespace, manifest_of(files));
  return files;
}

Files sign_as_custodian(Files files, std::string_view party, const PrivateKey& key) {
  const auto difference = files.find(std::string(kDifferencePath));
  const std::string text =
      with_difference(manifest_of(files), difference == files.end() ? std::string_view() : difference->second);
  files[custodian_signature_path(party)] = sshsig::sign(key, kSignatureNamespace, text);
  return files;
}

}  // namespace proviso::agreement
