#include "gate/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <utility>

namespace proviso::gate {

struct Metrics::Impl {
  using Pair = std::pair<std::string, std::string>;

  // Labels come from small closed sets, so families stay small; each counter is looked up once.
  prometheus::Counter& counter(prometheus::Family<prometheus::Counter>& family,
                               std::map<Pair, prometheus::Counter*>& known, const char* first,
                               const char* second, Pair values) {
    const std::lock_guard lock(mutex);
    auto& slot = known[values];
    if (slot == nullptr) {
      prometheus::Labels labels{{first, values.first}};
      if (second[0] != '\0') labels.emplace(second, values.second);
      slot = &family.Add(labels);
    }
    return *slot;
  }

  std::mutex mutex;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& exchanges =
      prometheus::BuildCounter()
          .Name("proviso_exchanges_total")
          .Help("Exchanges by protocol and outcome")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& decisions =
      prometheus::BuildCounter()
          .Name("proviso_decisions_total")
          .Help("Decisions by verb and outcome")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& transferred =
      prometheus::BuildCounter()
          .Name("proviso_bytes_total")
          .Help("Body bytes from and to clients")
          .Register(registry);
  std::map<Pair, prometheus::Counter*> exchange_counters, decision_counters, byte_counters;
  std::map<std::string, prometheus::Gauge*> gauges;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::exchange(std::string_view protocol, std::string_view outcome) {
  impl_->counter(impl_->exchanges, impl_->exchange_counters, "protocol", "outcome",
                 {std::string(protocol), std::string(outcome)})
      .Increment();
}

void Metrics::decision(std::string_view verb, std::string_view outcome) {
  impl_->counter(impl_->decisions, impl_->decision_counters, "verb", "outcome",
                 {std::string(verb), std::string(outcome)})
      .Increment();
}

void Metrics::bytes(std::string_view direction, uint64_t count) {
  impl_->counter(impl_->transferred, impl_->byte_counters, "direction", "",
                 {std::string(direction), ""})
      .Increment(static_cast<double>(count));
}

void Metrics::gauge(std::string_view name, double value) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->gauges[std::string(name)];
  if (slot == nullptr) {
    slot = &prometheus::BuildGauge()
                .Name("proviso_" + std::string(name))
                .Register(impl_->registry)
                .Add({});
  }
  slot->Set(value);
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace proviso::gate
