#include "gate/proof_desk.h"

namespace proviso::gate {

ProofDesk::ProofDesk(prove::ProverOptions options) : options_(std::move(options)) {
  options_.cancelled = [this] { return stop_.load(); };
}

ProofDesk::~ProofDesk() { end(); }

void ProofDesk::end() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  stop_ = false;
}

void ProofDesk::begin(std::shared_ptr<const agreement::Agreement> agreement) {
  end();
  agreement_ = std::move(agreement);
  done_ = false;
  thread_ = std::thread([this] {
    verdict_ = prove::require_proven(*agreement_, options_, kProofThreads);
    ended_ = std::chrono::steady_clock::now();
    done_ = true;
  });
}

std::optional<Status> ProofDesk::ask(const std::shared_ptr<const agreement::Agreement>& agreement) {
  if (agreement_ == nullptr || agreement_->digest() != agreement->digest()) {
    begin(agreement);
    return std::nullopt;
  }
  if (!done_) return std::nullopt;
  if (thread_.joinable()) thread_.join();
  const bool passing = !verdict_ && verdict_.error().code == Code::kUnavailable;
  if (passing && std::chrono::steady_clock::now() - ended_ > std::chrono::milliseconds(kProofRetryMillis)) {
    begin(agreement);
    return std::nullopt;
  }
  return verdict_;
}

}  // namespace proviso::gate
