"""A target for spikee: an OpenAI endpoint at ATTACK_URL with the key ATTACK_KEY. What ends with `content_filter` or is
an error with the code `clause_denied` is a guardrail to spikee, the rest is judged by its own judges."""
import json
import os
import urllib.error
import urllib.request

from spikee.templates.target import Target
from spikee.tester import GuardrailTrigger


class GateTarget(Target):
    def get_description(self):
        return [], "an OpenAI endpoint"

    def get_available_option_values(self):
        return [], False

    def process_input(self, input_text, system_message=None, target_options=None):
        messages = [{"role": "system", "content": system_message}] if system_message else []
        messages.append({"role": "user", "content": str(input_text)})
        body = {"model": "local", "messages": messages, "temperature": 0,
                "max_tokens": int(os.environ["ATTACK_TOKENS"])}
        request = urllib.request.Request(
            os.environ["ATTACK_URL"] + "/chat/completions", json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["ATTACK_KEY"]})
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                choice = json.load(answer)["choices"][0]
        except urllib.error.HTTPError as error:
            payload = error.read().decode(errors="replace")
            if '"clause_denied"' in payload:
                raise GuardrailTrigger(payload) from None
            raise RuntimeError("status %d: %s" % (error.code, payload)) from None
        if choice["finish_reason"] == "content_filter":
            raise GuardrailTrigger(choice["message"]["content"])
        return choice["message"]["content"] or ""
