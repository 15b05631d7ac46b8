//! Conclusions from the traced runs of `lifecycle`, read from the steps of its report.

use bench_cli::table;
use bench_report::names::{FigureName, steps, summaries};
use bench_report::{Report, Step, StepEnd, Summary};
use humantime::format_duration;
use pg_evidence::gap;

use super::plan::{COST, IDLE, LifecyclePlan, NO_POOL, RAMP, SPIKE, SPIKE_AGAIN};
use crate::text::headline;

/// Ratio of the response time of the first requests after an idle time to that of later ones, from
/// which on the text says that the first ones were slowed down.
const WARM_UP: f64 = 2.0;

/// Returns the step of the part named `part` in the run on the pool of the driver named `who`;
/// `None` if there is none.
pub(super) fn part<'r>(report: &'r Report, who: &str, part: &str) -> Option<&'r Step> {
    let mut steps = report.steps.iter();
    steps.find(|step| step.is_with(&[("driver", who), ("part", part)]))
}

fn figure(step: Option<&Step>, name: FigureName) -> Option<f64> {
    step?.value(name)
}

fn time(ns: f64) -> String {
    table::duration_ns(ns as u64)
}

/// Returns a clause about the median time to open a connection, by part; `None` if it was not
/// measured.
pub(super) fn cost_sentence(report: &Report) -> Option<String> {
    let step = part(report, NO_POOL, COST);
    let (whole, again) = (
        figure(step, steps::CONNECT_WHOLE_NS)?,
        figure(step, steps::CONNECT_SAME_AGAIN_NS)?,
    );
    let tls = figure(step, steps::CONNECT_TLS_NS);
    let tls = tls.map_or_else(String::new, |tls| format!("TLS {}, ", time(tls)));
    Some(format!(
        "a connection costs {} until its first answer: network {}, {tls}login {}, first statement {}; \
         the same statement again takes {}, so that opening one for each request would take {:.0} \
         times as long",
        time(whole),
        time(figure(step, steps::CONNECT_NETWORK_NS)?),
        time(figure(step, steps::CONNECT_LOGIN_NS)?),
        time(figure(step, steps::CONNECT_FIRST_STATEMENT_NS)?),
        time(again),
        (whole / again).max(1.0),
    ))
}

/// Numbers of connections of one pool over a whole run: opened, closed, and opened again after
/// others were closed (`established_again`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turnover {
    pub(super) opened: f64,
    pub(super) closed: f64,
    pub(super) established_again: f64,
    /// Number of connections that were lost while the server could not be reached.
    pub(super) lost: f64,
    /// Number of connections that were opened to replace the lost ones.
    pub(super) reestablished: f64,
    /// Total time in which the server could not be queried, so that sessions were not counted, in
    /// nanoseconds.
    pub(super) uncounted_ns: f64,
}

/// Adds up the numbers of connections of the pool of the driver named `who` over the parts of its
/// run; `None` if that run has no first part. Missing figures count as 0.
pub(super) fn turnover(report: &Report, who: &str) -> Option<Turnover> {
    let parts = [RAMP, SPIKE, IDLE, SPIKE_AGAIN].map(|name| part(report, who, name));
    parts[0]?;
    let sum =
        |name: FigureName| -> f64 { parts.iter().filter_map(|step| figure(*step, name)).sum() };
    let opened = sum(steps::SERVER_OPENED);
    let most = parts
        .iter()
        .filter_map(|step| figure(*step, steps::SERVER_OPEN_MOST));
    let most = most.fold(0.0, f64::max);
    Some(Turnover {
        opened,
        closed: sum(steps::SERVER_CLOSED),
        established_again: (opened - most).max(0.0),
        lost: sum(steps::SERVER_LOST),
        reestablished: sum(steps::SERVER_REESTABLISHED),
        uncounted_ns: sum(steps::SERVER_UNCOUNTED_NS),
    })
}

/// Returns a sentence about connections that the pool of the driver named `who` lost while the
/// server could not be reached; `None` if the server always answered.
pub(super) fn gap_sentence(report: &Report, who: &str) -> Option<String> {
    let parts = [RAMP, SPIKE, IDLE, SPIKE_AGAIN].into_iter();
    let parts: Vec<_> = parts
        .filter_map(|name| Some((name, part(report, who, name)?)))
        .collect();
    gap::sentence(&parts)
}

/// Returns a clause about the connections that the pool of the driver named `who` closed in the
/// idle time, and about the first requests after it. `None` if the server's sessions were not
/// counted.
pub(super) fn idle_sentence(report: &Report, who: &str, plan: &LifecyclePlan) -> Option<String> {
    let idle = part(report, who, IDLE);
    let closed = figure(idle, steps::SERVER_CLOSED)?;
    let left = figure(idle, steps::SERVER_OPEN_AT_END);
    let left = left.map_or("an unknown number".to_owned(), |left| left.to_string());
    let pool = &plan.flags.pool.target.pool;
    let bounds = [
        ("an idle time-out", pool.idle_timeout),
        ("a longest life", pool.max_lifetime),
    ];
    let bounds: Vec<String> = bounds
        .iter()
        .filter_map(|(what, bound)| Some(format!("{what} of {}", format_duration((*bound)?))))
        .collect();
    let by = if bounds.is_empty() {
        "without a bound on their age".to_owned()
    } else {
        format!("by {}", bounds.join(" and "))
    };
    let mut said = format!("idle: {closed} connections closed {by}, {left} left");
    let again = part(report, who, SPIKE_AGAIN);
    if let (Some(first), Some(later)) = (
        figure(again, steps::WARM_UP_FIRST_NS),
        figure(again, steps::WARM_UP_LATER_NS),
    ) {
        let ratio = first / later;
        let opened = figure(again, steps::POOL_OPENED).unwrap_or(0.0);
        let paid = if ratio < WARM_UP {
            "hardly longer than later ones".to_owned()
        } else if opened > 0.0 {
            format!("{ratio:.0} times as long as later ones: they paid for connections")
        } else {
            format!("{ratio:.0} times as long as later ones, though none was opened for them")
        };
        said += &format!(
            "; the first {} after it felt {} ({paid}, {})",
            plan.flags.pool.size,
            time(first),
            time(later)
        );
    }
    Some(said)
}

