//! Runs without a planted cause at a load that the server carries with ease: the analyzer must
//! report no problem.

use serde_json::Value;
use test_support::TestDirectory;

use crate::common::tool;
use crate::stage::{assess, end, record};

/// Healthy loads: the name of the tool and its arguments, separated by spaces.
pub(crate) const RUNS: [(&str, &str); 10] = [
    (
        "db-pool-bench",
        "sweep --workload mixed --driver deadpool --pool-sizes 4 --rate 60",
    ),
    (
        "db-pool-bench",
        "sweep --workload read-heavy --driver sqlx --pool-sizes 6 --rate 200",
    ),
    (
        "db-pool-bench",
        "sweep --workload point-select --driver direct --pool-sizes 4 --rate 120",
    ),
    (
        "db-pool-bench",
        "sweep --workload tpcb-like --driver wire --pool-sizes 4 --rate 20",
    ),
    (
        "db-pool-bench",
        "sweep --workload write-heavy --driver deadpool --pool-sizes 8 --rate 30 --pacing poisson",
    ),
    (
        "db-pool-bench",
        "sweep --workload tpcb-like --driver sqlx --pool-sizes 8 --rate 25 --pacing poisson",
    ),
    (
        "db-pool-bench",
        "sweep --workload mixed --driver deadpool --pool-sizes 4 --users 4 --think-time 80ms",
    ),
    (
        "db-pool-bench",
        "sweep --workload read-heavy --driver deadpool --pool-sizes 6 --rate 200 --hold 5ms",
    ),
    ("redis-bench", "cache --keys 1000 --preload 1 --rate 300"),
    (
        "redis-bench",
        "cache --keys 500 --preload 1 --ttl 1h --rate 150 --pacing poisson",
    ),
];

/// Runs the healthy load `words` with the tool `tool_name` while the machine is recorded, and
/// analyzes the run. Returns its problems, and the gates that were not judged; empty if the run is
/// as expected.
pub(crate) fn complaints(tool_name: &str, words: &str) -> Vec<String> {
    let place = TestDirectory::new();
    let recorder = record(&place);
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend([
        "--quiet",
        "--run-dir",
        "run",
        "--repeats",
        "2",
        "--warmup",
        "1s",
        "--duration",
        "15s",
    ]);
    let output = tool(&place, tool_name, &args).output().unwrap();
    end(recorder);
    let mut complaints = Vec::new();
    if !output.status.success() {
        complaints.push(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    match assess(&place, words) {
        Ok(assessment) => complaints.extend(of(&assessment)),
        Err(reason) => complaints.push(reason),
    }
    complaints
}

fn of(assessment: &Value) -> Vec<String> {
    let list = |name: &str| assessment[name].as_array().cloned().unwrap_or_default();
    let problems = list("findings")
        .into_iter()
        .filter(|f| f["kind"] == "problem");
    let problems = problems.map(|f| format!("problem: {}: {}", f["id"], f["title"]));
    let gates = list("gates")
        .into_iter()
        .filter(|gate| gate["outcome"] != "pass");
    problems
        .chain(gates.map(|gate| format!("gate: {gate}")))
        .collect()
}
