#!/usr/bin/env python3
"""A tool server of ours that speaks both eras of MCP over HTTP, with every tool, resource and prompt that the
conformance suite asks for by name, and a few that misbehave on purpose.

    fixture.py [PORT]      prints its port, serves until its standard input ends

Written against the specification (2025-11-25 and 2026-07-28); nothing in it knows Proviso.
"""
import base64
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fixture_tools import LEGACY, META, MODERN, TOOLS, InputRequired, Request, RpcError, State, dispatch
from fixture_tools import DYNAMIC  # noqa: F401 - for whoever imports the fixture


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def reply(self, status, body=None, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, message):
        if not self.streaming:
            self.streaming = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
        self.chunk("event: message\ndata: " + json.dumps(message) + "\n\n")

    def chunk(self, words):
        data = words.encode()
        self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n")
        self.wfile.flush()

    def refuse(self, status, code, message, number=None, data=None):
        error = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        body = {"jsonrpc": "2.0", "error": error}
        if number is not None:
            body["id"] = number
        self.reply(status, body)

    def from_here(self):
        for name in ("Host", "Origin"):
            value = self.headers.get(name)
            if value is None:
                continue
            host = value.split("://")[-1]
            host = host[:host.rfind("]") + 1] if host.startswith("[") else host.split(":")[0]
            if host not in ("localhost", "127.0.0.1", "[::1]"):
                self.refuse(403, -32600, "this server is for its own machine")
                return False
        return True

    def do_GET(self):
        self.streaming = False
        if not self.from_here():
            return
        self.reply(405, None, [("Allow", "POST, DELETE")])

    def do_DELETE(self):
        self.streaming = False
        if not self.from_here():
            return
        server = self.server.state
        session = self.headers.get("Mcp-Session-Id")
        if self.headers.get("MCP-Protocol-Version") == MODERN or session is None:
            return self.reply(405, None, [("Allow", "POST")])
        with server.lock:
            gone = server.sessions.pop(session, None)
        self.reply(204 if gone else 404)

    def do_POST(self):
        self.streaming = False
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.from_here():
            return
        try:
            body = json.loads(data)
        except ValueError:
            return self.refuse(400, -32700, "no JSON")
        if not isinstance(body, dict) or body.get("jsonrpc") != "2.0":
            return self.refuse(400, -32600, "no message")
        server = self.server.state
        meta = (body.get("params") or {}).get("_meta") or {}
        shown = self.headers.get("MCP-Protocol-Version")
        modern = META + "protocolVersion" in meta or (shown is not None and shown not in (
            LEGACY, "2025-06-18", "2025-03-26"))
        if modern:
            return self.modern(server, body, meta, shown)
        return self.legacy(server, body)

    def modern(self, server, body, meta, shown):
        number = body.get("id")
        version = meta.get(META + "protocolVersion")
        if version is None:
            return self.refuse(400, -32602, "_meta lacks the version", number)
        if shown != version:
            return self.refuse(400, -32020, "MCP-Protocol-Version does not repeat the body", number)
        if version != MODERN:
            return self.refuse(400, -32022, "unsupported version", number,
                               {"supported": [MODERN, LEGACY], "requested": version})
        if not isinstance(meta.get(META + "clientCapabilities"), dict):
            return self.refuse(400, -32602, "_meta lacks the capabilities", number)
        if self.headers.get("Mcp-Method") != body.get("method"):
            return self.refuse(400, -32020, "Mcp-Method does not repeat the body", number)
        params = body.get("params") or {}
        name = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(body.get("method"))
        if name and self.decoded("Mcp-Name") != params.get(name):
            return self.refuse(400, -32020, "Mcp-Name does not repeat the body", number)
        if body.get("method") == "tools/call":
            for one in TOOLS:
                if one["name"] != params.get("name"):
                    continue
                for key, schema in one["inputSchema"].get("properties", {}).items():
                    header = schema.get("x-mcp-header")
                    value = (params.get("arguments") or {}).get(key)
                    if header and (None if value is None else str(value)) != self.decoded("Mcp-Param-" + header):
                        return self.refuse(400, -32020, "Mcp-Param-%s does not repeat the body" % header, number)
        if number is None:
            return self.reply(202)
        if body.get("method") == "subscriptions/listen":
            return self.listen(server, body)
        self.run(Request(server, self, body, True, None))

    def decoded(self, header):
        value = self.headers.get(header)
        if value and value.startswith("=?base64?") and value.endswith("?="):
            try:
                return base64.b64decode(value[9:-2], validate=True).decode()
            except ValueError:
                return "\0"  # equal to nothing
        return value

    def listen(self, server, body):
        wanted = body["params"].get("notifications") or {}
        tag = {META + "subscriptionId": body["id"]}
        ended = threading.Event()

        def tell(what):
            if wanted.get(what + "ListChanged"):
                try:
                    self.event({"jsonrpc": "2.0", "method": "notifications/%s/list_changed" % what,
                                "params": {"_meta": tag}})
                except OSError:
                    ended.set()
        self.event({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                    "params": {"_meta": tag, "notifications": wanted}})
        server.listeners.append(tell)
        try:
            while not ended.wait(0.5):
                self.chunk(":\n\n")
        except OSError:
            pass
        server.listeners.remove(tell)
        self.close_connection = True

    def legacy(self, server, body):
        number = body.get("id")
        if body.get("method") == "initialize":
            params = body.get("params") or {}
            session = os.urandom(16).hex()
            with server.lock:
                server.sessions[session] = {"capabilities": params.get("capabilities") or {}, "asked": {}}
            version = params.get("protocolVersion")
            result = {"protocolVersion": version if version in ("2025-06-18", "2025-03-26") else LEGACY,
                      "capabilities": {"tools": {"listChanged": True}, "resources": {"subscribe": True},
                                       "prompts": {"listChanged": True}, "completions": {}, "logging": {}},
                      "serverInfo": {"name": "fixture", "version": "1"}}
            return self.reply(200, {"jsonrpc": "2.0", "id": number, "result": result}, [("Mcp-Session-Id", session)])
        session = server.sessions.get(self.headers.get("Mcp-Session-Id", ""))
        if session is None:
            return self.refuse(404 if self.headers.get("Mcp-Session-Id") else 400, -32600, "no such session", number)
        if "method" not in body:
            waiting = session["asked"].get(number)
            if waiting is not None:
                waiting["answer"] = body
                waiting["event"].set()
            return self.reply(202)
        if number is None:
            return self.reply(202)
        self.run(Request(server, self, body, False, session))

    def run(self, request):
        server = request.server
        server.calls.append((request.method, request.params.get("name") or request.params.get("uri"),
                             dict(self.headers.items()), request.meta))
        status = 200
        try:
            if server.fail_next == request.method:
                server.fail_next = None
                self.close_connection = True
                return
            result = dispatch(request)
            if request.modern:
                result = dict({"resultType": "complete"}, **result)
                result["_meta"] = {META + "serverInfo": {"name": "fixture", "version": "1"}}
            body = {"jsonrpc": "2.0", "id": request.id, "result": result}
        except InputRequired as asked:
            body = {"jsonrpc": "2.0", "id": request.id, "result": asked.result}
        except RpcError as error:
            body = {"jsonrpc": "2.0", "id": request.id, "error": {"code": error.code, "message": error.message}}
            if error.data is not None:
                body["error"]["data"] = error.data
            status = error.status if request.modern else 200
        try:
            if not self.streaming:
                return self.reply(status, body)
            self.event(body)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *unused):
        """A client that goes away in the middle is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*unused)


class Fixture:
    """Runs in a thread until close(); `state` is what tests reach into."""

    def __init__(self, port=0):
        self.http = Quiet(("127.0.0.1", port), Handler)
        self.state = self.http.state = State()
        self.port = self.http.server_address[1]
        self.url = "http://127.0.0.1:%d/mcp" % self.port
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


if __name__ == "__main__":
    fixture = Fixture(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(fixture.port, flush=True)
    sys.stdin.read()
