//! The limiting factor of a bench at its operating point.

use bench_report::{Load, RateSearchEnd, Step, StepEnd};

use super::answer::{cap_confidence, factor, inconclusive};
use super::doubts;
use super::websocket::searched_limit;
use crate::assessment::{Confidence, LimitingFactor, TimeModel, TimePart};
use crate::bench_facts::BenchFacts;
use crate::demand::{self, EXPLAINS, ResourceBound};
use crate::figures::{counted, duration_ns, plain, rate, share};
use crate::rate_search;
use crate::run_facts::RunFacts;
use crate::step_balance::StepBalance;
use crate::target;

/// Smallest ratio of carried rate ÷ offered rate at which the load of an open loop counts as
/// carried completely.
const CARRIED: f64 = 0.98;
/// Smallest share of the service time at which a wait is named as the factor instead of the number
/// of users.
const MAIN_PART: f64 = 0.25;
/// Largest ratio of time in queues ÷ cycle time of a user (response time and think time) at which
/// the number of users can be the limit.
const MOST_QUEUED: f64 = 0.10;

/// Finds the limiting factor of a bench at its operating point; `inconclusive` if no factor
/// explains the run.
pub(crate) fn of_bench(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> LimitingFactor {
    if bench.component.holds_connections() {
        return cap_confidence(searched_limit(bench));
    }
    let succeeded = |step: &Step| step.operations.values().any(|o| o.succeeded > 0);
    if !bench
        .operating_step()
        .is_some_and(|(_, step)| succeeded(step))
    {
        return nothing_to_judge(bench);
    }
    let mut answer = of_repeat(bench, facts);
    let doubts = [disagreement(bench, facts, &answer), imbalance(bench)];
    for doubt in doubts.into_iter().flatten() {
        answer.confidence = Confidence::Low;
        answer.reason += &format!("; {doubt}");
    }
    doubts::weigh(bench, &mut answer);
    cap_confidence(answer)
}

/// Finds the limiting factor in the step chosen to stand for the operating point.
fn of_repeat(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> LimitingFactor {
    if let Some(answer) = offered_rate(bench) {
        return answer;
    }
    let bounds = demand::bounds(bench, facts);
    if let Some(bound) = bounds.iter().find(|b| b.used_ratio >= EXPLAINS) {
        return from_bound(bound);
    }
    let found = users(bench, facts);
    found.unwrap_or_else(|| not_known(bench, facts, &bounds))
}

/// Describes the repeats with another limiting factor than `answer`; `None` if all repeats agree.
/// Repeats that differ only in whose processes use up the CPU agree.
fn disagreement(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    answer: &LimitingFactor,
) -> Option<String> {
    let kind = |factor: &str| match factor.split_once('.') {
        Some(("machine_cpu" | "cpu_quota", _)) | None => {
            factor.split('.').next().unwrap_or_default().to_owned()
        }
        Some(_) => factor.to_owned(),
    };
    let others = bench.repeats.iter().filter_map(|index| {
        let other = of_repeat(&bench.at(*index, facts.machine)?, facts);
        let differs = kind(&other.factor) != kind(&answer.factor);
        let repeat = bench.source.report.steps[*index].repeat + 1;
        differs.then(|| format!("repeat {repeat} says: {}", other.title))
    });
    let others: Vec<String> = others.collect();
    (!others.is_empty()).then(|| format!("the repeats disagree ({})", others.join("; ")))
}

/// Describes a violation of Little's law in the chosen step: users ≠ throughput × time of a call. `None` if
/// the law holds or cannot be checked.
fn imbalance(bench: &BenchFacts<'_>) -> Option<String> {
    let (index, _) = bench.operating_step()?;
    let balance = StepBalance::of_step(bench.source, index).filter(StepBalance::is_off)?;
    Some(format!(
        "throughput × time of a call makes {} users, and {} were at work",
        plain(balance.inside),
        plain(balance.users)
    ))
}

/// Creates the limiting factor from the throughput bound of a resource.
fn from_bound(bound: &ResourceBound) -> LimitingFactor {
    let mut answer = factor(
        &bound.factor,
        bound.title.clone(),
        bound.reason.clone(),
        bound.confidence,
        bound.evidence.iter().cloned(),
    );
    answer.to_find_out.clone_from(&bound.to_find_out);
    answer
}

/// Creates the answer `inconclusive` for a bench without an operating point, with the reason why
/// its steps ended.
fn nothing_to_judge(bench: &BenchFacts<'_>) -> LimitingFactor {
    if let Some(search) = bench.source.report.summary.found_rates.first() {
        return inconclusive(
            &format!(
                "the search for a rate found none to judge: {}",
                search.reason
            ),
            "a search in which the lowest rate runs to its end",
        );
    }
    if bench.measured_at_rest() {
        return inconclusive(
            &format!(
                "the scenario {} makes no load: there is no throughput to explain",
                bench.source.report.scenario
            ),
            "a scenario that makes load",
        );
    }
    let steps = &bench.source.report.steps;
    let stopped = steps.iter().filter_map(|step| match &step.end {
        StepEnd::Stopped { rule, reason } => Some((rule, reason)),
        _ => None,
    });
    let stopped: Vec<_> = stopped.collect();
    let succeeded = steps
        .iter()
        .flat_map(|s| s.operations.values())
        .map(|o| o.succeeded);
    let succeeded: u64 = succeeded.sum();
    let asked = steps
        .iter()
        .flat_map(|s| s.operations.values())
        .any(|o| o.attempted > 0);
    if asked && succeeded == 0 {
        return inconclusive(
            "no request succeeded in any step: there is no throughput to explain",
            "a run whose requests succeed; the findings say why they failed",
        );
    }
    if let Some((rule, reason)) = stopped.first() {
        return inconclusive(
            &format!(
                "the stop rule {rule} ended {} of {}: {reason}",
                stopped.len(),
                counted(steps.len() as f64, "step")
            ),
            "less load, or another rule (--stop-on)",
        );
    }
    let failed = steps.iter().find_map(|step| match &step.end {
        StepEnd::Failed { reason } => Some(format!(": {reason}")),
        _ => None,
    });
    inconclusive(
        &format!("no step ran to its end{}", failed.unwrap_or_default()),
        "repeat the run with at least one whole step",
    )
}

/// Returns the offered rate as the factor if an open load was carried completely; `None` otherwise
/// and for a closed loop.
fn offered_rate(bench: &BenchFacts<'_>) -> Option<LimitingFactor> {
    let (index, step) = bench.operating_step()?;
    let Load::Open { rate_per_s, .. } = step.load else {
        return None;
    };
    let carried = step.throughput_per_s();
    if carried < CARRIED * rate_per_s {
        return None;
    }
    let search = bench.source.report.summary.search_of_step(index);
    let search = search.map(|(_, search, _)| search);
    let limit = search.map_or("the limit was not reached".to_owned(), |found| {
        format!(
            "the search for the rate that keeps {} ended so: {}",
            rate_search::bounds(found),
            found.reason
        )
    });
    let mut answer = factor(
        "offered_rate",
        format!(
            "the offered rate: {} were asked for and carried; {limit}",
            rate(rate_per_s)
        ),
        "all that was offered was carried",
        Confidence::High,
        bench
            .source
            .evidence("offered", &format!("/steps/{index}/load/rate_per_s")),
    );
    answer.to_find_out = match search {
        None => Some("a higher --rate".to_owned()),
        // The limit lies above the rate of this step, so only a step at a higher rate would show the cause.
        Some(found) if found.end == RateSearchEnd::NotMet => None,
        Some(found) if found.broken_per_s.is_some() => {
            Some("a run with --rate above the rate that was held".to_owned())
        }
        Some(_) => Some("a search that comes to its end above this rate".to_owned()),
    };
    Some(answer)
}

/// Returns the number of users, or the wait that takes most of their calls, as the factor of a
/// closed loop whose calls do not queue. `None` if calls queue, or may queue for a CPU whose use
/// was not recorded.
fn users(bench: &BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<LimitingFactor> {
    let (index, step) = bench.operating_step()?;
    let model = bench.time_model.as_ref()?;
    let Load::Closed { think_time_ns, .. } = step.load else {
        return None;
    };
    let cycle_ns = model.whole_ns + think_time_ns as f64;
    // If the CPU is not known to have room, time that passes outside the server may be a queue for the CPU.
    let room = bench.cpu_has_room(facts.thresholds.cpu.warning_ratio) == Some(true);
    let hidden = model.sum_of("server_runnable") + model.sum_of("rest");
    let queued = model.queued_ns() + if room { 0.0 } else { hidden };
    if queued > MOST_QUEUED * cycle_ns || !room && think_time_ns == 0 {
        return None;
    }
    let main = main_wait(model);
    let (name, of) = match main {
        Some(part) => (format!("wait.{}", class(&part.name)), part.title.clone()),
        None => (
            "users".to_owned(),
            model.largest_of_service()?.title.clone(),
        ),
    };
    let part = main.or_else(|| model.largest_of_service())?;
    let title = users_title(&step.load, model, part, &of);
    let mut evidence = part.evidence.clone();
    evidence.extend(
        bench
            .cpu
            .iter()
            .flat_map(|cpu| cpu.evidence.iter().cloned()),
    );
    evidence.extend(
        bench
            .source
            .evidence("users", &format!("/steps/{index}/load/users")),
    );
    let reason = "no resource is used up and nobody queues: more users carry more, until one is";
    let mut answer = factor(&name, title, reason, Confidence::Medium, evidence);
    if bench.still_rising() == Some(true) {
        answer.to_find_out = Some("a sweep to higher settings: more carried more".to_owned());
    }
    Some(answer)
}

/// Returns the title for a load that is limited by its number of users; `of` names the longest part
/// of a call. Empty for an open loop.
fn users_title(load: &Load, model: &TimeModel, part: &TimePart, of: &str) -> String {
    if model.is_of_sessions() {
        let share = share(part.share_ratio);
        return format!("{of}: {share} of the time of sessions at work");
    }
    let Load::Closed {
        users,
        think_time_ns,
    } = load
    else {
        return String::new();
    };
    let pause = match think_time_ns {
        0 => String::new(),
        ns => format!(" and pauses for {}", duration_ns(*ns as f64)),
    };
    format!(
        "the number of users: each of {users} waits for one call of {} at a time{pause}; {} of a call is {of}",
        duration_ns(model.whole_ns),
        share(part.share_ratio)
    )
}

/// Returns the longest wait inside the server; `None` if it takes less than a quarter of the
/// service time.
fn main_wait(model: &TimeModel) -> Option<&TimePart> {
    let parts = model
        .parts
        .iter()
        .filter(|part| !class(&part.name).is_empty());
    let most = parts.max_by(|a, b| a.ns.total_cmp(&b.ns))?;
    (most.ns >= MAIN_PART * model.served_ns()).then_some(most)
}

/// Returns the class of a wait from the name of its part: `lock` for `lock.tuple`; empty for a part
/// that is no wait.
fn class(name: &str) -> &str {
    let class = name.split('.').next().unwrap_or_default();
    let classes = [
        "lock",
        "lwlock",
        "io",
        "client",
        "ipc",
        "timeout",
        "extension",
        "other_wait",
    ];
    if classes.contains(&class) { class } else { "" }
}

/// Creates the answer `inconclusive` for a run that no bound explains: names the two nearest bounds
/// and the missing measurement.
fn not_known(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    bounds: &[ResourceBound],
) -> LimitingFactor {
    if let Some(cpu) = bench.cpu.as_ref().filter(|c| c.used_ratio().is_none()) {
        return inconclusive(
            &format!(
                "the run may use {} of {} cores, and how much of them the server used is not known",
                plain(cpu.limit.as_ref().map_or(cpu.cores, |limit| limit.cores)),
                plain(cpu.cores)
            ),
            "the same run without a CPU quota, or sysmon record beside the server",
        );
    }
    let mut nearest: Vec<&ResourceBound> = bounds.iter().collect();
    nearest.sort_by(|a, b| b.used_ratio.total_cmp(&a.used_ratio));
    let told: Vec<String> = nearest
        .iter()
        .take(2)
        .filter(|bound| bound.used_ratio >= 0.5)
        .map(|bound| bound.title.clone())
        .collect();
    let mut why = if told.is_empty() {
        "no resource that was measured is near its end".to_owned()
    } else {
        format!(
            "no bound explains the throughput; nearest: {}",
            told.join("; ")
        )
    };
    if bench.cpu.is_none() {
        why += ", and the machine's CPU was not recorded during the step";
        return inconclusive(&why, "run sysmon beside the bench (plimsoll run does)");
    }
    let crowded = bench.cpu_past(facts.thresholds.cpu.warning_ratio) == Some(true);
    let elsewhere = target::is_elsewhere(bench.source);
    if elsewhere {
        why += ", and the server is on another machine, whose CPU was not recorded";
    }
    let to_find_out = if elsewhere {
        "sysmon record on the server's machine, and the same run again"
    } else if crowded {
        "the generator on a machine of its own, so that the CPU has room or is used up"
    } else {
        "a sweep past this setting, with the server's evidence"
    };
    let mut answer = inconclusive(&why, to_find_out);
    answer.evidence = nearest
        .first()
        .map_or_else(Vec::new, |b| b.evidence.clone());
    answer
}
