#!/usr/bin/env bash
# Trains the classifiers and the second opinion from labelled rows: `train_classifiers.sh [FOLDER]` writes
# src/inspect/weights.bin and src/inspect/opinion.bin and prints what docs/model-card.md says. Besides the folder it reads
# rows of our own and the meaning of words (src/inspect/training) and the encoder, which it fetches. The same rows give
# the same digests on every run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
data=${1:-${PROVISO_DATA:-$top/../shared}/safeguard-data}
if ! ls "$data"/*.jsonl >/dev/null 2>&1; then
  echo "no rows in $data; name a folder of JSON lines (see docs/inspect.md)" >&2
  exit 2
fi
"$top/tools/fetch_sources.sh" encoder
"$top/tools/build.sh" release train_classifiers
inspect=$top/src/inspect
"$top/build/release/bin/train_classifiers" "$inspect/weights.bin" "$inspect/opinion.bin" \
  "$PROVISO_CACHE/models/multilingual-e5-small-q4.bin" "$inspect/training/words.bin" "$data"/*.jsonl "$inspect/training/authored.jsonl"
