#!/usr/bin/env python3
"""Rules of the repository that no compiler checks. It looks at the files that git tracks:

  places     no path of one machine (a home, a build folder outside the tree)
  notes      no unfinished notes: they belong in the tracker
  size       files of at most 600 lines, functions of at most 70, or a reason in REASONS
  corpora    every fuzz target has a corpus, is built by its room, and every corpus has a target
  sources    every source and test of a room is named in its CMakeLists.txt
  merges     no leftover conflict markers

With --self-test it shows that each kind of fault is found.
"""
import os
import re
import subprocess
import sys
import tempfile

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
CORPUS_FILES_MIN = 3
CODE = (".h", ".cc", ".c")
TEXT = CODE + (".py", ".sh", ".md", ".toml", ".cmake", ".txt", ".json", ".js", ".ts", ".mjs", ".cedar")

# What is longer than the rule, and why. `path` or `path:function`.
REASONS = {
    "src/inspect/prefix_rules.cc": "a table: one line a rule",
    "src/inspect/keyword_rules.cc": "a table: one line a rule",
}

# Written so that this file does not find itself.
PLACES = re.compile(r"(?<![\w.:/-])/(?:wo" r"rk|ro" r"ot|Us" r"ers|home/[a-z]\w*)/(?=[\w.])")
NOTES = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b")
MERGES = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.M)


