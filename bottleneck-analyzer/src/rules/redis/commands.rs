//! Commands of other clients: each holds up everybody for as long as it takes.

use bench_report::EvidenceRow;

use super::{MATTERS, saving};
use crate::assessment::{ComponentKind, Confidence, FindingKind};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

const RULE: &str = "redis_command";

/// A command of somebody else.
struct OtherCommand<'a> {
    place: usize,
    row: &'a EvidenceRow,
    name: &'a str,
    /// Mean wait of the load's calls behind it.
    wait_ns: f64,
}

pub(super) fn judge(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    if view.rows("commands").next().is_none() {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether other clients held Redis up: its command statistics were not read",
            "a user that may run INFO commandstats",
        );
        return;
    }
    let mut others: Vec<OtherCommand<'_>> = view
        .commands_of("others")
        .filter(|(_, row)| !saving::starts_child(row))
        .filter_map(|(place, row)| {
            Some(OtherCommand {
                place,
                row,
                name: row.labels.get("command")?,
                wait_ns: view.wait_behind_command(row),
            })
        })
        .collect();
    others.sort_by(|a, b| b.wait_ns.total_cmp(&a.wait_ns));
    let worst = others.first();
    match worst.filter(|worst| view.share_of_response(worst.wait_ns) >= MATTERS) {
        Some(worst) => out.find(found(bench, view, worst, &others[1..])),
        None => rule_out(bench, view, worst, out),
    }
    too_many_scripts(bench, view, out);
}

fn rule_out(
    bench: &BenchFacts<'_>,
    view: &RedisEvidence<'_>,
    worst: Option<&OtherCommand<'_>>,
    out: &mut Conclusions,
) {
    let statement = worst.map_or_else(
        || "no other client sent Redis a command".to_owned(),
        |worst| {
            format!(
                "commands of other clients: the load waited {} of its response time behind {}",
                share(view.share_of_response(worst.wait_ns)),
                worst.name.to_uppercase()
            )
        },
    );
    let evidence = worst.and_then(|worst| evidence(view, worst, "usec"));
    out.rule_out(RULE, bench.component, statement, evidence);
}

fn evidence(
    view: &RedisEvidence<'_>,
    other: &OtherCommand<'_>,
    figure: &str,
) -> Option<crate::assessment::EvidenceItem> {
    let label = format!("{} of {}", figure.replace('_', " "), other.name);
    view.row_evidence(label, ("commands", other.place), figure)
}

