#!/usr/bin/env python3
"""The cost ladder: what each rung of the gate costs beside nginx and the peers, in one run.

A rung is a dictionary:
  name     how the table calls it
  command  the program, a list; {port}, {mock} (host:port of the mock) and {dir} (a scratch folder) are filled in
  setup    optional list of commands run before, the same way
  path     of the request (default /v1/chat/completions)
  body     the request's bytes as text (default: an 838-byte chat request)
  headers  a dictionary of further request headers
  expect   text that a right answer must contain (default: the mock's own)
  env      optional further environment
  files    optional files to write first, path to text, filled in too
  key_file optional JSON list of {"role", "key"}: the key of `role` (default analyst) is sent as X-Api-Key

Rungs of this repository stand in RUNGS; others are added with --rungs FILE.json (a list of them).
All rungs and the nginx floor stand on core 0 and are up together; the mock and wrk stand on core 1. They are
timed in short bursts, one after the other, forwards and backwards (A B B A), so that drift of a shared
machine falls on all of them; a ratio is the median over rounds of the ratio within the round.
"""
import argparse, json, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time
import http.client

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
FLOOR = "nginx proxy_pass"
ANSWER_TEXT = (
    "Mix flour, water, salt and a little yeast in a large bowl until no dry flour is left. Cover the bowl and let the dough "
    "rest for one hour. Wet your hands, pull one side up and fold it over; turn the bowl and do this four times. After half "
    "an hour the baker folds it twice more. Leave it in the fridge overnight. In the morning shape a round loaf, put it in a "
    "floured basket and wait until it has grown by half. Heat the oven with an iron pot inside. Bake with the lid on for "
    "twenty minutes and without it for twenty more. Let the loaf cool on a rack before you cut it.")
ANSWER = json.dumps({
    "id": "chatcmpl-mock", "object": "chat.completion", "created": 1700000000, "model": "mock",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content":
        ANSWER_TEXT}}],
    "usage": {"prompt_tokens": 120, "completion_tokens": 96, "total_tokens": 216}}, separators=(",", ":"))


def chat_body(size=838):
    def make(text):
        return json.dumps({"model": "mock", "temperature": 0, "messages": [
            {"role": "system", "content": "You answer in two sentences."},
            {"role": "user", "content": text}]}, separators=(",", ":"))
    fill = "Explain how bread dough is folded and rested, step by step. "
    text = fill * 40
    return make(text[:size - len(make(""))])


def chat_for(model):
    return chat_body().replace('"model":"mock"', '"model":"%s"' % model)


AGREEMENTS = os.path.normpath(os.path.join(HERE, "..", "..", "agreements"))
AGREEMENT = os.path.join(AGREEMENTS, "enclave")


def whole(name, sample, role):
    """The gate itself. An agreement's labels choose the detectors: the hospital's need secrets and markings only."""
    return {"name": name, "body": chat_for("local"), "key_file": "{dir}/state/sample/api-keys.json", "role": role,
            "files": {"{dir}/proviso.toml": '[[model]]\nid = "local"\nendpoint = "http://{mock}"\n'},
            "command": ["{bin}/proviso", "serve", "--state", "{dir}/state", "--config", "{dir}/proviso.toml", "--sample",
                        os.path.join(AGREEMENTS, sample), "--listen", "127.0.0.1:{port}", "--no-worker"]}


