//! Rule `redis_outliers`: a few calls of the load's commands that take far longer than the others, most
//! likely because of large values.
//!
//! Fires if the longest call takes 1 ms and ten times the mean of the others, and calls spend a tenth of
//! their response time waiting for such calls. Reads the table `commands` (histograms) and the slow log. The
//! wait follows from the M/G/1 queue in [`crate::redis`].

use bench_report::EvidenceRow;
use bench_report::names;

use super::materiality::MATTERS;
use super::slow_key;
use crate::assessment::{Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{bytes, duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::redis::RedisEvidence;

const RULE: Rule = Rule::RedisOutliers;

/// Smallest ratio of the longest call ÷ mean of the other calls at which the call is an outlier.
const OTHER_KIND: f64 = 10.0;
/// Smallest length of an outlier, in microseconds, because a busy machine delays any call for less.
const LEAST_US: f64 = 1_000.0;

/// Smallest ratio of calls beyond those that the load sent ÷ slow calls at which the slow calls
/// count as those of another client.
const MOST_OF_THEM: f64 = 0.9;

/// Slow calls of one command of the load whose other calls are fast.
struct SlowCalls {
    place: usize,
    name: String,
    /// Index of the command's row in the slow log; `None` if that has no call of it.
    logged: Option<usize>,
    calls: f64,
    /// Mean time of all calls, in microseconds.
    mean_us: f64,
    those: f64,
    longest_us: f64,
    wait_ns: f64,
}

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let all = server.commands_of("load");
    let slow = all.filter_map(|(place, row)| slow(server, place, row));
    let Some(worst) = slow.max_by(|a, b| a.wait_ns.total_cmp(&b.wait_ns)) else {
        if server
            .commands_of("load")
            .any(|(_, row)| row.figures.contains_key("longest_us"))
        {
            let statement = "no call of the load's commands took far longer than the others";
            let logged = server.evidence(names::redis::SLOWLOG_ENTRIES);
            out.rule_out(RULE, bench.component, statement, logged);
        } else {
            out.cannot_judge(
                RULE,
                bench.component,
                "whether a few calls take far longer than the others: the server has no histogram \
                 of them",
                "Redis 7.0 or later, and a user that may run LATENCY HISTOGRAM",
            );
        }
        return;
    };
    let evidence = evidence(server, &worst);
    let impact = server.share_of_response(worst.wait_ns);
    if impact < MATTERS {
        let statement = format!(
            "the longest {} took {}; calls waited {} of their time behind such",
            worst.name.to_uppercase(),
            duration_ns(worst.longest_us * 1e3),
            share(impact)
        );
        return out.rule_out(RULE, bench.component, statement, evidence);
    }
    let logged = server.evidence(names::redis::SLOWLOG_ENTRIES);
    out.add_finding(
        found(bench, server, &worst)
            .evidence(evidence)
            .evidence(logged),
    );
}

/// Finds the outliers among the calls of the command in `row`; `None` if there are none, or if the
/// lengths of its calls are not known.
fn slow(server: &RedisEvidence<'_>, place: usize, row: &EvidenceRow) -> Option<SlowCalls> {
    let figure = |column| row.value(column);
    let (calls, usec) = (
        figure(names::redis::commands::CALLS)?,
        figure(names::redis::commands::USEC)?,
    );
    let logged = server
        .rows("slow_calls")
        .filter(|(_, logged)| {
            logged.label(names::redis::slow_calls::COMMAND)
                == row.label(names::redis::commands::COMMAND)
        })
        .find_map(|(place, logged)| {
            let figure = |column| logged.value(column);
            Some((
                place,
                figure(names::redis::slow_calls::CALLS)?,
                figure(names::redis::slow_calls::USEC)?,
                figure(names::redis::slow_calls::LONGEST_US)?,
            ))
        });
    // The slow log has the number of slow calls. The histogram has only the longest one, within a factor of
    // two.
    let (slow, taken, longest_us) = if let Some((_, slow, taken, longest_us)) = logged {
        (slow, taken, longest_us)
    } else {
        let longest = figure(names::redis::commands::LONGEST_US)? / 2.0;
        (1.0, longest, longest)
    };
    let others_us = (usec - taken).max(0.0) / (calls - slow).max(1.0);
    let other_kind = longest_us >= LEAST_US && longest_us >= OTHER_KIND * others_us.max(1.0);
    let squares = (taken * taken / slow).max(longest_us * longest_us);
    other_kind.then(|| SlowCalls {
        place,
        name: row
            .label(names::redis::commands::COMMAND)
            .unwrap_or_default()
            .to_owned(),
        logged: logged.map(|(place, ..)| place),
        calls,
        mean_us: usec / calls.max(1.0),
        those: slow,
        longest_us,
        wait_ns: server.wait_behind(taken, squares),
    })
}

/// Returns the figures of the command, and of its calls in the slow log, as evidence.
fn evidence(server: &RedisEvidence<'_>, worst: &SlowCalls) -> Vec<EvidenceItem> {
    let name = &worst.name;
    let of_row = |table: &'static str, row: Option<usize>, words: &str, figure: &str| {
        server.row_evidence(format!("{words} {name}"), (table, row?), figure)
    };
    let (all, logged) = (Some(worst.place), worst.logged);
    let told = [
        of_row("slow_calls", logged, "longest logged", "longest_us"),
        of_row("slow_calls", logged, "calls in the slow log of", "calls"),
        of_row("commands", all, "longest", "longest_us"),
        of_row("commands", all, "calls of", "calls"),
        of_row("commands", all, "time in", "usec"),
        server.evidence(names::redis::NET_OUTPUT_BYTES),
    ];
    told.into_iter().flatten().collect()
}

fn found(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, worst: &SlowCalls) -> FindingDraft {
    let name = worst.name.to_uppercase();
    let made: f64 = server.calls_of(&worst.name);
    let others = (worst.calls - made).max(0.0);
    // The counts of server and load differ by the calls under way at both ends of the step.
    let whose = if others >= MOST_OF_THEM * worst.those {
        format!(
            "The server counted {} {name} more than the load sent: they are most likely another \
             client's. ",
            plain(others)
        )
    } else {
        String::new()
    };
    let sent = server.others_bytes().map_or_else(String::new, |sent| {
        format!(" Beside the load's answers Redis sent {}.", bytes(sent))
    });
    let (key, size) = slow_key::told(server, &worst.name);
    bench.finding(RULE, FindingKind::Problem)
    .thing(name.clone())
    .evidence(size)
    .says(
        format!(
            "Some {name} calls take up to {}: large values",
            duration_ns(worst.longest_us * 1e3)
        ),
        format!(
            "{} of {} calls do; the mean of all is {}. {whose}Redis carries out one command at a \
                 time: {} of the mean response time of {} is waiting behind these.{key}{sent}",
            plain(worst.those),
            plain(worst.calls),
            duration_ns(worst.mean_us * 1e3),
            duration_ns(worst.wait_ns),
            duration_ns(server.response_ns),
        ),
    )
    .saves(worst.wait_ns, server.response_ns)
    .confidence(Confidence::Medium)
    .advice(
        &[
            "find the large keys (redis-cli --bigkeys, MEMORY USAGE) and who reads them (SLOWLOG)",
            "split them: hashes with HGET, ranges, several keys",
        ],
        format!("up to {} a call", duration_ns(worst.wait_ns)),
        "a value is copied as a whole by the one thread, and everybody else waits meanwhile",
    )
}
