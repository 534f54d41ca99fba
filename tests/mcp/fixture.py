#!/usr/bin/env python3
"""A tool server of ours that speaks both eras of MCP over HTTP, with every tool, resource and prompt that the
conformance suite asks for by name, and a few that misbehave on purpose.

    fixture.py [PORT]      prints its port, serves until its standard input ends

Written against the specification (2025-11-25 and 2026-07-28); nothing in it knows Proviso.
"""
import base64
import hashlib
import hmac
import json
import os
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
SECRET = os.urandom(32)


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) +
                            chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")).decode()


def wav():
    return base64.b64encode(b"RIFF" + struct.pack("<I", 38) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", 2) + b"\x80\x80").decode()


PNG, WAV = png(), wav()


class RpcError(Exception):
    def __init__(self, code, message, data=None, status=200):
        super().__init__(message)
        self.code, self.message, self.data, self.status = code, message, data, status


def text(words):
    return {"type": "text", "text": words}


def tool(name, description, properties=None, required=(), **more):
    schema = {"type": "object", "properties": properties or {}}
    if required:
        schema["required"] = list(required)
    return dict({"name": name, "description": description, "inputSchema": schema}, **more)


STRING = {"type": "string"}
NAME_SCHEMA = {"type": "object", "properties": {"name": STRING}, "required": ["name"]}


def form(message, schema):
    return {"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": schema}}


def sample(words, tokens):
    return {"method": "sampling/createMessage", "params": {
        "messages": [{"role": "user", "content": text(words)}], "maxTokens": tokens}}


ROOTS = {"method": "roots/list", "params": {}}
DEFAULTS = {"type": "object", "properties": {
    "name": {"type": "string", "description": "a name", "default": "John Doe"},
    "age": {"type": "integer", "description": "an age", "default": 30},
    "score": {"type": "number", "description": "a score", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "description": "checked or not", "default": True}}, "required": []}
ENUMS = {"type": "object", "properties": {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [{"const": "value1", "title": "First Option"},
                                                 {"const": "value2", "title": "Second Option"},
                                                 {"const": "value3", "title": "Third Option"}]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"],
                   "enumNames": ["Option One", "Option Two", "Option Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": [{"const": "value1", "title": "First Choice"},
                                                         {"const": "value2", "title": "Second Choice"},
                                                         {"const": "value3", "title": "Third Choice"}]}}},
    "required": []}
DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
           "$defs": {"address": {"$anchor": "addressDef", "type": "object",
                                 "properties": {"street": STRING, "city": STRING}}},
           "properties": {"name": STRING, "address": {"$ref": "#/$defs/address"},
                          "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                          "phone": STRING, "email": STRING},
           "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
           "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
           "then": {"required": ["phone"]}, "else": {"required": ["email"]}, "additionalProperties": False}

