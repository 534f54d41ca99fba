#pragma once
// Counters and gauges for GET /metrics, in Prometheus' text format. Content never enters a label. The
// library's headers stay out of this one. Thread-safe.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace proviso::gate {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // outcome: "complete", "denied", "held", "failed", "cancelled", "malformed", "unauthorized", …
  void exchange(std::string_view protocol, std::string_view outcome);
  void decision(std::string_view verb, std::string_view outcome);
  void bytes(std::string_view direction, uint64_t count);  // "in", "out"
  void gauge(std::string_view name, double value);  // "ledger_entries", "queue_depth", "ready", …
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace proviso::gate
