#!/usr/bin/env python3
"""What a client or a tool server tries that it has no right to, each beside what may pass: origins and keys that are
there twice, sessions and states of others, notices and questions that nobody asked for."""
import http.client
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import driver  # noqa: E402
import governed  # noqa: E402
import leaves  # noqa: E402
from fixture import Fixture  # noqa: E402
from gate import BIN, Checks  # noqa: E402
from governed import LEGACY, META, MODERN, Client, Governed, registry, words  # noqa: E402
from spelling import spelled  # noqa: E402

checks = Checks("mcp.guards")
check = checks.check
SECRET = "AKIAIOSFODNN7QWERTYU"
ASKABLE = {"elicitation": {}}


def told(client, method):
    return [m["params"] for m in client.last[2] if m.get("method") == method]


def was_asked(client):
    """Whether the question came to the client, in either era's way."""
    return bool(told(client, "elicitation/create")) or any("inputRequests" in m.get("result", {}) for m in client.last[2])


def verdicts(gate, exchange):
    return [(json.loads(leaf)["verb"], facts.get("resource.id"), json.loads(leaf)["decision"],
             facts.get("exchange.outcome")) for leaf, facts in leaves.read(gate.state)
            if facts.get("exchange.id") == exchange]


def last_exchange(client):
    return client.last[1]["proviso-exchange"]


def twice(gate):
    """A header that decides who may is there once."""
    hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}})
    key = "Bearer " + gate.keys["staff"]
    for name, fields, want in (("one origin of here", [("Origin", "http://localhost"), ("Authorization", key)], 200),
                               ("two origins", [("Origin", "http://localhost"), ("Origin", "http://evil.example.com"),
                                                ("Authorization", key)], 403),
                               ("two keys", [("Authorization", key), ("Authorization", "Bearer none")], 400)):
        connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
        connection.putrequest("POST", "/mcp")
        for field, value in fields + [("Content-Type", "application/json"), ("Content-Length", str(len(hello)))]:
            connection.putheader(field, value)
        connection.endheaders(hello.encode())
        status = connection.getresponse().status
        connection.close()
        check("%s: %d" % (name, want), status == want, status)


def sessions(gate):
    client = Client(gate.port, gate.keys["staff"], LEGACY).open()
    status, _, _ = gate.request("DELETE", "/mcp", role="commander", headers={"Mcp-Session-Id": client.session})
    check("another person ends no session", status == 404, status)
    check("so it goes on", "result" in client.request("tools/list"), client.last)
    client.post({"jsonrpc": "2.0", "id": "q1", "result": {"action": "accept"}}, {"MCP-Protocol-Version": LEGACY})
    check("an answer to nothing is 400", client.last[0] == 400, client.last)
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=10)
    connection.request("GET", "/mcp", headers={"Authorization": "Bearer " + gate.keys["staff"],
                                               "Mcp-Session-Id": client.session})
    stream = connection.getresponse()
    gate.request("DELETE", "/mcp", role="staff", headers={"Mcp-Session-Id": client.session})
    try:
        stream.read()
        ended = True
    except OSError:
        ended = False
    connection.close()
    check("a session that ends takes its stream along", stream.status == 200 and ended)


def what_travels(gate, fixture):
    """Of `_meta` a server gets what is for it."""
    client = Client(gate.port, gate.keys["staff"], MODERN, {"elicitation": {"form": {}, "x": {"y": "for the gate"}}, "other": {}})
    answer = client.call("echo", {"text": "x"}, meta={"progressToken": "mine", META + "logLevel": "info",
                                                     "example/tenant": "b"})
    meta = fixture.state.calls[-1][3]
    check("a call", words(answer) == "x", answer)
    check("what is for the server travels", meta.get("example/tenant") == "b", meta)
    check("who the client is does not", meta.get(META + "clientInfo", {}).get("name") != "test", meta)
    check("nor its progress token", meta.get("progressToken") not in (None, "mine"), meta)
    check("of its capabilities what the specification names", meta[META + "clientCapabilities"] ==
          {"elicitation": {"form": {}}}, meta)
    legacy = Client(gate.port, gate.keys["staff"], LEGACY).open()
    legacy.call("echo", {"text": "x"}, meta={META + "clientInfo": {"name": "test"}, "example/tenant": "b"})
    meta = fixture.state.calls[-1][3]
    check("nor in the other era", META + "clientInfo" not in meta and meta["example/tenant"] == "b", meta)


