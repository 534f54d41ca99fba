"""Amendments that touch what red lines rest on: the difference, and custodians' signatures on it."""
import os
import subprocess

from gate import BIN


def custodians_sign(before, folder, keys):
    """Each of `keys`, (party, file), signs what `folder` changes of the agreement in `before`. Both outputs, if one failed."""
    program = os.path.join(BIN, "proviso")
    diff = subprocess.run([program, "agreement", "diff", before, folder, "--write"], capture_output=True, text=True, timeout=120)
    said = diff.stdout + diff.stderr if diff.returncode not in (0, 1) else ""
    for party, key in keys:
        sign = subprocess.run([program, "agreement", "sign", folder, "--party", party, "--custodian", "--key", key],
                              capture_output=True, text=True, timeout=60)
        said += sign.stdout + sign.stderr if sign.returncode != 0 else ""
    return said
