#pragma once
// What proviso-launch and its parent say to each other over the control socket: one WireReport, then
// `filter_bytes` of the seccomp program, then `connector_filter_bytes` of the connector's, then the errno of
// the exec try (int32), then from the parent one byte kWireGo, then, only if becoming the worker failed, its
// errno (int32). The end of the stream after kWireGo means that the launcher has become the worker, or,
// with a doorkeeper, that both programs run and the launcher is their connector. Both sides come from one build.
#include <cstdint>

namespace proviso::sandbox {

inline constexpr uint32_t kWireMagic = 0x50764c31;  // "PvL1"
inline constexpr char kWireGo = 'g';
inline constexpr uint32_t kWireFilterBytesMax = 64 * 1024;  // a seccomp program has at most 4096 words of 8
inline constexpr int kWireWays = 10;
inline constexpr int kWireStages = 4;  // outside, behind the network, behind files, inside

// Descriptors as the launcher finds them.
inline constexpr int kFdProgram = 3;
inline constexpr int kFdControl = 4;
inline constexpr int kFdOutside = 5;  // a folder outside the scratch folder, for the write probe
inline constexpr int kFdScratch = 6;
inline constexpr int kFdFiles = 7;    // the first of the read-only files; the worker keeps these
// Behind the files: the doorkeeper's program, where there is one. The doorkeeper itself gets no files; in
// their place it finds the socket on which it asks the connector for connections to the worker: one byte
// each way, the answer with a descriptor if the worker took the connection.
inline constexpr int kFdConnector = kFdFiles;

// What may be switched off by a negative control; bits of the LAYERS argument.
inline constexpr uint32_t kLayerNetwork = 1;
inline constexpr uint32_t kLayerLandlock = 2;
inline constexpr uint32_t kLayerSeccomp = 4;
// Not a layer to switch off: the calls that a child with folders of its own needs.
inline constexpr uint32_t kWithFolders = 8;
inline constexpr uint32_t kLayerRoot = 16;

// Where the worker listens behind a doorkeeper: an abstract socket of the sandbox's own network, which no
// process outside can name. llama-server and others write it with an @ in front.
inline constexpr char kInnerSocket[] = "inner.sock";

struct WireReport {
  uint32_t magic = kWireMagic;
  int32_t failed_errno = 0;  // not 0: `step` could not be done, nothing else counts
  char step[96] = {};
  int32_t landlock_abi = 0;
  int32_t user_namespace = 0;
  uint32_t uid = 0;
  int32_t tries[kWireWays][kWireStages] = {};
  uint32_t filter_bytes = 0;
  // With a doorkeeper: the tries in its finished sandbox, and in the connector's.
  int32_t doorkeeper[kWireWays] = {};
  int32_t connector[kWireWays] = {};
  uint32_t connector_filter_bytes = 0;
};

}  // namespace proviso::sandbox
