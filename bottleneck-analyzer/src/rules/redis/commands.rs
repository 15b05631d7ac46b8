//! Rules `redis_command` and `redis_scripts` about commands of other clients.
//!
//! `redis_command` fires if calls of the load spend a tenth of their response time waiting for one command of
//! other clients; a script is named as the slow log tells it. Reads the table `commands` (`INFO commandstats`, latency histograms) and the slow log. The
//! wait follows from the M/G/1 queue in [`crate::redis`]. A command that may have run inside of scripts or
//! transactions counts only with the time that it cannot have spent there: if that is below the bound and its
//! whole time is not, it is told as a possible part of the scripts, or as an open question. `redis_scripts`
//! fires if 1,000 scripts or more are cached and new ones are added.

use bench_report::EvidenceRow;
use bench_report::names;

use super::materiality::MATTERS;
use super::{saving, slow_key};
use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisCommand;

/// Smallest share of a wait, from 0 to 1, that must be uncertain to be told.
const UNCERTAIN: f64 = 0.05;

/// Command that other clients send, with what it costs the load.
struct OtherCommand<'a> {
    place: usize,
    row: &'a EvidenceRow,
    name: &'a str,
    /// Smallest and largest mean time that a call of the load waits for this command, in nanoseconds. They differ
    /// if the command may have run inside of scripts and transactions.
    wait_ns: f64,
    most_ns: f64,
}

impl OtherCommand<'_> {
    /// Returns the name as shown to people, as in `CONFIG GET`.
    fn shown(&self) -> String {
        self.name.to_uppercase().replace('|', " ")
    }

    /// Returns true if calls may wait for the command long enough to be a problem, and it is not certain that they
    /// do.
    fn is_open(&self, server: &RedisEvidence<'_>) -> bool {
        let matters = |ns: f64| server.share_of_response(ns) >= MATTERS;
        matters(self.most_ns) && !matters(self.wait_ns)
    }
}

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    if server.rows("commands").next().is_none() {
        out.cannot_judge(
            RULE,
            bench.component,
            "whether other clients held Redis up: its command statistics were not read",
            "a user that may run INFO commandstats",
        );
        return;
    }
    let mut others: Vec<OtherCommand<'_>> = server
        .commands_of("others")
        .filter(|(_, row)| !saving::starts_child(row))
        .filter_map(|(place, row)| {
            let (wait_ns, most_ns) = server.wait_behind_other(row);
            Some(OtherCommand {
                place,
                row,
                name: row.label(names::redis::commands::COMMAND)?,
                wait_ns,
                most_ns,
            })
        })
        .collect();
    others.sort_by(|a, b| b.wait_ns.total_cmp(&a.wait_ns));
    let worst = others.first();
    let matters = |worst: &&OtherCommand<'_>| server.share_of_response(worst.wait_ns) >= MATTERS;
    if let Some(worst) = worst.filter(matters) {
        out.add_finding(found(bench, server, worst, &others[1..]));
    } else if let Some(open) = open_among(server, &others).next() {
        let question = format!(
            "whether {} of other clients holds Redis up by itself: it may have run inside of scripts or \
             transactions, whose time contains its own",
            open.shown()
        );
        let to_find_out = "a run without these scripts; a server of version 7.2 or later tells how much time \
                           was counted twice";
        out.cannot_judge(RULE, bench.component, question, to_find_out);
    } else {
        rule_out(bench, server, worst, out);
    }
    too_many_scripts(bench, server, out);
}

fn rule_out(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    worst: Option<&OtherCommand<'_>>,
    out: &mut Conclusions,
) {
    let statement = worst.map_or_else(
        || "no other client sent Redis a command".to_owned(),
        |worst| {
            format!(
                "commands of other clients: the load waited {} of its response time behind {}",
                share(server.share_of_response(worst.wait_ns)),
                worst.name.to_uppercase()
            )
        },
    );
    let evidence = worst.and_then(|worst| evidence(server, worst, "usec"));
    out.rule_out(RULE, bench.component, statement, evidence);
}

