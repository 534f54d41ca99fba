"""Cedar's text of a value as its JSON, for handing the prover's counterexamples to another engine."""
import json
import re

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d+|[\w]+|::|[{}\[\](),:.])')
ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}|\\x([0-9a-fA-F]{2})|\\(.)")


def unescape(text):
    plain = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
    return ESCAPE.sub(lambda m: chr(int(m.group(1) or m.group(2), 16)) if m.group(1) or m.group(2)
                      else plain.get(m.group(3), m.group(3)), text[1:-1])


class Reader:
    def __init__(self, text):
        self.tokens, self.at = TOKEN.findall(text), 0
        assert "".join(self.tokens) == TOKEN.sub(r"\1", text).strip(), text

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.peek()
        assert wanted in (None, token), (wanted, token)
        self.at += 1
        return token

    def many(self, end, one):
        out = []
        while self.peek() != end:
            out.append(one())
            if self.peek() == ",":
                self.take()
        self.take(end)
        return out

    def field(self):
        name = self.take()
        self.take(":")
        return (unescape(name) if name.startswith('"') else name), self.value()

    def value(self):
        token = self.take()
        if token == "{":
            out = dict(self.many("}", self.field))
        elif token == "[":
            out = self.many("]", self.value)
        elif token in ("true", "false"):
            out = token == "true"
        elif token.startswith('"'):
            out = unescape(token)
        elif re.fullmatch(r"-?\d+", token):
            out = int(token)
        elif self.peek() == "(":
            self.take()
            out = {"__extn": {"fn": token, "args": self.many(")", self.value)}}
        else:
            while self.peek() == "::":
                self.take()
                part = self.take()
                if part.startswith('"'):
                    out = {"__entity": {"type": token, "id": unescape(part)}}
                    break
                token += "::" + part
        while self.peek() == ".":
            self.take()
            method = self.take()
            self.take("(")
            out = {"__extn": {"fn": method, "args": [out] + self.many(")", self.value)}}
        return out


def to_json(text):
    reader = Reader(text)
    out = reader.value()
    assert reader.at == len(reader.tokens), text
    json.dumps(out)
    return out
