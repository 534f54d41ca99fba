#pragma once
// One exchange on its way through the corridor: who asked for what, under which agreement, and the facts
// and records that follow from it. Pure values and functions; the corridor does the waiting.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/commit.h"
#include "exchange/codec.h"
#include "gate/house.h"
#include "gate/judge.h"
#include "models/caller.h"

namespace proviso::gate {

inline constexpr size_t kPurposeBytesMax = 128;  // a purpose is a word of the agreement
inline constexpr std::string_view kUsualVersion = "2023-06-01";  // what a client without the header means
inline constexpr size_t kBetaBytesMax = 512;     // names of features, parted by commas

struct Passage {
  std::string id;  // "ex_" and 32 hex digits
  exchange::Protocol protocol = exchange::Protocol::kOpenAiChat;
  exchange::Endpoint endpoint = exchange::Endpoint::kChat;
  identity::Principal principal;
  std::string purpose;
  exchange::AnthropicVersion anthropic_version = exchange::AnthropicVersion::k20230601;
  std::string beta;  // Anthropic's header of that name: it travels, so it is inspected and recorded
  exchange::Request request;
  std::string body;  // as the client sent it, for the vault
  std::shared_ptr<const InForce> in_force;
  UtcSeconds time;           // of the newest decision
  http::Cancel* gone = nullptr;  // of whoever waits for it; on its loop
  models::Call outgoing;     // what goes to the model, made before the `ask` that commits to it
  ledger::Receipt receipt;   // of the newest leaf
  std::string leaf;          // the newest leaf itself
  exchange::FactOpening opening;  // of its fact `exchange.prompt`, where the model demands a receipt
  std::vector<std::string> redacted;  // labels that were taken out of the request: the client is told
};

std::string new_exchange_id();

// Tells the client what was redacted: `Proviso-Redacted: request:secret, answer:personal.name`.
void put_redacted(http::Headers& headers, const std::vector<std::string>& request,
                  const std::vector<std::string>& answer);

// Printable ASCII: what may become a fact, a header or part of a message of ours.
bool is_plain(std::string_view text);
// What `Proviso-Purpose` says, or `otherwise`. kInvalid unless it is there once at most, plain and short.
Result<std::string> purpose_of(const http::Headers& headers, const std::string& otherwise);

// What a decision is taken on: who, what, for which purpose, when, with which content.
exchange::Facts facts_for(const Passage& passage, exchange::Verb verb, std::string_view resource_type,
                          std::string_view resource_id, const Content& content);

// The leaf and its facts: `facts` is what was decided on, the decision's clauses and the exchange are
// added for the record. `outcome` says what became of it ("open", "complete", "refused", …), or is empty.
audit::Record record_for(const Passage& passage, std::string_view node, exchange::Verb verb,
                         const agreement::Decision& decision, exchange::Facts facts,
                         std::string_view outcome);

// The outcome of an exchange whose model failed: a release that decides nothing.
audit::Record failure_record(const Passage& passage, std::string_view node, exchange::Facts facts,
                             std::string_view outcome);

// "4.1 Human judgement: …", what the person who was refused reads.
std::string denial_sentence(const agreement::Decision& decision);

}  // namespace proviso::gate
