"""Seeded mutants of an agreement's rules, for mutants.py: an agreement as its list of policies, and the ways in which
a drafter, or somebody who means harm, changes one."""
import copy
import os
import re

FENCE = re.compile(r"```cedar\n(.*?)```", re.S)
POLICY = re.compile(r"(?:@\w+\(\"[^\n]*?\"\)\s*|@\w+\s+)*(?:permit|forbid) \(.*?;\n", re.S)
CONDITION = re.compile(r"\n(when|unless) \{.*?\}(?=\n|;)", re.S)
SCOPE_LIST = re.compile(r"action in \[([^\]]*)\]")
VERBS = ["ask", "release", "act"]


class Draft:
    """An agreement's files, with the policies of each clause apart."""

    def __init__(self, folder):
        self.files, self.policies = {}, []
        for top, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(top, name)
                with open(path, encoding="utf-8") as file:
                    self.files[os.path.relpath(path, folder)] = file.read()
        for path in sorted(self.files):
            if path.startswith("clauses/"):
                for fence in FENCE.findall(self.files[path]):
                    found = POLICY.findall(fence)
                    assert len(found) == len(re.findall(r"^(?:permit|forbid)\b", fence, re.M)), path
                    self.policies += [[path, one] for one in found]

    def texts(self):
        return [text for _, text in self.policies]

    def write(self, folder):
        for path, text in self.files.items():
            if path.startswith("clauses/"):
                rules = "\n".join(one for at, one in self.policies if at == path)
                fence = "```cedar\n" + rules + "```" if rules else ""
                text = FENCE.sub("", FENCE.sub(lambda _: "\0", text, count=1)).replace("\0", fence)
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                file.write(text)


def literals(draft, kind):
    return sorted(set(re.findall(kind + r'::"([^"]*)"', "".join(draft.texts()))))


def swap(choose, text, pattern, others):
    """One match of the pattern's group becomes another of `others`; None if there is nothing to swap."""
    found = list(re.finditer(pattern, text))
    if not found:
        return None
    one = choose.choice(found)
    rest = [other for other in others if other != one.group(1)]
    return text[:one.start(1)] + choose.choice(rest) + text[one.end(1):] if rest else None


def effect_of(text):
    return re.search(r"^(permit|forbid) \(", text, re.M).group(1)


def drop_rule(choose, draft, text):
    return ""


def drop_condition(choose, draft, text):
    found = list(CONDITION.finditer(text))
    if not found:
        return None
    one = choose.choice(found)
    return text[:one.start()] + text[one.end():]


def widen_or_narrow_actions(choose, draft, text):
    listed = SCOPE_LIST.search(text)
    if not listed:
        return re.sub(r'action == Action::"\w+"', "action", text) if "action ==" in text else None
    verbs = re.findall(r'"(\w+)"', listed.group(1))
    verbs = verbs[:-1] if choose.random() < 0.6 and len(verbs) > 1 else verbs + [v for v in VERBS if v not in verbs][:1]
    return text[:listed.start()] + "action in [%s]" % ", ".join('Action::"%s"' % v for v in verbs) + text[listed.end():]


def widen_principal(choose, draft, text):
    return re.sub(r'principal in Role::"\w+",', "principal,", text) if "(principal in Role" in text else None


def widen_resource(choose, draft, text):
    wider = re.sub(r'resource in ToolClass::"\w+"\)', "resource is Tool)", text)
    return wider if wider != text else re.sub(r"resource is \w+ && ", "", text) if "resource is" in text else None


def swap_role(choose, draft, text):
    return swap(choose, text, r'Role::"(\w+)"', literals(draft, "Role"))


def swap_purpose(choose, draft, text):
    return swap(choose, text, r'Purpose::"(\w+)"', literals(draft, "Purpose"))


def swap_class(choose, draft, text):
    return swap(choose, text, r'ToolClass::"(\w+)"', literals(draft, "ToolClass"))


def swap_label(choose, draft, text):
    labels = re.findall(r'"(\w+)"', "".join(re.findall(r"labels\.\w+\(([^)]*)\)", "".join(draft.texts()))))
    found = re.search(r"labels\.\w+\([^)]*\)", text)
    changed = swap(choose, found.group(), r'"(\w+)"', sorted(set(labels))) if found else None
    return text.replace(found.group(), changed) if changed else None


def shorten_list(choose, draft, text):
    """One of a list of two or more goes."""
    found = [m for m in re.finditer(r'\[([^\[\]]*,[^\[\]]*)\]', text) if "Action::" not in m.group()]
    if not found:
        return None
    one = choose.choice(found)
    items = [i.strip() for i in one.group(1).split(",")]
    items.remove(choose.choice(items))
    return text[:one.start()] + "[" + ", ".join(items) + "]" + text[one.end():]


def swap_counted_role(choose, draft, text):
    counted = sorted(set(re.findall(r"approvals\.(\w+)", "".join(draft.texts()))))
    return swap(choose, text, r"approvals\.(\w+)", counted)


