#!/usr/bin/env python3
"""A machine that only runs has no GoogleTest: the build must configure there, with every program and no test."""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def targets_without(package):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cmake", "-S", TOP, "-B", folder, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang-19",
                        "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_DISABLE_FIND_PACKAGE_%s=ON" % package],
                       check=True, stdout=subprocess.DEVNULL)
        listed = subprocess.run(["ninja", "-C", folder, "-t", "targets", "all"], check=True, capture_output=True, text=True)
    return {line.split(":")[0] for line in listed.stdout.splitlines()}


bare = targets_without("GTest")
wanted = {"proviso", "proviso-verify", "proviso-launch", "proviso-doorkeeper"}
lacking = sorted(wanted - bare)
tests = sorted(name for name in bare if name.startswith("test_"))
for fault in ["without GoogleTest `%s` is not built" % name for name in lacking] + [
        "without GoogleTest `%s` is there all the same" % name for name in tests]:
    print(fault)
print("family repo.bare_configure: %d/%d passed/total" % (len(wanted) - len(lacking), len(wanted)))
sys.exit(1 if lacking or tests else 0)
