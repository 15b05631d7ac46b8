//! Results of `lifecycle` as steps of the report.

use bench_cli::bench::Bench;
use bench_report::{ServerEvidence, Step, StepEnd, Window};
use load_engine::Failure;

use super::connecting::{ConnectCost, Storm, StormLogin};
use super::course::{Leaks, PartResult};
use super::plan::{LifecyclePlan, SPIKE_AGAIN};
use crate::context::not_begun;
use crate::course::{TracedRequest, keep, note_gap, note_generator, record};
use crate::drivers::{Driver, DriverSetup};
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
    pub(super) seen: Vec<PartResult>,
    /// Leaked connections; `None` where the run ended early.
    pub(super) leaks: Option<Leaks>,
    /// Evidence of each part.
    pub(super) evidence: Vec<ServerEvidence>,
}

/// Records the parts of a run and, with the last, leaked connections.
pub(super) fn keep_course(
    bench: &mut Bench,
    plan: &LifecyclePlan,
    driver: Driver,
    setup: &DriverSetup,
    lived: Lived,
) {
    let last = lived.seen.len().saturating_sub(1);
    let mut evidence = lived.evidence.into_iter();
    for (n, part) in lived.seen.iter().enumerate() {
        let window = (part.began_ns, part.ended_ns);
        let mut step = step(plan, driver.name(), part.part.name, window);
        step.end = part.end.clone();
        record(&mut step, &part.visits, setup.operations());
        note_generator(&mut step, &part.cpu);
        if let Some(seen) = evidence.next() {
            time_shares::record(&mut step, seen, ExtraUsers::default());
        }
        if part.unfinished > 0 {
            figure(&mut step, "unfinished", part.unfinished as f64);
        }
        step.pool.clone_from(&part.pool);
        figure(&mut step, "pool.opened", part.opened as f64);
        figure(&mut step, "server.opened", part.server.opened as f64);
        figure(&mut step, "server.closed", part.server.closed as f64);
        if let Some(present) = part.server.present {
            figure(&mut step, "server.open_at_end", present as f64);
        }
        figure(&mut step, "server.open_most", part.server.most as f64);
        note_gap(&mut step, &part.server);
        if part.part.name == SPIKE_AGAIN {
            warm_up(&mut step, &part.visits, plan.flags.pool.size as usize);
        }
        if let Some(leaks) = lived.leaks.as_ref().filter(|_| n == last) {
            figure(&mut step, "leaks.in_use", leaks.in_use as f64);
            figure(&mut step, "leaks.sessions", leaks.sessions.len() as f64);
            for leaked in &leaks.sessions {
                let name = format!("leaks.idle_s.pid_{}", leaked.pid);
                figure(&mut step, &name, leaked.idle_s);
            }
        }
        keep(bench, step);
    }
}

/// Records the response time of the first requests after the idle time, as many as the pool has
/// connections, and that of the second half.
fn warm_up(step: &mut Step, visits: &[TracedRequest], first: usize) {
    let median = |visits: &[TracedRequest]| {
        let each: Vec<f64> = visits.iter().map(|visit| visit.felt_ns() as f64).collect();
        statistics::median(&each)
    };
    let (Some(early), Some(late)) = (
        median(&visits[..first.min(visits.len())]),
        median(&visits[visits.len() / 2..]),
    ) else {
        return;
    };
    figure(step, "warm_up.first_ns", early);
    figure(step, "warm_up.later_ns", late);
}
