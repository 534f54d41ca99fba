#!/usr/bin/env bash
# Builds other people's programs that judge our log, at pinned versions, into the cache. Needs Go 1.25 and the
# module proxy; prints where they are. `--where` only prints. Nothing of them is part of Proviso.
set -euo pipefail
. "$(dirname "$0")/../../tools/lib.sh"
out=$PROVISO_CACHE/interop
if [ "${1:-}" = --where ]; then echo "$out"; exit 0; fi
command -v go >/dev/null || die "go is not installed: tests/interop needs Go 1.25 or later"
mkdir -p "$out"
work=$(mktemp -d "${TMPDIR:-/tmp}/proviso-interop.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$top"/tests/interop/strangers/* "$work"
cd "$work"
export GOFLAGS=-mod=mod
step "build strangers" go build -o "$out/strangers" .
for tool in \
  filippo.io/torchwood/cmd/litewitness \
  github.com/transparency-dev/tessera/cmd/fsck \
  github.com/transparency-dev/tessera/cmd/conformance/posix; do
  name=$(basename "$tool")
  [ "$name" = posix ] && name=tessera-posix
  step "build $name" go build -o "$out/$name" "$tool"
done
echo "$out"
