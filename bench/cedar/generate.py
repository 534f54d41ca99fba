#!/usr/bin/env python3
"""Writes a workload for the Cedar benchmark: policies, schema, entities, requests.

  generate.py rules N FOLDER        N policies of the kind that agreements have, for one organisation
                                    per 100 policies; a request meets about ten of them
  generate.py flat N FOLDER         N policies of which a request meets four in five: what no index helps
  generate.py agreement NAME FOLDER  the rules of agreements/NAME, with requests under them
  generate.py oopsla NAME DATA FOLDER  one of the sets of the OOPSLA 2024 measurements (from DATA/bench)

The same seed gives the same workload. Sizes of the OOPSLA entity stores follow the paper (20 of each kind).
"""
import json
import os
import random
import re
import sys
import tomllib

SEED = 20260101
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def uid(kind, name):
    return {"type": kind, "id": name}


def entity(kind, name, attrs=None, parents=()):
    return {"uid": uid(kind, name), "attrs": attrs or {}, "parents": [uid(*p) for p in parents]}


def ref(kind, name):
    return {"__entity": uid(kind, name)}


def write(folder, policies, schema, entities, requests, links=None):
    os.makedirs(folder, exist_ok=True)
    out = {"entities.json": entities, "requests.json": requests}
    if isinstance(schema, str):
        with open(os.path.join(folder, "schema.cedarschema"), "w") as f:
            f.write(schema)
    else:
        out["schema.json"] = schema
    if links is not None:
        out["links.json"] = links
    for name, value in out.items():
        with open(os.path.join(folder, name), "w") as f:
            json.dump(value, f)
    with open(os.path.join(folder, "policies.cedar"), "w") as f:
        f.write(policies)


def agreement_schema():
    long, text = {"type": "Long"}, {"type": "String"}
    moment = {"type": "Record", "attributes": {
        "purpose": {"type": "Entity", "name": "Purpose"}, "now": {"type": "Extension", "name": "datetime"},
        "approvals": {"type": "Record", "attributes": {"commander": long, "legal": long}},
        "break_glass": {"type": "Boolean"}}}
    content = {"type": "Record", "attributes": {
        "labels": {"type": "Set", "element": text}, "marking": long, "bytes": long}}
    context = {"type": "Record", "attributes": {"moment": moment, "content": content}}
    person = {"type": "Record", "attributes": {"clearance": long, "nationality": text,
              "training_until": {"type": "Extension", "name": "datetime"}}}
    model = {"type": "Record", "attributes": {"digest": text, "local": {"type": "Boolean"}, "max_marking": long}}
    applies = lambda kind: {"principalTypes": ["Person"], "resourceTypes": [kind], "context": context}
    return {"": {
        "entityTypes": {"Role": {}, "Purpose": {}, "ToolClass": {}, "Vendor": {},
                        "Person": {"memberOfTypes": ["Role"], "shape": person},
                        "Model": {"memberOfTypes": ["Vendor"], "shape": model},
                        "Tool": {"memberOfTypes": ["ToolClass"]}},
        "actions": {"ask": {"appliesTo": applies("Model")}, "release": {"appliesTo": applies("Model")},
                    "act": {"appliesTo": applies("Tool")}}}}


def rule(kind, role, vendor, n):
    """One policy; `role` and `vendor` are names, or None for everybody and every model."""
    who = f'principal in Role::"{role}"' if role else "principal"
    what = f'resource in Vendor::"{vendor}"' if vendor else "resource"
    head = [f'permit ({who}, action in [Action::"ask", Action::"release"], {what})',
            f'forbid ({who}, action in [Action::"ask", Action::"release"], {what})',
            f'forbid ({who}, action == Action::"ask", {what})',
            f'forbid ({who}, action in [Action::"ask", Action::"release"], {what})',
            f'@hold("two-person")\nforbid ({who}, action == Action::"ask", {what})'][kind]
    tail = [f'when {{ [Purpose::"logistics", Purpose::"p{n}"].contains(context.moment.purpose) && '
            f'context.moment.now < principal.training_until }}',
            f'when {{ context.content.labels.containsAny(["surveillance{n}", "bulk_analysis", "intercept"]) }}',
            f'when {{ context.content.bytes > {4000000 + n} && !context.moment.break_glass }}',
            f'when {{ context.content.marking > resource.max_marking + {n % 7} }}',
            f'when {{ context.content.marking >= 4 }}\nunless {{ context.moment.approvals.commander >= 1 && '
            f'context.moment.approvals.legal >= 1 }}'][kind]
    return head + "\n" + tail + ";\n"


