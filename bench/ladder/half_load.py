#!/usr/bin/env python3
"""The whole exchange at half of what it can do, at a constant rate, beside what a sync costs here.

The gate stands on core 0 as on the ladder; mock and load stand on core 1. First wrk finds the most that
one core does, then vegeta (go install github.com/tsenart/vegeta/v12@v12.12.0) asks for half of it, and
counts from the moment at which a request was due, so that a gate which lags cannot hide it. Syncs of
8 KiB in space that was written before are timed on the same disk just before and after.
"""
import argparse, base64, json, os, shutil, statistics, subprocess, tempfile, time

import ladder


def sync_micros(folder, count):
    taken = []
    fd = os.open(os.path.join(folder, "sync"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, bytes(4 << 20), 0)
        os.fsync(fd)
        for i in range(count):
            start = time.perf_counter()
            os.pwrite(fd, os.urandom(8192), (i % 512) * 8192)
            os.fdatasync(fd)
            taken.append((time.perf_counter() - start) * 1e6)
    finally:
        os.close(fd)
    return taken


def attack(vegeta, thing, rung, rate, seconds):
    target = {"method": "POST", "url": f"http://127.0.0.1:{thing.port}/v1/chat/completions",
              "body": base64.b64encode(rung["body"].encode()).decode(),
              "header": {"Content-Type": ["application/json"], "X-Api-Key": [rung["headers"]["X-Api-Key"]]}}
    shots = subprocess.run(["taskset", "-c", "1", vegeta, "attack", "-format=json", f"-rate={rate}",
                            f"-duration={seconds}s", "-max-workers=256"],
                           input=json.dumps(target).encode() + b"\n", capture_output=True, check=True).stdout
    return json.loads(subprocess.run([vegeta, "report", "-type=json"], input=shots, capture_output=True,
                                     check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of the release binaries")
    parser.add_argument("--vegeta", default="vegeta")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--syncs", type=int, default=1000)
    args = parser.parse_args()
    rung = next(r for r in ladder.RUNGS if r["name"].startswith("whole exchange"))
    folder = tempfile.mkdtemp(prefix="half-load-")
    things = []
    try:
        things = ladder.start_floors(folder, 1)
        gate = ladder.start_rung(rung, things[0].port, args.bin, folder)
        things.append(gate)
        ladder.check_answer(gate, rung)
        script = ladder.lua(folder, gate.name, rung)
        ladder.burst(gate, rung, script, 1, 32)
        most = statistics.median(ladder.burst(gate, rung, script, 3, 32)["rate"] for _ in range(3))
        syncs = sync_micros(folder, args.syncs)
        report = attack(args.vegeta, gate, rung, int(most / 2), args.seconds)
        syncs = sorted(syncs + sync_micros(folder, args.syncs))
        if report["success"] != 1:
            raise SystemExit(f"answers that are not right while timed: {report['status_codes']}")
        p50, p99 = (report["latencies"][k] / 1e3 for k in ("50th", "99th"))
        sync50, sync99 = syncs[len(syncs) // 2], syncs[len(syncs) * 99 // 100]
        print(f"most {most:.0f} req/s; at {int(most / 2)} req/s: p50 {p50:.0f} us, p99 {p99:.0f} us")
        print(f"a sync: p50 {sync50:.0f} us, p99 {sync99:.0f} us; 2.5 x its p99 + 1 ms = {2.5 * sync99 + 1000:.0f} us")
    finally:
        for thing in things:
            thing.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