fn evidence(
    server: &RedisEvidence<'_>,
    other: &OtherCommand<'_>,
    figure: &str,
) -> Option<crate::assessment::EvidenceItem> {
    let label = format!("{} of {}", figure.replace('_', " "), other.name);
    server.row_evidence(label, ("commands", other.place), figure)
}

fn found(
    bench: &BenchFacts<'_>,
    server: &RedisEvidence<'_>,
    worst: &OtherCommand<'_>,
    rest: &[OtherCommand<'_>],
) -> FindingDraft {
    let figure = |column| worst.row.value(column);
    let (calls, usec) = (
        figure(names::redis::commands::CALLS).unwrap_or(0.0),
        figure(names::redis::commands::USEC).unwrap_or(0.0),
    );
    let name = worst.shown();
    let logged = logged(server, worst);
    let longest = logged.map(|(_, us)| us);
    let longest = longest.or(figure(names::redis::commands::LONGEST_US));
    let longest = longest.map_or_else(String::new, |us| {
        format!(", the longest {}", duration_ns(us * 1e3))
    });
    let detail = format!(
        "{} of {} on average{longest}; the load sends no {name}. Redis carries out one \
         command at a time: {} of the mean response time of {} is waiting behind these.{}{}",
        counted(calls, "call"),
        duration_ns(usec / calls * 1e3),
        duration_ns(worst.wait_ns),
        duration_ns(server.response_ns),
        further(server, rest),
        counted_twice(server, worst, rest),
    );
    let (actions, why) = advice(worst.name);
    let (title, thing) = title(server, worst);
    let (key, size) = slow_key::told(server, worst.name);
    bench
        .finding(RULE, FindingKind::Problem)
        .says(title, detail + &key)
        .thing(thing)
        .evidence(size)
        .saves(worst.wait_ns, server.response_ns)
        .confidence(confidence(
            calls,
            figure(names::redis::commands::SQUARES_US2),
        ))
        .evidence(evidence(server, worst, "calls"))
        .evidence(evidence(server, worst, "usec"))
        .evidence(evidence(server, worst, "longest_us"))
        .evidence(open_among(server, rest).filter_map(|open| evidence(server, open, "usec")))
        .evidence(logged.and_then(|(place, _)| {
            let label = format!("longest {} in the slow log", worst.name);
            server.row_evidence(label, ("slow_calls", place), "longest_us")
        }))
        .advice(
            actions,
            format!("up to {} a call", duration_ns(worst.wait_ns)),
            why,
        )
}

/// Returns title and thing of the finding: the command, and the script that it calls if the slow log names it.
fn title(server: &RedisEvidence<'_>, worst: &OtherCommand<'_>) -> (String, String) {
    let name = worst.shown();
    let what = match worst.name {
        "eval" | "eval_ro" | "evalsha" | "evalsha_ro" => "script",
        "fcall" | "fcall_ro" => "function",
        _ => {
            let title = format!("The command {name} of another client holds Redis up");
            return (title, name);
        }
    };
    let row = logged(server, worst).and_then(|(place, _)| server.rows("slow_calls").nth(place));
    let script = row.and_then(|(_, row)| row.label(names::redis::slow_calls::SCRIPT));
    match script {
        Some(script) => (
            format!("A {what} of another client holds Redis up: {name} {script}"),
            format!("{name} {script}"),
        ),
        None => (
            format!("A {what} of another client holds Redis up ({name})"),
            name,
        ),
    }
}

/// Names the further commands that calls of the load wait behind, as a sentence that begins with a space; empty if
/// there are none.
fn further(server: &RedisEvidence<'_>, rest: &[OtherCommand<'_>]) -> String {
    let matters = |other: &&OtherCommand<'_>| server.share_of_response(other.wait_ns) >= MATTERS;
    let names: Vec<String> = rest
        .iter()
        .filter(matters)
        .map(OtherCommand::shown)
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        " It waits behind other commands of theirs, too: {}.",
        names.join(", ")
    )
}

