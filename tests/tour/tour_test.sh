#!/usr/bin/env bash
# The tour, as anyone runs it: every scene must hold.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec "${PROVISO_BIN:-build/release/bin}/proviso" tour --agreement agreements/enclave
