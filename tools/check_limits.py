#!/usr/bin/env python3
"""Checks that docs/limits.md and the code name the same limits with the same values.

Every constant `k…Max` in src/ must stand in the table with its file and value, and every row must have its
constant. Values may be written as people read them: `8 MiB`, `2^40`, `30 s`, `250 ms`. With --self-test it
shows that each kind of fault is found.
"""
import os
import re
import sys
import tempfile

CONSTANT = re.compile(r"\bconst(?:expr|init)?\s+[\w:<>\s]*?\b(k[A-Z]\w*Max)\s*(?:=\s*([^;]+)|\{([^}]*)\})\s*;")
NAMED = re.compile(r"\bconst(?:expr|init)?\s+[\w:<>\s]*?\b(k[A-Z]\w*)\s*(?:=\s*([^;]+)|\{([^}]*)\})\s*;")
CAST = re.compile(r"\b(?:std::)?(?:u?int(?:8|16|32|64)_t|size_t|static_cast<[^>]*>)\s*(?=[{(])")
DURATION = re.compile(r"std::chrono::(seconds|milliseconds|minutes|microseconds)")
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
         "ms": 1000, "s": 1000000, "min": 60000000, "µs": 1, "": 1}
TICKS = {"microseconds": 1, "milliseconds": 1000, "seconds": 1000000, "minutes": 60000000}


def strip_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)


def evaluate(expression, names, depth=0):
    """A constant expression of integers, shifts, products, sums and other named constants."""
    if depth > 8:
        raise ValueError("names go round in circles")
    text = CAST.sub("", expression).replace("{", "(").replace("}", ")").replace("'", "")
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)

    def value_of(match):
        name = match.group(0).split("::")[-1]
        if name not in names:
            raise ValueError("`%s` is not known" % name)
        return str(evaluate(names[name], names, depth + 1))

    text = re.sub(r"\b(?:[a-z_]+::)*k[A-Z]\w*", value_of, text)
    if not re.fullmatch(r"[0-9a-fA-Fx+\-*/<>()\s~]+", text):
        raise ValueError("`%s` cannot be read" % expression.strip())
    return int(eval(text.replace("/", "//"), {"__builtins__": {}}))  # digits and operators only


def read_value(text):
    """What the table says: a number with an optional unit, or a power."""
    power = re.fullmatch(r"(\d+)\^(\d+)", text)
    if power:
        return int(power.group(1)) ** int(power.group(2))
    match = re.fullmatch(r"([\d,]+)(?:\s*(KiB|MiB|GiB|TiB|ms|s|min|µs))?", text)
    if not match:
        raise ValueError("`%s` is no value" % text)
    return int(match.group(1).replace(",", "")) * UNITS[match.group(2) or ""]


def constants_in(top):
    """(name, file) -> value, and faults."""
    texts = {}
    for folder, _, files in sorted(os.walk(os.path.join(top, "src"))):
        for name in sorted(files):
            if name.endswith((".h", ".cc")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    texts[os.path.relpath(path, top)] = strip_comments(file.read())
    everywhere = {}
    for text in texts.values():
        for match in NAMED.finditer(text):
            everywhere.setdefault(match.group(1), match.group(2) or match.group(3))
    found, faults = {}, []
    for path, text in texts.items():
        own = {m.group(1): m.group(2) or m.group(3) for m in NAMED.finditer(text)}
        for match in CONSTANT.finditer(text):
            name, expression = match.group(1), match.group(2) or match.group(3)
            ticks = DURATION.search(match.group(0))
            try:
                value = evaluate(expression, {**everywhere, **own})
                found[(name, path)] = value * (TICKS[ticks.group(1)] if ticks else 1)
            except ValueError as error:
                faults.append("%s: %s: %s" % (path, name, error))
    return found, faults


def rows_in(top):
    rows, faults = {}, []
    path = os.path.join(top, "docs", "limits.md")
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("| `k"):
                continue
            cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) != 4 or not cells[3]:
                faults.append("docs/limits.md:%d: a row is name, value, file, reason" % number)
                continue
            key = (cells[0].strip("`"), cells[2].strip("`"))
            if key in rows:
                faults.append("docs/limits.md:%d: %s stands twice" % (number, key[0]))
            try:
                rows[key] = read_value(cells[1])
            except ValueError as error:
                faults.append("docs/limits.md:%d: %s: %s" % (number, key[0], error))
    return rows, faults


def faults_in(top):
    code, faults = constants_in(top)
    rows, more = rows_in(top)
    faults += more
    for (name, path), value in sorted(code.items()):
        if (name, path) not in rows:
            faults.append("%s: %s (%d) is not in docs/limits.md" % (path, name, value))
        elif rows[(name, path)] != value:
            faults.append("%s: %s is %d, docs/limits.md says %d" % (path, name, value, rows[(name, path)]))
    for name, path in sorted(set(rows) - set(code)):
        faults.append("docs/limits.md: %s is not in %s" % (name, path))
    return faults, len(code)


def self_test():
    def with_files(code, table):
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.join(top, "src", "base"))
            os.makedirs(os.path.join(top, "docs"))
            with open(os.path.join(top, "src", "base", "a.h"), "w", encoding="utf-8") as file:
                file.write(code)
            with open(os.path.join(top, "docs", "limits.md"), "w", encoding="utf-8") as file:
                file.write("| name | value | file | reason |\n|---|---|---|---|\n" + table)
            return faults_in(top)[0]

    row = "| `%s` | %s | src/base/a.h | why |\n"
    code = "inline constexpr size_t kAMax = 8u << 20;  // kept\n"
    assert with_files(code, row % ("kAMax", "8 MiB")) == []
    assert "is not in docs" in with_files(code, "")[0]
    assert "docs/limits.md says 1024" in with_files(code, row % ("kAMax", "1 KiB"))[0]
    assert "is not in src/base/a.h" in with_files("", row % ("kAMax", "8 MiB"))[0]
    assert "stands twice" in with_files(code, 2 * (row % ("kAMax", "8 MiB")))[0]
    assert "a row is" in with_files(code, "| `kAMax` | 8 MiB | src/base/a.h | |\n")[0]
    more = {"constexpr uint64_t kBMax = uint64_t{1} << 40;": "2^40",
            "inline constexpr std::chrono::seconds kBMax{30};": "30 s",
            "constexpr int kC = 3;\nconstexpr int kBMax = kC * (2 + 1);": "9",
            "constexpr size_t kBMax = 65'536;": "64 KiB"}
    for text, value in more.items():
        assert with_files(text, row % ("kBMax", value)) == [], (text, value)
    assert "cannot be read" in with_files("constexpr size_t kBMax = sizeof(int);", "")[0]


def main():
    if "--self-test" in sys.argv[1:]:
        self_test()
        print("check_limits: self-test passed")
        return 0
    faults, total = faults_in(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for fault in faults:
        print(fault)
    print("check_limits: %d limits, %d faults" % (total, len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