RUNGS = [
    {"name": "relay", "command": ["{bin}/bench_relay", "{port}", "http://{mock}"]},
    {"name": "parsed and written back", "body": chat_for("local"), "key_file": "{dir}/keys.json",
     "command": ["{bin}/bench_rung", "parse", "{port}", "http://{mock}", AGREEMENT, "{dir}/keys.json"]},
    {"name": "+ identity + decisions", "body": chat_for("local"), "key_file": "{dir}/keys.json",
     "command": ["{bin}/bench_rung", "decide", "{port}", "http://{mock}", AGREEMENT, "{dir}/keys.json"]},
    whole("whole exchange: two leaves", "hospital", "physician"),
    whole("+ classifiers", "enclave", "analyst"),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fill(value, values):
    return re.sub(r"\{(\w+)\}", lambda m: str(values.get(m.group(1), m.group(0))), value)


def wait_port(port, process, name, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            sys.exit(f"{name}: ended with {process.returncode} before it listened")
        with socket.socket() as s:
            s.settimeout(0.2)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"{name}: does not listen on {port}")


def tree(pid):
    found, rest = [], [pid]
    while rest:
        one = rest.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as f:
                    rest += [int(x) for x in f.read().split()]
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICK


def resident_mb(pid):
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/status") as f:
                total += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
        except (OSError, AttributeError):
            pass
    return total / 1024


def nginx_conf(folder, name, body, workers_core):
    path = os.path.join(folder, name + ".conf")
    temp = "".join(f"  {kind}_temp_path {folder}/{name}-{kind};\n"
                   for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(path, "w") as f:
        f.write(f"""worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.err;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_max_body_size 200m;
{temp}{body}
}}
""")
    return path


class Thing:
    """A started program with its port."""
    def __init__(self, name, command, port, core, env=None, log=None):
        self.name, self.port = name, port
        full = ["taskset", "-c", str(core)] + command
        self.log = open(log, "w")
        self.process = subprocess.Popen(full, stdout=self.log, stderr=subprocess.STDOUT,
                                        env={**os.environ, **(env or {})})
        wait_port(port, self.process, name)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lua(folder, name, rung):
    path = os.path.join(folder, re.sub(r"\W", "_", name) + ".lua")
    headers = {"Content-Type": "application/json", **rung.get("headers", {})}
    with open(path, "w") as f:
        f.write('wrk.method = "POST"\n')
        f.write("wrk.body = " + json.dumps(rung.get("body") or chat_body()) + "\n")
        for key, value in headers.items():
            f.write(f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}\n")
    return path


def check_answer(thing, rung):
    connection = http.client.HTTPConnection("127.0.0.1", thing.port, timeout=30)
    headers = {"Content-Type": "application/json", **rung.get("headers", {})}
    connection.request("POST", rung.get("path", "/v1/chat/completions"),
                       rung.get("body") or chat_body(), headers)
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    want = rung.get("expect", "folds it twice")
    if answer.status != 200 or want not in body:
        sys.exit(f"{thing.name}: a wrong answer: {answer.status} {body[:300]}")


def number(text):
    found = re.match(r"([\d.]+)(us|ms|s)", text)
    if found is None:  # wrk prints -nan for a server too fast for its histogram
        return float("nan")
    value, unit = found.groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def burst(thing, rung, script, seconds, connections):
    url = f"http://127.0.0.1:{thing.port}{rung.get('path', '/v1/chat/completions')}"
    before = cpu_seconds(thing.process.pid)
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                          "--latency", "-s", script, url], capture_output=True, text=True).stdout
    used = cpu_seconds(thing.process.pid) - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{thing.name}: answers that are not right while timed:\n{out}")
    done = int(re.search(r"(\d+) requests in", out).group(1))
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "cpu": used * 1e6 / max(done, 1),
            "p50": number(re.search(r"50%\s+(\S+)", out).group(1)),
            "p99": number(re.search(r"99%\s+(\S+)", out).group(1))}


def memory_over_stream(thing, megabytes):
    """Resident memory while a long answer passes to a reader that pauses at first."""
    before = peak = resident_mb(thing.process.pid)
    connection = socket.create_connection(("127.0.0.1", thing.port))
    connection.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    time.sleep(1)
    got = 0
    while True:
        peak = max(peak, resident_mb(thing.process.pid)) if got % 64 == 0 else peak
        some = connection.recv(1 << 20)
        if not some:
            break
        got += len(some)
    peak = max(peak, resident_mb(thing.process.pid))
    if got < megabytes << 20:
        sys.exit(f"{thing.name}: the stream was cut at {got} bytes")
    return before, peak


def start_floors(folder, megabytes):
    big = os.path.join(folder, "big")
    with open(big, "wb") as f:
        f.truncate(megabytes << 20)
    os.chmod(folder, 0o755)
    mock_port, floor_port = free_port(), free_port()
    mock = nginx_conf(folder, "mock", f"""  server {{
    listen 127.0.0.1:{mock_port} reuseport;
    location = /big {{ default_type application/octet-stream; root {folder}; }}
    location / {{ default_type application/json; return 200 '{ANSWER}'; }}
  }}""", 1)
    floor = nginx_conf(folder, "floor", f"""  upstream mock {{ server 127.0.0.1:{mock_port}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{floor_port} reuseport;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}""", 0)
    things = [Thing("mock", ["nginx", "-p", folder, "-c", mock], mock_port, 1, log=f"{folder}/mock.log")]
    things.append(Thing(FLOOR, ["nginx", "-p", folder, "-c", floor], floor_port, 0, log=f"{folder}/floor.log"))
    return things


