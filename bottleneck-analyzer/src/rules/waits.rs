//! Sessions that wait inside PostgreSQL: for locks, for internal locks, for files.

use crate::assessment::{Component, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft, confidence_past};
use crate::facts::{Bench, Facts};
use crate::figures::share;

struct Wait {
    rule: &'static str,
    part: &'static str,
    title: &'static str,
    detail: &'static str,
    actions: &'static [&'static str],
    rationale: &'static str,
    least: f64,
}

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    let limits = &facts.thresholds.waits;
    let kinds = [
        Wait {
            rule: "lock_waits",
            part: "lock",
            title: "waiting for locks that other transactions hold",
            detail: "Transactions want the same rows or tables at the same time.",
            actions: &[
                "find the row or table: SELECT * FROM pg_locks WHERE NOT granted",
                "shorten the transactions that hold it; update hot rows last",
                "spread a hot counter over several rows",
            ],
            rationale: "a lock serves one transaction at a time, whatever the pool's size",
            least: limits.lock_share_ratio,
        },
        Wait {
            rule: "lwlock_waits",
            part: "lwlock",
            title: "waiting for PostgreSQL's internal locks",
            detail: "Sessions meet at shared structures: buffers, the WAL, the lock table.",
            actions: &[
                "see which: SELECT wait_event, count(*) FROM pg_stat_activity GROUP BY 1",
                "with WALWrite or WALInsert: group statements into fewer commits",
                "with buffer or lock names: use fewer connections",
            ],
            rationale: "internal locks are held briefly; waiting for them means too many meet",
            least: limits.lwlock_share_ratio,
        },
        Wait {
            rule: "io_waits",
            part: "io",
            title: "waiting for files: tables, indexes or the WAL",
            detail: "Reads miss the buffers, or commits wait until the WAL is on disk.",
            actions: &[
                "compare database.blocks_read with database.blocks_hit: misses want memory \
                 (shared_buffers) or an index",
                "with WALSync: group statements into fewer commits, or a faster disk",
            ],
            rationale: "a session that waits for a file holds its connection meanwhile",
            least: limits.io_share_ratio,
        },
    ];
    for bench in facts.of(Component::Postgres) {
        if bench.server("sessions.cpu_mean").is_none() {
            out.cannot_judge(
                "waits",
                bench.component,
                "what sessions wait for inside the server: they were not sampled",
                "a role that may read pg_stat_activity (pg_read_all_stats)",
            );
            continue;
        }
        for wait in &kinds {
            judge(bench, wait, out);
        }
    }
}

/// The share of one kind of session among those that are not idle.
fn share_of_work(bench: &Bench<'_>, figure: &str) -> f64 {
    let kinds = ["cpu", "lock", "lwlock", "io", "client", "other_wait"];
    let of = |kind: &&str| bench.server(&format!("sessions.{kind}_mean"));
    let at_work: f64 = kinds.iter().filter_map(of).sum();
    bench.server(figure).unwrap_or(0.0) / at_work.max(f64::EPSILON)
}

fn judge(bench: &Bench<'_>, wait: &Wait, out: &mut Conclusions) {
    let figure = format!("sessions.{}_mean", wait.part);
    let Some(evidence) = bench.server_evidence(&figure) else {
        return;
    };
    let (of, ratio) = match &bench.time_model {
        Some(model) => (
            "a call's service time",
            model.share_of_service(wait.part).unwrap_or(0.0),
        ),
        // Nobody timed the calls of a server that was only watched.
        None => (
            "the time of sessions at work",
            share_of_work(bench, &figure),
        ),
    };
    if ratio < wait.least {
        let statement = format!(
            "{} of {of} is {} (bound {})",
            share(ratio),
            wait.title,
            share(wait.least)
        );
        out.rule_out(wait.rule, bench.component, statement, [evidence]);
        return;
    }
    let draft = Draft::new(
        wait.rule,
        &bench.id(),
        bench.component,
        FindingKind::Problem,
    )
    .says(
        format!("{} of {of} is {}", share(ratio), wait.title),
        wait.detail,
    )
    .impact(ratio, ImpactOf::ResponseTime)
    .confidence(confidence_past(ratio, wait.least, bench.noise_ratio()))
    .evidence([evidence])
    .advice(
        wait.actions,
        format!("up to {} of the response time", share(ratio)),
        wait.rationale,
    );
    out.find(draft);
}