def tracked(top):
    listed = subprocess.run(["git", "-C", top, "ls-files", "-z"], capture_output=True)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [os.path.relpath(os.path.join(folder, name), top)
                 for folder, _, files in os.walk(top) for name in files]
    return sorted(n for n in names if n and os.path.isfile(os.path.join(top, n)))


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank_literals(text):
    """Comments and literals replaced by blanks; line breaks stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    token = re.compile(r'R"([^(\s]{0,16})\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                       r"(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
    return token.sub(blank, text)


def functions_in(text):
    """(name, first line, lines) of every function body: a `{` outside of functions whose head has
    parameters. Lambdas belong to the function around them."""
    clean = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                   blank_literals(text), flags=re.M)
    scopes = []  # "function" or "scope"
    head_from, out = 0, []
    started = None
    for at, char in enumerate(clean):
        if char == "{":
            head = clean[head_from:at]
            inside = "function" in scopes
            plain = re.search(r"\b(?:namespace|class|struct|union|enum)\b[^()]*$|\bextern\s*$", head)
            is_function = (not inside and not plain and "(" in head
                           and not re.search(r"=\s*$", head))
            scopes.append("function" if is_function else "scope")
            if is_function:
                name = re.search(r"([~\w]+(?:::[~\w]+)*|operator\s*[^\s(]+)\s*\(", head)
                begin = head_from + len(head) - len(head.lstrip())
                started = (name.group(1) if name else "?", clean.count("\n", 0, begin) + 1)
            head_from = at + 1
        elif char == "}":
            if scopes and scopes.pop() == "function" and started:
                last = clean.count("\n", 0, at) + 1
                out.append((started[0], started[1], last - started[1] + 1))
                started = None
            head_from = at + 1
        elif char == ";" and "function" not in scopes:
            head_from = at + 1
    return out


def size_faults(name, text):
    lines = text.count("\n")
    if lines > FILE_LINES_MAX and name not in REASONS:
        yield "%s: %d lines; more than %d ask for a reason" % (name, lines, FILE_LINES_MAX)
    if name.endswith(CODE) and not name.startswith("tests/"):
        for function, line, length in functions_in(text):
            if length > FUNCTION_LINES_MAX and "%s:%s" % (name, function) not in REASONS:
                yield "%s:%d: `%s` has %d lines; more than %d ask for a reason" % (
                    name, line, function, length, FUNCTION_LINES_MAX)


def text_faults(name, text):
    for what, pattern in (("a path of one machine", PLACES), ("an unfinished note", NOTES),
                          ("a conflict marker", MERGES)):
        for match in pattern.finditer(text):
            yield "%s:%d: %s: `%s`" % (name, text.count("\n", 0, match.start()) + 1, what,
                                       match.group(0).strip())


def corpus_faults(names, cmake):
    targets = {n[len("fuzz/"):-len(".cc")] for n in names
               if re.fullmatch(r"fuzz/\w+\.cc", n) and n != "fuzz/replay_main.cc"}
    corpora = {}
    for name in names:
        match = re.match(r"fuzz/corpus/([^/]+)/", name)
        if match:
            corpora[match.group(1)] = corpora.get(match.group(1), 0) + 1
    for target in sorted(targets):
        if corpora.get(target, 0) < CORPUS_FILES_MIN:
            yield "fuzz/%s.cc: its corpus has %d inputs; it needs %d" % (
                target, corpora.get(target, 0), CORPUS_FILES_MIN)
        room, _, rest = target.partition("_")
        if not re.search(r"\bFUZZ\b[^)]*\b%s\b" % re.escape(rest), cmake.get(room, "")):
            yield "fuzz/%s.cc: src/%s/CMakeLists.txt does not build it" % (target, room)
    for corpus in sorted(set(corpora) - targets):
        yield "fuzz/corpus/%s: there is no fuzz/%s.cc" % (corpus, corpus)


def source_faults(names, cmake):
    for name in names:
        match = (re.fullmatch(r"src/([a-z]+)/(\w+\.cc)", name)
                 or re.fullmatch(r"tests/([a-z]+)/(\w+_test\.cc)", name))
        if match and match.group(1) in cmake and not re.search(
                r"(?<![\w.])%s" % re.escape(match.group(2)), cmake[match.group(1)]):
            yield "%s: src/%s/CMakeLists.txt does not name it" % (name, match.group(1))


def faults_in(top):
    names = tracked(top)
    cmake = {n.split("/")[1]: read(top, n) for n in names
             if re.fullmatch(r"src/[a-z]+/CMakeLists\.txt", n)}
    faults = list(corpus_faults(names, cmake)) + list(source_faults(names, cmake))
    for name in names:
        if name.startswith(("fuzz/corpus/", "third_party/")) or not (
                name.endswith(TEXT) or "." not in os.path.basename(name)):
            continue
        text = read(top, name)
        faults += text_faults(name, text)
        if name.endswith(CODE + (".py", ".sh")):
            faults += size_faults(name, text)
    return faults, len(names)


def self_test():
    def with_files(files):
        with tempfile.TemporaryDirectory() as top:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(top, path)) or top, exist_ok=True)
                with open(os.path.join(top, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return faults_in(top)[0]

    def one(files, words):
        found = with_files(files)
        assert len(found) == 1 and words in found[0], (words, found)

    good = {"src/base/CMakeLists.txt": "pv_room(base SOURCES a.cc TESTS a_test.cc FUZZ json)",
            "src/base/a.cc": "int f() { return 1; }\n", "tests/base/a_test.cc": "",
            "fuzz/base_json.cc": "", "docs/a.md": "see ../shared and /etc/hosts, https://x.org/wo" "rk/y"}
    good.update({"fuzz/corpus/base_json/%d" % i: "x" for i in range(3)})
    assert with_files(good) == [], with_files(good)
    one({**good, "docs/b.md": "built in /wo" "rk/main"}, "a path of one machine")
    one({**good, "tools/x.sh": "cd /home/an" "n/src"}, "a path of one machine")
    one({**good, "src/base/b.h": "// TO" "DO later\n"}, "an unfinished note")
    one({**good, "docs/c.md": "a\n" + "<" * 7 + " HEAD\n"}, "a conflict marker")
    one({**good, "src/base/b.h": "\n" * 601}, "601 lines")
    body = "namespace a {\nclass B {\n  int f(int x) const {\n" + "    x = [&] { return 1; }();\n" * 70 + "  }\n};\n}\n"
    one({**good, "src/base/b.h": body}, "`f` has 72 lines")
    table = "namespace a {\nconst int kTable[] = {\n" + "    1,\n" * 100 + "};\nint g() { return 1; }\n}\n"
    assert with_files({**good, "src/base/b.h": table}) == []
    one({k: v for k, v in good.items() if not k.endswith("/2")}, "its corpus has 2 inputs")
    one({**good, "fuzz/corpus/base_gone/1": ""}, "there is no fuzz/base_gone.cc")
    one({**good, "src/base/b.cc": ""}, "does not name it")
    one({**good, "tests/base/b_test.cc": ""}, "does not name it")
    missing = {**good, "src/base/CMakeLists.txt": "pv_room(base SOURCES a.cc TESTS a_test.cc)"}
    one(missing, "does not build it")


def main():
    if "--self-test" in sys.argv[1:]:
        self_test()
        print("check_repo: self-test passed")
        return 0
    faults, total = faults_in(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for fault in faults:
        print(fault)
    print("check_repo: %d files, %d faults" % (total, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
