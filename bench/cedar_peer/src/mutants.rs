//! Labels for tests/prove/mutants.py: over a closed world of requests, which red lines an agreement breaks and whether
//! one of its policies errs. Every policy is judged by the crate at every point of the world that it reads; an
//! allowed request is then searched for through those tables, and points drawn at random are judged whole, so that a
//! policy that reads more than its caller says is noticed. An error of any policy is a deny.
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request,
};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::io::BufRead;
use std::rc::Rc;

const CHECKED_POINTS: u64 = 50; // per environment and mutant, judged whole

#[derive(Clone, Copy, PartialEq)]
enum Match {
    No,
    Yes,
    Error,
}

/// One thing of a request that can differ: a JSON pointer into the environment's base, and what may stand there.
struct Dim {
    path: String,
    values: Vec<Value>,
}

struct Env {
    name: String,
    action: EntityUid,
    principal: EntityUid,
    resource: EntityUid,
    base: Value,
    dims: Vec<Dim>,
}

impl Env {
    fn new(v: &Value) -> Env {
        let dims = v["dims"].as_array().unwrap().iter();
        Env {
            name: v["name"].as_str().unwrap().into(),
            action: crate::uid(&v["action"]),
            principal: crate::uid(&v["principal"]),
            resource: crate::uid(&v["resource"]),
            base: v["base"].clone(),
            dims: dims
                .map(|d| Dim { path: d["path"].as_str().unwrap().into(), values: d["values"].as_array().unwrap().clone() })
                .collect(),
        }
    }

    /// The request at a point, as JSON. `{"absent": true}` takes the key away.
    fn at(&self, point: &[usize]) -> Value {
        let mut out = self.base.clone();
        for (dim, &i) in self.dims.iter().zip(point) {
            let (parent, key) = dim.path.rsplit_once('/').unwrap();
            let parent = out.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if dim.values[i].get("absent").is_some() {
                parent.remove(key);
            } else {
                parent.insert(key.into(), dim.values[i].clone());
            }
        }
        out
    }

    fn question(&self, point: &[usize]) -> (Request, Entities) {
        self.judged(self.at(point)).expect("the world's own request")
    }

    fn judged(&self, mut at: Value) -> Result<(Request, Entities), String> {
        let entities: Vec<Value> = at["entities"].as_object().unwrap().values().cloned().collect();
        let entities = Entities::from_json_value(Value::Array(entities), None).map_err(|e| e.to_string())?;
        let context = Context::from_json_value(at["context"].take(), None).map_err(|e| e.to_string())?;
        let request =
            Request::new(self.principal.clone(), self.action.clone(), self.resource.clone(), context, None)
                .map_err(|e| e.to_string())?;
        Ok((request, entities))
    }
}

/// What a policy says at each point of the dims that it reads.
struct Table {
    reads: Vec<usize>,
    says: Vec<Match>,
}

impl Table {
    fn at(&self, env: &Env, point: &[usize]) -> Match {
        let mut index = 0;
        for &dim in &self.reads {
            index = index * env.dims[dim].values.len() + point[dim];
        }
        self.says[index]
    }
    fn last(&self, order: &[usize]) -> usize {
        self.reads.iter().map(|dim| order.iter().position(|d| d == dim).unwrap() + 1).max().unwrap_or(0)
    }
}

fn applies(policy: &Policy, env: &Env) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == env.action,
        ActionConstraint::In(all) => all.contains(&env.action),
    }
}

fn tabulate(policy: &Policy, env: &Env, reads: Vec<usize>) -> Table {
    if !applies(policy, env) {
        return Table { reads: vec![], says: vec![Match::No] };
    }
    let mut set = PolicySet::new();
    set.add(policy.clone()).unwrap();
    let authorizer = Authorizer::new();
    let mut point = vec![0; env.dims.len()];
    let mut says = vec![];
    loop {
        let (request, entities) = env.question(&point);
        let response = authorizer.is_authorized(&request, &set, &entities);
        says.push(if response.diagnostics().errors().next().is_some() {
            Match::Error
        } else if response.diagnostics().reason().next().is_some() {
            Match::Yes
        } else {
            Match::No
        });
        if !step(env, &mut point, &reads) {
            return Table { reads, says };
        }
    }
}

