#!/usr/bin/env python3
"""Acknowledgements a second beside Tessera POSIX v1.0.4, at equal promise: POST /add, answered with an index once
the leaf is durable. Same disk, same bodies (700 bytes, each another: Tessera answers one that it knows from memory),
same generator; the server on core 0, wrk on core 1; order A B B A. Ours also encrypts the body in the vault, syncs
twice and signs a receipt in another process; Tessera stores the body in the log. Answers other than 200 are counted as
errors, and afterwards the log's checkpoint must cover at least as many leaves as were acknowledged.

Tessera runs as its authors ship it, `cmd/conformance/posix`: it writes a batch at 256 entries or after one second,
so with 64 connections each waits for the second. `--library-defaults` measures the same program with the batch age
that its library has by default (250 ms) instead.

  tests/interop/build_tools.sh; tools/build.sh release bench_ledger_add proviso
  python3 bench/ledger/ledger.py --bin build/release/bin [--dir DISK] [--seconds 8] [--rounds 2]
"""
import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso")), "interop")
CONNECTIONS = (64, 256, 512)
BODY_BYTES = 700
WRK = """local rest, seed, count = string.rep("x", %d - 24), "%s", 0
wrk.method = "POST"
local head = "POST /add HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Length: %d\\r\\n\\r\\n"
request = function()
  count = count + 1
  return head .. string.format("%%s%%012d", seed, count) .. rest
end
done = function(summary, latency, requests)
  io.write(string.format("figures %%d %%d %%.1f %%.1f\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99)))
  io.write(string.format("errors %%d\\n", summary.errors.status + summary.errors.connect + summary.errors.read +
    summary.errors.timeout))
end
"""
KEY = "PRIVATE+KEY+bench.example/tessera+%s+%s"


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nothing listens on port %d" % port)


def note_key():
    import base64
    import hashlib
    seed = os.urandom(32)
    with tempfile.NamedTemporaryFile(suffix=".der") as der:
        der.write(bytes.fromhex("302e020100300506032b657004220420") + seed)
        der.flush()
        done = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", der.name, "-pubout", "-outform", "DER"],
                              capture_output=True, check=True)
    public = done.stdout[-32:]
    name = b"bench.example/tessera"
    digits = hashlib.sha256(name + b"\n\x01" + public).hexdigest()[:8]
    return KEY % (digits, base64.b64encode(b"\x01" + seed).decode())


class Ours:
    name = "proviso"

    def __init__(self, args):
        self.args = args

    def start(self, folder, port):
        bins = self.args.bin
        return [os.path.join(bins, "bench_ledger_add"), str(port), os.path.join(folder, "state"),
                os.path.join(bins, "proviso")], {}


    def checkpoint(self, folder):
        return os.path.join(folder, "state", "log", "checkpoint")


class Tessera:
    name = "Tessera POSIX"

    def __init__(self, args):
        self.program = "tessera-posix-250ms" if args.library_defaults else "tessera-posix"

    def checkpoint(self, folder):
        return os.path.join(folder, "log", "checkpoint")

    def start(self, folder, port):
        return [os.path.join(TOOLS, self.program), "--storage_dir", os.path.join(folder, "log"), "--listen",
                "127.0.0.1:%d" % port], {"LOG_PRIVATE_KEY": note_key()}


def cpu_seconds(pids):
    tick = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in pids:
        try:
            fields = open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / tick
        except OSError:
            pass
    return total


def family(pid):
    out = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True).stdout
    return [pid] + [int(word) for word in out.split()]


# Both publish behind the acknowledgements: ours within 0.2 s, Tessera within a second.
def covered(path, acknowledged):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if int(open(path).read().split("\n")[1]) >= acknowledged:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("%s covers fewer leaves than were acknowledged" % path)


def burst(side, connections, args):
    folder = tempfile.mkdtemp(prefix="bench-ledger-", dir=args.dir)
    port = free_port()
    command, more = side.start(folder, port)
    server = subprocess.Popen(["taskset", "-c", "0"] + command, env=dict(os.environ, GOMAXPROCS="1", **more),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        pids = family(server.pid)
        before = cpu_seconds(pids)
        script = os.path.join(folder, "bodies.lua")
        with open(script, "w") as file:
            file.write(WRK % (BODY_BYTES, os.urandom(6).hex(), BODY_BYTES))
        wrk = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c%d" % connections, "-d%ds" % args.seconds,
                              "--timeout", "10s", "-s", script, "http://127.0.0.1:%d/add" % port],
                             capture_output=True, text=True, check=True)
        used = cpu_seconds(pids) - before
        found = re.search(r"figures (\d+) (\d+) ([\d.]+) ([\d.]+)", wrk.stdout)
        errors = int(re.search(r"errors (\d+)", wrk.stdout).group(1))
        requests, micros = int(found.group(1)), int(found.group(2))
        covered(side.checkpoint(folder), requests - errors)
        return {"rate": requests / (micros / 1e6), "p50": float(found.group(3)) / 1000,
                "p99": float(found.group(4)) / 1000, "errors": errors, "cpu": used / max(requests, 1) * 1e6}
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            words = server.communicate(timeout=20)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            server.kill()
            words = ""
        counted = re.search(r"(\d+) leaves, (\d+) batches", words)
        if counted and int(counted.group(2)):
            burst.batch = int(counted.group(1)) / int(counted.group(2))
        shutil.rmtree(folder, ignore_errors=True)


burst.batch = 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(HERE, "..", "..", "build", "release", "bin"))
    parser.add_argument("--dir", default=None, help="where the logs go: the disk that is measured")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2, help="each is A B B A")
    parser.add_argument("--library-defaults", action="store_true", help="Tessera with a batch age of 250 ms")
    args = parser.parse_args()
    print("load average at start: %.1f %.1f %.1f" % os.getloadavg())
    for connections in CONNECTIONS:
        ours, tessera = Ours(args), Tessera(args)
        seen = {ours.name: [], tessera.name: []}
        for _ in range(args.rounds):
            for side in (ours, tessera, tessera, ours):
                seen[side.name].append(burst(side, connections, args))
        print("\n%d connections" % connections)
        middle = {}
        for name, bursts in seen.items():
            middle[name] = {key: statistics.median(b[key] for b in bursts) for key in bursts[0]}
            row = middle[name]
            print("  %-14s %9.0f acks/s  p50 %8.2f ms  p99 %8.2f ms  CPU %6.0f us/ack  errors %d%s" % (
                name, row["rate"], row["p50"], row["p99"], row["cpu"], sum(b["errors"] for b in bursts),
                "  leaves/batch %.0f" % burst.batch if name == ours.name else ""))
        print("  ratio: %.2f x acks, %.2f x p50" % (middle[ours.name]["rate"] / middle[tessera.name]["rate"],
                                                  middle[ours.name]["p50"] / middle[tessera.name]["p50"]))


main()
