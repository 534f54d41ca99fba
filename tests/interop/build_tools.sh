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
# The same program with the batch age that its library has by default, for bench/ledger.
mkdir tessera-posix-250ms
sed 's/WithBatching(256, time.Second)/WithBatching(tessera.DefaultBatchMaxSize, tessera.DefaultBatchMaxAge)/' \
  "$(go list -m -f '{{.Dir}}' github.com/transparency-dev/tessera)/cmd/conformance/posix/main.go" >tessera-posix-250ms/main.go
grep -q DefaultBatchMaxAge tessera-posix-250ms/main.go
step "build tessera-posix-250ms" go build -o "$out/tessera-posix-250ms" ./tessera-posix-250ms
# Its versions of what we use are others: a module of its own.
mkdir sunlight
cd sunlight
printf 'module proviso.local/sunlight\n\ngo 1.25\n\nrequire filippo.io/sunlight v0.8.1\n' >go.mod
for tool in sunlight sunlight-keygen; do
  step "build $tool" go build -o "$out/$tool" "filippo.io/sunlight/cmd/$tool"
done
echo "$out"
