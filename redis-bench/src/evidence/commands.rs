//! Cost of each command to the server during a step, with its origin: the load, the pool, this
//! program's own polls, or others.

use bench_report::names;
use bench_report::names::redis::commands;
use bench_report::{EvidenceRow, ServerEvidence};

use super::command_scope::CommandScope;
use super::histogram::{Histograms, spread};
use crate::server::info::{CommandUse, Info};

/// Commands that deadpool sends before it hands out a connection that was used before.
pub(super) const POOL: [&str; 2] = ["ping", "unwatch"];
/// Commands that clients send when they connect.
pub(super) const CONNECTING: [&str; 5] = ["hello", "auth", "select", "client|setinfo", "client"];
/// Only command that this program itself sends between the two readings. All other commands that
/// are not part of the load come from other clients.
const INFO: &str = "info";

/// Adds figures and a table about the commands between the readings `before` and `after` to
/// `evidence`. `histograms` are those of the two readings, if the server has them. `scope` tells the
/// commands of the load from others. `polls` is the number of `INFO` calls that this program made.
/// The caller must have checked that no counter was reset in between.
pub(super) fn add(
    evidence: &mut ServerEvidence,
    (before, after): (&Info, &Info),
    histograms: Option<(&Histograms, &Histograms)>,
    scope: CommandScope,
    polls: u64,
) {
    let earlier = before.commands();
    let mut rows = Vec::new();
    for (name, now) in after.commands() {
        let was = earlier.get(name).copied().unwrap_or_default();
        let grown = since(was, now);
        if grown.calls > 0.0 {
            evidence.member(names::redis::COMMAND_CALLS, name, grown.calls);
            evidence.member(names::redis::COMMAND_USEC, name, grown.usec);
        }
        if grown.calls > 0.0 || grown.rejected.is_some_and(|n| n > 0.0) {
            rows.extend(split(name, grown, polls).map(|(whose, used)| {
                let whose = whose.unwrap_or_else(|| whose_is(name, scope));
                row(name, whose, used, histograms)
            }));
        }
    }
    let usec = |row: &EvidenceRow| row.value(commands::USEC).unwrap_or(0.0);
    rows.sort_by(|a, b| usec(b).total_cmp(&usec(a)));
    if !rows.is_empty() {
        evidence.table(commands::TABLE, rows);
    }
}

/// Returns the growth of a command's counts from `was` to `now`. The caller must have checked that
/// none of them was reset in between.
fn since(was: CommandUse, now: CommandUse) -> CommandUse {
    let grown = |was: Option<f64>, now: Option<f64>| Some(now? - was.unwrap_or(0.0));
    CommandUse {
        calls: now.calls - was.calls,
        usec: now.usec - was.usec,
        rejected: grown(was.rejected, now.rejected),
        failed: grown(was.failed, now.failed),
    }
}

/// Splits the use of `INFO` into this program's `polls` calls, with the label `bench`, and the
/// calls of other clients. These and other commands, which stay whole, have no label. Parts without
/// calls are left out.
fn split(
    name: &str,
    used: CommandUse,
    polls: u64,
) -> impl Iterator<Item = (Option<&'static str>, CommandUse)> {
    let ours = if name == INFO {
        (polls as f64).min(used.calls)
    } else {
        0.0
    };
    let share = |part: f64| CommandUse {
        calls: part,
        usec: used.usec * part / used.calls.max(1.0),
        ..used
    };
    let parts = if name == INFO {
        [
            (Some("bench"), share(ours)),
            (None, share(used.calls - ours)),
        ]
    } else {
        [(None, used), (None, CommandUse::default())]
    };
    let kept = |used: &CommandUse| used.calls > 0.0 || used.rejected.is_some_and(|n| n > 0.0);
    parts.into_iter().filter(move |(_, used)| kept(used))
}

