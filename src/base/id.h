#pragma once
// Strong ids: a string that says what it names. No conversion between kinds, none from bare text.
#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace proviso {

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string text_;
};

}  // namespace proviso

// PV_STRONG_ID(ModelId) declares a kind of id in the current namespace.
#define PV_STRONG_ID(Name)  \
  struct Name##Tag {};      \
  using Name = ::proviso::Id<Name##Tag>