/// The next point, the last of `dims` fastest; false after the last.
fn step(env: &Env, point: &mut [usize], dims: &[usize]) -> bool {
    for &dim in dims.iter().rev() {
        point[dim] += 1;
        if point[dim] < env.dims[dim].values.len() {
            return true;
        }
        point[dim] = 0;
    }
    false
}

struct Judged {
    permit: bool,
    table: Rc<Table>,
}

/// Depth-first over every point, leaving a branch where its answer is known: the line is true, a forbid matches,
/// something errs, or no permit is left.
struct Search<'a> {
    env: &'a Env,
    line: &'a Table,
    policies: &'a [Judged],
    order: Vec<usize>,
}

impl Search<'_> {
    fn run(env: &Env, line: &Table, policies: &[Judged]) -> Option<Vec<usize>> {
        let mut order = line.reads.clone();
        let mut others: Vec<usize> = (0..env.dims.len()).filter(|d| !order.contains(d)).collect();
        let used = |d: &usize| policies.iter().filter(|p| !p.permit && p.table.reads.contains(d)).count();
        others.sort_by_key(|d| std::cmp::Reverse(used(d)));
        order.extend(others);
        let search = Search { env, line, policies, order };
        let mut point = vec![0; env.dims.len()];
        search.descend(0, &mut point).then_some(point)
    }

    fn dead(&self, depth: usize, point: &[usize]) -> bool {
        if self.line.last(&self.order) == depth && self.line.at(self.env, point) == Match::Yes {
            return true;
        }
        let mut open = false;
        for one in self.policies {
            let known = one.table.last(&self.order) <= depth;
            let says = if known { Some(one.table.at(self.env, point)) } else { None };
            if says == Some(Match::Error) || (!one.permit && says == Some(Match::Yes)) {
                return true;
            }
            open = open || (one.permit && says != Some(Match::No));
        }
        !open
    }

    fn descend(&self, depth: usize, point: &mut Vec<usize>) -> bool {
        if self.dead(depth, point) {
            return false;
        }
        if depth == self.order.len() {
            return true;
        }
        let dim = self.order[depth];
        for i in 0..self.env.dims[dim].values.len() {
            point[dim] = i;
            if self.descend(depth + 1, point) {
                return true;
            }
        }
        point[dim] = 0;
        false
    }
}

