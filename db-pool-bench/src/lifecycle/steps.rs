//! Results of `lifecycle` as steps of the report.

use bench_cli::bench::Bench;
use bench_report::{ServerEvidence, Step, StepEnd, Window};
use load_engine::{Failure, SegmentIndex, StepResult, TracedResult};
use pg_evidence::{SegmentEvidence, SessionChanges, gap};

use super::connecting::{ConnectCost, Storm, StormLogin};
use super::plan::{LifecyclePlan, SPIKE_AGAIN};
use super::pool_keeper::Leaks;
use crate::context::not_begun;
use crate::course::{TracedRequest, keep, note_generator, record};
use crate::time_shares::{self, ExtraUsers};

/// Part in which connections are opened one after the other.
pub(super) const COST: &str = "connecting";
/// Part with many logins at once.
pub(super) const STORM: &str = "login storm";
/// Driver name of connections outside any pool.
pub(super) const NO_POOL: &str = "no pool";

const CONNECT: &[&str] = &["connect"];

fn step(plan: &LifecyclePlan, who: &str, part: &str, (from_ns, to_ns): (u64, u64)) -> Step {
    let mut step = not_begun(&plan.step(who, part), String::new());
    step.end = StepEnd::Completed;
    step.window = Window {
        start_ns: from_ns,
        measure_start_ns: from_ns,
        measure_end_ns: to_ns,
        end_ns: to_ns,
    };
    step
}

fn figure(step: &mut Step, name: &str, value: f64) {
    if value.is_finite() {
        step.figures.insert(name.to_owned(), value);
    }
}

/// Records the cost of connections opened one after the other.
pub(super) fn keep_costs(
    bench: &mut Bench,
    plan: &LifecyclePlan,
    costs: &Result<Vec<ConnectCost>, Failure>,
) {
    let now_ns = bench_report::clock::monotonic_ns();
    let mut step = step(plan, NO_POOL, COST, (now_ns, now_ns));
    match costs {
        Err(failure) => {
            step.end = StepEnd::Failed {
                reason: failure.to_string(),
            };
        }
        Ok(costs) => {
            let median = |part: fn(&ConnectCost) -> u64| {
                let each: Vec<f64> = costs.iter().map(|cost| part(cost) as f64).collect();
                statistics::median(&each).unwrap_or(f64::NAN)
            };
            figure(&mut step, "connect.network_ns", median(|c| c.network_ns));
            if costs.iter().any(|cost| cost.tls_ns > 0) {
                figure(&mut step, "connect.tls_ns", median(|c| c.tls_ns));
            }
            figure(&mut step, "connect.login_ns", median(|c| c.login_ns));
            figure(
                &mut step,
                "connect.first_statement_ns",
                median(|c| c.first_ns),
            );
            figure(&mut step, "connect.same_again_ns", median(|c| c.again_ns));
            figure(&mut step, "connect.whole_ns", median(|c| c.whole_ns()));
        }
    }
    keep(bench, step);
}

/// Records the result of a login storm and its evidence.
pub(super) fn keep_storm(
    bench: &mut Bench,
    plan: &LifecyclePlan,
    storm: Storm,
    seen: Option<ServerEvidence>,
) {
    let mut step = step(plan, NO_POOL, STORM, (storm.began_ns, storm.ended_ns));
    step.end = storm.end;
    let (logins, visits): (Vec<StormLogin>, Vec<TracedRequest>) = storm.logins.into_iter().unzip();
    record(&mut step, &visits, CONNECT);
    note_generator(&mut step, &storm.cpu);
    step.server = seen;
    note_logins(&mut step, &logins);
    if storm.unfinished > 0 {
        figure(&mut step, "unfinished", storm.unfinished as f64);
    }
    figure(
        &mut step,
        "storm.logins",
        (visits.len() as u64 + storm.unfinished) as f64,
    );
    figure(
        &mut step,
        "storm.whole_ns",
        storm.ended_ns.saturating_sub(storm.began_ns) as f64,
    );
    keep(bench, step);
}