def notices(gate):
    """Of what a server says unasked, progress of this call passes, and log lines where they were asked for."""
    for era in (LEGACY, MODERN):
        client = Client(gate.port, gate.keys["staff"], era).open()
        answer = client.call("chatter", {"hex": [spelled("own")]}, meta={"progressToken": "mine"})
        check(era + " it answers", words(answer) == "Chattered.", answer)
        check(era + " progress of the call passes, of no other", [(p["progressToken"], p["message"]) for p in told(
            client, "notifications/progress")] == [("mine", "own")], client.last)
        check(era + " a notice of something else does not", not told(client, "notifications/resources/updated"))
        check(era + " a log line passes where the era sends them", len(told(client, "notifications/message")) ==
              (1 if era == LEGACY else 0), client.last)
        client.call("chatter", {"hex": [spelled("one"), spelled("two"), spelled("key " + SECRET)]},
                    meta={"progressToken": "mine"})
        check(era + " each is judged, whatever passed before", SECRET not in json.dumps(client.last[2]) and
              len(told(client, "notifications/progress")) == 2, client.last)
    client = Client(gate.port, gate.keys["staff"], MODERN)
    client.call("chatter", meta={META + "logLevel": "info"})
    check("a modern client that asks for log lines gets them", len(told(client, "notifications/message")) == 1)
    for said, leaves_of_it in ((["one", "two"], 1), (["one", "x" * 5000], 2)):
        client.call("chatter", {"hex": [spelled(one) for one in said]}, meta={"progressToken": "mine"})
        found = [v for v in verdicts(gate, last_exchange(client)) if v[3] == "open"]
        check("%d verdicts on what has other facts" % leaves_of_it, len(found) == leaves_of_it, found)
    facts = [f for _, f in leaves.read(gate.state) if f.get("exchange.id") == last_exchange(client)]
    check("the last verdict is on all that was said", facts[-1]["context.content.bytes"] > 5000, facts[-1])


def questions(gate, fixture):
    """A server's question is a release of its channel, the answer an act."""
    for era in (LEGACY, MODERN):
        for name, capabilities, asked, said, reaches, heard in (
                ("a question and its answer pass", ASKABLE, "who are you", "ana", True, True),
                ("a client that cannot be asked is not", {}, "who are you", "ana", False, False),
                ("a secret in a question does not leave", ASKABLE, "key " + SECRET, "ana", False, False),
                ("a secret in an answer is not told", ASKABLE, "who are you", SECRET, True, False)):
            client = driver.Asked(gate.port, gate.keys["staff"], era, capabilities).open()
            saved = driver.answer_to
            driver.answer_to = lambda request: {"action": "accept", "content": {"name": said}}
            fixture.state.heard.clear()
            answer = client.call("interview", {"hex": spelled(asked)})
            reached, first = was_asked(client), client.last
            if era == MODERN and answer.get("result", {}).get("resultType") == "input_required":
                client.request("tools/call", {"name": "interview", "arguments": {"hex": spelled(asked)},
                                              "inputResponses": {"name": driver.answer_to(None)}})
            driver.answer_to = saved
            check("%s %s" % (era, name), reached == reaches and
                  bool(fixture.state.heard) == heard and SECRET not in json.dumps(first[2]), (first, fixture.state.heard))
            if SECRET in asked and era == MODERN:
                found = verdicts(gate, last_exchange(client))
                check("and it is the channel's refusal", ("release", "fixture/elicitation", "deny", "open") in found and
                      found[-1][3] == "refused:channel", found)
    client = Client(gate.port, gate.keys["staff"], MODERN, ASKABLE)
    for size, fine in ((1000, True), (64 * 1024 + 1, False)):
        answer = client.call("interview", {"hex": spelled("who"), "state": size})
        check("a state of %d bytes" % size, ("result" in answer) == fine and "ssss" not in json.dumps(answer), str(answer)[:200])


def unadmitted(fixture, servers):
    """Questions of channels that the registry does not name."""
    with Governed(servers, registry("fixture", fixture.url, fixture.state.tools(), channels=())) as gate:
        for era in (LEGACY, MODERN):
            client = driver.Asked(gate.port, gate.keys["staff"], era, ASKABLE).open()
            fixture.state.heard.clear()
            client.call("interview", {"hex": spelled("who are you")})
            check(era + " a question of an unadmitted channel reaches nobody", not fixture.state.heard and
                  not was_asked(client), client.last)
            if era == MODERN:
                meta = fixture.state.calls[-1][3]
                check("nor is the server told that it could ask", meta[META + "clientCapabilities"] == {}, meta)


