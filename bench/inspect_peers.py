#!/usr/bin/env python3
"""Presidio's pattern recognisers on the rows that `proviso eval` is run on: spans found, false positives and time.

    pip install presidio-analyzer
    inspect_peers.py FOLDER      # with pii.jsonl and benign.jsonl

Single recognisers without a language model, each as its library ships it. Prints one line a type: spans of
which a result covers half or more, then benign rows with any result, then microseconds of processor time a
kilobyte.
"""
import json
import os
import sys
import time

from presidio_analyzer import predefined_recognizers as known

RECOGNISERS = {
    "CREDIT_CARD": known.CreditCardRecognizer, "IBAN": known.IbanRecognizer, "EMAIL": known.EmailRecognizer,
    "PHONE": known.PhoneRecognizer, "IP_ADDRESS": known.IpRecognizer, "US_SSN": known.UsSsnRecognizer,
    "UK_NHS": known.NhsRecognizer, "ES_DNI": known.EsNifRecognizer,
    "FI_HETU": known.FiPersonalIdentityCodeRecognizer,
}
SCORE_MIN = 0.4  # the library's weaker patterns are below


def rows_of(folder, name):
    with open(os.path.join(folder, name + ".jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    pii, benign = rows_of(sys.argv[1], "pii"), rows_of(sys.argv[1], "benign")
    made = {}
    for kind, recogniser in RECOGNISERS.items():
        made[kind] = recogniser()
    results = {}
    start = time.process_time()
    for row in pii + benign:
        found = []
        for one in made.values():
            found += [r for r in one.analyze(row["text"], one.supported_entities, None) or [] if r.score >= SCORE_MIN]
        results[row["id"]] = found
    took = time.process_time() - start
    kilobytes = sum(len(row["text"].encode()) for row in pii + benign) / 1024
    for kind in made:
        spans = [(row["id"], a, b) for row in pii for a, b, of in row.get("spans", []) if of == kind]
        hit = sum(1 for key, a, b in spans
                  if 2 * sum(max(0, min(b, r.end) - max(a, r.start)) for r in results[key]) >= b - a)
        print("%-12s spans %d/%d" % (kind, hit, len(spans)))
    for name, rows in (("benign", benign), ("ordinary", [r for r in benign if r["category"].startswith("ordinary_")]),
                       ("look-alikes", [r for r in benign if r["category"] == "pii_lookalike"])):
        print("%-12s false positives %d/%d" % (name, sum(1 for r in rows if results[r["id"]]), len(rows)))
    print("%.0f us/KB over %.0f KB" % (took * 1e6 / kilobytes, kilobytes))


main()
