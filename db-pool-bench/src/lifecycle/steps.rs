//! Recording of the results of `lifecycle` as steps of the report.

use bench_cli::bench::Bench;
use bench_report::names::steps;
use bench_report::{Operation, ServerEvidence, Step, StepEnd};
use load_engine::{StepResult, TracedResult};
use pg_evidence::{SegmentEvidence, SessionChanges, gap};

use super::connecting::ConnectCost;
use super::plan::{LifecyclePlan, SPIKE_AGAIN};
use super::pool_keeper::Leaks;
use crate::time_shares::{self, ExtraUsers};

/// Adds the step in which connections were opened one after another to the report, with the medians
/// of their `costs` as figures. A completed step with a failed login counts as failed.
pub(super) fn keep_costs(bench: &mut Bench, result: StepResult, costs: &[ConnectCost]) {
    let StepResult {
        mut step,
        series,
        warnings,
    } = result;
    match step.failures.first() {
        Some(failure) if step.end == StepEnd::Completed => {
            let reason = failure.message.clone();
            step.end = StepEnd::Failed { reason };
        }
        Some(_) => {}
        None => note_costs(&mut step, costs),
    }
    bench.push_step(step, series, warnings);
}

/// Records the median over `costs` of each part of opening a connection as a figure of the step, in
/// nanoseconds.
fn note_costs(step: &mut Step, costs: &[ConnectCost]) {
    let median = |part: fn(&ConnectCost) -> u64| {
        let each: Vec<f64> = costs.iter().map(|cost| part(cost) as f64).collect();
        statistics::median(&each).unwrap_or(f64::NAN)
    };
    step.figure(steps::CONNECT_NETWORK_NS, median(|c| c.network_ns));
    if costs.iter().any(|cost| cost.tls_ns > 0) {
        step.figure(steps::CONNECT_TLS_NS, median(|c| c.tls_ns));
    }
    step.figure(steps::CONNECT_LOGIN_NS, median(|c| c.login_ns));
    step.figure(steps::CONNECT_FIRST_STATEMENT_NS, median(|c| c.first_ns));
    step.figure(steps::CONNECT_SAME_AGAIN_NS, median(|c| c.again_ns));
    step.figure(steps::CONNECT_WHOLE_NS, median(|c| c.whole_ns()));
}

/// Adds the step with many logins at once to the report. `logins` is the planned number of logins,
/// `costs` are those of the successful ones, `seen` is the server's evidence.
pub(super) fn keep_storm(
    bench: &mut Bench,
    logins: u64,
    result: StepResult,
    costs: &[ConnectCost],
    seen: Option<ServerEvidence>,
) {
    let StepResult {
        mut step,
        series,
        mut warnings,
    } = result;
    step.server = seen;
    note_logins(&mut step, costs);
    note_storm(&mut step, logins);
    warnings.extend(gap::doubt(&step));
    bench.push_step(step, series, warnings);
}

/// Records as figures the number of planned `logins`, the time from the first to the last one, and,
/// if above 0, the number of logins that did not end. Records nothing if no login was attempted.
fn note_storm(step: &mut Step, logins: u64) {
    if step.operations.values().all(|o| o.attempted == 0) {
        return;
    }
    let finished = |operation: &Operation| operation.succeeded + operation.failures();
    let over: u64 = step.operations.values().map(finished).sum();
    if over < logins {
        step.figure(steps::UNFINISHED, (logins - over) as f64);
    }
    step.figure(steps::STORM_LOGINS, logins as f64);
    let window = step.window;
    let whole_ns = window
        .measure_end_ns
        .saturating_sub(window.measure_start_ns);
    step.figure(steps::STORM_WHOLE_NS, whole_ns as f64);
}

