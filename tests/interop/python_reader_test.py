#!/usr/bin/env python3
"""A reader of the ledger that shares no code with it: Python's hashlib, and openssl for Ed25519, written from
docs/formats.md and the C2SP specifications. It derives root, checkpoint, a tlog-proof, a receipt and a fact root."""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("interop.python_reader")
check = checks.check


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(hashes):
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha(b"\x01", root(hashes[:split]), root(hashes[split:]))


def from_path(index, size, leaf, path):
    """The root that an inclusion path leads to (RFC 9162 section 2.1.3.2)."""
    node, last, value = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            value = sha(b"\x01", step, value)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            value = sha(b"\x01", value, step)
        node >>= 1
        last >>= 1
    return value if last == 0 else None


def ed25519_verify(raw_key, message, signature):
    der = bytes.fromhex("302a300506032b6570032100") + raw_key
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for name, data in (("key", der), ("message", message), ("signature", signature)):
            names[name] = os.path.join(folder, name)
            with open(names[name], "wb") as out:
                out.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names["key"],
                               "-rawin", "-in", names["message"], "-sigfile", names["signature"]], capture_output=True)
    return done.returncode == 0


def key_of(vkey):
    name, _, rest = vkey.strip().partition("+")
    digits, _, encoded = rest.partition("+")
    material = base64.b64decode(encoded)
    assert hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex() == digits
    return name, digits, material[1:]


def open_note(note, vkey):
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    name, digits, key = key_of(vkey)
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded)
        if signer == name and raw[:4].hex() == digits:
            return text if ed25519_verify(key, text.encode(), raw[4:]) else None
    return None


def read_bundles(state, size):
    entries, index = [], 0
    while len(entries) < size:
        path = os.path.join(state, "log", "tile", "entries", "%03d" % index)
        width = min(256, size - 256 * index)
        data = open(path if os.path.exists(path) else "%s.p/%d" % (path, width), "rb").read()
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at:at + 2], "big")
            entries.append(data[at + 2:at + 2 + length])
            at += 2 + length
        index += 1
    return entries


def main():
    upstream = Upstream()
    with Gate(upstream=upstream) as gate:
        receipt = None
        for number in range(40):
            _, headers, _ = gate.chat("script: say answer %d" % number, headers={"Proviso-Purpose": "analysis"})
            receipt = json.loads(headers["proviso-receipt"])
        gate.stop()
        state = gate.state
        vkey = open(state + "/keys/log.vkey").read()
        note = open(state + "/log/checkpoint").read()
        text = open_note(note, vkey)
        check("the checkpoint's signature", text is not None)
        check("a changed checkpoint fails", open_note(note.replace(text.split("\n")[1], "7", 1), vkey) is None)
        origin, size, encoded_root = text.split("\n")[:3]
        entries = read_bundles(state, int(size))
        hashes = [sha(b"\x00", entry) for entry in entries]
        check("the root of the bundles", base64.b64encode(root(hashes)).decode() == encoded_root)
        check("the entries are the leaves", [e.decode() for e in entries] == [l for l, _ in leaves.read(state)])
        tile = open(state + "/log/tile/0/000.p/%d" % (int(size) % 256), "rb").read()
        check("the hash tile", tile == b"".join(hashes))

        index = receipt["index"]
        done = subprocess.run([os.path.join(BIN, "proviso"), "ledger", "proof", "--state", state, str(index)],
                              capture_output=True, text=True)
        head, _, checkpoint = done.stdout.partition("\n\n")
        lines = head.split("\n")
        check("a tlog-proof", lines[0] == "c2sp.org/tlog-proof@v1" and lines[1] == "index %d" % index, lines[:2])
        path = [base64.b64decode(line) for line in lines[2:]]
        check("it leads to the root", from_path(index, int(size), hashes[index], path) == root(hashes))
        check("with its checkpoint", open_note(checkpoint, vkey) == text)

        check("the receipt names the leaf", base64.b64decode(receipt["leaf"]) == hashes[index])
        interval = from_path(index - receipt["start"], receipt["end"] - receipt["start"], hashes[index],
                             [base64.b64decode(step) for step in receipt["path"]])
        check("its interval is the log's", interval == root(hashes[receipt["start"]:receipt["end"]]))

        leaf = json.loads(entries[index])
        check("a leaf is canonical", json.dumps(leaf, separators=(",", ":"), sort_keys=True) == entries[index].decode())
        check("no person, purpose or key in clear", not any(word in entries[index].decode() for word in (
            "analyst", "analysis", "script")), entries[index])
    upstream.close()
    checks.exit()


main()
