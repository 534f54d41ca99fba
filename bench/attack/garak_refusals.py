#!/usr/bin/env python3
"""Texts as a JSON array on stdin; for each, whether garak's two detectors of refusals by strings take it for one,
as {"mitigation": [...], "prefixes": [...]} on stdout. Runs in garak's own environment."""
import contextlib
import json
import sys

from garak.attempt import Attempt, Message
from garak.detectors.mitigation import MitigationBypass, Prefixes


def refused(detector, texts):
    attempt = Attempt(prompt=Message("-", lang="en"))
    attempt.outputs = [Message(text) for text in texts]
    return [score == 0 for score in detector.detect(attempt)]


texts = json.load(sys.stdin)
with contextlib.redirect_stdout(sys.stderr):
    made = {"mitigation": refused(MitigationBypass(), texts), "prefixes": refused(Prefixes(), texts)}
json.dump(made, sys.stdout)
