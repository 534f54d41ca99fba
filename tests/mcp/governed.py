"""A gate in front of tool servers, for tests: an agreement whose registry pins what the servers list, written
with digests that this file computes for itself, and a client of both eras without any library."""
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from gate import BIN, Gate  # noqa: E402

LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
CHANNELS = ("resources", "prompts", "completions", "elicitation", "sampling", "roots")
PARTY = ('[[party]]\nname = "Operator"\nrole = "operator"\nkey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINr0PLnx1Zuf8'
         'CRnwOSb5C+4yP3as88XCfy+BS5p1nyM placeholder"\n')
TERMS = """title     = "Tools under test"
revision  = %d
effective = 2026-01-01
expires   = 2028-12-31
""" + PARTY + """
[roles]
staff     = "all who work here"
guest     = "nobody who may call a tool"
commander = "co-approves spending"
[purposes]
work = "the daily work"
leisure = "not served"
[labels]
known = ["secret"]
[[vendor]]
id = "house"
jurisdiction = "own"
[[model]]
id = "local"
vendor = "house"
weights_sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""
CLAUSES = """# 1 Tools

1.1 Staff call tools and read what servers offer, for the daily work.

1.2 No secret reaches a tool, and none comes back from one.

1.3 Nothing that uses force is called.

1.4 Spending waits for a commander.

```cedar
@clause("1.1")
permit (principal in Role::"staff", action, resource)
when { context.moment.purpose == Purpose::"work" };

@clause("1.2")
forbid (principal, action in [Action::"release", Action::"act"], resource)
when { context.content.labels.contains("secret") };

@clause("1.3")
forbid (principal, action, resource)
when { resource is Tool && resource in ToolClass::"force" };

@clause("1.4") @hold("a commander")
forbid (principal, action == Action::"act", resource in ToolClass::"spend")
unless { context.moment.approvals.commander >= 1 };
```

```examples
who   | does    | what             | when                          | then
staff | act     | tool echo        | purpose=work                  | allow
staff | act     | tool echo        | purpose=leisure               | deny
staff | act     | tool echo        | purpose=work labels=secret    | deny
staff | release | tool echo        | purpose=work labels=secret    | deny
guest | act     | tool echo        | purpose=work                  | deny
staff | act     | tool order       | purpose=work                  | hold
staff | act     | tool slow        | purpose=work                  | deny
```
"""
EXAMPLES = {"people": {
    "staff": {"roles": ["staff"], "clearance": 1, "nationality": "own", "training_until": "2028-01-01"},
    "guest": {"roles": ["guest"], "clearance": 1, "nationality": "own", "training_until": "2028-01-01"},
    "commander": {"roles": ["commander", "staff"], "clearance": 1, "nationality": "own",
                  "training_until": "2028-01-01"}},
    "defaults": {"now": "2026-06-01", "purpose": "work"}}
RED_LINES = """# Red lines

| id | custodian | scope | in words |
|---|---|---|---|
| R1 | operator | act | nothing that uses force is called |

```redlines
R1: act => !(resource in ToolClass::"force")
```
"""
PAPERS = {}  # file in tools/ -> the definition that the parties keep, as text
CLASSES = {"order": "spend", "slow": "force"}


def identity(server, where):
    return json.dumps({"id": server, "where": where}, separators=(",", ":"))


def canonical(value):
    """RFC 8785 for what test definitions hold: ASCII names, integers and short decimals."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def pin(definition, server, where):
    return hashlib.sha256(("proviso-tool-v1\n%s\n%s" % (identity(server, where), canonical(definition)))
                          .encode()).hexdigest()


def channel_pin(channel, server, where):
    return hashlib.sha256(("proviso-channel-v1\n%s\n%s" % (identity(server, where), channel)).encode()).hexdigest()


def entry(tool, tool_class, server, digest):
    return '[[tool]]\nid = "%s"\nclass = "%s"\nserver = "%s"\ndefinition = "%s"\n' % (tool, tool_class, server, digest)


def registry(server, where, definitions, channels=CHANNELS, classes=None):
    """The [[tool]] entries that admit these definitions and channels."""
    classes = CLASSES if classes is None else classes
    text = "".join(entry(one["name"], classes.get(one["name"], "read"), server, pin(one, server, where))
                   for one in definitions)
    return text + "".join(entry("%s/%s" % (server, c), "read", server, channel_pin(c, server, where))
                          for c in channels)


def write_agreement(folder, tools, revision=1):
    os.makedirs(os.path.join(folder, "clauses"), exist_ok=True)
    for name, text in (("agreement.toml", TERMS % revision + tools), ("redlines.md", RED_LINES),
                       ("clauses/1-tools.md", CLAUSES), ("examples.json", json.dumps(EXAMPLES, indent=2))):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    for name, text in PAPERS.items():
        os.makedirs(os.path.join(folder, "tools"), exist_ok=True)
        with open(os.path.join(folder, "tools", name), "w") as out:
            out.write(text)
    return folder


