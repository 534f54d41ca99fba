#!/usr/bin/env python3
"""What the conformance suite starts as "the client": a gate whose tool server is the suite's own, and a small
client that speaks to the gate. So what the suite judges is what the gate sends.

    driver.py URL       the suite says the scenario and the revision in its environment
"""
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
from gate import BIN  # noqa: E402
from governed import Client, Governed, LEGACY, MODERN, admit  # noqa: E402

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", LEGACY)
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
ERA = MODERN if VERSION == MODERN else LEGACY
CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}


def a_turn():
    """The suite starts all of a revision's scenarios at once, and each starts gates: two at a time, or its own
    servers are too slow to answer. Held until this program ends."""
    slots = [open(os.path.join(tempfile.gettempdir(), "proviso-mcp-driver-%d.lock" % slot), "w") for slot in range(2)]
    while True:
        for slot in slots:
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return slot
            except BlockingIOError:
                pass
        time.sleep(0.1)


def example(schema):
    """An argument that a schema would take."""
    kind = schema.get("type")
    return {"string": "a", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}.get(kind, "a")


def answer_to(request):
    """What a person or a model would answer; defaults are taken as they stand (SEP-1034)."""
    if request["method"] == "roots/list":
        return {"roots": [{"uri": "file:///work", "name": "work"}]}
    if request["method"] == "sampling/createMessage":
        return {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m", "stopReason": "endTurn"}
    properties = request["params"].get("requestedSchema", {}).get("properties", {})
    content = {key: schema.get("default", example(schema)) for key, schema in properties.items()}
    return {"action": "accept", "content": content}


class Asked(Client):
    """A legacy client that answers questions while its call runs."""

    def post(self, body, headers=None):
        import http.client
        import threading
        if not (isinstance(body, dict) and body.get("method") == "tools/call" and self.era == LEGACY):
            return super().post(body, headers)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        send = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                "Authorization": "Bearer " + self.key, "Mcp-Session-Id": self.session}
        send.update(self.headers)
        send.update(headers or {})
        connection.request("POST", "/mcp", json.dumps(body), send)
        answer = connection.getresponse()
        messages = []
        if "event-stream" not in answer.getheader("Content-Type", ""):
            messages = [json.loads(answer.read())]
        else:
            for line in answer:
                if not line.startswith(b"data:"):
                    continue
                message = json.loads(line[5:])
                messages.append(message)
                if "method" in message and "id" in message:
                    reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer_to(message)}
                    threading.Thread(target=Client.post, args=(
                        self, reply, {"MCP-Protocol-Version": LEGACY})).start()
                if "result" in message or "error" in message:
                    break
        connection.close()
        self.last = (answer.status, {}, messages)
        return messages


def call(client, name, arguments):
    """Calls a tool and answers what it asks, as often as it asks."""
    more = {}
    for _ in range(6):
        headers = {}
        schema = client.tools.get(name, {}).get("inputSchema", {}).get("properties", {})
        if client.era == MODERN:
            for key, part in schema.items():
                value = arguments.get(key)
                if part.get("x-mcp-header") and value is not None:
                    headers["Mcp-Param-" + part["x-mcp-header"]] = encoded(value)
        answer = client.request("tools/call", dict({"name": name, "arguments": arguments}, **more), headers=headers)
        result = (answer or {}).get("result", {})
        print(name, json.dumps(answer)[:300])
        if result.get("resultType") != "input_required":
            return answer
        more = {"inputResponses": {key: answer_to(request) for key, request in result.get("inputRequests", {}).items()}}
        if "requestState" in result:
            more["requestState"] = result["requestState"]
    return answer


def encoded(value):
    import base64
    text = str(value).lower() if isinstance(value, bool) else str(value)
    plain = all(0x20 <= ord(c) < 0x7f for c in text) and text == text.strip(" ")
    return text if plain else "=?base64?%s?=" % base64.b64encode(text.encode()).decode()


