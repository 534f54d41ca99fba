// The official npm clients, unmodified. Reads a gate's address and KEY from the environment:
// MODEL_BASE if the local model is behind it, SCRIPT_BASE if the scriptable upstream is. Prints one JSON line a check.
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";

const SECRET = "AKIAIOSFODNN7QWERTYU";
// The upstream says it; the request does not hold it.
// As tests/lib/spelling.py has it.
const spelled = (text) => Buffer.from(text).map((byte) => 255 - byte).toString("hex");
const saySecret = "hex say " + spelled(`the key is ${SECRET} and more`);
const out = (name, ok, detail) => console.log(JSON.stringify({ name, ok: !!ok, detail: detail === undefined ? "" : String(detail) }));
const headers = { "Proviso-Purpose": "analysis" };
const openai = (base, more = {}) => new OpenAI({ baseURL: base + "/v1", apiKey: process.env.KEY, defaultHeaders: headers, ...more });
const anthropic = (base, more = {}) => new Anthropic({ baseURL: base, apiKey: process.env.KEY, defaultHeaders: headers, ...more });
// Two cities: arguments that a sampling model can't draw out until it runs into max_tokens.
const schema = { type: "object", properties: { city: { type: "string", enum: ["Oslo", "Bergen"] } },
  required: ["city"], additionalProperties: false };

async function attempt(name, body) {
  try { await body(); } catch (error) { out(name, false, `${error.constructor.name} ${error.message}`); }
}
async function failure(name, body, test) {
  try { await body(); out(name, false, "no error"); } catch (error) { out(name, test(error), `${error.constructor.name} ${error.status} ${error.message}`); }
}
const user = (content) => [{ role: "user", content }];

