#!/usr/bin/env python3
"""Compares this engine with the Rust crate cedar-policy on generated triples of policies, entities and request.

  fuzz/cedar_differential.py COUNT SEED

Builds both halves first: the CMake target cedar_differential, which generates and answers, and bench/cedar_peer,
which judges the same cases and compares decision, reasons, errors and the kind of each error. Prints every
difference and how often each operator, function, form of scope and kind of run-time error was met; exits 1 on
a difference, or if one of these was never met.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = os.path.join(TOP, "bench", "cedar_peer")


def build():
    subprocess.run([os.path.join(TOP, "tools", "build.sh"), "release", "cedar_differential"], check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=PEER, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(PEER, "target"))
    return os.path.join(TOP, "build", "release", "bin", "cedar_differential"), os.path.join(target, "release", "cedar_peer")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int)
    args = parser.parse_args()
    ours, peer = build()
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as counts:
        generating = subprocess.Popen([ours, str(args.count), str(args.seed)], stdout=subprocess.PIPE, stderr=counts)
        judging = subprocess.run([peer, "judge"], stdin=generating.stdout)
        generating.stdout.close()
        generated = generating.wait()
        counts.seek(0)
        lines = counts.read().splitlines()
    if generated != 0:
        sys.exit("\n".join(lines) + f"\ncedar_differential ended with {generated}")
    never = []
    for line in lines:
        name, times = line.rsplit("\t", 1)
        print(f"{int(times):12,} {name}")
        if int(times) == 0:
            never.append(name)
    took = time.monotonic() - start
    print(f"{args.count:,} triples of seed {args.seed} in {took:.0f} s, {args.count / took:,.0f} a second")
    if never:
        print("never met: " + ", ".join(never))
    sys.exit(1 if judging.returncode != 0 or never else 0)


if __name__ == "__main__":
    main()