def agreement_world(units, rnd):
    entities = [entity("Purpose", "logistics"), entity("Purpose", "planning")]
    for u in range(units):
        entities.append(entity("Role", f"staff{u}"))
        entities.append(entity("Vendor", f"vendor{u}"))
        for m in range(2):
            entities.append(entity("Model", f"model{u}.{m}", {"digest": "d", "local": True, "max_marking": 2},
                                   [("Vendor", f"vendor{u}")]))
        for p in range(3):
            entities.append(entity("Person", f"person{u}.{p}", {
                "clearance": rnd.randrange(4), "nationality": "own",
                "training_until": {"__extn": {"fn": "datetime", "arg": "2027-01-01"}}}, [("Role", f"staff{u}")]))
    return entities


def agreement_requests(units, rnd, count=200):
    out = []
    for _ in range(count):
        u = rnd.randrange(units)
        labels = rnd.sample(["secret", "personal", "medical", "surveillance3", "intercept", "finance"], rnd.randrange(3))
        out.append({
            "principal": uid("Person", f"person{u}.{rnd.randrange(3)}"),
            "action": uid("Action", rnd.choice(["ask", "ask", "release"])),
            "resource": uid("Model", f"model{u if rnd.random() < 0.9 else rnd.randrange(units)}.{rnd.randrange(2)}"),
            "context": {"content": {"labels": labels, "marking": rnd.randrange(6), "bytes": rnd.randrange(5000000)},
                        "moment": {"purpose": ref("Purpose", rnd.choice(["logistics", "planning"])),
                                   "now": {"__extn": {"fn": "datetime", "arg": "2026-06-01"}},
                                   "approvals": {"commander": rnd.randrange(2), "legal": rnd.randrange(2)},
                                   "break_glass": False}}})
    return out