/// Returns a clause about leaked connections of the pool of the driver named `who`: their number
/// and their sessions on the server, that there were none, or why it is not known.
pub(super) fn leak_sentence(report: &Report, who: &str) -> String {
    let last = part(report, who, SPIKE_AGAIN);
    let (Some(step), Some(in_use)) = (last, figure(last, steps::LEAKS_IN_USE)) else {
        let parts = [RAMP, SPIKE, IDLE, SPIKE_AGAIN].map(|name| part(report, who, name));
        let cut_off: u64 = parts.into_iter().flatten().map(Step::censored).sum();
        let why = match last {
            Some(last) if last.end != StepEnd::Completed => "the run ended early".to_owned(),
            // Who is at work holds a connection, which is no leak.
            Some(_) if cut_off > 0 => {
                format!("{cut_off} requests were still at work when the drain ended")
            }
            Some(_) => "the server could not be asked".to_owned(),
            None => "the run ended early".to_owned(),
        };
        return format!("whether every connection came back is not known: {why}");
    };
    let sessions: Vec<String> = step
        .figures
        .iter()
        .filter_map(|(name, idle_s)| {
            let pid = steps::LEAK_IDLE_S.member(name)?;
            Some(format!("process {pid} (idle for {idle_s:.1} s)"))
        })
        .collect();
    if in_use < 1.0 && sessions.is_empty() {
        return "every connection came back".to_owned();
    }
    let seen = if sessions.is_empty() {
        "the server no longer has them".to_owned()
    } else {
        format!("on the server: {}", sessions.join(", "))
    };
    format!(
        "leak: {in_use} of {} connections never came back although nobody was at work; {seen}",
        step.parameter("pool_size").unwrap_or(0.0)
    )
}

/// Returns the scenario's conclusions from the data in the report: the headline, and the figures of
/// each driver.
pub(super) fn summary(report: &Report, plan: &LifecyclePlan) -> Summary {
    let mut summary = Summary::default();
    let mut sentences = Vec::new();
    if let Some(step) = part(report, NO_POOL, COST) {
        for (name, value) in &step.figures {
            if let Some(phase) = summaries::CONNECT_PHASES.member(name) {
                summary.member(summaries::CONNECT_PHASES, phase, *value);
            }
        }
    }
    for driver in &plan.drivers {
        let name = driver.name();
        let Some(turnover) = turnover(report, name) else {
            continue;
        };
        summary.member(summaries::OPENED, name, turnover.opened);
        summary.member(summaries::CLOSED, name, turnover.closed);
        summary.member(
            summaries::ESTABLISHED_AGAIN,
            name,
            turnover.established_again,
        );
        if turnover.uncounted_ns > 0.0 {
            summary.member(summaries::UNCOUNTED_NS, name, turnover.uncounted_ns);
            summary.member(summaries::LOST, name, turnover.lost);
            summary.member(summaries::REESTABLISHED, name, turnover.reestablished);
        }
        let last = part(report, name, SPIKE_AGAIN);
        if let Some(leaked) = figure(last, steps::LEAKS_IN_USE) {
            summary.member(summaries::LEAKED, name, leaked);
        }
        let replaced = if turnover.lost > 0.0 {
            format!(
                "; {} were lost while the server was away, {} re-established after it",
                turnover.lost, turnover.reestablished
            )
        } else {
            String::new()
        };
        sentences.push(format!(
            "{name}: {} connections opened, {} of them after others had been closed{replaced}; {}",
            turnover.opened,
            turnover.established_again,
            leak_sentence(report, name)
        ));
    }
    summary.headline = headline(&sentences);
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn leaks_that_nobody_could_look_for_have_their_reason() {
        let mut report = golden::report("lifecycle");
        let of = |who: &str, part: &str| [("driver", who.to_owned()), ("part", part.to_owned())];
        let who = "deadpool";
        let mut step = |part: &str, change: &dyn Fn(&mut Step)| {
            let wanted = of(who, part);
            let wanted = wanted
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let mut steps = report.steps.iter_mut();
            change(steps.find(|step| step.is_with(&wanted)).unwrap());
            leak_sentence(&report, who)
        };
        let unasked = step(SPIKE_AGAIN, &|last| {
            last.figures.remove("leaks.in_use");
        });
        assert!(
            unasked.ends_with("the server could not be asked"),
            "{unasked}"
        );
        // A request of an earlier part that takes longer than the drain waits.
        let at_work = step(SPIKE, &|spike| {
            spike.operations.values_mut().next().unwrap().censored = 2;
        });
        let why = "2 requests were still at work when the drain ended";
        assert!(at_work.ends_with(why), "{at_work}");
        let early = step(SPIKE_AGAIN, &|last| last.end = StepEnd::Interrupted);
        assert!(early.ends_with("the run ended early"), "{early}");
    }
}