ANSWERS = {  # tools that always say the same
    "test_simple_text": {"content": [text("This is a simple text response for testing.")]},
    "test_image_content": {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]},
    "test_audio_content": {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]},
    "test_embedded_resource": {"content": [{"type": "resource", "resource": {
        "uri": "test://embedded-resource", "mimeType": "text/plain",
        "text": "This is an embedded resource content."}}]},
    "test_multiple_content_types": {"content": [
        text("Multiple content types test:"), {"type": "image", "data": PNG, "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "test://mixed-content-resource", "mimeType": "application/json",
                                          "text": json.dumps({"test": "data", "value": 123})}}]},
    "test_error_handling": {"isError": True,
                            "content": [text("This tool intentionally returns an error for testing")]},
}
TOOLS = [
    tool("test_simple_text", "Says one sentence."),
    tool("test_image_content", "Gives a picture."),
    tool("test_audio_content", "Gives a sound."),
    tool("test_embedded_resource", "Gives a resource inside its answer."),
    tool("test_multiple_content_types", "Gives text, a picture and a resource."),
    tool("test_error_handling", "Fails on purpose."),
    tool("test_tool_with_logging", "Writes three log lines while it works."),
    tool("test_tool_with_progress", "Reports its progress."),
    tool("test_sampling", "Asks the client's model.", {"prompt": STRING}, ["prompt"]),
    tool("test_elicitation", "Asks the client's person.", {"message": STRING}, ["message"]),
    tool("test_elicitation_sep1034_defaults", "Asks with default values."),
    tool("test_elicitation_sep1330_enums", "Asks with choices."),
    tool("json_schema_2020_12_tool", "Has a schema with newer keywords."),
    tool("test_input_required_result_elicitation", "Asks for a name first."),
    tool("test_input_required_result_sampling", "Asks for a capital first."),
    tool("test_input_required_result_list_roots", "Asks for folders first."),
    tool("test_input_required_result_request_state", "Asks, and knows its state again."),
    tool("test_input_required_result_multiple_inputs", "Asks three things at once."),
    tool("test_input_required_result_multi_round", "Asks twice."),
    tool("test_input_required_result_tampered_state", "Knows when its state was changed."),
    tool("test_input_required_result_capabilities", "Asks what the client can answer."),
    tool("test_missing_capability", "Needs a client that samples."),
    tool("test_streaming_elicitation", "Reports, then asks."),
    tool("test_logging_tool", "Logs where it may."),
    tool("test_trigger_tool_change", "Lists one tool more or less."),
    tool("test_trigger_prompt_change", "Lists one prompt more or less."),
    tool("echo", "Says what it is told.", {"text": STRING}, ["text"]),
    tool("spell", "Says what hexadecimal spells.", {"hex": STRING}, ["hex"]),
    tool("whisper", "Says in progress notifications what hexadecimal spells.", {"hex": STRING}, ["hex"]),
    tool("region_lookup", "Mirrors an argument into a header.",
         {"region": {"type": "string", "x-mcp-header": "Region"}, "limit": {"type": "integer",
                                                                            "x-mcp-header": "Limit"}}, ["region"]),
    tool("order", "Orders something.", {"what": STRING}, ["what"]),
    tool("nap", "Takes its time.", {"seconds": {"type": "number"}}),
    tool("slow", "Takes its time.", {"seconds": {"type": "number", "default": 0.5}}),
]
DYNAMIC = tool("test_dynamic_tool", "Comes and goes.")
for one in TOOLS:
    if one["name"] == "json_schema_2020_12_tool":
        one["inputSchema"] = DIALECT

PROMPTS = [
    {"name": "test_simple_prompt", "description": "One message."},
    {"name": "test_prompt_with_arguments", "description": "Two arguments.", "arguments": [
        {"name": "arg1", "description": "the first", "required": True},
        {"name": "arg2", "description": "the second", "required": True}]},
    {"name": "test_prompt_with_embedded_resource", "description": "A resource inside.", "arguments": [
        {"name": "resourceUri", "description": "which resource", "required": True}]},
    {"name": "test_prompt_with_image", "description": "A picture inside."},
    {"name": "test_input_required_result_prompt", "description": "Asks first."},
]
RESOURCES = {
    "test://static-text": {"mimeType": "text/plain", "text": "This is the content of the static text resource."},
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watch me."},
}