def listed(servers, config=""):
    """What `proviso tools list --json` says of these servers before anything is admitted."""
    with Governed(servers, "", config=config) as gate:
        done = subprocess.run([os.path.join(BIN, "proviso"), "tools", "list", "--json", "--state", gate.state],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr + gate.stderr())
        return [row for row in json.loads(done.stdout) if row["server"] != "nowhere"]


def admit(rows, classes=None):
    """The registry's entries for those rows, channels included."""
    classes = classes or {}
    return "".join(entry(row["id"], classes.get(row["id"], CLASSES.get(row["id"], "read")), row["server"], row["digest"])
                   for row in rows if row["id"] and row["digest"])


class Governed(Gate):
    """A gate with tool servers. `servers`: the [[tool_server]] tables as text; `tools`: the registry's entries."""

    def __init__(self, servers, tools, config="", **more):
        self.folder = tempfile.mkdtemp(prefix="proviso-mcp-")
        # The clauses' examples speak of these three, whatever the servers have.
        tools += "".join(entry(name, tool_class, "nowhere", "0" * 64) for name, tool_class in (
            ("order", "spend"), ("slow", "force"), ("echo", "read")) if 'id = "%s"' % name not in tools)
        write_agreement(self.folder, tools)
        if "[oversight]" not in config:
            config += "\n[oversight]\nwait_seconds = 1\n"  # nobody approves in these tests
        super().__init__(agreement=self.folder, config=config + "\n" + servers, args=["--no-worker"], **more)

    def __exit__(self, *unused):
        super().__exit__(*unused)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return self.base + "/mcp"


def events(payload):
    """The messages of an event stream."""
    out = []
    for block in payload.decode().replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip(" ") for line in block.split("\n") if line.startswith("data:"))
        if data:
            out.append(json.loads(data))
    return out


class Client:
    """Speaks MCP in one era; `last` is the newest HTTP answer: (status, headers, messages)."""

    def __init__(self, port, key, era=LEGACY, capabilities=None, purpose="work", headers=None):
        self.port, self.key, self.era = port, key, era
        self.capabilities = capabilities or {}
        self.headers = dict(headers or {}, **{"Proviso-Purpose": purpose})
        self.session = None
        self.number = 0
        self.last = None

    def post(self, body, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        send = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                "Authorization": "Bearer " + self.key}
        send.update(self.headers)
        if self.session:
            send["Mcp-Session-Id"] = self.session
        send.update(headers or {})
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        connection.request("POST", "/mcp", data, {k: v for k, v in send.items() if v is not None})
        answer = connection.getresponse()
        payload = answer.read()
        connection.close()
        fields = {k.lower(): v for k, v in answer.getheaders()}
        messages = events(payload) if "event-stream" in fields.get("content-type", "") else (
            [json.loads(payload)] if payload else [])
        self.last = (answer.status, fields, messages)
        return messages

    def open(self):
        if self.era == MODERN:
            return self
        messages = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": LEGACY, "capabilities": self.capabilities,
            "clientInfo": {"name": "test", "version": "1"}}})
        self.session = self.last[1].get("mcp-session-id")
        self.hello = messages[0]
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"},
                  {"MCP-Protocol-Version": LEGACY})
        return self

    def request(self, method, params=None, headers=None, meta=None):
        """The response; everything that came before it is in `last`."""
        self.number += 1
        params = dict(params or {})
        send = {"MCP-Protocol-Version": self.era}
        if self.era == MODERN:
            params["_meta"] = dict({META + "protocolVersion": MODERN, META + "clientInfo": {
                "name": "test", "version": "1"}, META + "clientCapabilities": self.capabilities}, **(meta or {}))
            send["Mcp-Method"] = method
            name = params.get("uri") if method == "resources/read" else params.get("name")
            if name and method in ("tools/call", "prompts/get", "resources/read"):
                send["Mcp-Name"] = name
        elif meta:
            params["_meta"] = meta
        send.update(headers or {})
        messages = self.post({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}, send)
        return next((m for m in messages if m.get("id") == self.number and "method" not in m), None)

    def call(self, name, arguments=None, **more):
        return self.request("tools/call", {"name": name, "arguments": arguments or {}}, **more)


def words(response):
    """The text of a tool's result, or of an error."""
    if response is None:
        return ""
    if "error" in response:
        return response["error"]["message"]
    return "".join(item.get("text", "") for item in response["result"].get("content", []))
