#include "audit/usage.h"

#include <optional>

#include "base/json.h"

namespace proviso::audit {
namespace {

std::string vendor_name(const Leaf& leaf, AgreementShelf& agreements) {
  const auto in_force = agreements.get(leaf.agreement);
  if (in_force) {
    for (const auto& vendor : (*in_force)->terms().vendors) {
      if (vendor_digest(vendor.id) == leaf.vendor) return vendor.id;
    }
  }
  return leaf.vendor == Digest{} ? std::string("-") : leaf.vendor.hex();
}

// Nothing if the record's key is gone.
Result<std::optional<std::string>> purpose_of(const vault::Vault& vault, uint64_t index) {
  const auto bytes = vault.open_record(index);
  if (!bytes && bytes.error().code == Code::kUnavailable) return std::optional<std::string>();
  if (!bytes) return std::unexpected(bytes.error());
  PV_TRY(const Contents contents, Contents::decode(*bytes));
  const auto* value = contents.facts.find("context.moment.purpose");
  const auto* purpose = value ? std::get_if<std::string>(value) : nullptr;
  return std::optional(purpose ? *purpose : std::string("-"));
}

}  // namespace

Result<Usage> count_usage(const ledger::LogReader& log, const vault::Vault& vault,
                          AgreementShelf& agreements, UtcSeconds from, UtcSeconds to,
                          const std::string& vendor) {
  Usage usage;
  PV_TRY_VOID(log.scan(0, [&](uint64_t index, std::string_view entry) -> Status {
    ++usage.leaves;
    PV_TRY(const Leaf leaf, Leaf::parse(entry));
    if (leaf.verb != "ask" || leaf.time < from || leaf.time >= to) return {};
    const std::string name = vendor_name(leaf, agreements);
    if (!vendor.empty() && name != vendor) return {};
    PV_TRY(const auto purpose, purpose_of(vault, index));
    if (!purpose) ++usage.unopened;
    UsageCount& count =
        usage.rows[{format_time(leaf.time).substr(0, 7), name, purpose.value_or("-")}];
    if (leaf.decision == "allow") ++count.allowed;
    if (leaf.decision == "deny") ++count.denied;
    if (leaf.decision == "hold") ++count.held;
    if (leaf.decision == "redact") ++count.redacted;
    return {};
  }));
  return usage;
}

std::string Usage::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_array();
  for (const auto& [key, count] : rows) {
    writer.begin_object();
    writer.key("allowed").uinteger(count.allowed);
    writer.key("denied").uinteger(count.denied);
    writer.key("held").uinteger(count.held);
    writer.key("month").string(std::get<0>(key));
    writer.key("purpose").string(std::get<2>(key));
    writer.key("redacted").uinteger(count.redacted);
    writer.key("vendor").string(std::get<1>(key));
    writer.end_object();
  }
  writer.end_array();
  return out;
}

}  // namespace proviso::audit
