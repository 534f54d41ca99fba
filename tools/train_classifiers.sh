#!/usr/bin/env bash
# Trains the classifiers from labelled rows: `train_classifiers.sh [FOLDER]` writes src/inspect/weights.bin
# and prints what docs/model-card.md says. Besides the folder it reads rows of our own and the meaning of words
# (src/inspect/training). The same rows give the same digest on every run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
data=${1:-${PROVISO_DATA:-$top/../shared}/safeguard-data}
if ! ls "$data"/*.jsonl >/dev/null 2>&1; then
  echo "no rows in $data; name a folder of JSON lines (see docs/inspect.md)" >&2
  exit 2
fi
"$top/tools/build.sh" release train_classifiers
training=$top/src/inspect/training
"$top/build/release/bin/train_classifiers" "$top/src/inspect/weights.bin" "$training/words.bin" "$data"/*.jsonl \
  "$training/authored.jsonl"