/// Records the share of each part of opening a connection in the total time of the successful
/// logins. The server shows a session only after its login, so sampled sessions tell nothing about
/// the login itself.
fn note_logins(step: &mut Step, costs: &[ConnectCost]) {
    let sum =
        |part: fn(&ConnectCost) -> u64| costs.iter().map(|cost| part(cost) as f64).sum::<f64>();
    let whole_ns = sum(|cost| cost.whole_ns());
    let tls_ns = Some(sum(|cost| cost.tls_ns)).filter(|spent_ns| *spent_ns > 0.0);
    let tls = tls_ns.map(|spent_ns| ("tls", spent_ns));
    for (part, spent_ns) in tls.into_iter().chain([
        ("network", sum(|cost| cost.network_ns)),
        ("login", sum(|cost| cost.login_ns)),
        ("first_statement", sum(|cost| cost.first_ns)),
    ]) {
        // Without a successful login the ratios are not finite, and `figure` leaves them out.
        step.member(steps::TIME_SHARES, part, spent_ns / whole_ns);
    }
}

/// Result of the traced run on one pool, not yet in the report.
pub(super) struct Lived {
    pub(super) ran: TracedResult,
    /// Number of connections that the pool opened in each part of the run, in order.
    pub(super) opened: Vec<u64>,
    /// Leaked connections; `None` if the run was cancelled or the server did not answer.
    pub(super) leaks: Option<Leaks>,
}

/// Adds the parts of the run on one pool to the report as steps. The last one gets the figures
/// about leaked connections. `evidence` gives the server's evidence of each part, in order.
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
            step.figure(steps::UNFINISHED, unfinished);
        }
        if let Some(opened) = lived.opened.get(n) {
            step.figure(steps::POOL_OPENED, *opened as f64);
        }
        if let Some(sessions) = &seen.sessions {
            note_sessions(&mut step, sessions);
        }
        if plan
            .parts
            .get(n)
            .is_some_and(|part| part.name == SPIKE_AGAIN)
        {
            let finished = lived
                .ran
                .trace
                .iter()
                .filter(|request| request.segment == Some(n) && !request.cut_off);
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

/// Records the numbers of sessions that were opened and closed on the server during the step, of
/// those open at its end, and the largest number at once.
fn note_sessions(step: &mut Step, sessions: &SessionChanges) {
    step.figure(steps::SERVER_OPENED, sessions.opened as f64);
    step.figure(steps::SERVER_CLOSED, sessions.closed as f64);
    if let Some(present) = sessions.present {
        step.figure(steps::SERVER_OPEN_AT_END, present as f64);
    }
    step.figure(steps::SERVER_OPEN_MOST, sessions.most as f64);
    gap::record(step, sessions);
}

fn note_leaks(step: &mut Step, leaks: &Leaks) {
    step.figure(steps::LEAKS_IN_USE, leaks.in_use as f64);
    step.figure(steps::LEAKS_SESSIONS, leaks.sessions.len() as f64);
    for leaked in &leaks.sessions {
        step.member(steps::LEAK_IDLE_S, leaked.pid, leaked.idle_s);
    }
}

/// Records two medians of the response time after the idle time, in nanoseconds: of the first
/// requests (`first` of them, as many as the pool has connections), and of the second half of all
/// requests. `felt_ns` are all response times, in the order in which the requests were due. Records
/// nothing without requests.
fn warm_up(step: &mut Step, felt_ns: &[f64], first: usize) {
    let (Some(early), Some(late)) = (
        statistics::median(&felt_ns[..first.min(felt_ns.len())]),
        statistics::median(&felt_ns[felt_ns.len() / 2..]),
    ) else {
        return;
    };
    step.figure(steps::WARM_UP_FIRST_NS, early);
    step.figure(steps::WARM_UP_LATER_NS, late);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn a_storm_that_never_began_has_no_length() {
        let report = golden::report("lifecycle");
        let attempted = |step: &&Step| step.operations.values().any(|o| o.attempted > 0);
        let mut begun = report.steps.iter().find(attempted).unwrap().clone();
        begun.figures.clear();
        let mut never_begun = begun.clone();
        never_begun.operations.clear();
        note_storm(&mut begun, 100);
        note_storm(&mut never_begun, 100);
        assert!(begun.figures.contains_key("storm.whole_ns"));
        assert!(never_begun.figures.is_empty());
    }
}
