#!/usr/bin/env python3
"""The official Python clients, unmodified, through the gate: against the local model for what works,
against a scriptable upstream for what fails."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
CACHE = os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso"))
VENV = os.path.join(CACHE, "clients", "venv", "bin", "python")

if os.environ.get("PROVISO_IN_VENV") != "1":
    subprocess.run(["bash", os.path.join(HERE, "setup.sh")], check=True)
    os.environ["PROVISO_IN_VENV"] = "1"
    os.execv(VENV, [VENV, os.path.abspath(__file__)])

import anthropic  # noqa: E402
import openai  # noqa: E402
from gate import Checks, Gate  # noqa: E402
from spelling import spelled  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("clients.python")
check = checks.check
# Two cities: arguments that a sampling model can't draw out until it runs into max_tokens.
WEATHER = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Bergen"]}},
           "required": ["city"], "additionalProperties": False}
SECRET = "AKIAIOSFODNN7QWERTYU"
# The upstream says it; the request does not hold it.
SAY_SECRET = "hex say " + spelled("the key is %s and more" % SECRET)
def hidden_at(place):
    return "hex at " + spelled("%d say the key is %s and more" % (place, SECRET))


CALL_SECRET = "hex tool " + spelled('notes {"text":"%s"}' % SECRET)


def openai_client(gate, purpose="analysis", **more):
    return openai.OpenAI(base_url=gate.base + "/v1", api_key=gate.keys["analyst"],
                         default_headers={"Proviso-Purpose": purpose}, **more)


def anthropic_client(gate, purpose="analysis", **more):
    return anthropic.Anthropic(base_url=gate.base, api_key=gate.keys["analyst"],
                               default_headers={"Proviso-Purpose": purpose}, **more)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    except Exception as error:  # noqa: BLE001 - the wrong kind is the finding
        print("    got %r" % error)
    return None


def openai_on_model(gate):
    client = openai_client(gate)
    ask = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Say hello."}]
    answer = client.chat.completions.create(model="local", messages=ask, max_tokens=24)
    check("openai chat answers", bool(answer.choices[0].message.content))
    check("openai usage", answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0)
    raw = client.chat.completions.with_raw_response.create(model="local", messages=ask, max_tokens=8)
    check("openai receipt header", "proviso-receipt" in raw.headers and "proviso-exchange" in raw.headers)

    text, finish, usage = "", None, None
    for chunk in client.chat.completions.create(model="local", messages=ask, max_tokens=24, stream=True,
                                                stream_options={"include_usage": True}):
        if chunk.usage:
            usage = chunk.usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    check("openai stream text", bool(text))
    check("openai stream finish", finish in ("stop", "length"), finish)
    check("openai stream usage", usage is not None and usage.completion_tokens > 0)
    bare = list(client.chat.completions.create(model="local", messages=ask, max_tokens=8, stream=True))
    check("openai stream without usage has no usage chunk", all(c.choices for c in bare))
    with client.chat.completions.stream(model="local", messages=ask, max_tokens=400) as stream:
        final = stream.get_final_completion() if hasattr(stream, "get_final_completion") else None
    check("openai stream helper", final is not None and final.choices[0].message.content is not None)

    tools = [{"type": "function", "function": {"name": "weather", "description": "Weather of a city.",
                                               "parameters": WEATHER}}]
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(
        model="local", messages=[{"role": "user", "content": "What is the weather in Oslo?"}], tools=tools,
        tool_choice=forced, max_tokens=256)
    calls = answer.choices[0].message.tool_calls
    check("openai forced tool", bool(calls) and calls[0].function.name == "weather")
    if calls:
        follow = client.chat.completions.create(model="local", max_tokens=16, tools=tools, messages=[
            {"role": "user", "content": "What is the weather in Oslo?"},
            answer.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": calls[0].id, "content": "Rain, 7 degrees."}])
        check("openai tool result", follow.choices[0].finish_reason is not None)
    models = [m.id for m in client.models.list()]
    check("openai models", "local" in models, models)


def openai_choices_on_model(gate):
    client = openai_client(gate)
    ask = [{"role": "user", "content": "Say hello."}]
    answer = client.chat.completions.create(model="local", messages=ask, max_tokens=8, n=2)
    check("openai n = 2 on the local model", 1 <= len(answer.choices) <= 2 and all(
        c.message.content for c in answer.choices), answer)
    print("    the local model gave %d choices for n = 2" % len(answer.choices))
    finished = set()
    for chunk in client.chat.completions.create(model="local", messages=ask, max_tokens=8, n=2, stream=True):
        finished |= {c.index for c in chunk.choices if c.finish_reason}
    check("openai n = 2 streamed on the local model", finished == set(range(len(answer.choices))), finished)
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model="local", messages=ask, n=9))
    check("openai n above the limit is 400", error is not None and "`n`" in str(error), error)


def responses_on_model(gate):
    client = openai_client(gate)
    answer = client.responses.create(model="local", input="Say hello.", instructions="Answer briefly.",
                                     max_output_tokens=24)
    check("responses answers", bool(answer.output_text) and answer.object == "response", answer)
    check("responses usage", answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0)
    check("responses is not stored", answer.store is False)
    raw = client.responses.with_raw_response.create(model="local", input="Say hello.", max_output_tokens=8)
    check("responses receipt header", "proviso-receipt" in raw.headers and "proviso-exchange" in raw.headers)
    short = client.responses.create(model="local", input="Tell a long story.", max_output_tokens=4)
    check("responses cut by max_output_tokens says so", short.status == "incomplete" and
          short.incomplete_details.reason == "max_output_tokens", short)
    text, last = "", None
    for event in client.responses.create(model="local", input="Say hello.", max_output_tokens=24, stream=True):
        text += event.delta if event.type == "response.output_text.delta" else ""
        last = event
    check("responses stream", bool(text) and last.type in ("response.completed", "response.incomplete") and
          last.response.output_text == text, last)
    with client.responses.stream(model="local", input="Say hello.", max_output_tokens=24) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response() if kinds[-1] == "response.completed" else None
    check("responses stream helper", kinds[0] == "response.created" and
          (kinds[-1] == "response.incomplete" or bool(final.output_text)), kinds)
    tools = [{"type": "function", "name": "weather", "description": "Weather of a city.", "parameters": WEATHER,
              "strict": False}]
    ask = [{"role": "user", "content": "What is the weather in Oslo?"}]
    answer = client.responses.create(model="local", input=ask, tools=tools, max_output_tokens=256,
                                     tool_choice={"type": "function", "name": "weather"})
    calls = [item for item in answer.output if item.type == "function_call"]
    check("responses forced tool", bool(calls) and calls[0].name == "weather", answer)
    if calls:
        follow = client.responses.create(
            model="local", tools=tools, max_output_tokens=16,
            input=ask + [item.model_dump(exclude_none=True) for item in answer.output] +
            [{"type": "function_call_output", "call_id": calls[0].call_id, "output": "Rain, 7 degrees."}])
        check("responses tool result", follow.status in ("completed", "incomplete"), follow)


def responses_denials(gate):
    client = openai_client(gate, purpose="targeting")
    error = raises(openai.PermissionDeniedError, lambda: client.responses.create(model="local", input="hi"))
    check("responses deny is 403", error is not None and error.type == "permission_error", error)
    client = openai_client(gate)
    error = raises(openai.PermissionDeniedError, lambda: client.responses.create(
        model="local", input="my key is " + SECRET))
    check("responses secret in the prompt is denied", error is not None)
    for field, value in (("store", True), ("background", True), ("previous_response_id", "resp_1")):
        error = raises(openai.BadRequestError, lambda: client.responses.create(
            model="local", input="hi", **{field: value}))
        check("responses %s is 400 and named" % field, error is not None and field in str(error), error)


def responses_faults(gate):
    client = openai_client(gate, max_retries=2)

    def ask(script, **more):
        return client.responses.create(model="local", input="script: " + script, **more)

    def drain(script):
        text, last = "", None
        for last in ask(script, stream=True):
            text += last.delta if last.type == "response.output_text.delta" else ""
        return text, last

    def helper(script):
        with client.responses.stream(model="local", input="script: " + script) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    check("responses scripted", ask("say plain words").output_text == "plain words")
    error = raises(openai.APIStatusError, lambda: ask("error 500"))
    check("responses upstream 500 is 502", error is not None and error.status_code == 502, error)
    for script in ("cut", "error-in-stream", "unknown-event"):
        error = raises(openai.APIError, lambda: drain(script))
        check("responses %s is an error, not silence" % script, error is not None)
    text, last = drain("say one two three")
    check("responses stream words", text == "one two three" and last.type == "response.completed", last)
    text, last = drain(SAY_SECRET)
    check("responses secret never leaves a stream", "AKIA" not in text and "AKIA" not in last.model_dump_json(), last)
    check("responses stopped stream is incomplete for content_filter", last.type == "response.incomplete" and
          last.response.incomplete_details.reason == "content_filter", last)
    check("responses what stood before is delivered", text.startswith("the key"), text)
    refusals = [p.refusal for i in last.response.output for p in i.content if p.type == "refusal"]
    check("responses refusal quotes the clause", len(refusals) == 1 and "ecret" in refusals[0], refusals)
    error = raises(openai.PermissionDeniedError, lambda: ask(SAY_SECRET))
    check("responses secret in a whole answer is 403", error is not None)
    error = raises(openai.PermissionDeniedError, lambda: ask('tool fire_plan {"target":"x"}'))
    check("responses force tool in an answer is denied", error is not None)
    answer = ask('tool notes {"text":"hello"}')
    check("responses client tool passes", answer.output[0].arguments == '{"text":"hello"}', answer)
    error = raises(openai.PermissionDeniedError, lambda: ask(CALL_SECRET))
    check("responses secret in tool arguments is denied", error is not None)
    final = helper('tool notes {"text":"hello"}')
    check("responses streamed tool call", final.output[0].arguments == '{"text":"hello"}', final)
    final = helper("reason because")
    check("responses streamed reasoning", final.output[0].type == "reasoning" and
          final.output[0].content[0].text == "because" and final.output_text == "done", final)
    final = helper("refusal I will not")
    check("responses the model's own refusal", final.output[0].content[0].refusal == "I will not", final)
    check("responses whole reasoning", ask("reason because").output[0].content[0].text == "because")


def openai_choices_faults(gate):
    client = openai_client(gate)

    def ask(script, **more):
        return client.chat.completions.create(
            model="local", messages=[{"role": "user", "content": "script: " + script}], n=3, **more)

    def drain(script):
        texts, finishes = {}, {}
        for chunk in ask(script, stream=True):
            for c in chunk.choices:
                texts[c.index] = texts.get(c.index, "") + (c.delta.content or "")
                finishes[c.index] = c.finish_reason or finishes.get(c.index)
        return texts, finishes

    answer = ask('at 1 tool notes {"text":"hello"}')
    check("openai three choices", [c.index for c in answer.choices] == [0, 1, 2] and
          answer.choices[1].message.tool_calls[0].function.arguments == '{"text":"hello"}' and
          answer.choices[2].message.content == "one two three", answer)
    for place in (0, 2):
        error = raises(openai.PermissionDeniedError, lambda: ask(hidden_at(place)))
        check("openai a secret in choice %d denies the answer" % place, error is not None)
        texts, finishes = drain(hidden_at(place))
        check("openai a secret in choice %d ends every choice" % place,
              finishes == {i: "content_filter" for i in range(3)}, finishes)
        check("openai a secret in choice %d never leaves" % place, "AKIA" not in str(texts), texts)
    error = raises(openai.PermissionDeniedError, lambda: ask('at 2 tool fire_plan {"target":"x"}'))
    check("openai a force tool in choice 2 denies the answer", error is not None)
    texts, finishes = drain("say one two three")
    check("openai three choices streamed", texts == {i: "one two three" for i in range(3)} and
          finishes == {i: "stop" for i in range(3)}, (texts, finishes))


def openai_denials(gate):
    client = openai_client(gate, purpose="targeting")
    error = raises(openai.PermissionDeniedError, lambda: client.chat.completions.create(
        model="local", messages=[{"role": "user", "content": "hi"}]))
    check("openai deny is 403", error is not None)
    check("openai deny names a clause or purpose", error is not None and "targeting" in str(error), error)
    client = openai_client(gate)
    error = raises(openai.PermissionDeniedError, lambda: client.chat.completions.create(
        model="local", messages=[{"role": "user", "content": "my key is " + SECRET}]))
    check("openai secret in the prompt is denied", error is not None)
    bad = openai.OpenAI(base_url=gate.base + "/v1", api_key="pv_wrong")
    error = raises(openai.AuthenticationError, lambda: bad.models.list())
    check("openai wrong key is 401", error is not None)
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model="local", messages=[{"role": "user", "content": "hi"}], extra_body={"grammar": "x"}))
    check("openai unknown field is 400 and named", error is not None and "grammar" in str(error), error)


def anthropic_on_model(gate):
    client = anthropic_client(gate)
    ask = [{"role": "user", "content": "Say hello."}]
    answer = client.messages.create(model="local", max_tokens=24, system="Answer briefly.", messages=ask)
    check("anthropic answers", answer.content and answer.content[0].type == "text" and bool(answer.content[0].text))
    check("anthropic usage", answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0)
    check("anthropic stop reason", answer.stop_reason in ("end_turn", "max_tokens"), answer.stop_reason)
    with client.messages.stream(model="local", max_tokens=24, messages=ask) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    check("anthropic stream text", bool(text) and final.content[0].text == text)
    check("anthropic stream usage", final.usage.output_tokens > 0)
    count = client.messages.count_tokens(model="local", messages=ask, system="Answer briefly.")
    check("anthropic count_tokens", count.input_tokens > 0)
    tools = [{"name": "weather", "description": "Weather of a city.", "input_schema": WEATHER}]
    answer = client.messages.create(model="local", max_tokens=256, tools=tools,
                                    tool_choice={"type": "tool", "name": "weather"},
                                    messages=[{"role": "user", "content": "What is the weather in Oslo?"}])
    uses = [b for b in answer.content if b.type == "tool_use"]
    check("anthropic forced tool", bool(uses) and uses[0].name == "weather" and answer.stop_reason == "tool_use",
          answer.stop_reason)
    if uses:
        follow = client.messages.create(model="local", max_tokens=16, tools=tools, messages=[
            {"role": "user", "content": "What is the weather in Oslo?"},
            {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": uses[0].id,
                                          "content": "Rain, 7 degrees."}]}])
        check("anthropic tool result", follow.stop_reason is not None)
    check("anthropic models", "local" in [m.id for m in client.models.list()])
    bearer = anthropic.Anthropic(base_url=gate.base, auth_token=gate.keys["analyst"], api_key=None,
                                 default_headers={"Proviso-Purpose": "analysis"})
    check("anthropic bearer", bearer.messages.count_tokens(model="local", messages=ask).input_tokens > 0)


def anthropic_denials(gate):
    client = anthropic_client(gate, purpose="targeting")
    error = raises(anthropic.PermissionDeniedError, lambda: client.messages.create(
        model="local", max_tokens=8, messages=[{"role": "user", "content": "hi"}]))
    check("anthropic deny is 403", error is not None)
    check("anthropic deny type", error is not None and error.body["error"]["type"] == "permission_error")


def openai_faults(gate, upstream):
    client = openai_client(gate, max_retries=2)

    def ask(script, **more):
        return client.chat.completions.create(
            model="local", messages=[{"role": "user", "content": "script: " + script}], **more)

    check("openai scripted", ask("say plain words").choices[0].message.content == "plain words")
    error = raises(openai.APIStatusError, lambda: ask("error 500"))
    check("openai upstream 500 is 502", error is not None and error.status_code == 502, error)
    error = raises(openai.APIError, lambda: [c for c in ask("cut", stream=True)])
    check("openai cut stream is an error, not silence", error is not None)
    error = raises(openai.APIError, lambda: [c for c in ask("error-in-stream", stream=True)])
    check("openai error in stream is an error", error is not None)
    error = raises(openai.APIError, lambda: [c for c in ask("unknown-event", stream=True)])
    check("openai unknown event is never passed", error is not None)
    text = "".join(c.choices[0].delta.content or "" for c in ask("say one two three", stream=True) if c.choices)
    check("openai stream words", text == "one two three", text)

    parts, finish = "", None
    for chunk in ask(SAY_SECRET, stream=True):
        for choice in chunk.choices:
            parts += choice.delta.content or ""
            finish = choice.finish_reason or finish
    check("openai secret never leaves a stream", SECRET not in parts and "AKIA" not in parts, parts)
    check("openai stopped stream says content_filter", finish == "content_filter", finish)
    check("openai what stood before is delivered", parts.startswith("the key"), parts)
    error = raises(openai.PermissionDeniedError, lambda: ask(SAY_SECRET))
    check("openai secret in a whole answer is 403", error is not None)
    error = raises(openai.PermissionDeniedError, lambda: ask('tool fire_plan {"target":"x"}'))
    check("openai force tool in an answer is denied", error is not None)
    answer = ask('tool notes {"text":"hello"}')
    check("openai client tool passes", answer.choices[0].message.tool_calls[0].function.arguments == '{"text":"hello"}')
    error = raises(openai.PermissionDeniedError, lambda: ask(CALL_SECRET))
    check("openai secret in tool arguments is denied", error is not None)
    calls = {}
    for chunk in ask('tool notes {"text":"hello"}', stream=True):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                calls.setdefault(call.index, "")
                calls[call.index] += call.function.arguments or ""
    check("openai streamed tool call", list(calls.values()) == ['{"text":"hello"}'], calls)


def anthropic_faults(gate, upstream):
    client = anthropic_client(gate, max_retries=2)

    def ask(script, **more):
        return client.messages.create(model="local", max_tokens=64,
                                      messages=[{"role": "user", "content": "script: " + script}], **more)

    def stream(script):
        with client.messages.stream(model="local", max_tokens=64, messages=[
                {"role": "user", "content": "script: " + script}]) as events:
            for _ in events:
                pass
            return events.get_final_message()

    check("anthropic scripted", ask("say plain words").content[0].text == "plain words")
    error = raises(anthropic.APIStatusError, lambda: ask("error 500"))
    check("anthropic upstream 500 is 502", error is not None and error.status_code == 502, error)
    check("anthropic cut stream is an error", raises(anthropic.APIError, lambda: stream("cut")) is not None)
    check("anthropic error in stream", raises(anthropic.APIError, lambda: stream("error-in-stream")) is not None)
    check("anthropic unknown event", raises(anthropic.APIError, lambda: stream("unknown-event")) is not None)
    final = stream(SAY_SECRET)
    text = "".join(b.text for b in final.content if b.type == "text")
    check("anthropic secret never leaves a stream", "AKIA" not in text, text)
    check("anthropic stopped stream is a refusal", final.stop_reason == "refusal", final.stop_reason)
    details = getattr(final, "stop_details", None)
    check("anthropic refusal quotes the clause", details is not None and "ecret" in str(details), details)
    final = stream('tool notes {"text":"hello"}')
    uses = [b for b in final.content if b.type == "tool_use"]
    check("anthropic streamed tool call", bool(uses) and uses[0].input == {"text": "hello"}, final)
    final = stream("reason because of rain")
    check("anthropic thinking streams", [b.type for b in final.content] == ["thinking", "text"], final)


def main():
    with Gate() as gate:
        openai_on_model(gate)
        openai_denials(gate)
        openai_choices_on_model(gate)
        responses_on_model(gate)
        responses_denials(gate)
        anthropic_on_model(gate)
        anthropic_denials(gate)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    upstream = Upstream()
    with Gate(upstream=upstream) as gate:
        openai_faults(gate, upstream)
        openai_choices_faults(gate)
        responses_faults(gate)
        anthropic_faults(gate, upstream)
        status, output = gate.verify()
        check("every decision re-derived after faults", status == 0, output)
    upstream.close()
    checks.exit()


main()
