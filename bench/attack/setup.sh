#!/usr/bin/env bash
# Installs the attackers, pinned and unmodified, once, into the cache: 7 GB, of which garak has 6.2.
set -euo pipefail
. "$(dirname "$0")/../../tools/lib.sh"
garak_pin=garak==0.17.1
spikee_pin=spikee==0.9.2
dir=$PROVISO_CACHE/attackers
stamp="$garak_pin $spikee_pin"
[ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
mkdir -p "$dir"
# pip does not come to an end on garak's requirements; uv does.
[ -x "$dir/uv/bin/uv" ] || step "uv" bash -c "/usr/bin/python3 -m venv '$dir/uv' && '$dir/uv/bin/pip' install -q uv"
for tool in garak spikee; do
  [ -x "$dir/$tool/bin/python" ] || "$dir/uv/bin/uv" venv -q --python /usr/bin/python3 "$dir/$tool"
done
step "garak" "$dir/uv/bin/uv" pip install -q --python "$dir/garak/bin/python" "$garak_pin"
step "spikee" "$dir/uv/bin/uv" pip install -q --python "$dir/spikee/bin/python" "$spikee_pin"
printf '%s' "$stamp" >"$dir/stamp"
