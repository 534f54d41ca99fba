#!/usr/bin/env python3
"""Cedar decisions beside the Rust crate, every answer compared.

  bench/cedar/bench.py [--seconds S] [--data FOLDER] [--peer PROGRAM] [--only NAME…]

Build before: tools/build.sh release bench_cedar; cargo build --release in bench/cedar_peer (its binary is
--peer; without it only ours is timed). Both take parsed requests with string ids; the figure is the median
over 200 requests of each request's median time on one core.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OOPSLA = ["gdrive", "gdrive-templates", "github", "github-templates", "tinytodo"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr}")
    return json.loads(done.stdout)


def workloads(data):
    """(name, arguments of generate.py) of everything that is measured."""
    works = [(f"rules{n}", ["rules", str(n)]) for n in (20, 100, 1000, 10000)] + [("flat1000", ["flat", "1000"])]
    works += [(name, ["agreement", name]) for name in ("enclave", "hospital")]
    if os.path.isdir(data):
        return works + [(name, ["oopsla", name, data]) for name in OOPSLA]
    print("skipped: the OOPSLA sets (no Cedar conformance data)")
    return works


def write_workload(how, folder):
    subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), *how, folder], check=True)


def data_folder():
    return os.path.join(os.environ.get("PROVISO_DATA", os.path.join(TOP, "..", "shared")), "cedar-conformance")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", default="1.0")
    parser.add_argument("--data", default=data_folder())
    parser.add_argument("--peer", default=None)
    parser.add_argument("--only", nargs="*", default=None)
    args = parser.parse_args()
    ours = os.path.join(TOP, "build", "release", "bin", "bench_cedar")
    works = workloads(args.data)
    print(f"{'set':18} {'policies':>8} {'candidates':>10} {'ours ns':>9} {'p90':>7} {'JSON ns':>8} {'load ms':>8} {'Rust ns':>10} {'ratio':>7}")
    wrong = 0
    with tempfile.TemporaryDirectory() as root:
        for name, how in works:
            if args.only and name not in args.only:
                continue
            folder = os.path.join(root, name)
            write_workload(how, folder)
            a = run([ours, folder, args.seconds])
            row = f"{name:18} {a['policies']:8} {a['candidates']:10.1f} {a['median_ns']:9.0f} {a['p90_ns']:7.0f} {a['json_median_ns']:8.0f} {a['load_ms']:8.1f}"
            if args.peer:
                b = run([args.peer, "bench", folder, args.seconds])
                differ = sum(x != y for x, y in zip(a["answers"], b["answers"]))
                wrong += differ
                row += f" {b['median_ns']:10.0f} {b['median_ns'] / a['median_ns']:7.0f}"
                row += f"   {len(a['answers']) - differ}/{len(a['answers'])} answers the same"
            print(row, flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
