"""What the fixture offers: tools, resources, prompts, and what each does. fixture.py carries it over HTTP."""
import base64
import hashlib
import hmac
import json
import os
import struct
import threading
import time
import zlib


def unspelled(digits):
    """What spelling.py spelled; a server in its sandbox cannot read that file."""
    return bytes(255 - byte for byte in bytes.fromhex(digits)).decode()


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
    tool("chatter", "Says what it is told to say before it answers, asked for or not.", {
        "hex": {"type": "array"}, "count": {"type": "integer"}, "size": {"type": "integer"}, "after": {"type": "number"}}),
    tool("interview", "Asks a question that hexadecimal spells, whatever the client can answer.", {
        "hex": STRING, "state": {"type": "integer"}}, ["hex"]),
    tool("order", "Orders something.", {"what": STRING}, ["what"]),
    tool("restock", "Orders from a list, and says what came with it.", {
        "part": {"enum": ["bolt", "nut"]}, "count": {"type": "integer", "minimum": 1, "maximum": 99}}, ["part"]),
    tool("nap", "Takes its time.", {"seconds": {"type": "number"}}),
    tool("slow", "Takes its time.", {"seconds": {"type": "number", "default": 0.5}}),
]
DYNAMIC = tool("test_dynamic_tool", "Comes and goes.")
for one in TOOLS:
    if one["name"] == "json_schema_2020_12_tool":
        one["inputSchema"] = DIALECT
    if one["name"] == "restock":
        one["inputSchema"]["additionalProperties"] = False

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
        self.calls = []  # (method, name, headers, _meta): what reached the server
        self.heard = []  # answers to questions
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
    if name == "restock":
        mine = [key for key in request.meta if not key.startswith(META)]
        return {"content": [text(json.dumps({"arguments": args, "meta": mine, "asks": sorted(request.capabilities)}))]}
    if name == "echo":
        return {"content": [text(args.get("text", ""))]}
    if name == "spell":
        return {"content": [text(unspelled(args.get("hex", "")))]}
    if name == "whisper":
        request.progress(1, 2, message=unspelled(args.get("hex", "")))
        return {"content": [text("Whispered.")]}
    if name == "chatter":
        return chatter(request, args)
    if name == "interview":
        return interview(request, args)
    if name == "region_lookup":
        return {"content": [text("Region %s." % args.get("region"))]}
    if name == "order":
        return {"content": [text("Ordered: %s." % args.get("what"))]}
    if name in ("slow", "nap"):
        time.sleep(float(args.get("seconds", 0.5)))
        return {"content": [text("It took a while.")]}
    return {"content": [text("%s has nothing to do." % name)]}


def chatter(request, args):
    """Progress of others, notices of other things, log lines nobody asked for, and then of its own."""
    time.sleep(args.get("after", 0))
    request.say("notifications/progress", {"progressToken": "stranger", "progress": 1, "message": "of another call"})
    request.say("notifications/resources/updated", {"uri": "test://static-text"})
    request.say("notifications/message", {"level": "info", "logger": "fixture", "data": "a line"})
    for number, words in enumerate(args.get("hex", [])):
        request.progress(number, message=unspelled(words))
    for number in range(args.get("count", 0)):
        request.progress(number, message="step %d " % number + "x" * args.get("size", 0))
    return {"content": [text("Chattered.")]}


def interview(request, args):
    asking = form(unspelled(args["hex"]), NAME_SCHEMA)
    if request.modern:
        given = request.inputs({"name": asking}, "s" * args["state"] if "state" in args else None)["name"]
    else:
        given = request.ask(asking)
    request.server.heard.append(given)
    return {"content": [text("Heard.")]}


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