/// Returns those of `commands` of which it is not known whether calls wait for them by themselves.
fn open_among<'r, 'a>(
    server: &RedisEvidence<'_>,
    commands: &'r [OtherCommand<'a>],
) -> impl Iterator<Item = &'r OtherCommand<'a>> {
    commands.iter().filter(move |other| other.is_open(server))
}

/// Describes the time that may have been counted twice, as sentences that begin with a space: that of commands
/// which may be a part of the worst one, and of the worst one itself. Empty if there is none.
fn counted_twice(
    server: &RedisEvidence<'_>,
    worst: &OtherCommand<'_>,
    rest: &[OtherCommand<'_>],
) -> String {
    let open = open_among(server, rest).map(|open| {
        let usec = open.row.value(names::redis::commands::USEC);
        let time = duration_ns(usec.unwrap_or(0.0) * 1e3);
        format!("{time} in {}", open.shown())
    });
    let open: Vec<String> = open.collect();
    let mut text = String::new();
    if worst.wait_ns < (1.0 - UNCERTAIN) * worst.most_ns {
        text += " A part of these calls may have run inside of scripts or transactions, whose time contains it; the \
                 wait is that behind the rest.";
    }
    if !open.is_empty() {
        text += &format!(
            " Whether calls wait longer by the {} is not known: such commands may have run inside of scripts or \
             transactions, whose time contains theirs.",
            open.join(", ")
        );
    }
    text
}

/// Returns the row of the slow log about the command, and the length of its longest call in microseconds;
/// `None` if the slow log has no call of it. The histogram has the length within a factor of two.
fn logged(server: &RedisEvidence<'_>, other: &OtherCommand<'_>) -> Option<(usize, f64)> {
    let is = |row: &EvidenceRow| {
        row.label(names::redis::slow_calls::COMMAND)
            .is_some_and(|command| command == other.name)
    };
    let (place, row) = server.rows("slow_calls").find(|(_, row)| is(row))?;
    Some((place, row.value(names::redis::slow_calls::LONGEST_US)?))
}

/// Returns the confidence: high for two or more calls whose lengths are in a histogram, else
/// medium.
fn confidence(calls: f64, squares: Option<f64>) -> Confidence {
    if calls >= 2.0 && squares.is_some() {
        Confidence::High
    } else {
        Confidence::Medium
    }
}

/// Returns advice about a command, given in lower case as in `keys`, and the reason why it is slow.
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

/// Smallest number of cached scripts at which applications seem to generate the texts of scripts.
const SCRIPTS_MANY: f64 = 1_000.0;

/// Adds a finding about scripts with values in their text instead of arguments, if many scripts are
/// cached. Each value makes a new script, which fills the cache.
fn too_many_scripts(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let rule = Rule::RedisScripts;
    let (Some(cached), Some(new)) = (
        server.figure(names::redis::CACHED_SCRIPTS),
        server.figure(names::redis::SCRIPTS_CACHED),
    ) else {
        return;
    };
    if cached < SCRIPTS_MANY || new < 1.0 {
        return;
    }
    out.add_finding(
        bench
            .finding(rule, FindingKind::Information)
            .says(
                format!(
                    "Redis stores {} scripts, and their number grows",
                    plain(cached)
                ),
                format!("{} were new in this step.", plain(new)),
            )
            .confidence(Confidence::High)
            .evidence(server.evidence(names::redis::CACHED_SCRIPTS))
            .evidence(server.evidence(names::redis::SCRIPTS_CACHED))
            .advice(
                &["give values to scripts as KEYS and ARGV, and call them by EVALSHA"],
                "memory, and the time to compile each new script",
                "a script whose text differs each time is compiled and kept each time",
            ),
    );
}
