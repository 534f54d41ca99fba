// The part of the first stage that reads a key file's opening line.
#include <algorithm>

#include "inspect/stream.h"

namespace proviso::inspect {
namespace {

constexpr int64_t kScorePem = 1000;

}  // namespace

// Reads on in the line that "-----BEGIN" opened (RFC 7468 section 2; RFC 9580 section 6.2 for PGP).
// A private key is denied from its opening marker on; any other line is let go. PuTTY's own format
// says what it is at once.
void SecretStream::read_pem_line(std::string_view text) {
  constexpr std::string_view kMarker = "PRIVATE KEY";
  pem_line_ += text;
  if (pem_line_.starts_with("PuTTY-User-Key-File-")) {
    open_key_file();
    return;
  }
  const size_t marker = pem_line_.find(kMarker);
  const auto outside = std::find_if(pem_line_.begin(), pem_line_.end(), [](char c) {
    return c != ' ' && !in_set(c, kUp | kDigit | kDash | kUnder);
  });
  const auto read = static_cast<size_t>(outside - pem_line_.begin());
  if (marker != std::string::npos && marker + kMarker.size() <= read) {
    open_key_file();
  } else if (read < pem_line_.size() || pem_line_.size() >= kPemLineBytesMax) {
    pem_begin_.reset();
  }
}

// Everything from the opening marker on, or from a match that stands in front of it in its word.
void SecretStream::open_key_file() {
  size_t begin = *pem_begin_;
  for (const Match& match : matches_) begin = std::min(begin, match.begin);
  open_stretch(begin, "private-key", kScorePem, Mode::kToTheEnd);
}

// A key file's opening line that takes so many bytes is one in disguise.
bool SecretStream::bound_opening() {
  if (!pem_begin_ || scan_ - *pem_begin_ <= kRawWordBytesMax) return false;
  open_key_file();
  return true;
}

}  // namespace proviso::inspect