def log_in(gate, config):
    """The operator at a terminal, and the browser that goes where it is sent."""
    login = subprocess.Popen([os.path.join(BIN, "proviso"), "tools", "login", "suite", "--state", gate.state, "--config",
                              config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in login.stdout:
        if line.startswith("http"):
            try:
                urllib.request.urlopen(line.strip(), timeout=10).read()
            except OSError as error:
                print("browser: %s" % error)
    login.wait(30)
    print("login: %d %s" % (login.returncode, login.stderr.read()))
    return login.returncode == 0


def rows_of(gate):
    done = subprocess.run([os.path.join(BIN, "proviso"), "tools", "list", "--json", "--state", gate.state],
                          capture_output=True, text=True)
    return [row for row in json.loads(done.stdout) if row["server"] == "suite"]


def with_login(servers):
    """What the server lists, after a login where it wants one; ends the driver where the login must fail."""
    with Governed(servers, "") as gate:
        config = os.path.join(gate.state, "test.toml")
        rows = rows_of(gate)
        for _ in range(LOGINS_MAX):
            if not any(row["state"] == "wants a login" for row in rows):
                break
            if not log_in(gate, config):
                sys.exit(1)
            rows = rows_of(gate)
        return rows


LOGINS_MAX = 2  # of one operator, for one refusal


def call_with_login(gate, client, name, arguments):
    for _ in range(LOGINS_MAX):
        answer = call(client, name, arguments)
        if "wants a login" not in json.dumps(answer):
            return
        rows_of(gate)
        if not log_in(gate, os.path.join(gate.state, "test.toml")):
            sys.exit(1)
    answer = call(client, name, arguments)


def credentials(folder):
    """How the operator registered beforehand: a document of ours, or what the suite gives."""
    known = CONTEXT.get("client_id")
    text = 'client_id = "%s"\n' % (known or "https://conformance-test.local/client-metadata.json")
    if CONTEXT.get("client_secret"):
        path = os.path.join(folder, "secret")
        with open(path, "w") as out:
            out.write(CONTEXT["client_secret"])
        os.chmod(path, 0o600)
        text += 'client_secret_file = "%s"\n' % path
    return text


def main():
    url = sys.argv[-1]
    servers = '[[tool_server]]\nid = "suite"\nurl = "%s"\nera = "%s"\n' % (
        url, "modern" if ERA == MODERN else "legacy")
    folder = tempfile.mkdtemp(prefix="proviso-login-")
    os.chmod(folder, 0o755)
    if SCENARIO.startswith("auth/"):
        servers += 'token_file = "%s"\n%s' % (os.path.join(folder, "token"), credentials(folder))
    rows = with_login(servers)
    print(json.dumps(rows))
    with Governed(servers, admit(rows)) as gate:
        client = Asked(gate.port, gate.keys["staff"], ERA, CAPABILITIES).open()
        offered = client.request("tools/list")["result"]["tools"]
        client.tools = {tool["name"]: tool for tool in offered}
        calls = CONTEXT.get("toolCalls") or [
            {"name": tool["name"], "arguments": {key: example(schema) for key, schema in tool["inputSchema"].get(
                "properties", {}).items()}} for tool in offered]
        for one in calls:
            if one["name"].endswith("_echo"):  # shows what became of the other tools' schemas on their way
                others = [tool["inputSchema"] for tool in offered if tool["name"] != one["name"]]
                one = {"name": one["name"], "arguments": {"schema": others[0]}}
            call_with_login(gate, client, one["name"], one.get("arguments") or {})
        for method in ("resources/list", "prompts/list"):
            answer = client.request(method) or {}
            for item in answer.get("result", {}).get(method.split("/")[0], [])[:1]:
                if method == "resources/list":
                    client.request("resources/read", {"uri": item["uri"]})
                else:
                    client.request("prompts/get", {"name": item["name"]})
        print(gate.stderr(), file=sys.stderr)


if __name__ == "__main__":
    turn = a_turn()
    main()
