// The official TypeScript SDK, unmodified, as a client of the gate: one line of JSON per finding.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const say = (name, ok, detail = "") => console.log(JSON.stringify({ name, ok: Boolean(ok), detail }));
const { GATE_URL, KEY, NOTE, SECRET } = process.env;

async function connect(key, purpose) {
  const client = new Client({ name: "sdk", version: "1" }, { capabilities: {} });
  const headers = { Authorization: `Bearer ${key}`, "Proviso-Purpose": purpose };
  await client.connect(new StreamableHTTPClientTransport(new URL(GATE_URL), { requestInit: { headers } }));
  return client;
}

const client = await connect(KEY, "work");
const { tools } = await client.listTools();
say("lists tools", tools.some((t) => t.name === "read_text_file"), tools.length);
let result = await client.callTool({ name: "read_text_file", arguments: { path: NOTE } });
say("calls a tool", result.content[0].text.includes("A note of the unit."), result);
say("gets a receipt", result._meta["proviso/receipt"].index > 0, result._meta);
result = await client.callTool({ name: "echo", arguments: { message: `${SECRET}` } });
say("shows a refusal with its clause", result.isError && result.content[0].text.includes("1.2"), result);
const progress = [];
result = await client.callTool(
  { name: "trigger-long-running-operation", arguments: { duration: 1, steps: 4 } }, undefined,
  { onprogress: (p) => progress.push(p.progress) });
say("hears progress", progress.length >= 3 && !result.isError, progress);
const { prompts } = await client.listPrompts();
say("lists prompts", prompts.length > 0, prompts);
const { resources } = await client.listResources();
say("lists resources", resources.length > 0, resources.length);
const read = await client.readResource({ uri: resources[0].uri });
say("reads a resource", read.contents.length > 0, read);
await client.close();
try {
  const stranger = await connect("pv_wrong", "work");
  await stranger.close();
  say("a wrong key is refused", false);
} catch (error) {
  say("a wrong key is refused", true, String(error));
}
process.exit(0);
