#!/usr/bin/env python3
"""Tool calls that wait for people: approved, denied, changed and let be, in both eras and as tasks."""
import json
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
from fixture import Fixture  # noqa: E402
from gate import BIN, Checks  # noqa: E402
from governed import CLASSES, LEGACY, MODERN, Client, Governed, registry, words  # noqa: E402
from spelling import spelled  # noqa: E402

checks = Checks("mcp.held")
check = checks.check
TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


def decide(gate, held, what="approve", role="commander", reason="read and understood"):
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base)
    done = subprocess.run([os.path.join(BIN, "proviso"), "hold", what, held, "--as", "commander", "--reason", reason,
                           "--key", os.path.join(gate.state, "sample", "approvers", role)],
                          capture_output=True, text=True, env=environment)
    return done.returncode, done.stderr


def open_holds(gate):
    listed = json.loads(gate.request("GET", "/proviso/holds", role="commander")[2])["holds"]
    return [h["id"] for h in listed if h["state"] == "open"]


def open_hold(gate):
    for _ in range(200):
        fresh = open_holds(gate)
        if fresh:
            return fresh[0]
        time.sleep(0.05)
    return "none"


def orders(fixture):
    return [call for call in fixture.state.calls if call[1] == "order"]


def meanwhile(gate, fixture, era):
    """The client waits, somebody approves, the call goes on."""
    client = Client(gate.port, gate.keys["staff"], era).open()
    before = len(orders(fixture))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.call("order", {"what": "tyres", "era": era})))
    thread.start()
    held = open_hold(gate)
    check(era + " nothing reached the server", len(orders(fixture)) == before)
    status, err = decide(gate, held)
    check(era + " a commander approves", status == 0, err)
    thread.join()
    check(era + " the call was made once", len(orders(fixture)) == before + 1, orders(fixture)[before:])
    check(era + " and answered", answers and not answers[0]["result"].get("isError") and
          "proviso/receipt" in answers[0]["result"]["_meta"], answers)


def afterwards(gate, fixture, era):
    """The client does not wait; asking again comes back to the same hold."""
    client = Client(gate.port, gate.keys["staff"], era, headers={}).open()
    before = len(orders(fixture))
    what = {"what": "axles", "era": era}
    held = client.call("order", what)["result"]["_meta"]["proviso/hold"]
    check(era + " the same call is the same hold", client.call("order", what)["result"]["_meta"]["proviso/hold"] == held)
    other = client.call("order", dict(what, what="wheels"))["result"]["_meta"]["proviso/hold"]
    check(era + " other arguments are another", other != held)
    status, err = decide(gate, held, role="staff")
    check(era + " not by whoever asked", status == 1, err)
    check(era + " a commander approves", decide(gate, held)[0] == 0)
    answer = client.call("order", dict(what, what="wheels"))
    check(era + " the other still waits", answer["result"]["_meta"].get("proviso/hold") == other, answer)
    answer = client.call("order", what)
    check(era + " the approved one is made", "proviso/receipt" in answer["result"]["_meta"] and
          len(orders(fixture)) == before + 1, answer)
    answer = client.call("order", what)
    check(era + " once", answer["result"]["_meta"].get("proviso/hold") not in (None, held) and
          len(orders(fixture)) == before + 1, answer)
    check(era + " denied", decide(gate, other, "deny")[0] == 0)


def task(client, gate, what):
    made = client.call("order", {"what": what})["result"]
    check("a held call becomes a task", made["resultType"] == "task" and made["status"] == "working", made)
    return made["taskId"], made["_meta"]["proviso/hold"]


def ended(client, name):
    for _ in range(200):
        state = client.request("tasks/get", {"taskId": name}, {"Mcp-Name": name})["result"]
        if state["status"] != "working":
            return state
        time.sleep(0.05)
    return state


def as_tasks(gate, fixture):
    client = Client(gate.port, gate.keys["staff"], MODERN, TASKS)
    before = len(orders(fixture))
    name, held = task(client, gate, "engines")
    time.sleep(2)  # longer than a call without a task waits
    check("approved", decide(gate, held)[0] == 0)
    state = ended(client, name)
    check("an approved task completes with the result", state["status"] == "completed" and
          "proviso/receipt" in state["result"]["_meta"] and len(orders(fixture)) == before + 1, state)
    name, held = task(client, gate, "engines two")
    check("denied", decide(gate, held, "deny")[0] == 0)
    state = ended(client, name)
    check("a denied task ends as a refusal", state["status"] in ("completed", "failed") and
          "denied" in json.dumps(state) and len(orders(fixture)) == before + 1, state)