/// Records the time shares of successful logins. The server shows a session only after its login,
/// so sampled sessions say nothing about one.
fn note_logins(step: &mut Step, logins: &[StormLogin]) {
    let came = || logins.iter().filter_map(|login| login.came.as_ref().ok());
    let sum = |part: fn(&ConnectCost) -> u64| came().map(|cost| part(cost) as f64).sum::<f64>();
    let whole_ns = sum(|cost| cost.whole_ns());
    let tls_ns = Some(sum(|cost| cost.tls_ns)).filter(|spent_ns| *spent_ns > 0.0);
    let tls = tls_ns.map(|spent_ns| ("time.tls_ratio", spent_ns));
    for (name, spent_ns) in tls.into_iter().chain([
        ("time.network_ratio", sum(|cost| cost.network_ns)),
        ("time.login_ratio", sum(|cost| cost.login_ns)),
        ("time.first_statement_ratio", sum(|cost| cost.first_ns)),
    ]) {
        // Without a successful login the ratios are not finite, and are left out.
        figure(step, name, spent_ns / whole_ns);
    }
}

/// Result of a traced run on a pool.
pub(super) struct Lived {
    pub(super) ran: TracedResult,
    /// Number of connections that the pool opened in each part.
    pub(super) opened: Vec<u64>,
    /// Leaked connections; `None` where the run ended early.
    pub(super) leaks: Option<Leaks>,
}

/// Adds the parts of a run to the report, with its last the leaked connections.
pub(super) fn keep_parts(
    bench: &mut Bench,
    plan: &LifecyclePlan,
    lived: Lived,
    evidence: impl Iterator<Item = SegmentEvidence>,
) {
    let last = lived.ran.steps.len().saturating_sub(1);
    let results = lived.ran.steps.into_iter().zip(evidence).enumerate();
    for (n, (result, seen)) in results {
        let StepResult {
            mut step,
            series,
            mut warnings,
        } = result;
        if let Some(server) = seen.server {
            time_shares::record(&mut step, server, ExtraUsers::default());
        }
        if step.censored() > 0 {
            let unfinished = step.censored() as f64;
            figure(&mut step, "unfinished", unfinished);
        }
        if let Some(opened) = lived.opened.get(n) {
            figure(&mut step, "pool.opened", *opened as f64);
        }
        if let Some(sessions) = &seen.sessions {
            note_sessions(&mut step, sessions);
        }
        if plan
            .parts
            .get(n)
            .is_some_and(|part| part.name == SPIKE_AGAIN)
        {
            let finished = lived.ran.trace.iter().filter(|request| {
                request.segment.map(SegmentIndex::index) == Some(n) && !request.cut_off
            });
            let felt_ns: Vec<f64> = finished.map(|r| r.felt_ns() as f64).collect();
            warm_up(&mut step, &felt_ns, plan.flags.pool.size as usize);
        }
        if let Some(leaks) = lived.leaks.as_ref().filter(|_| n == last) {
            note_leaks(&mut step, leaks);
        }
        warnings.extend(gap::doubt(&step));
        bench.push_step(step, series, warnings);
    }
}

/// Records the sessions that came and went.
fn note_sessions(step: &mut Step, sessions: &SessionChanges) {
    figure(step, "server.opened", sessions.opened as f64);
    figure(step, "server.closed", sessions.closed as f64);
    if let Some(present) = sessions.present {
        figure(step, "server.open_at_end", present as f64);
    }
    figure(step, "server.open_most", sessions.most as f64);
    gap::record(step, sessions);
}

fn note_leaks(step: &mut Step, leaks: &Leaks) {
    figure(step, "leaks.in_use", leaks.in_use as f64);
    figure(step, "leaks.sessions", leaks.sessions.len() as f64);
    for leaked in &leaks.sessions {
        let name = format!("leaks.idle_s.pid_{}", leaked.pid);
        figure(step, &name, leaked.idle_s);
    }
}

/// Records the response time of the first requests after the idle time, as many as the pool has
/// connections, and that of the second half; `felt_ns` holds all in the order in which they were due.
fn warm_up(step: &mut Step, felt_ns: &[f64], first: usize) {
    let (Some(early), Some(late)) = (
        statistics::median(&felt_ns[..first.min(felt_ns.len())]),
        statistics::median(&felt_ns[felt_ns.len() / 2..]),
    ) else {
        return;
    };
    figure(step, "warm_up.first_ns", early);
    figure(step, "warm_up.later_ns", late);
}
