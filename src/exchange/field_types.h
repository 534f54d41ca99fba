#pragma once
// What the field tables of every protocol are made of. Not a face.
#include "exchange/fields.h"

namespace proviso::exchange {

inline constexpr Channel kSystemChannel = Channel::kSystem;
inline constexpr Channel kTextChannel = Channel::kText;
inline constexpr Channel kResultChannel = Channel::kToolResult;
inline constexpr Type kBool{.kind = Kind::kBool};
inline constexpr Type kInteger{.kind = Kind::kInteger};
inline constexpr Type kNumber{.kind = Kind::kNumber};
inline constexpr Type kText{.kind = Kind::kText, .inherits = true};
inline constexpr Type kName{.kind = Kind::kText, .channel = Channel::kOther};
inline constexpr Type kJson{.kind = Kind::kJson, .channel = Channel::kOther};
inline constexpr Type kReasoning{.kind = Kind::kText, .channel = Channel::kReasoning};
inline constexpr Type kDefinitionText{.kind = Kind::kText, .channel = Channel::kToolDefinition};
inline constexpr Type kDefinitionJson{.kind = Kind::kJson, .channel = Channel::kToolDefinition};
inline constexpr Type kBytes{.kind = Kind::kOpaque, .channel = Channel::kFile};

}  // namespace proviso::exchange