class State:
    """What all requests share; `rename` and `describe` are how tests change the server behind its clients."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sessions = {}
        self.dynamic_tool = False
        self.dynamic_prompt = False
        self.renamed = {}
        self.described = {}
        self.calls = []  # (method, name, headers): what reached the server
        self.listeners = []
        self.fail_next = None

    def tools(self):
        out = []
        for one in TOOLS + ([DYNAMIC] if self.dynamic_tool else []):
            one = dict(one)
            one["description"] = self.described.get(one["name"], one["description"])
            one["name"] = self.renamed.get(one["name"], one["name"])
            out.append(one)
        return out

    def prompts(self):
        return PROMPTS + ([{"name": "test_dynamic_prompt", "description": "Comes and goes."}]
                          if self.dynamic_prompt else [])

    def changed(self, what):
        for listener in list(self.listeners):
            listener(what)


def sealed(value):
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    return body + "." + hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()


def opened(state):
    body, _, mac = str(state).partition(".")
    if not hmac.compare_digest(mac, hmac.new(SECRET, body.encode(), hashlib.sha256).hexdigest()):
        raise RpcError(-32602, "requestState does not hold")
    return json.loads(base64.urlsafe_b64decode(body))


def answer_text(result):
    content = (result or {}).get("content")
    if isinstance(content, list):
        content = content[0] if content else {}
    return (content or {}).get("text", "")


class Request:
    """One request under way: what it may say before its response, in its era's way."""

    def __init__(self, server, handler, body, modern, session):
        self.server, self.handler, self.modern, self.session = server, handler, modern, session
        self.id, self.method, self.params = body["id"], body["method"], body.get("params") or {}
        self.meta = self.params.get("_meta") or {}
        if modern:
            self.capabilities = self.meta[META + "clientCapabilities"]
        else:
            self.capabilities = session["capabilities"] if session else {}

    def say(self, method, params):
        self.handler.event({"jsonrpc": "2.0", "method": method, "params": params})

    def progress(self, done, total=100, **more):
        token = self.meta.get("progressToken")
        if token is not None:
            self.say("notifications/progress", dict({"progressToken": token, "progress": done, "total": total}, **more))

    def log(self, level, data):
        if self.modern and META + "logLevel" not in self.meta:
            return
        self.say("notifications/message", {"level": level, "logger": "fixture", "data": data})

    def ask(self, request):
        """A question of the legacy era, on the stream of this request."""
        waiting = {"event": threading.Event(), "answer": None}
        with self.server.lock:
            number = "f%d" % len(self.session["asked"])
            self.session["asked"][number] = waiting
        self.handler.event(dict({"jsonrpc": "2.0", "id": number}, **request))
        if not waiting["event"].wait(20):
            raise RpcError(-32603, "the client did not answer")
        answer = waiting["answer"]
        if "error" in answer:
            raise RpcError(-32603, "the client refused: " + answer["error"]["message"])
        return answer["result"]

    def inputs(self, wanted, state=None):
        """The answers to `wanted`, or an InputRequiredResult (as an exception) that asks for them."""
        given = self.params.get("inputResponses")
        given = given if isinstance(given, dict) else {}
        good = {key: given[key] for key in wanted if isinstance(given.get(key), dict)}
        for key, value in good.items():
            if wanted[key]["method"] == "elicitation/create" and value.get("action") not in (
                    "accept", "decline", "cancel"):
                raise RpcError(-32602, "`%s` is no answer to a question" % key)
        if len(good) == len(wanted):
            return good
        raise InputRequired(wanted, state)


class InputRequired(Exception):
    def __init__(self, requests, state):
        super().__init__()
        self.result = {"resultType": "input_required", "inputRequests": requests}
        if state is not None:
            self.result["requestState"] = state


def call_tool(request):
    params = request.params
    name, args = params.get("name"), params.get("arguments") or {}
    server = request.server
    known = {server.renamed.get(one["name"], one["name"]): one["name"] for one in TOOLS + [DYNAMIC]}
    if name not in known:
        raise RpcError(-32602, "Unknown tool: %s" % name)
    name = known[name]
    if name in ANSWERS:
        return dict(ANSWERS[name])
    if name == "test_tool_with_logging":
        for step, words in enumerate(("Tool execution started", "Tool processing data", "Tool execution completed")):
            request.log("info", words)
            time.sleep(0.05 if step < 2 else 0)
        return {"content": [text("Three lines were logged.")]}
    if name == "test_logging_tool":
        request.log("info", "a line for whoever asked for lines")
        return {"content": [text("Logged where it may.")]}
    if name == "test_tool_with_progress":
        for done in (0, 50, 100):
            request.progress(done)
            time.sleep(0.05 if done < 100 else 0)
        return {"content": [text("Done with progress.")]}
    if name in ("test_sampling", "test_elicitation", "test_elicitation_sep1034_defaults",
                "test_elicitation_sep1330_enums"):
        return legacy_question(request, name, args)
    if name == "json_schema_2020_12_tool":
        return {"content": [text("Validated elsewhere: %s" % json.dumps(args))]}
    if name.startswith("test_input_required_result_"):
        return modern_question(request, name)
    if name == "test_missing_capability":
        if "sampling" not in request.capabilities:
            raise RpcError(-32021, "the client must declare sampling", {"requiredCapabilities": {"sampling": {}}}, 400)
        return {"content": [text("The client samples.")]}
    if name == "test_streaming_elicitation":
        request.progress(50)
        if request.modern and "elicitation" in request.capabilities:
            request.inputs({"user_name": form("What is your name?", NAME_SCHEMA)})
        return {"content": [text("Nothing was asked.")]}
    if name == "test_trigger_tool_change":
        server.dynamic_tool = not server.dynamic_tool
        server.changed("tools")
        return {"content": [text("The list of tools changed.")]}
    if name == "test_trigger_prompt_change":
        server.dynamic_prompt = not server.dynamic_prompt
        server.changed("prompts")
        return {"content": [text("The list of prompts changed.")]}
    if name == "echo":
        return {"content": [text(args.get("text", ""))]}
    if name == "spell":
        return {"content": [text(bytes.fromhex(args.get("hex", "")).decode())]}
    if name == "whisper":
        request.progress(1, 2, message=bytes.fromhex(args.get("hex", "")).decode())
        return {"content": [text("Whispered.")]}
    if name == "region_lookup":
        return {"content": [text("Region %s." % args.get("region"))]}
    if name == "order":
        return {"content": [text("Ordered: %s." % args.get("what"))]}
    if name in ("slow", "nap"):
        time.sleep(float(args.get("seconds", 0.5)))
        return {"content": [text("It took a while.")]}
    return {"content": [text("%s has nothing to do." % name)]}