fn found(
    bench: &BenchFacts<'_>,
    view: &RedisEvidence<'_>,
    worst: &OtherCommand<'_>,
    rest: &[OtherCommand<'_>],
) -> FindingDraft {
    let figure = |name: &str| worst.row.figures.get(name).copied();
    let (calls, usec) = (
        figure("calls").unwrap_or(0.0),
        figure("usec").unwrap_or(0.0),
    );
    let name = worst.name.to_uppercase().replace('|', " ");
    let longest = longest_us(view, worst);
    let longest = longest.map_or_else(String::new, |us| {
        format!(", the longest {}", duration_ns(us * 1e3))
    });
    let also: Vec<String> = rest
        .iter()
        .filter(|other| view.share_of_response(other.wait_ns) >= MATTERS)
        .map(|other| {
            format!(
                "{} {}",
                other.name.to_uppercase(),
                duration_ns(other.wait_ns)
            )
        })
        .collect();
    let also = if also.is_empty() {
        String::new()
    } else {
        format!(" Behind others of theirs: {}.", also.join(", "))
    };
    let detail = format!(
        "{} call(s) of {} on average{longest}; the load sends no {name}. Redis carries out one \
         command at a time: {} of the mean response time of {} is waiting behind these.{also}",
        plain(calls),
        duration_ns(usec / calls * 1e3),
        duration_ns(worst.wait_ns),
        duration_ns(view.response_ns),
    );
    let (actions, why) = advice(worst.name);
    FindingDraft::new(
        RULE,
        &bench.id(),
        ComponentKind::Redis,
        FindingKind::Problem,
    )
    .says(format!("{name} of another client holds Redis up"), detail)
    .thing(name.clone())
    .saves(worst.wait_ns, view.response_ns)
    .confidence(confidence(calls, figure("squares_us2")))
    .evidence(evidence(view, worst, "calls"))
    .evidence(evidence(view, worst, "usec"))
    .evidence(evidence(view, worst, "longest_us"))
    .advice(
        actions,
        format!("up to {} a call", duration_ns(worst.wait_ns)),
        why,
    )
}

/// The slow log knows it exactly, a histogram within a factor of two.
fn longest_us(view: &RedisEvidence<'_>, other: &OtherCommand<'_>) -> Option<f64> {
    let is = |row: &EvidenceRow| row.labels.get("command").is_some_and(|c| c == other.name);
    let logged = view.rows("slow_calls").find(|(_, row)| is(row));
    let logged = logged.and_then(|(_, row)| row.figures.get("longest_us"));
    logged.or(other.row.figures.get("longest_us")).copied()
}

/// One call may be chance, and without a histogram its length is an average.
fn confidence(calls: f64, squares: Option<f64>) -> Confidence {
    if calls >= 2.0 && squares.is_some() {
        Confidence::High
    } else {
        Confidence::Medium
    }
}

/// Advice about a command, and the reason why it is slow.
fn advice(command: &str) -> (&'static [&'static str], &'static str) {
    match command {
        "keys" => (
            &["use SCAN, which hands out a part of the keys at a time, or keep a set of the names"],
            "KEYS looks at every key of the database at once",
        ),
        name if name.starts_with("eval") || name.starts_with("fcall") => (
            &[
                "shorten the script: no loops over large collections, several calls instead of one",
                "or run it on a replica",
            ],
            "a script is one command: nothing else is carried out until it ends",
        ),
        "exec" => (
            &["put fewer commands into one transaction"],
            "a transaction is one command: nothing else is carried out until it ends",
        ),
        "flushall" | "flushdb" | "del" => (
            &["use UNLINK, or FLUSHALL ASYNC, which free memory in the background"],
            "freeing many or large values takes time in the one thread",
        ),
        "save" => (
            &["use BGSAVE, which writes in a child process"],
            "SAVE writes the whole data set while nobody is served",
        ),
        "debug" => (
            &["keep DEBUG commands off a server that is in use"],
            "DEBUG commands hold the server up on purpose",
        ),
        _ => (
            &[
                "ask for less at a time: ranges, HSCAN, SSCAN, ZSCAN",
                "or send it to a replica",
            ],
            "its time grows with the size of what it works on, and everybody else waits meanwhile",
        ),
    }
}

/// More scripts than this are not written by hand.
const SCRIPTS_MANY: f64 = 1_000.0;

/// Scripts with values in their text instead of arguments fill the cache of scripts.
fn too_many_scripts(bench: &BenchFacts<'_>, view: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = "redis_scripts";
    let (Some(cached), Some(new)) = (view.figure("cached_scripts"), view.figure("scripts_cached"))
    else {
        return;
    };
    if cached < SCRIPTS_MANY || new < 1.0 {
        return;
    }
    out.find(
        FindingDraft::new(
            rule,
            &bench.id(),
            ComponentKind::Redis,
            FindingKind::Information,
        )
        .says(
            format!("Redis keeps {} scripts, and more come", plain(cached)),
            format!("{} were new in this step.", plain(new)),
        )
        .confidence(Confidence::High)
        .evidence(view.evidence("cached_scripts"))
        .evidence(view.evidence("scripts_cached"))
        .advice(
            &["give values to scripts as KEYS and ARGV, and call them by EVALSHA"],
            "memory, and the time to compile each new script",
            "a script whose text differs each time is compiled and kept each time",
        ),
    );
}
