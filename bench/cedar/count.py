#!/usr/bin/env python3
"""Instructions of a decision, counted by callgrind: the same on a busy machine.

  bench/cedar/count.py [--data FOLDER] [--only NAME…]

Build before: tools/build.sh release bench_cedar; needs valgrind (apt-get install valgrind). For each workload of
bench.py, 200 requests once each after a first round: instructions of one decision on a parsed request, of one
from JSON text to JSON text, and of loading one policy.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

import bench


def instructions(folder, function):
    """Of everything that `function` does, in one run of bench_cedar."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect=*{function}*",
                               f"--callgrind-out-file={out.name}",
                               os.path.join(bench.TOP, "build", "release", "bin", "bench_cedar"), folder, "count"],
                              capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=bench.data_folder())
    parser.add_argument("--only", nargs="*", default=None)
    args = parser.parse_args()
    print(f"{'set':18} {'policies':>8} {'decision':>9} {'JSON to JSON':>12} {'load, a policy':>14}")
    with tempfile.TemporaryDirectory() as root:
        for name, how in bench.workloads(args.data):
            if args.only and name not in args.only:
                continue
            folder = os.path.join(root, name)
            bench.write_workload(how, folder)
            known = bench.run([os.path.join(bench.TOP, "build", "release", "bin", "bench_cedar"), folder, "count"])
            one = instructions(folder, "counted_decision") / known["requests"]
            text = instructions(folder, "counted_json") / known["requests"]
            load = instructions(folder, "counted_load") / known["policies"]
            print(f"{name:18} {known['policies']:8} {one:9,.0f} {text:12,.0f} {load:14,.0f}", flush=True)


if __name__ == "__main__":
    main()