def legacy_question(request, name, args):
    asking = {"test_sampling": sample(args.get("prompt", ""), 100),
              "test_elicitation": form(args.get("message", ""), {"type": "object", "properties": {
                  "username": {"type": "string", "description": "User's response"},
                  "email": {"type": "string", "description": "User's email address"}},
                  "required": ["username", "email"]}),
              "test_elicitation_sep1034_defaults": form("Please look at the defaults", DEFAULTS),
              "test_elicitation_sep1330_enums": form("Please choose", ENUMS)}[name]
    capability = asking["method"].split("/")[0]
    if capability not in request.capabilities:
        return {"isError": True, "content": [text("the client does not declare %s" % capability)]}
    result = request.inputs({"answer": asking})["answer"] if request.modern else request.ask(asking)
    if name == "test_sampling":
        return {"content": [text("LLM response: " + answer_text(result))]}
    words = "User response" if name == "test_elicitation" else "Elicitation completed"
    return {"content": [text("%s: action=%s, content=%s" % (words, result.get("action"),
                                                            json.dumps(result.get("content", {}))))]}


def modern_question(request, name):
    kind = name[len("test_input_required_result_"):]
    ok_schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    if kind == "elicitation":
        given = request.inputs({"user_name": form("What is your name?", NAME_SCHEMA)})
        return {"content": [text("Hello, %s!" % (given["user_name"].get("content") or {}).get("name"))]}
    if kind == "sampling":
        given = request.inputs({"capital_question": sample("What is the capital of France?", 100)})
        return {"content": [text("The model said: " + answer_text(given["capital_question"]))]}
    if kind == "list_roots":
        given = request.inputs({"client_roots": ROOTS})
        return {"content": [text("Roots: " + ", ".join(r["uri"] for r in given["client_roots"].get("roots", [])))]}
    if kind in ("request_state", "tampered_state"):
        state = request.params.get("requestState")
        if state is not None:
            opened(state)
        request.inputs({"confirm": form("Please confirm", ok_schema)}, sealed({"step": 1}))
        if state is None:
            raise RpcError(-32602, "requestState is missing")
        return {"content": [text("state-ok")]}
    if kind == "multiple_inputs":
        if request.params.get("requestState") is not None:
            opened(request.params["requestState"])
        given = request.inputs({"user_name": form("What is your name?", NAME_SCHEMA),
                                "greeting": sample("Generate a greeting", 50), "client_roots": ROOTS},
                               sealed({"step": "all"}))
        return {"content": [text("%s, %s, %d roots" % (answer_text(given["greeting"]), (
            given["user_name"].get("content") or {}).get("name"), len(given["client_roots"].get("roots", []))))]}
    if kind == "multi_round":
        step = opened(request.params["requestState"])["step"] if "requestState" in request.params else 0
        if step < 2:
            first = request.inputs({"step1": form("Step 1: What is your name?", NAME_SCHEMA)}, sealed({"step": 1}))
            raise InputRequired({"step2": form("Step 2: What is your favorite color?", {
                "type": "object", "properties": {"color": STRING}, "required": ["color"]})},
                sealed({"step": 2, "name": (first["step1"].get("content") or {}).get("name")}))
        given = request.inputs({"step2": form("Step 2: What is your favorite color?", {
            "type": "object", "properties": {"color": STRING}, "required": ["color"]})},
            request.params["requestState"])
        return {"content": [text("You like %s." % (given["step2"].get("content") or {}).get("color"))]}
    if kind == "capabilities":
        wanted = {}
        if "elicitation" in request.capabilities:
            wanted["user_name"] = form("What is your name?", NAME_SCHEMA)
        if "sampling" in request.capabilities:
            wanted["greeting"] = sample("Generate a greeting", 50)
        if wanted:
            request.inputs(wanted)
        return {"content": [text("Asked what the client can answer.")]}
    raise RpcError(-32602, "Unknown tool")


