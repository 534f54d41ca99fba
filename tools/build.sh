#!/usr/bin/env bash
# Configures (once) and builds a preset: `build.sh release [TARGET…]`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
preset=${1:?usage: build.sh PRESET [TARGET…]}
shift
dir=$top/build/$preset
cd "$top"
# The tests join a build that was configured before GoogleTest was there.
tests_missing() { [ -e /usr/include/gtest/gtest.h ] && ! grep -q gtest "$dir/build.ninja"; }
if [ ! -f "$dir/build.ninja" ] || [ CMakePresets.json -nt "$dir/build.ninja" ] || tests_missing; then
  step "configure $preset" cmake --preset "$preset"
fi
# A build with nothing to do is silent and takes a moment.
if ninja -C "$dir" -n "$@" 2>/dev/null | grep -q 'no work to do'; then exit 0; fi
step "build $preset" ninja -C "$dir" "$@"
