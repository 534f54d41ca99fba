#!/usr/bin/env bash
# Trains what finds names and addresses of persons: `train_persons.sh [FOLDER]` writes src/inspect/persons.bin
# and prints what docs/model-card.md says. The same rows give the same digest on every run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
data=${1:-${PROVISO_DATA:-$top/../shared}/safeguard-data}
if [ ! -e "$data/pii.jsonl" ] || [ ! -e "$data/benign.jsonl" ]; then
  echo "no pii.jsonl and benign.jsonl in $data; name a folder of JSON lines (see docs/inspect.md)" >&2
  exit 2
fi
"$top/tools/build.sh" release train_persons
carriers=$(mktemp "${TMPDIR:-/tmp}/proviso-carriers.XXXXXX")
trap 'rm -f "$carriers"' EXIT
python3 "$top/src/inspect/training/carriers.py" >"$carriers"
"$top/build/release/bin/train_persons" "$top/src/inspect/persons.bin" "$top/src/inspect/training/names.txt" \
  "$data/benign.jsonl" "$data/pii.jsonl" "$carriers"
