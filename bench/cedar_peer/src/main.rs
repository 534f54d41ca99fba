//! The Rust crate `cedar-policy` beside our engine: `cedar_peer bench FOLDER` times decisions on parsed
//! inputs, `cedar_peer judge` judges the cases of fuzz/cedar/differential.cc and compares, `cedar_peer mutants` labels
//! the mutants of tests/prove/mutants.py.
mod mutants;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, EvaluationError,
    PolicyId, PolicySet, Request, Response, Schema, SlotId,
};
use serde_json::Value;
use std::collections::HashMap;
use std::io::BufRead;
use std::time::{Duration, Instant};

const DIFFERENCES_SHOWN: u64 = 20;

fn uid(v: &Value) -> EntityUid {
    EntityUid::from_json(v.clone()).expect("uid")
}

fn request(v: &Value, schema: Option<&Schema>) -> Result<Request, String> {
    let action = uid(&v["action"]);
    let context = Context::from_json_value(v["context"].clone(), schema.map(|s| (s, &action)))
        .map_err(|e| e.to_string())?;
    Request::new(uid(&v["principal"]), action, uid(&v["resource"]), context, None)
        .map_err(|e| e.to_string())
}

fn line(response: &Response) -> String {
    let mut reason: Vec<String> = response.diagnostics().reason().map(|p| p.to_string()).collect();
    let mut errors: Vec<String> = response
        .diagnostics()
        .errors()
        .map(|e| match e {
            cedar_policy::AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
        })
        .collect();
    reason.sort();
    errors.sort();
    let decision = if response.decision() == Decision::Allow { "allow" } else { "deny" };
    format!("{decision}|{}|{}", reason.join(","), errors.join(","))
}

fn link(set: &mut PolicySet, links: &Value) {
    for l in links.as_array().into_iter().flatten() {
        let mut values = HashMap::new();
        for (slot, v) in l["values"].as_object().unwrap() {
            let id = if slot == "?principal" { SlotId::principal() } else { SlotId::resource() };
            values.insert(id, uid(v));
        }
        set.link(
            PolicyId::new(l["templateId"].as_str().unwrap()),
            PolicyId::new(l["newId"].as_str().unwrap()),
            values,
        )
        .expect("link");
    }
}

/// CPU time of this process: it has one thread, and a busy machine does not count.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(ns)
}

fn bench(folder: &str, seconds: f64) {
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
    let loading = Instant::now();
    let before = cpu();
    let mut set: PolicySet = read("policies.cedar").unwrap().parse().expect("policies");
    if let Ok(links) = read("links.json") {
        link(&mut set, &serde_json::from_str(&links).unwrap());
    }
    let load = cpu() - before;
    let _ = loading;
    let schema = match read("schema.cedarschema") {
        Ok(text) => Schema::from_cedarschema_str(&text).expect("schema").0,
        Err(_) => Schema::from_json_str(&read("schema.json").unwrap()).expect("schema"),
    };
    let entities =
        Entities::from_json_str(&read("entities.json").unwrap(), Some(&schema)).expect("entities");
    let list: Value = serde_json::from_str(&read("requests.json").unwrap()).unwrap();
    let requests: Vec<Request> =
        list.as_array().unwrap().iter().map(|r| request(r, Some(&schema)).unwrap()).collect();
    let authorizer = Authorizer::new();
    let mut per_request: Vec<Vec<f64>> = vec![Vec::new(); requests.len()];
    let until = cpu() + Duration::from_secs_f64(seconds);
    let mut rounds = 0;
    while rounds < 3 || (cpu() < until && rounds < 2000) {
        for (i, r) in requests.iter().enumerate() {
            let start = Instant::now();
            let response = authorizer.is_authorized(r, &set, &entities);
            let took = start.elapsed().as_nanos() as f64;
            per_request[i].push(took);
            std::hint::black_box(&response);
        }
        rounds += 1;
    }
    let mut medians: Vec<f64> = per_request
        .iter_mut()
        .map(|v| {
            v.sort_by(f64::total_cmp);
            v[v.len() / 2]
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let answers: Vec<String> = requests
        .iter()
        .map(|r| line(&authorizer.is_authorized(r, &set, &entities)))
        .collect();
    println!(
        "{}",
        serde_json::json!({"median_ns": medians[medians.len() / 2], "p90_ns": medians[medians.len() * 9 / 10],
            "load_us": load.as_micros() as u64, "rounds": rounds, "answers": answers})
    );
}

/// One case of fuzz/cedar/differential.cc: policies as text with links, or a policy set as JSON.
fn judge_one(case: &mut Value) -> Result<String, String> {
    let set: PolicySet = match case.get_mut("policySet") {
        Some(json) => PolicySet::from_json_value(json.take()).map_err(|e| e.to_string())?,
        None => {
            let mut set: PolicySet =
                case["policies"].as_str().unwrap().parse().map_err(|e| format!("{e}"))?;
            link(&mut set, &case["links"]);
            set
        }
    };
    let entities =
        Entities::from_json_value(case["entities"].take(), None).map_err(|e| e.to_string())?;
    let r = request(&case["request"], None)?;
    let response = Authorizer::new().is_authorized(&r, &set, &entities);
    let mut errors: Vec<String> = response
        .diagnostics()
        .errors()
        .map(|AuthorizationError::PolicyEvaluationError(e)| {
            format!("{}={}", e.policy_id(), kind(e.inner()))
        })
        .collect();
    errors.sort();
    let whole = line(&response);
    let head = &whole[..whole.rfind('|').unwrap()];
    Ok(format!("{head}|{}", errors.join(",")))
}

fn kind(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::TypeError(_) => "type",
        EvaluationError::IntegerOverflow(_) => "overflow",
        EvaluationError::EntityDoesNotExist(_) => "entity",
        EvaluationError::EntityAttrDoesNotExist(_) => "entity attribute",
        EvaluationError::RecordAttrDoesNotExist(_) => "record attribute",
        EvaluationError::WrongNumArguments(_) => "arity",
        EvaluationError::FailedExtensionFunctionExecution(_) => "extension",
        _ => "another",
    }
}

/// Cases on standard input, each with `ours`; prints what differs, then how many did not.
fn judge() {
    let (mut same, mut refused, mut differ) = (0u64, 0u64, 0u64);
    for text in std::io::stdin().lock().lines() {
        let text = text.unwrap();
        let mut case: Value = serde_json::from_str(&text).expect("case");
        let ours = case["ours"].as_str().unwrap().to_string();
        let theirs =
            judge_one(&mut case).unwrap_or_else(|e| format!("refused|{}", e.replace('\n', " ")));
        if ours.starts_with("refused") && theirs.starts_with("refused") {
            refused += 1;
        } else if ours == theirs {
            same += 1;
        } else {
            differ += 1;
            if differ <= DIFFERENCES_SHOWN {
                println!("ours  {ours}\npeer  {theirs}\n{text}");
            }
        }
    }
    println!("{same} the same, {refused} refused by both, {differ} different");
    std::process::exit(if differ > 0 { 1 } else { 0 });
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("bench") => bench(&args[2], args.get(3).map_or(1.0, |s| s.parse().unwrap())),
        Some("judge") => judge(),
        Some("mutants") => mutants::run(),
        _ => eprintln!("usage: cedar_peer bench FOLDER [SECONDS] | cedar_peer judge | cedar_peer mutants"),
    }
}
