//! Recording of the results of `lifecycle` as steps of the report.

use bench_cli::bench::Bench;
use bench_report::{Operation, ServerEvidence, Step, StepEnd};
use load_engine::{StepResult, TracedResult};
use pg_evidence::{SegmentEvidence, SessionChanges, gap};

use super::connecting::ConnectCost;
use super::plan::{LifecyclePlan, SPIKE_AGAIN};
use super::pool_keeper::Leaks;
use crate::time_shares::{self, ExtraUsers};

fn figure(step: &mut Step, name: &str, value: f64) {
    if value.is_finite() {
        step.figures.insert(name.to_owned(), value);
    }
}

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
    figure(step, "connect.network_ns", median(|c| c.network_ns));
    if costs.iter().any(|cost| cost.tls_ns > 0) {
        figure(step, "connect.tls_ns", median(|c| c.tls_ns));
    }
    figure(step, "connect.login_ns", median(|c| c.login_ns));
    figure(step, "connect.first_statement_ns", median(|c| c.first_ns));
    figure(step, "connect.same_again_ns", median(|c| c.again_ns));
    figure(step, "connect.whole_ns", median(|c| c.whole_ns()));
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
        figure(step, "unfinished", (logins - over) as f64);
    }
    figure(step, "storm.logins", logins as f64);
    let window = step.window;
    let whole_ns = window
        .measure_end_ns
        .saturating_sub(window.measure_start_ns);
    figure(step, "storm.whole_ns", whole_ns as f64);
}

/// Records the share of each part of opening a connection in the total time of the successful
/// logins. The server shows a session only after its login, so sampled sessions tell nothing about
/// the login itself.
fn note_logins(step: &mut Step, costs: &[ConnectCost]) {
    let sum =
        |part: fn(&ConnectCost) -> u64| costs.iter().map(|cost| part(cost) as f64).sum::<f64>();
    let whole_ns = sum(|cost| cost.whole_ns());
    let tls_ns = Some(sum(|cost| cost.tls_ns)).filter(|spent_ns| *spent_ns > 0.0);
    let tls = tls_ns.map(|spent_ns| ("time.tls_ratio", spent_ns));
    for (name, spent_ns) in tls.into_iter().chain([
        ("time.network_ratio", sum(|cost| cost.network_ns)),
        ("time.login_ratio", sum(|cost| cost.login_ns)),
        ("time.first_statement_ratio", sum(|cost| cost.first_ns)),
    ]) {
        // Without a successful login the ratios are not finite, and `figure` leaves them out.
        figure(step, name, spent_ns / whole_ns);
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
    figure(step, "warm_up.first_ns", early);
    figure(step, "warm_up.later_ns", late);
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
