#include "http/task.h"

#include <array>
#include <new>

namespace proviso::http::detail {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kRecycle = false;  // a reused frame would hide a use after its end
#else
constexpr bool kRecycle = true;
#endif

constexpr size_t kFrameStep = 128;
constexpr size_t kFrameClassesMax = 32;  // frames up to 4 KB; larger ones go to the heap
constexpr size_t kFramesKeptMax = 64;    // of each class and thread: what the calls of one wake-up use

// Frames that ended, by size, for the next ones: a governed call has dozens, some larger than what malloc
// keeps at hand.
class Frames {
 public:
  ~Frames() {
    for (auto& kept : kept_)
      while (kept.first != nullptr) ::operator delete(pop(kept));
  }
  void* take(size_t index) {
    Kept& kept = kept_[index];
    return kept.first != nullptr ? pop(kept) : ::operator new((index + 1) * kFrameStep);
  }
  void give(void* frame, size_t index) {
    Kept& kept = kept_[index];
    if (kept.count == kFramesKeptMax) {
      ::operator delete(frame);
      return;
    }
    auto* node = ::new (frame) Node{kept.first};
    kept.first = node;
    ++kept.count;
  }

 private:
  struct Node {
    Node* next;
  };
  struct Kept {
    Node* first = nullptr;
    size_t count = 0;
  };
  static void* pop(Kept& kept) {
    Node* node = kept.first;
    kept.first = node->next;
    --kept.count;
    return node;
  }
  std::array<Kept, kFrameClassesMax> kept_{};
};

thread_local Frames frames;

}  // namespace

void* take_frame(size_t size) {
  const size_t index = (size - 1) / kFrameStep;
  if (!kRecycle || index >= kFrameClassesMax) return ::operator new(size);
  return frames.take(index);
}

void give_frame(void* frame, size_t size) noexcept {
  const size_t index = (size - 1) / kFrameStep;
  if (!kRecycle || index >= kFrameClassesMax) {
    ::operator delete(frame);
    return;
  }
  frames.give(frame, index);
}

}  // namespace proviso::http::detail