def rules(count, folder, narrow):
    rnd = random.Random(SEED)
    policies = []
    if narrow:  # five rules for everybody, the others in pairs of a unit's role and its vendor
        units = max(1, (count - 5) // 5)
        policies += [rule(k, None, None, k) for k in range(min(5, count))]
        n = len(policies)
        while n < count:
            u = (n // 5) % units
            kind = n % 5
            role, vendor = (f"staff{u}", None) if kind in (0, 1, 4) else (None, f"vendor{u}")
            policies.append(rule(kind, role, vendor, n))
            n += 1
    else:
        units = 13
        for n in range(count):
            kind = n % 5
            policies.append(rule(kind, f"staff{n % units}" if n % 25 == 0 else None, None, n))
    units = min(units, 2000)
    write(folder, "".join(policies), agreement_schema(), agreement_world(units, rnd), agreement_requests(units, rnd))


def agreement_text(name, terms):
    """The rules of all clauses and the schema, put together as the agreement's loader does."""
    base = os.path.join(TOP, "agreements", name)
    rules = ""
    for clause in sorted(os.listdir(os.path.join(base, "clauses"))):
        with open(os.path.join(base, "clauses", clause)) as f:
            rules += "\n".join(re.findall(r"^```cedar\n(.*?)^```", f.read(), re.S | re.M))
    with open(os.path.join(TOP, "src", "agreement", "core_schema.h")) as f:
        schema = re.search(r'R"cedar\((.*)\)cedar"', f.read(), re.S).group(1)
    own = os.path.join(base, "schema.cedarschema")
    if os.path.exists(own):
        with open(own) as f:
            schema += f.read()
    if "type Particulars" not in schema:
        schema += "type Particulars = {};\n"
    return rules, schema + "type Approvals = {" + ",".join(f'"{role}": Long' for role in terms["roles"]) + "};\n"


def agreement(name, folder):
    """Persons of every role, all models and tools; facts as the gate makes them, without optional particulars."""
    rnd = random.Random(SEED)
    with open(os.path.join(TOP, "agreements", name, "agreement.toml"), "rb") as f:
        terms = tomllib.load(f)
    policies, schema = agreement_text(name, terms)
    date = lambda text: {"__extn": {"fn": "datetime", "arg": text}}
    entities = [entity("Role", role) for role in terms["roles"]] + [entity("Purpose", p) for p in terms["purposes"]]
    entities += [entity("ToolClass", c) for c in ("client", "force", "read", "spend", "write")]
    entities += [entity("Vendor", v["id"], {"jurisdiction": v["jurisdiction"]}) for v in terms["vendor"]]
    for m in terms["model"]:
        entities.append(entity("Model", m["id"], {"digest": m.get("weights_sha256", ""), "local": m.get("local", False),
                                                  "max_marking": m["max_marking"]}, [("Vendor", m["vendor"])]))
    for t in terms.get("tool", []):
        entities.append(entity("Tool", t["id"], {"server": "", "definition": ""}, [("ToolClass", t["class"])]))
    people = []
    for role in terms["roles"]:
        for n in range(5):
            people.append(uid("Person", f"{role}{n}"))
            entities.append(entity("Person", f"{role}{n}", {"clearance": n % 3, "nationality": "own",
                                                            "training_until": date("2027-01-01")}, [("Role", role)]))
    requests = []
    for _ in range(200):
        action = rnd.choice(["ask", "ask", "release", "act"] if terms.get("tool") else ["ask", "release"])
        resource = uid("Tool", rnd.choice(terms["tool"])["id"]) if action == "act" else uid("Model", rnd.choice(terms["model"])["id"])
        moment = {"purpose": ref("Purpose", rnd.choice(list(terms["purposes"]))), "now": date("2026-06-01"), "break_glass": False,
                  "approvals": {role: rnd.randrange(2) for role in terms["roles"]}, "particulars": {}}
        content = {"labels": rnd.sample(terms["labels"]["known"], rnd.choice([0, 0, 0, 1])), "top_score": 0, "marking": rnd.randrange(3),
                   "unreadable_parts": 0, "bytes": 2048}
        context = {"moment": moment, "content": content} | ({"tools_offered": 0} if action == "ask" else {})
        requests.append({"principal": rnd.choice(people), "action": uid("Action", action), "resource": resource, "context": context})
    write(folder, policies, schema, entities, requests)


def gdrive(templates, rnd):
    users, groups, folders, docs = range(20), range(8), range(20), range(20)
    entities, links = [], []
    for g in groups:
        entities.append(entity("Group", f"g{g}"))
    for f in folders:
        parents = [("Folder", f"f{rnd.randrange(f)}")] if f > 0 and rnd.random() < 0.6 else []
        if not templates:
            parents += [("View", f"v{rnd.choice(users)}") for _ in range(2)]
        entities.append(entity("Folder", f"f{f}", {}, parents))
    for d in docs:
        parents = [("Folder", f"f{rnd.choice(folders)}")]
        if not templates:
            parents += [("View", f"v{rnd.choice(users)}")]
        entities.append(entity("Document", f"d{d}", {"isPublic": rnd.random() < 0.2}, parents))
    for u in users:
        attrs = {"ownedDocuments": [ref("Document", f"d{d}") for d in rnd.sample(list(docs), 3)],
                 "ownedFolders": [ref("Folder", f"f{f}") for f in rnd.sample(list(folders), 2)]}
        if templates:
            links.append({"templateId": "policy0", "newId": f"link{u}", "values": {
                "?principal": uid("User", f"u{u}"), "?resource": uid("Folder", f"f{rnd.choice(folders)}")}})
        else:
            entities.append(entity("View", f"v{u}"))
            attrs["documentsAndFoldersWithViewAccess"] = ref("View", f"v{u}")
        entities.append(entity("User", f"u{u}", attrs, [("Group", f"g{rnd.choice(groups)}")]))
    requests = []
    for _ in range(200):
        action = rnd.choice(["read", "read", "read", "write", "share", "changeOwner", "createDocument"])
        resource = uid("Folder", f"f{rnd.choice(folders)}") if action == "createDocument" else uid("Document", f"d{rnd.choice(docs)}")
        requests.append({"principal": uid("User", f"u{rnd.choice(users)}"), "action": uid("Action", action),
                         "resource": resource, "context": {}})
    return entities, requests, links if templates else None


def github(templates, rnd):
    users, teams, orgs, repos = range(20), range(10), range(5), range(20)
    kinds = ["readers", "triagers", "writers", "maintainers", "admins"]
    entities, links, member = [], [], {u: [] for u in users}
    for o in orgs:
        rights = {k: ref("OrgPermission", f"o{o}.{k}") for k in ("readers", "writers", "admins")}
        for k in ("readers", "writers", "admins"):
            entities.append(entity("OrgPermission", f"o{o}.{k}"))
        entities.append(entity("Organization", f"o{o}", rights, [("OrgPermission", f"o{o}.readers")] if o % 2 else []))
    for t in teams:
        up = [("Team", f"t{rnd.randrange(t)}")] if t > 0 and rnd.random() < 0.5 else []
        if not templates:
            up.append(("RepoPermission", f"r{rnd.choice(repos)}.{rnd.choice(kinds)}"))
        entities.append(entity("Team", f"t{t}", {}, up))
    for r in repos:
        attrs = {"owner": ref("Organization", f"o{r % 5}")}
        if not templates:
            for k in kinds:
                entities.append(entity("RepoPermission", f"r{r}.{k}"))
                attrs[k] = ref("RepoPermission", f"r{r}.{k}")
        entities.append(entity("Repository", f"r{r}", attrs))
        if templates:
            for _ in range(2):
                who = uid("User", f"u{rnd.choice(users)}") if rnd.random() < 0.5 else uid("Team", f"t{rnd.choice(teams)}")
                links.append({"templateId": f"policy{rnd.randrange(5)}", "newId": f"link{len(links)}",
                              "values": {"?principal": who, "?resource": uid("Repository", f"r{r}")}})
    for u in users:
        parents = [("Team", f"t{rnd.choice(teams)}"), ("Organization", f"o{rnd.choice(orgs)}")]
        if rnd.random() < 0.3:
            parents.append(("OrgPermission", f"o{rnd.choice(orgs)}.writers"))
        if not templates:
            parents += [("RepoPermission", f"r{rnd.choice(repos)}.{rnd.choice(kinds)}") for _ in range(2)]
        entities.append(entity("User", f"u{u}", {}, parents))
    return entities, links if templates else None, users, repos


def tinytodo(rnd):
    users, teams, lists = range(20), range(10), range(20)
    entities = [entity("Application", "TinyTodo")]
    for t in teams:
        up = [("Team", f"t{rnd.randrange(t)}")] if t > 0 and rnd.random() < 0.5 else []
        entities.append(entity("Team", f"t{t}", {}, up + [("Application", "TinyTodo")]))
    for u in users:
        entities.append(entity("User", f"u{u}", {"joblevel": rnd.randrange(9), "location": "loc"},
                               [("Team", f"t{rnd.choice(teams)}"), ("Application", "TinyTodo")]))
    for n in lists:
        entities.append(entity("List", f"l{n}", {
            "editors": ref("Team", f"t{rnd.choice(teams)}"), "readers": ref("Team", f"t{rnd.choice(teams)}"),
            "name": f"list {n}", "owner": ref("User", f"u{rnd.choice(users)}"), "tasks": []},
            [("Application", "TinyTodo")]))
    return entities, users, lists


def actions_of(schema):
    """(action, resource types) of every action that applies to something."""
    out = []
    for name, action in schema[""]["actions"].items():
        applies = action.get("appliesTo")
        if applies:
            out.append((name, applies["resourceTypes"]))
    return out


def oopsla(name, data, folder):
    rnd = random.Random(SEED)
    base = os.path.join(data, "bench", name, "cedar")
    files = os.listdir(base)
    read = lambda end: open(os.path.join(base, next(f for f in files if f.endswith(end)))).read()
    schema = json.loads(read(".cedarschema.json"))
    policies = read(".cedar")
    links = None
    if name.startswith("gdrive"):
        entities, requests, links = gdrive("templates" in name, rnd)
    else:
        if name.startswith("github"):
            entities, links, users, _ = github("templates" in name, rnd)
        else:
            entities, users, _ = tinytodo(rnd)
        by_type = {}
        for e in entities:
            by_type.setdefault(e["uid"]["type"], []).append(e["uid"])
        requests = []
        actions = actions_of(schema)
        for _ in range(200):
            action, kinds = rnd.choice(actions)
            requests.append({"principal": uid("User", f"u{rnd.choice(users)}"), "action": uid("Action", action),
                             "resource": rnd.choice(by_type[rnd.choice(kinds)]), "context": {}})
    for e in entities:  # a set's schema may declare fewer attributes than the paper's application has
        shape = schema[""]["entityTypes"][e["uid"]["type"]].get("shape", {}).get("attributes", {})
        e["attrs"] = {k: v for k, v in e["attrs"].items() if k in shape}
    write(folder, policies, schema, entities, requests, links)


def main():
    if len(sys.argv) == 4 and sys.argv[1] in ("rules", "flat"):
        rules(int(sys.argv[2]), sys.argv[3], sys.argv[1] == "rules")
    elif len(sys.argv) == 4 and sys.argv[1] == "agreement":
        agreement(*sys.argv[2:])
    elif len(sys.argv) == 5 and sys.argv[1] == "oopsla":
        oopsla(*sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