def at_once(gate):
    """A state that several bring back at the same moment is used once."""
    client = Client(gate.port, gate.keys["staff"], MODERN, ASKABLE)
    name = "test_input_required_result_request_state"
    for _ in range(5):
        state = client.call(name)["result"]["requestState"]
        answers, threads = [], []

        def back():
            one = Client(gate.port, gate.keys["staff"], MODERN, ASKABLE)
            answers.append(one.request("tools/call", {"name": name, "arguments": {}, "requestState": state,
                                                      "inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}))
        for _ in range(6):
            threads.append(threading.Thread(target=back))
            threads[-1].start()
        for thread in threads:
            thread.join()
        served = [a for a in answers if "state-ok" in words(a)]
        check("of six with one state one is served", len(served) == 1 and all(
            a["error"]["code"] == -32602 for a in answers if a not in served), answers)


def judged_whole(fixture, servers):
    """Where an answer is judged whole its notifications wait, and a server that says too much ends its call."""
    governed.CLAUSES, saved = governed.CLAUSES.replace('@clause("1.1")', '@clause("1.1") @whole'), governed.CLAUSES
    with Governed(servers, registry("fixture", fixture.url, fixture.state.tools())) as gate:
        client = Client(gate.port, gate.keys["staff"], MODERN)
        answer = client.call("chatter", {"count": 1000}, meta={"progressToken": "mine"})
        check("a thousand notifications are kept and told", words(answer) == "Chattered." and len(told(
            client, "notifications/progress")) == 1000, (answer, len(client.last[2])))
        for name, arguments in (("one more", {"count": 1001}),
                                ("more than 8 MiB", {"count": 9, "size": 1_000_000})):
            answer = client.call("chatter", arguments, meta={"progressToken": "mine"})
            check(name + " ends the call in words", "more notifications than are kept" in words(answer) and
                  not told(client, "notifications/progress"), str(answer)[:300])
            found = verdicts(gate, answer["error"]["data"]["proviso/exchange"])
            check(name + " leaves an outcome", found[-1][3] == "failed:limit", found)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    governed.CLAUSES = saved


def redacted(fixture, servers):
    """A result leaves without what the agreement redacts; what is said on the way, and what no string alone shows, is denied."""
    rule = '@clause("1.2")\nforbid (principal, action in [Action::"release", Action::"act"], resource)'
    saved = governed.CLAUSES
    governed.CLAUSES = saved.replace(rule, rule.replace('@clause("1.2")', '@clause("1.2") @redact')).replace(
        "labels=secret    | deny", "labels=secret    | redact").replace(
        "act     | tool echo        | purpose=work labels=secret    | redact", "act     | tool echo        | purpose=work labels=secret    | deny")
    with Governed(servers, registry("fixture", fixture.url, fixture.state.tools())) as gate:
        for era in (LEGACY, MODERN):
            client = Client(gate.port, gate.keys["staff"], era)
            if era == LEGACY:
                client.open()
            answer = client.call("spell", {"hex": spelled("key " + SECRET + " \"and\" so on")})
            check("a result leaves without its secret (%s)" % era, words(answer) == 'key [redacted: secret] "and" so on', answer)
            check("and its client is told (%s)" % era, answer["result"]["_meta"]["proviso/redacted"] == ["secret"], answer)
            found = verdicts(gate, answer["result"]["_meta"]["proviso/exchange"])
            check("in two decisions (%s)" % era, [f[2:] for f in found[-2:]] == [("redact", "open"), ("allow", "complete")], found)
            answer = client.call("spell", {"hex": spelled("nothing to hide")})
            check("another is left alone (%s)" % era, words(answer) == "nothing to hide" and
                  "proviso/redacted" not in answer["result"]["_meta"], answer)
            answer = client.call("chatter", {"hex": [spelled("key " + SECRET)]}, meta={"progressToken": "mine"})
            check("a notification is denied (%s)" % era, SECRET not in json.dumps([answer, client.last[2]]) and
                  "Chattered" not in words(answer), (answer, client.last[2]))
            answer = client.call("echo", {"text": SECRET})
            check("arguments are denied (%s)" % era, SECRET not in json.dumps(answer) and "1.2" in json.dumps(answer), answer)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    governed.CLAUSES = saved


def revoked(gate):
    """A key that is revoked while its call runs, which then says something: the exchange ends once."""
    def proviso(*args):
        return subprocess.run([os.path.join(BIN, "proviso"), *args, "--state", gate.state], capture_output=True, text=True)

    made = json.loads(proviso("key", "new", "--person", "staff", "--purpose", "work", "--json").stdout)
    client = Client(gate.port, made["key"], LEGACY).open()
    answers = []
    call = threading.Thread(target=lambda: answers.append(
        client.call("chatter", {"after": 2, "hex": [spelled("one")]}, meta={"progressToken": "mine"})))
    call.start()
    time.sleep(0.7)
    check("a key is revoked while its call runs", proviso("key", "revoke", made["id"]).returncode == 0)
    call.join()
    check("nothing of the call reaches the client", "Chattered" not in json.dumps(answers) and "revoked" in json.dumps(answers), answers)
    found = verdicts(gate, client.last[1]["proviso-exchange"])
    check("its exchange has one outcome", [f[3] for f in found if f[3]] == ["failed:key_revoked"], found)


def main():
    fixture = Fixture()
    servers = '[[tool_server]]\nid = "fixture"\nurl = "%s"\n' % fixture.url
    with Governed(servers, registry("fixture", fixture.url, fixture.state.tools())) as gate:
        twice(gate)
        sessions(gate)
        what_travels(gate, fixture)
        notices(gate)
        questions(gate, fixture)
        at_once(gate)
        revoked(gate)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    unadmitted(fixture, servers)
    judged_whole(fixture, servers)
    redacted(fixture, servers)
    fixture.close()
    checks.exit()


main()
