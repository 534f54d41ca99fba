#!/usr/bin/env python3
"""The conformance suite as a test: conformance.py, all legs and revisions."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
if subprocess.run(["bash", os.path.join(HERE, "setup.sh")]).returncode != 0:
    print("skipped: the conformance suite is not installed and a registry cannot be reached")
    sys.exit(0)
sys.exit(subprocess.run([sys.executable, os.path.join(HERE, "conformance.py")]).returncode)
