#!/usr/bin/env python3
"""Runs test families and prints `family: passed/total` for each.

A family is a room's name (its unit tests and the replay of its fuzz corpora), or one of
`promises`, `clients`, `mcp`, `interop`, `tour`, `repo`. Exit status 0 only if every test of every family passed.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ["base", "arguments", "cedar", "exchange", "inspect", "sandbox", "agreement", "prove", "ledger", "vault", "audit",
         "state", "identity", "oversight", "http", "models", "tools", "gate", "cli"]
OTHERS = ["promises", "clients", "mcp", "interop", "tour", "repo"]
SECONDS_MAX = 1500  # one program that hangs must not hang the run


def run(command, env, show=True):
    """Runs a command; returns (exit status, output). Output goes to the terminal as well."""
    proc = subprocess.Popen(command, cwd=TOP, env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    deadline = time.monotonic() + SECONDS_MAX
    for line in proc.stdout:
        lines.append(line)
        interesting = ("skipped:" in line or "passed/total" in line or "FAILED" in line
                       or line.startswith("family "))
        if show and interesting:
            sys.stdout.write("    " + line)
            sys.stdout.flush()
        if time.monotonic() > deadline:
            proc.kill()
            lines.append("killed: ran past %d s\n" % SECONDS_MAX)
            break
    proc.wait()
    return proc.returncode, "".join(lines)


def run_gtest(binary, env):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        status, text = run([binary, "--gtest_color=no", "--gtest_output=json:" + out.name], env)
        try:
            report = json.load(open(out.name))
            total = report["tests"]
            failed = report["failures"] + report.get("errors", 0)
        except (ValueError, KeyError):
            total, failed = 1, 1  # it died before it could report
        if status != 0 and failed == 0:
            failed, total = 1, total + 1  # a sanitizer or a crash at exit
        return total - failed, total, text if failed else ""


def run_one(command, env):
    status, text = run(command, env)
    return (1, 1, "") if status == 0 else (0, 1, text)


def steps_of(family, bin_dir, env):
    """Yields (label, passed, total, output on failure)."""
    if family in ROOMS or family == "promises":
        binary = os.path.join(bin_dir, "test_" + family)
        if os.path.exists(binary):
            yield (os.path.basename(binary),) + run_gtest(binary, env)
        for fuzz in sorted(glob.glob(os.path.join(bin_dir, "fuzz_%s_*" % family))):
            corpus = os.path.join(TOP, "fuzz", "corpus", os.path.basename(fuzz)[len("fuzz_"):])
            yield (os.path.basename(fuzz),) + run_one([fuzz, corpus], env)
    # Programs: every tests/<family>/*_test.{py,sh} is one test.
    for script in sorted(glob.glob(os.path.join(TOP, "tests", family, "*_test.py")) +
                         glob.glob(os.path.join(TOP, "tests", family, "*_test.sh"))):
        runner = [sys.executable] if script.endswith(".py") else ["bash"]
        yield (os.path.relpath(script, TOP),) + run_one(runner + [script], env)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="dev", help="which build's tests (default dev: ASan+UBSan)")
    parser.add_argument("--programs", default="release", help="which build's programs scripts start")
    parser.add_argument("families", nargs="*", help="default: all")
    args = parser.parse_args()
    unknown = [f for f in args.families if f not in ROOMS + OTHERS]
    if unknown:
        parser.error("unknown family %s; known: %s" % (", ".join(unknown), " ".join(ROOMS + OTHERS)))

    env = dict(os.environ)
    env.setdefault("PROVISO_DATA", os.path.normpath(os.path.join(TOP, "..", "shared")))
    env["PROVISO_BIN"] = os.path.join(TOP, "build", args.programs, "bin")
    env.setdefault("PROVISO_CACHE", os.path.join(os.path.expanduser("~"), ".cache", "proviso"))
    where = subprocess.run([os.path.join(TOP, "tools", "build_worker.sh"), "--where"], env=env,
                           capture_output=True, text=True)
    env.setdefault("PROVISO_WORKER", where.stdout.strip())
    env.setdefault("PROVISO_MODEL", os.path.join(env["PROVISO_CACHE"], "models",
                                                 "SmolLM2-135M-Instruct.Q4_1.gguf"))
    env["PATH"] = env["PROVISO_BIN"] + os.pathsep + env["PATH"]
    bin_dir = os.path.join(TOP, "build", args.preset, "bin")

    table, all_passed = [], True
    for family in args.families or ROOMS + OTHERS:
        start, passed, total = time.monotonic(), 0, 0
        for label, ok, count, output in steps_of(family, bin_dir, env):
            passed, total = passed + ok, total + count
            if ok != count:
                sys.stdout.write("--- %s failed, its output:\n%s\n" % (label, output))
        if total == 0:
            print("%s: nothing to run (is it built? tools/build.sh %s)" % (family, args.preset))
            all_passed = False
            continue
        all_passed = all_passed and passed == total
        table.append("%s: %d/%d  (%.1f s)" % (family, passed, total, time.monotonic() - start))
        print(table[-1], flush=True)
    print("\n" + "\n".join(table))
    print("all passed" if all_passed else "FAILED")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
