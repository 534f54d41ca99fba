#!/usr/bin/env bash
# Installs the gateway that bench/mcp/mcp.py measures beside ours, pinned and unmodified, once, into the cache.
set -euo pipefail
. "$(dirname "$0")/../../tools/lib.sh"
pins="fastmcp==4.2.3"
dir=$PROVISO_CACHE/peers/mcp
[ "$(cat "$dir/stamp" 2>/dev/null)" = "$pins" ] && exit 0
[ -x "$dir/bin/python" ] || step "virtual environment" /usr/bin/python3 -m venv "$dir"
step "gateway" "$dir/bin/pip" install -q $pins
printf '%s' "$pins" >"$dir/stamp"