def lower_count(choose, draft, text):
    return swap(choose, text, r"[<>]=? (\d+)", ["0", "1", "2"])


def flip_comparison(choose, draft, text):
    return swap(choose, text, r" (>=|<=|<|>) ", [">=", "<=", "<", ">"])


def swap_connective(choose, draft, text):
    return swap(choose, text, r" (&&|\|\|) ", ["&&", "||"])


def flip_condition(choose, draft, text):
    return swap(choose, text, r"\n(when|unless) \{", ["when", "unless"])


def any_to_all(choose, draft, text):
    return text.replace("containsAny", "containsAll") if "containsAny" in text else None


def swap_attribute(choose, draft, text):
    return swap(choose, text, r"resource\.(governed|contains_persons)", ["governed", "contains_persons"])


def move_date(choose, draft, text):
    return swap(choose, text, r'datetime\("([^"]*)"\)', ["2025-06-01", "2030-01-01"])


def flip_effect(choose, draft, text):
    if "@hold" in text or "@mark" in text or "@whole" in text:
        return None
    return re.sub(r"^(permit|forbid) \(", lambda m: ("forbid" if m.group(1) == "permit" else "permit") + " (", text, flags=re.M)


GUARDS = ["!context.moment.break_glass", 'principal.nationality like "own*"', 'principal.nationality like "*"',
          "context.moment.now < principal.training_until", 'context.moment.now < datetime("2029-01-01")', "principal.clearance < 4",
          '!(principal in Role::"ROLE")', "true"]
ERRING = ["principal.clearance + 1 > 0", "principal.clearance * 2 >= 0", "-principal.clearance <= 0",
          'principal.training_until.offset(duration("1d")) > context.moment.now',
          'context.moment.now.durationSince(principal.training_until) < duration("1d")']


def with_guard(choose, draft, text, guards):
    """A forbid that matches less, or a permit that does."""
    guard = choose.choice(guards).replace("ROLE", choose.choice(literals(draft, "Role")))
    return text[:text.rindex(";")] + "\nwhen { %s };\n" % guard


def add_guard(choose, draft, text):
    return with_guard(choose, draft, text, GUARDS)


def add_erring_guard(choose, draft, text):
    return with_guard(choose, draft, text, ERRING)


def loosen_like(choose, draft, text):
    """A guard with a pattern, and the same one looser."""
    return with_guard(choose, draft, text, ['!(principal.nationality like "%s")' % p for p in ["ab*", "a*", "*"]])


def add_exception(choose, draft, text):
    """Another way out of a forbid, or into a permit's condition."""
    found = list(CONDITION.finditer(text))
    if not found:
        return None
    one = choose.choice(found)
    way = choose.choice(["context.moment.break_glass", 'principal in Role::"%s"' % choose.choice(literals(draft, "Role")),
                         'context.moment.purpose == Purpose::"%s"' % choose.choice(literals(draft, "Purpose"))])
    open_at, close_at = one.group().index("{"), one.group().rindex("}")
    inner = one.group()[open_at + 1:close_at].strip()
    return text[:one.start()] + one.group()[:open_at] + "{ (%s) || %s }" % (inner, way) + text[one.end():]


def add_permit(choose, draft, text):
    role = choose.choice(literals(draft, "Role"))
    verb = choose.choice(VERBS + ["train"])
    return text + '\n' + re.match(r'@clause\("[^"]*"\)', text).group() + \
        '\npermit (principal in Role::"%s", action == Action::"%s", resource);\n' % (role, verb)


OPERATORS = [drop_rule, drop_condition, widen_or_narrow_actions, widen_principal, widen_resource, swap_role, swap_purpose,
             swap_class, swap_label, shorten_list, swap_counted_role, lower_count, flip_comparison, swap_connective,
             flip_condition, any_to_all, swap_attribute, move_date, flip_effect, add_guard, add_erring_guard, loosen_like,
             add_exception, add_permit]


def change(choose, draft):
    """Applies one way to one rule of the draft; says which, or None if that way fits no rule."""
    operator = choose.choice(OPERATORS)
    order = [i for i, text in enumerate(draft.texts()) if text]
    choose.shuffle(order)
    if choose.random() < 0.85:  # forbids carry red lines: they are changed more often
        order.sort(key=lambda i: effect_of(draft.policies[i][1]) == "permit")
    for at in order:
        text = draft.policies[at][1]
        changed = operator(choose, draft, text)
        if changed is not None and changed != text:
            draft.policies[at][1] = changed
            return "%s in %s" % (operator.__name__, re.search(r'@clause\("([^"]*)"\)', text).group(1))
    return None


def mutate(choose, draft):
    """A changed copy and what was done to it: one change, in three mutants of ten two."""
    out, done = copy.deepcopy(draft), []
    for _ in range(2 if choose.random() < 0.3 else 1):
        done.append(change(choose, out))
    out.policies = [[path, one] for path, text in out.policies for one in POLICY.findall(text)]
    return out, ", ".join(one for one in done if one)