async function openaiOnModel(base) {
  const client = openai(base);
  await attempt("openai chat", async () => {
    const answer = await client.chat.completions.create({ model: "local", messages: user("Say hello."), max_tokens: 16 });
    out("openai chat", answer.choices[0].message.content && answer.usage.completion_tokens > 0);
  });
  await attempt("openai stream", async () => {
    let text = "", usage;
    for await (const chunk of await client.chat.completions.create({ model: "local", messages: user("Say hello."), max_tokens: 16, stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    out("openai stream", text && usage?.completion_tokens > 0);
  });
  await attempt("openai stream helper", async () => {
    const runner = client.chat.completions.stream({ model: "local", messages: user("Say hello."), max_tokens: 16, stream_options: { include_usage: true } });
    const final = await runner.finalChatCompletion();
    out("openai stream helper", final.choices[0].message.content);
  });
  await attempt("openai forced tool", async () => {
    const answer = await client.chat.completions.create({ model: "local", messages: user("Weather in Oslo?"), max_tokens: 256,
      tools: [{ type: "function", function: { name: "weather", parameters: schema } }], tool_choice: { type: "function", function: { name: "weather" } } });
    out("openai forced tool", answer.choices[0].message.tool_calls?.[0]?.function.name === "weather");
  });
  await attempt("openai models", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    out("openai models", ids.includes("local"), ids);
  });
  await failure("openai denied purpose", () => client.chat.completions.create({ model: "local", messages: user("hi") }, { headers: { "Proviso-Purpose": "targeting" } }), (e) => e.status === 403);
  await failure("openai wrong key", () => openai(base, { apiKey: "pv_wrong" }).models.list(), (e) => e.status === 401);
}

async function responsesOnModel(base) {
  const client = openai(base);
  await attempt("responses create", async () => {
    const answer = await client.responses.create({ model: "local", input: "Say hello.", max_output_tokens: 16 });
    out("responses create", answer.output_text && answer.usage.output_tokens > 0 && answer.store === false, JSON.stringify(answer));
  });
  await attempt("responses stream", async () => {
    let text = "", last;
    for await (const event of await client.responses.create({ model: "local", input: "Say hello.", max_output_tokens: 16, stream: true })) {
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event;
    }
    const said = last.response.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");
    out("responses stream", text && said === text && /^response\.(completed|incomplete)$/.test(last.type), JSON.stringify(last));
  });
  await attempt("responses stream helper", async () => {
    const final = await client.responses.stream({ model: "local", input: "Say hello.", max_output_tokens: 16 }).finalResponse();
    out("responses stream helper", final.output.length > 0, JSON.stringify(final));
  });
  await attempt("responses forced tool", async () => {
    const answer = await client.responses.create({ model: "local", input: "Weather in Oslo?", max_output_tokens: 256,
      tools: [{ type: "function", name: "weather", parameters: schema, strict: true }], tool_choice: { type: "function", name: "weather" } });
    out("responses forced tool", answer.output.some((item) => item.type === "function_call" && item.name === "weather"), JSON.stringify(answer));
  });
  await failure("responses denied purpose", () => client.responses.create({ model: "local", input: "hi" }, { headers: { "Proviso-Purpose": "targeting" } }), (e) => e.status === 403);
  await failure("responses store", () => client.responses.create({ model: "local", input: "hi", store: true }), (e) => e.status === 400 && e.message.includes("store"));
}

async function responsesFaults(base) {
  const client = openai(base);
  const ask = (script, more = {}) => client.responses.create({ model: "local", input: "script: " + script, ...more });
  const drain = async (script) => { const events = []; for await (const e of await ask(script, { stream: true })) events.push(e); return events; };
  await failure("responses upstream 500", () => ask("error 500"), (e) => e.status === 502);
  await failure("responses cut stream", () => drain("cut"), () => true);
  await failure("responses error in stream", () => drain("error-in-stream"), () => true);
  await failure("responses unknown event", () => drain("unknown-event"), () => true);
  await failure("responses secret in a whole answer", () => ask(saySecret), (e) => e.status === 403);
  await attempt("responses secret in a stream", async () => {
    const events = await drain(saySecret);
    const last = events.at(-1);
    out("responses secret in a stream", !JSON.stringify(events).includes("AKIA") && last.type === "response.incomplete" &&
      last.response.incomplete_details.reason === "content_filter", JSON.stringify(last));
  });
  await attempt("responses streamed tool", async () => {
    const final = await client.responses.stream({ model: "local", input: 'script: tool notes {"text":"hello"}' }).finalResponse();
    out("responses streamed tool", final.output[0].arguments === '{"text":"hello"}', JSON.stringify(final));
  });
  await attempt("responses streamed reasoning", async () => {
    const final = await client.responses.stream({ model: "local", input: "script: reason because" }).finalResponse();
    out("responses streamed reasoning", final.output[0].content[0].text === "because" && final.output_text === "done", JSON.stringify(final));
  });
}

async function choicesFaults(base) {
  const client = openai(base);
  const ask = (script, more = {}) => client.chat.completions.create({ model: "local", messages: user("script: " + script), n: 2, ...more });
  const hidden = "hex at " + spelled(`1 say the key is ${SECRET} and more`);
  await attempt("openai two choices", async () => {
    const answer = await ask("say plain words");
    out("openai two choices", answer.choices.length === 2 && answer.choices[1].message.content === "plain words");
  });
  await failure("openai secret in choice 1", () => ask(hidden), (e) => e.status === 403);
  await attempt("openai secret in choice 1 of a stream", async () => {
    const finishes = {};
    let said = "";
    for await (const chunk of await ask(hidden, { stream: true })) {
      for (const choice of chunk.choices) {
        said += choice.delta.content ?? "";
        if (choice.finish_reason) finishes[choice.index] = choice.finish_reason;
      }
    }
    out("openai secret in choice 1 of a stream", !said.includes("AKIA") && finishes[0] === "content_filter" && finishes[1] === "content_filter", JSON.stringify(finishes));
  });
}

async function anthropicOnModel(base) {
  const client = anthropic(base);
  await attempt("anthropic messages", async () => {
    const answer = await client.messages.create({ model: "local", max_tokens: 16, messages: user("Say hello.") });
    out("anthropic messages", answer.content[0].text && answer.usage.output_tokens > 0);
  });
  await attempt("anthropic stream helper", async () => {
    const final = await client.messages.stream({ model: "local", max_tokens: 16, messages: user("Say hello.") }).finalMessage();
    out("anthropic stream helper", final.content[0].text && final.stop_reason);
  });
  await attempt("anthropic count_tokens", async () => {
    out("anthropic count_tokens", (await client.messages.countTokens({ model: "local", messages: user("Say hello.") })).input_tokens > 0);
  });
  await attempt("anthropic forced tool", async () => {
    const answer = await client.messages.create({ model: "local", max_tokens: 256, messages: user("Weather in Oslo?"),
      tools: [{ name: "weather", input_schema: schema }], tool_choice: { type: "tool", name: "weather" } });
    out("anthropic forced tool", answer.content.some((b) => b.type === "tool_use") && answer.stop_reason === "tool_use", answer.stop_reason);
  });
  await attempt("anthropic older version header", async () => {
    const answer = await client.messages.create({ model: "local", max_tokens: 8, messages: user("Say hello.") }, { headers: { "anthropic-version": "2023-06-01" } });
    out("anthropic older version header", answer.type === "message");
  });
  await attempt("anthropic models", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    out("anthropic models", ids.includes("local"), ids);
  });
  await failure("anthropic denied purpose", () => client.messages.create({ model: "local", max_tokens: 8, messages: user("hi") }, { headers: { "Proviso-Purpose": "targeting" } }), (e) => e.status === 403 && e.error?.error?.type === "permission_error");
}

async function openaiFaults(base) {
  const client = openai(base);
  const ask = (script, more = {}) => client.chat.completions.create({ model: "local", messages: user("script: " + script), ...more });
  const drain = async (script) => { const chunks = []; for await (const c of await ask(script, { stream: true })) chunks.push(c); return chunks; };
  await failure("openai upstream 500", () => ask("error 500"), (e) => e.status === 502);
  await failure("openai cut stream", () => drain("cut"), () => true);
  await failure("openai error in stream", () => drain("error-in-stream"), () => true);
  await failure("openai unknown event", () => drain("unknown-event"), () => true);
  await attempt("openai secret in a stream", async () => {
    const chunks = await drain(saySecret);
    const text = chunks.map((c) => c.choices[0]?.delta?.content ?? "").join("");
    const finish = chunks.map((c) => c.choices[0]?.finish_reason).filter(Boolean).at(-1);
    out("openai secret in a stream", !text.includes("AKIA") && finish === "content_filter", text + " " + finish);
  });
  await failure("openai secret in a whole answer", () => ask(saySecret), (e) => e.status === 403);
  await attempt("openai streamed tool", async () => {
    const runner = client.chat.completions.stream({ model: "local", messages: user('script: tool notes {"text":"hello"}') });
    const final = await runner.finalChatCompletion();
    out("openai streamed tool", final.choices[0].message.tool_calls[0].function.arguments === '{"text":"hello"}');
  });
}

async function anthropicFaults(base) {
  const client = anthropic(base);
  const ask = (script) => client.messages.create({ model: "local", max_tokens: 64, messages: user("script: " + script) });
  const stream = (script) => client.messages.stream({ model: "local", max_tokens: 64, messages: user("script: " + script) }).finalMessage();
  await failure("anthropic upstream 500", () => ask("error 500"), (e) => e.status === 502);
  await failure("anthropic cut stream", () => stream("cut"), () => true);
  await failure("anthropic error in stream", () => stream("error-in-stream"), () => true);
  await attempt("anthropic secret in a stream", async () => {
    const final = await stream(saySecret);
    const text = final.content.map((b) => b.text ?? "").join("");
    out("anthropic secret in a stream", !text.includes("AKIA") && final.stop_reason === "refusal" && final.stop_details, text + final.stop_reason);
  });
  await attempt("anthropic streamed tool", async () => {
    const final = await stream('tool notes {"text":"hello"}');
    out("anthropic streamed tool", final.content.find((b) => b.type === "tool_use")?.input?.text === "hello");
  });
}

if (process.env.MODEL_BASE) {
  await openaiOnModel(process.env.MODEL_BASE);
  await responsesOnModel(process.env.MODEL_BASE);
  await anthropicOnModel(process.env.MODEL_BASE);
}
if (process.env.SCRIPT_BASE) {
  await openaiFaults(process.env.SCRIPT_BASE);
  await choicesFaults(process.env.SCRIPT_BASE);
  await responsesFaults(process.env.SCRIPT_BASE);
  await anthropicFaults(process.env.SCRIPT_BASE);
}
