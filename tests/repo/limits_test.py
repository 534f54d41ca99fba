#!/usr/bin/env python3
"""Runs tools/check_limits.py: first its negative controls, then over the tree."""
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(TOP, "tools", "check_limits.py")
for arguments in (["--self-test"], []):
    if subprocess.run([sys.executable, TOOL] + arguments).returncode != 0:
        sys.exit(1)