def changed_meanwhile(gate, fixture, era):
    """The server changes the tool while people read what it was."""
    client = Client(gate.port, gate.keys["staff"], era).open()
    before = len(orders(fixture))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.call("order", {"what": "pins", "era": era})))
    thread.start()
    held = open_hold(gate)
    fixture.state.described["order"] = "Orders what it likes."
    time.sleep(11)  # longer than a list counts as fresh
    check(era + " approved all the same", decide(gate, held)[0] == 0)
    thread.join()
    check(era + " another definition than the approved one does not run", len(orders(fixture)) == before and
          "has changed since" in json.dumps(answers), answers)
    del fixture.state.described["order"]
    time.sleep(11)


def all_that_travels(gate, era):
    """A member of `_meta` that the server gets is part of what is approved; a progress token is not."""
    client = Client(gate.port, gate.keys["staff"], era, headers={}).open()
    what = {"what": "rims", "era": era}

    def held(meta):
        return client.call("order", what, meta=meta)["result"]["_meta"]["proviso/hold"]

    plain = held({})
    check(era + " a progress token changes nothing", held({"progressToken": "p1"}) == plain)
    check(era + " what else travels is another action", held({"example/tenant": "b"}) != plain)


def second_round(gate, fixture):
    """What a held call's server asks is answered by a call that is held again: the answers are part of what is done."""
    client = Client(gate.port, gate.keys["staff"], MODERN, {"elicitation": {}})
    asked = {"name": "interview", "arguments": {"hex": spelled("who"), "state": 8}}
    fixture.state.heard.clear()

    def held(answer):
        return answer["result"].get("_meta", {}).get("proviso/hold")
    first = held(client.request("tools/call", asked))
    check("the first round is approved", decide(gate, first)[0] == 0)
    result = client.request("tools/call", asked)["result"]
    check("and asks", result["resultType"] == "input_required" and "requestState" in result, result)
    answered = dict(asked, requestState=result["requestState"], inputResponses={
        "name": {"action": "accept", "content": {"name": "ana"}}})
    second = held(client.request("tools/call", answered))
    check("the second round waits for people of its own", second not in (None, first) and not fixture.state.heard)
    check("the state is not used up by waiting", held(client.request("tools/call", answered)) == second, client.last)
    other = dict(answered, inputResponses={"name": {"action": "accept", "content": {"name": "ben"}}})
    check("another answer is another action", held(client.request("tools/call", other)) not in (None, first, second))
    check("the second round is approved", decide(gate, second)[0] == 0)
    check("and heard", words(client.request("tools/call", answered)) == "Heard." and len(fixture.state.heard) == 1, client.last)
    check("once", client.request("tools/call", answered).get("error", {}).get("code") == -32602 and
          len(fixture.state.heard) == 1, client.last)


def across_an_end(gate, fixture):
    """A gate that is told to end while a task waits ends at once and in order; the hold is there again afterwards."""
    client = Client(gate.port, gate.keys["staff"], MODERN, TASKS)
    before = len(orders(fixture))
    name, held = task(client, gate, "hinges")
    started = time.monotonic()
    status = gate.stop()
    took = time.monotonic() - started
    check("SIGTERM ends it in order", status == 0 and took < 20, (status, took, gate.stderr()[-2000:]))
    gate.start()
    client = Client(gate.port, gate.keys["staff"], MODERN)
    check("the task is gone", client.request("tasks/get", {"taskId": name}, {"Mcp-Name": name}).get("error"), client.last)
    check("the hold is not", held in open_holds(gate), open_holds(gate))
    check("and can be approved", decide(gate, held)[0] == 0)
    answer = client.call("order", {"what": "hinges"})
    check("the same call is made", "proviso/receipt" in answer["result"]["_meta"] and
          len(orders(fixture)) == before + 1, answer)


def main():
    fixture = Fixture()
    servers = '[[tool_server]]\nid = "fixture"\nurl = "%s"\n' % fixture.url
    tools = registry("fixture", fixture.url, fixture.state.tools(), classes=dict(CLASSES, interview="spend"))
    for wait in (30, 0):
        with Governed(servers, tools, config="[oversight]\nwait_seconds = %d\n" % wait) as gate:
            for era in (LEGACY, MODERN):
                (meanwhile if wait else afterwards)(gate, fixture, era)
                if wait:
                    changed_meanwhile(gate, fixture, era)
                else:
                    all_that_travels(gate, era)
            as_tasks(gate, fixture)
            if not wait:
                second_round(gate, fixture)
            across_an_end(gate, fixture)
            status, output = gate.verify()
            check("every decision and every approval is derived again", status == 0, output[-2000:])
    fixture.close()
    checks.exit()


main()