def get_prompt(request):
    name, args = request.params.get("name"), request.params.get("arguments") or {}

    def said(*contents):
        return {"messages": [{"role": "user", "content": content} for content in contents]}
    if name == "test_simple_prompt":
        return said(text("This is a simple prompt for testing."))
    if name == "test_prompt_with_arguments":
        return said(text("Prompt with arguments: arg1='%s', arg2='%s'" % (args.get("arg1"), args.get("arg2"))))
    if name == "test_prompt_with_embedded_resource":
        return said({"type": "resource", "resource": {"uri": args.get("resourceUri"), "mimeType": "text/plain",
                                                      "text": "Embedded resource content for testing."}},
                    text("Please process the embedded resource above."))
    if name == "test_prompt_with_image":
        return said({"type": "image", "data": PNG, "mimeType": "image/png"}, text("Please analyze the image above."))
    if name == "test_input_required_result_prompt" and request.modern:
        given = request.inputs({"user_context": form("What context should the prompt use?", {
            "type": "object", "properties": {"context": STRING}, "required": ["context"]})})
        return said(text("Context: %s" % (given["user_context"].get("content") or {}).get("context")))
    raise RpcError(-32602, "Unknown prompt: %s" % name)


def read_resource(request):
    uri = request.params.get("uri", "")
    if uri in RESOURCES:
        return {"contents": [dict({"uri": uri}, **RESOURCES[uri])]}
    if uri.startswith("test://template/") and uri.endswith("/data"):
        number = uri[len("test://template/"):-len("/data")]
        return {"contents": [{"uri": uri, "mimeType": "application/json", "text": json.dumps(
            {"id": number, "templateTest": True, "data": "Data for ID: " + number})}]}
    raise RpcError(-32602 if request.modern else -32002, "Resource not found", {"uri": uri})


def cached(result):
    return dict(result, ttlMs=60000, cacheScope="public")


def dispatch(request):
    method, server = request.method, request.server
    if method == "tools/list":
        return cached({"tools": server.tools()})
    if method == "tools/call":
        return call_tool(request)
    if method == "resources/list":
        return cached({"resources": [{"uri": uri, "name": uri[7:], "description": "The resource %s." % uri[7:],
                                      "mimeType": value["mimeType"]} for uri, value in RESOURCES.items()]})
    if method == "resources/templates/list":
        return cached({"resourceTemplates": [{"uriTemplate": "test://template/{id}/data", "name": "template",
                                              "description": "Data by number.", "mimeType": "application/json"}]})
    if method == "resources/read":
        return cached(read_resource(request))
    if method == "prompts/list":
        return cached({"prompts": server.prompts()})
    if method == "prompts/get":
        return get_prompt(request)
    if method == "completion/complete":
        start = request.params.get("argument", {}).get("value", "")
        values = [word for word in ("paris", "park", "party") if word.startswith(start)]
        return {"completion": {"values": values, "total": len(values), "hasMore": False}}
    if request.modern and method == "server/discover":
        return cached({"supportedVersions": [MODERN, LEGACY], "capabilities": {
            "tools": {}, "resources": {}, "prompts": {}, "completions": {}, "logging": {}}})
    if not request.modern:
        if method == "ping" or method == "logging/setLevel":
            return {}
        if method in ("resources/subscribe", "resources/unsubscribe"):
            if request.params.get("uri") not in RESOURCES:
                raise RpcError(-32002, "Resource not found")
            return {}
    raise RpcError(-32601, "Method not found: %s" % method, None, 404)


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
                             dict(self.headers.items())))
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