fn parsed(text: &str, id: usize) -> Policy {
    Policy::parse(Some(PolicyId::new(format!("p{id}"))), text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn reads_of(v: &Value, env: usize) -> Vec<usize> {
    v["reads"][env].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect()
}

struct Cache(HashMap<(usize, String), Rc<Table>>);

impl Cache {
    fn table(&mut self, e: usize, env: &Env, v: &Value) -> Rc<Table> {
        let text = v["text"].as_str().unwrap();
        let make = || Rc::new(tabulate(&parsed(text, 0), env, reads_of(v, e)));
        self.0.entry((e, text.to_string())).or_insert_with(make).clone()
    }
}

/// Points drawn at random, judged by the crate with all policies at once, against the tables.
fn check_whole(env: &Env, policies: &[Judged], set: &PolicySet, random: &mut u64) {
    for _ in 0..CHECKED_POINTS {
        let point: Vec<usize> = env
            .dims
            .iter()
            .map(|d| {
                *random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (*random >> 33) as usize % d.values.len()
            })
            .collect();
        let (request, entities) = env.question(&point);
        let response = Authorizer::new().is_authorized(&request, set, &entities);
        let says: Vec<Match> = policies.iter().map(|p| p.table.at(env, &point)).collect();
        let any = |permit: bool| policies.iter().zip(&says).any(|(p, s)| p.permit == permit && *s == Match::Yes);
        let allow = any(true) && !any(false);
        let errors = says.iter().filter(|s| **s == Match::Error).count();
        assert_eq!(allow, response.decision() == Decision::Allow, "{}", env.at(&point));
        assert_eq!(errors, response.diagnostics().errors().count(), "{}", env.at(&point));
    }
}

/// A counterexample of the prover, judged by the crate: "errs", "allowed and broken", or what else it is.
fn replay(env: &Env, line: Option<&str>, set: &PolicySet, example: &Value) -> String {
    let env = Env {
        principal: crate::uid(&example["principal"]),
        resource: crate::uid(&example["resource"]),
        ..Env::new(&json!({"name": env.name, "action": example["action"], "principal": example["principal"],
            "resource": example["resource"], "base": {}, "dims": []}))
    };
    let (request, entities) = match env.judged(example.clone()) {
        Ok(question) => question,
        Err(e) => return format!("refused: {e}"),
    };
    let response = Authorizer::new().is_authorized(&request, set, &entities);
    if response.diagnostics().errors().next().is_some() {
        return "errs".into();
    }
    let Some(line) = line else { return "does not err".into() };
    let mut of_line = PolicySet::new();
    of_line.add(parsed(line, 0)).unwrap();
    let kept = Authorizer::new().is_authorized(&request, &of_line, &entities).decision() == Decision::Allow;
    match (response.decision(), kept) {
        (Decision::Allow, false) => "allowed and broken".into(),
        (Decision::Allow, true) => "allowed and kept".into(),
        _ => "denied".into(),
    }
}

fn label(envs: &[Env], cache: &mut Cache, mutant: &Value) -> Value {
    let texts = mutant["policies"].as_array().unwrap();
    let mut set = PolicySet::new();
    for (i, one) in texts.iter().enumerate() {
        set.add(parsed(one["text"].as_str().unwrap(), i)).unwrap();
    }
    let lines = mutant["lines"].as_array().unwrap();
    let (mut broken, mut errs) = (json!({}), json!({}));
    let mut random = mutant["seed"].as_u64().unwrap();
    for (e, env) in envs.iter().enumerate() {
        let policies: Vec<Judged> = texts
            .iter()
            .map(|v| Judged { permit: v["permit"].as_bool().unwrap(), table: cache.table(e, env, v) })
            .collect();
        check_whole(env, &policies, &set, &mut random);
        if policies.iter().any(|p| p.table.says.contains(&Match::Error)) {
            errs[&env.name] = json!(true);
        }
        for line in lines {
            if !applies(&parsed(line["text"].as_str().unwrap(), 0), env) {
                continue;
            }
            let table = cache.table(e, env, line);
            if let Some(point) = Search::run(env, &table, &policies) {
                broken[format!("{} {}", line["id"].as_str().unwrap(), env.name)] = env.at(&point);
            }
        }
    }
    let replays: Vec<Value> = mutant["examples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| {
            let line = lines.iter().find(|l| l["id"] == x["line"]).map(|l| l["text"].as_str().unwrap());
            json!(replay(&envs[0], line, &set, &x["request"]))
        })
        .collect();
    json!({"broken": broken, "errs": errs, "replays": replays})
}

/// The world on the first line of standard input, then a mutant a line; prints a label a line.
pub fn run() {
    let mut lines = std::io::stdin().lock().lines();
    let world: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).expect("world");
    let envs: Vec<Env> = world["environments"].as_array().unwrap().iter().map(Env::new).collect();
    let mut cache = Cache(HashMap::new());
    for text in lines {
        let mutant: Value = serde_json::from_str(&text.unwrap()).expect("mutant");
        println!("{}", label(&envs, &mut cache, &mutant));
    }
}