fn whose_is(name: &str, scope: CommandScope) -> &'static str {
    let CommandScope::Load(load) = scope else {
        return "load";
    };
    let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is(load) {
        "load"
    } else if is(&POOL) || is(&CONNECTING) {
        "pool"
    } else {
        "others"
    }
}

fn row(
    name: &str,
    whose: &str,
    used: CommandUse,
    histograms: Option<(&Histograms, &Histograms)>,
) -> EvidenceRow {
    let spread = histograms.and_then(|(before, after)| {
        let earlier = before.get(name).map_or(&[][..], Vec::as_slice);
        spread(earlier, after.get(name)?, used.usec)
    });
    let told = |value: Option<f64>| value.unwrap_or(f64::NAN);
    EvidenceRow::new(
        [
            (commands::COMMAND, name.to_owned()),
            (commands::WHOSE, whose.to_owned()),
        ],
        [
            (commands::CALLS, used.calls),
            (commands::USEC, used.usec),
            (commands::REJECTED_CALLS, told(used.rejected)),
            (commands::FAILED_CALLS, told(used.failed)),
            (commands::LONGEST_US, told(spread.map(|s| s.longest_us))),
            (commands::SQUARES_US2, told(spread.map(|s| s.squares_us2))),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(before: &str, after: &str, polls: u64) -> Vec<EvidenceRow> {
        rows_of(CommandScope::Load(&["get", "set"]), before, after, polls)
    }

    fn rows_of(scope: CommandScope, before: &str, after: &str, polls: u64) -> Vec<EvidenceRow> {
        let mut evidence = ServerEvidence::default();
        let infos = (&Info::parse(before), &Info::parse(after));
        add(&mut evidence, infos, None, scope, polls);
        evidence.tables.remove("commands").unwrap_or_default()
    }

    #[test]
    fn commands_are_told_apart_by_whose_they_are() {
        let rows = rows(
            "cmdstat_get:calls=10,usec=20\ncmdstat_ping:calls=1,usec=1\n",
            "cmdstat_get:calls=30,usec=60,rejected_calls=0,failed_calls=2\n\
             cmdstat_ping:calls=9,usec=8\ncmdstat_keys:calls=3,usec=90000\n\
             cmdstat_config|get:calls=1,usec=9\ncmdstat_info:calls=12,usec=1200\n\
             cmdstat_FT.SEARCH:calls=1,usec=5\n",
            10,
        );
        let told: Vec<(&str, &str, f64)> = rows
            .iter()
            .map(|row| {
                (
                    row.labels["command"].as_str(),
                    row.labels["whose"].as_str(),
                    row.figures["calls"],
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("keys", "others", 3.0),
                ("info", "bench", 10.0),
                ("info", "others", 2.0),
                ("get", "load", 20.0),
                ("config|get", "others", 1.0),
                ("ping", "pool", 8.0),
                ("FT.SEARCH", "others", 1.0),
            ]
        );
        assert!((rows[3].figures["failed_calls"] - 2.0).abs() < 1e-9);
        assert!(
            !rows[0].figures.contains_key("failed_calls"),
            "missing is not zero"
        );
    }

    #[test]
    fn without_a_load_of_ours_all_commands_but_our_own_are_those_of_the_load() {
        let after = "cmdstat_ping:calls=3,usec=3\ncmdstat_info:calls=12,usec=9\n";
        let rows = rows_of(CommandScope::Everyone, "", after, 10);
        let told: Vec<(&str, &str)> = rows
            .iter()
            .map(|row| (row.labels["command"].as_str(), row.labels["whose"].as_str()))
            .collect();
        assert_eq!(
            told,
            [("info", "bench"), ("ping", "load"), ("info", "load")]
        );
    }

    #[test]
    fn what_was_refused_before_it_ran_is_told_too() {
        let after =
            "cmdstat_set:calls=0,usec=0,usec_per_call=0.00,rejected_calls=41,failed_calls=0\n";
        let rows = rows("", after, 0);
        assert!((rows[0].figures["rejected_calls"] - 41.0).abs() < 1e-9);
    }
}
