"""The official Python SDK, unmodified, as a client of the gate in both eras: one line of JSON per finding."""
import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

URL, KEY, NOTE, SECRET = (os.environ[name] for name in ("GATE_URL", "KEY", "NOTE", "SECRET"))


def say(name, ok, detail=""):
    print(json.dumps({"name": name, "ok": bool(ok), "detail": str(detail)[:600]}), flush=True)


async def use(mode):
    http = create_mcp_http_client(headers={"Authorization": "Bearer " + KEY, "Proviso-Purpose": "work"})
    async with Client(streamable_http_client(URL, http_client=http), mode=mode) as client:
        listed = await client.list_tools()
        say(mode + " lists tools", any(tool.name == "read_text_file" for tool in listed.tools), len(listed.tools))
        result = await client.call_tool("read_text_file", {"path": NOTE})
        say(mode + " calls a tool", "A note of the unit." in result.content[0].text, result)
        result = await client.call_tool("write_file", {"path": NOTE + ".x", "content": SECRET})
        say(mode + " shows a refusal with its clause", result.is_error and "1.2" in result.content[0].text, result)
        result = await client.call_tool("get-sum", {"a": 2, "b": 3})
        say(mode + " calls another server", "5" in result.content[0].text, result)
        resources = await client.list_resources()
        say(mode + " lists resources", len(resources.resources) > 0, resources)
        read = await client.read_resource(resources.resources[0].uri)
        say(mode + " reads a resource", len(read.contents) > 0, read)


async def main():
    for mode in ("legacy", "2026-07-28", "auto"):
        await use(mode)


asyncio.run(main())
sys.exit(0)