def start_rung(rung, mock_port, binaries, folder):
    port = free_port()
    scratch = os.path.join(folder, re.sub(r"\W", "_", rung["name"]))
    os.makedirs(scratch, exist_ok=True)
    values = {"port": port, "mock": f"127.0.0.1:{mock_port}", "bin": binaries, "dir": scratch, "here": HERE}
    env = {k: fill(v, values) for k, v in rung.get("env", {}).items()}
    for path, text in rung.get("files", {}).items():
        with open(fill(path, values), "w") as f:
            f.write(fill(text, values))
    for command in rung.get("setup", []):
        subprocess.run([fill(part, values) for part in command], check=True, env={**os.environ, **env})
    command = [fill(part, values) for part in rung["command"]]
    rung["headers"] = {k: fill(v, values) for k, v in rung.get("headers", {}).items()}
    os.chmod(scratch, 0o755)
    thing = Thing(rung["name"], command, port, 0, env=env, log=f"{scratch}/log")
    if "key_file" in rung:
        for attempt in range(100):  # the gate writes its sample keys just after it listens
            try:
                with open(fill(rung["key_file"], values)) as f:
                    keys = {entry["role"]: entry["key"] for entry in json.load(f)}
                break
            except (OSError, ValueError):
                time.sleep(0.1)
        rung["headers"]["X-Api-Key"] = keys[rung.get("role", "analyst")]
    return thing


def report(order, rounds, memory):
    print(f"\n{'rung':<28}{'req/s':>9}{'ratio':>7}{'CPU us':>8}{'ratio':>7}{'p50 us':>8}{'p99 us':>8}{'MB':>7}")
    result = {}
    for name in order:
        take = lambda key: statistics.median(r[name][key] for r in rounds)
        ratio = lambda key: statistics.median(r[name][key] / r[FLOOR][key] for r in rounds if r[FLOOR][key])
        result[name] = {"rate": take("rate"), "rate_ratio": ratio("rate"), "cpu_us": take("cpu"),
                        "cpu_ratio": ratio("cpu"), "p50_us": take("p50"), "p99_us": take("p99"),
                        "memory_mb": memory[name]}
        r = result[name]
        print(f"{name:<28}{r['rate']:>9.0f}{r['rate_ratio']:>7.2f}{r['cpu_us']:>8.1f}{r['cpu_ratio']:>7.2f}"
              f"{r['p50_us']:>8.0f}{r['p99_us']:>8.0f}{r['memory_mb']:>7.1f}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of the release binaries")
    parser.add_argument("--rungs", action="append", default=[], help="JSON file with a list of further rungs")
    parser.add_argument("--only", help="names of rungs to run, parted by commas")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--stream-mb", type=int, default=100, help="0: leave the stream out")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    rungs = list(RUNGS)
    for path in args.rungs:
        with open(path) as f:
            rungs += json.load(f)
    if args.only:
        rungs = [r for r in rungs if r["name"] in args.only.split(",")]
    folder = tempfile.mkdtemp(prefix="ladder-")
    things = []
    try:
        things = start_floors(folder, max(args.stream_mb, 1))
        entries = [(things[1], {})]
        for rung in rungs:
            thing = start_rung(rung, things[0].port, args.bin, folder)
            things.append(thing)
            entries.append((thing, rung))
        scripts = {t.name: lua(folder, t.name, r) for t, r in entries}
        for thing, rung in entries:
            check_answer(thing, rung)
            burst(thing, rung, scripts[thing.name], 1, args.connections)
        direct = burst(things[0], {}, scripts[FLOOR], args.seconds, args.connections)
        print(f"mock alone: {direct['rate']:.0f} req/s, {direct['cpu']:.1f} us CPU a request")
        rounds = []
        for i in range(args.rounds):
            figures = {}
            for thing, rung in entries if i % 2 == 0 else reversed(entries):
                figures[thing.name] = burst(thing, rung, scripts[thing.name], args.seconds, args.connections)
            rounds.append(figures)
        memory = {t.name: resident_mb(t.process.pid) for t, _ in entries}
        result = report([t.name for t, _ in entries], rounds, memory)
        if args.stream_mb:
            print(f"\nmemory over a stream of {args.stream_mb} MB, MB before / at most:")
            for thing, rung in entries:
                if rung.get("stream", thing.name in (FLOOR, "relay")):
                    before, peak = memory_over_stream(thing, args.stream_mb)
                    result[thing.name]["stream_mb"] = [before, peak]
                    print(f"{thing.name:<28}{before:>8.1f}{peak:>8.1f}")
        if args.json:
            with open(args.json, "w") as f:
                json.dump(result, f, indent=1)
    finally:
        for thing in things:
            thing.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
