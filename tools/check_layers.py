#!/usr/bin/env python3
"""Checks that rooms include only rooms below them.

Every `#include "room/…"` in src/ must point along an arrow of ROOMS, or of what those rooms may use in
turn; so must every DEPS in a room's CMakeLists.txt. Rooms stand lowest first, so a cycle cannot be written
down. With --self-test it shows that each kind of fault is found.
"""
import os
import re
import sys
import tempfile

# The design's table of rooms: what each may use beside itself. The gate knows all rooms below it, the
# command line knows all.
ROOMS = {
    "base": [],
    "arguments": ["base"],
    "cedar": ["base"],
    "exchange": ["base"],
    "inspect": ["base"],
    "sandbox": ["base"],
    "agreement": ["arguments", "cedar", "exchange"],
    "prove": ["agreement", "sandbox"],
    "ledger": ["base"],
    "vault": ["base"],
    "audit": ["ledger", "vault", "agreement"],
    "state": ["base"],
    "identity": ["state"],
    "oversight": ["agreement", "audit", "identity", "state"],
    "http": ["base"],
    "models": ["exchange", "http", "sandbox", "ledger"],
    "tools": ["arguments", "exchange", "http", "sandbox"],
    "gate": ["agreement", "arguments", "audit", "exchange", "identity", "inspect", "ledger", "models", "oversight",
             "prove", "state", "tools", "vault"],
    "cli": ["gate"],
}
# Files of a program that stands in a room's folder and may use one room more.
PROGRAMS = {
    "src/audit/verify_main.cc": "prove",
    "src/audit/verify_proofs.cc": "prove",
    "src/audit/verify_withheld.h": "prove",
    "src/audit/verify_withheld.cc": "prove",
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/([^"]+)"', re.M)
DEPS = re.compile(r"\bDEPS\s+([a-z_\s]*)")


def reachable(room):
    seen, todo = set(), [room]
    while todo:
        for below in ROOMS[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def order_faults():
    """An arrow must point to a room that stands before it."""
    names = list(ROOMS)
    return ["tools/check_layers.py: `%s` may not use `%s`, which stands above it" % (room, below)
            for room in names for below in ROOMS[room] if names.index(below) >= names.index(room)]


def faults_in(top):
    faults = order_faults()
    src = os.path.join(top, "src")
    for folder, _, files in sorted(os.walk(src)):
        room = os.path.relpath(folder, src).split(os.sep)[0]
        for name in sorted(files):
            path = os.path.join(folder, name)
            where = os.path.relpath(path, top)
            if room not in ROOMS:
                if name.endswith((".h", ".cc")):
                    faults.append("%s: `%s` is no room of the design" % (where, room))
                continue
            allowed = reachable(room) | {room}
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if name.endswith((".h", ".cc")):
                for match in INCLUDE.finditer(text):
                    line = text.count("\n", 0, match.start(1)) + 1
                    if match.group(1) not in allowed and PROGRAMS.get(where) != match.group(1):
                        faults.append("%s:%d: `%s` may not include `%s`"
                                      % (where, line, room, match.group(1)))
                    elif not os.path.exists(os.path.join(src, match.group(1), match.group(2))):
                        faults.append("%s:%d: there is no src/%s/%s"
                                      % (where, line, match.group(1), match.group(2)))
            elif name == "CMakeLists.txt":
                for match in DEPS.finditer(text):
                    for dep in match.group(1).split():
                        if dep not in allowed:
                            faults.append("%s: `%s` may not link `%s`" % (where, room, dep))
    return faults


def self_test():
    def with_files(files):
        with tempfile.TemporaryDirectory() as top:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
                with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return faults_in(top)

    base = {"src/base/a.h": "#pragma once\n"}
    assert with_files({**base, "src/vault/v.cc": '#include "base/a.h"\n#include <map>\n'}) == []
    assert with_files({**base, "src/audit/v.cc": '#include "base/a.h"\n'}) == [], "not transitive"
    up = with_files({**base, "src/gate/g.h": "", "src/base/b.cc": '\n#include "gate/g.h"\n'})
    assert up == ["src/base/b.cc:2: `base` may not include `gate`"], up
    side = with_files({"src/vault/v.h": "", "src/ledger/l.cc": '#include "vault/v.h"\n'})
    assert len(side) == 1 and "`ledger` may not include `vault`" in side[0], side
    link = with_files({"src/inspect/CMakeLists.txt": "pv_room(inspect\n  DEPS base exchange\n  TESTS x)"})
    assert link == ["src/inspect/CMakeLists.txt: `inspect` may not link `exchange`"], link
    program = with_files({"src/prove/p.h": "", "src/audit/verify_proofs.cc": '#include "prove/p.h"\n'})
    assert program == [], program
    assert len(with_files({"src/prove/p.h": "", "src/audit/replay.cc": '#include "prove/p.h"\n'})) == 1
    assert "is no room" in with_files({"src/attic/a.cc": ""})[0]
    assert "there is no" in with_files({**base, "src/base/b.cc": '#include "base/gone.h"\n'})[0]
    ROOMS["base"].append("gate")
    try:
        assert "stands above it" in order_faults()[0]
    finally:
        ROOMS["base"].pop()


def main():
    if "--self-test" in sys.argv[1:]:
        self_test()
        print("check_layers: self-test passed")
        return 0
    faults = faults_in(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for fault in faults:
        print(fault)
    print("check_layers: %d faults" % len(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
