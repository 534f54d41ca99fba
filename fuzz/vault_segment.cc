// A segment file and a record as anyone could have written them: scans end, name faults and never
// read beyond the file; nothing opens that was not sealed.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "vault/cipher.h"
#include "vault/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::vault;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const Key key = Key::random();
  PV_CHECK(!decrypt_record(key, "default/2026-11", bytes));
  PV_CHECK(!decrypt_key(key, "default/2026-11", bytes));
  if (const auto header = decode_header(bytes))
    PV_CHECK(encode_header(*header) == bytes.substr(0, kFrameHeaderBytes));

  static const std::string path = [] {
    std::string pattern = std::filesystem::temp_directory_path() / "proviso-fuzz-XXXXXX";
    const Fd fd(mkstemp(pattern.data()));
    PV_CHECK(fd.valid());
    return pattern;
  }();
  {
    const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    PV_CHECK(write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  const auto scan = scan_segment(path, 0);
  PV_CHECK(scan.has_value() && scan->end <= size);
  for (const Found& found : scan->records)
    if (const auto file = open_segment(path)) static_cast<void>(read_stored(*file, path, found.offset, found.index));
  unlink(path.c_str());
  return 0;
}
