#pragma once
// What chat completions and Responses have in common, as their field tables say it. Not a face.
#include <array>

#include "exchange/field_types.h"

namespace proviso::exchange {

inline constexpr Type kRefusal{.kind = Kind::kText, .channel = Channel::kRefusal};
inline constexpr Type kArguments{.kind = Kind::kJsonText, .channel = Channel::kToolArguments};
inline constexpr Type kFileName{.kind = Kind::kText, .channel = Channel::kFile};
inline constexpr std::array<std::string_view, 3> kDetailWords = {"auto", "low", "high"};
inline constexpr Type kDetail{.kind = Kind::kWord, .words = kDetailWords};
inline constexpr Field kTextPart[] = {{.name = "text", .type = &kText, .need = Need::kRequired}};
inline constexpr Field kRefusalPart[] = {{.name = "refusal", .type = &kRefusal, .need = Need::kRequired}};
inline constexpr std::array<std::string_view, 3> kToolChoiceWords = {"none", "auto", "required"};
inline constexpr Type kToolChoiceWord{.kind = Kind::kWord, .words = kToolChoiceWords};
inline constexpr std::array<std::string_view, 6> kEffortWords = {"none", "minimal", "low", "medium", "high", "xhigh"};
inline constexpr Type kEffort{.kind = Kind::kWord, .words = kEffortWords};
inline constexpr std::array<std::string_view, 3> kVerbosityWords = {"low", "medium", "high"};
inline constexpr Type kVerbosity{.kind = Kind::kWord, .words = kVerbosityWords};

inline bool is_false(json::Element value) { return value.is_bool() && !value.get_bool().value_unsafe(); }

inline const char* no_store(json::Element value) {
  return is_false(value) ? nullptr
                         : "may only be false: what is kept is the agreement's to say, not the vendor's";
}

// An upstream may fetch any other URL itself, past the gate.
inline const char* data_url(json::Element value) {
  return value.is_string() && value.get_string().value_unsafe().starts_with("data:")
             ? nullptr
             : "must be a data: URL: a model may not fetch addresses itself";
}

}  // namespace proviso::exchange
