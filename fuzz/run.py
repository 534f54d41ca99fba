#!/usr/bin/env python3
"""Fuzzes targets one after the other, each for a while, and says what came of it. Outside the tests: `./test` replays
the corpora that stand beside this file.

    python3 fuzz/run.py                        every target, 10 minutes each
    python3 fuzz/run.py --seconds 60 inspect   every target whose name begins so
    python3 fuzz/run.py --keep 20 exchange_sse   and adds at most 20 small inputs that reach something new
    python3 fuzz/run.py --parallel 16          sixteen at a time

What a target fails on lies in build/fuzz/failed/TARGET/; the exit status is 1 then. A core each, at the lowest priority.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(TOP, "fuzz", "corpus")
KEPT_BYTES_MAX = 4096  # a corpus is read by people and replayed by every test run


def targets(prefixes):
    names = sorted(name[:-3] for name in os.listdir(os.path.join(TOP, "fuzz"))
                   if name.endswith(".cc") and name != "replay_main.cc")
    chosen = [name for name in names if not prefixes or any(name.startswith(one) for one in prefixes)]
    if not chosen:
        sys.exit("error: no target begins with %s; there are %s" % (", ".join(prefixes), ", ".join(names)))
    return chosen


def fuzz(name, seconds):
    """(figures, folder of new inputs, whether it held)."""
    binary = os.path.join(TOP, "build", "fuzz", "bin", "fuzz_" + name)
    failed = os.path.join(TOP, "build", "fuzz", "failed", name) + os.sep
    os.makedirs(failed, exist_ok=True)
    found = tempfile.mkdtemp(prefix="proviso-fuzz-")
    done = subprocess.run(["nice", "-n", "19", binary, found, os.path.join(CORPUS, name), "-max_total_time=%d" % seconds,
                           "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-artifact_prefix=" + failed],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    said = done.stdout
    runs = re.findall(r"number_of_executed_units: (\d+)", said)
    reached = re.findall(r"cov: (\d+) ft: (\d+)", said)
    figures = (int(runs[-1]) if runs else 0,) + (tuple(map(int, reached[-1])) if reached else (0, 0))
    if done.returncode != 0:
        print(said[-4000:], flush=True)
    return figures, found, done.returncode == 0


def keep(name, found, most):
    """Of the new inputs those that reach what the corpus does not, the smallest first."""
    binary = os.path.join(TOP, "build", "fuzz", "bin", "fuzz_" + name)
    merged = tempfile.mkdtemp(prefix="proviso-fuzz-")
    subprocess.run([binary, "-merge=1", merged, os.path.join(CORPUS, name), found], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    known = {open(os.path.join(CORPUS, name, one), "rb").read() for one in os.listdir(os.path.join(CORPUS, name))}
    new = sorted((os.path.getsize(os.path.join(merged, one)), one) for one in os.listdir(merged))
    kept = 0
    for size, one in new:
        path = os.path.join(merged, one)
        with open(path, "rb") as file:
            fresh = file.read() not in known
        if kept < most and fresh and size <= KEPT_BYTES_MAX:
            shutil.copy(path, os.path.join(CORPUS, name, one[:12]))
            kept += 1
    shutil.rmtree(merged)
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="beginnings of names; none: all")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default 600)")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="targets at a time (default 1)")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="add at most N new inputs to its corpus")
    args = parser.parse_args()
    names = targets(args.target)
    subprocess.run([os.path.join(TOP, "tools", "build.sh"), "fuzz"] + ["fuzz_" + name for name in names], check=True)
    print("| target | inputs tried | edges | features | kept | |\n|---|---|---|---|---|---|", flush=True)
    all_held = True
    with concurrent.futures.ThreadPoolExecutor(args.parallel) as pool:
        for name, ((tried, edges, features), found, held) in zip(names, pool.map(lambda one: fuzz(one, args.seconds), names)):
            kept = keep(name, found, args.keep) if held and args.keep else 0
            shutil.rmtree(found)
            all_held = all_held and held
            print("| %s | %d | %d | %d | %d | %s |" % (name, tried, edges, features, kept, "held" if held else "FAILED"), flush=True)
    sys.exit(0 if all_held else 1)


if __name__ == "__main__":
    main()
