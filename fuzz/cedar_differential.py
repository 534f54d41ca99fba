#!/usr/bin/env python3
"""Compares this engine with the Rust crate on generated triples of policies, entities and request.

  fuzz/cedar_differential.py COUNT SEED --peer PROGRAM

Build before: ninja -C build/release cedar_differential; cargo build --release in bench/cedar_peer.
Prints every difference, the operators and the kinds of errors that were reached; exits 1 on a difference.
"""
import argparse
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLICE = 50_000  # cases in one file, so that a long run needs little disk


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--peer", required=True)
    args = parser.parse_args()
    ours = os.path.join(TOP, "build", "release", "bin", "cedar_differential")
    counts, same, refused, differ = {}, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        cases, answers = os.path.join(folder, "cases"), os.path.join(folder, "answers")
        for first in range(0, args.count, SLICE):
            size = min(SLICE, args.count - first)
            done = subprocess.run([ours, str(size), str(args.seed + first), cases, answers], capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
            for line in done.stderr.splitlines():
                name, times = line.rsplit(": ", 1)
                counts[name] = counts.get(name, 0) + int(times)
            with open(cases) as f:
                peer = subprocess.run([args.peer, "judge"], stdin=f, capture_output=True, text=True, check=True)
            with open(answers) as a, open(cases) as c:
                for mine, theirs, case in zip(a.read().splitlines(), peer.stdout.splitlines(), c):
                    if mine.startswith("refused") and theirs.startswith("refused"):
                        refused += 1
                    elif mine == theirs:
                        same += 1
                    else:
                        differ += 1
                        if differ <= 20:
                            print(f"ours  {mine}\npeer  {theirs}\n{case}")
    for name in sorted(counts):
        print(f"{counts[name]:10} {name}")
    print(f"{same} the same, {refused} refused by both, {differ} different, of {args.count}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
