//! What holds a component at its knee. There always is something; where the data cannot tell
//! what, the answer is 'inconclusive' with the measurement that would tell.
//!
//! Candidates are asked from the outside in: a resource that is used up explains whatever queues
//! before it, so the generator and the machine's CPU come before waits, and waits before the
//! round trip that is left when nothing waits.

use bench_report::{LimitOwner, Load, WarningCode};

use crate::assessment::{Component, Confidence, Evidence, LimitingFactor};
use crate::cpu_use::Owner;
use crate::facts::{Bench, Facts};
use crate::figures::{plain, share};

mod machine;

pub use machine::of_machine;

/// The limiting factor of a bench at its operating point.
pub fn of_bench(bench: &Bench<'_>, facts: &Facts<'_>) -> LimitingFactor {
    if bench.component == Component::Websocket {
        return capped(searched_limit(bench));
    }
    let candidates = [
        generator_threads,
        generator_thread,
        machine_cpu,
        main_thread,
        too_few_connections,
        waits,
        crowded_cpu,
        round_trip,
    ];
    let found = candidates.iter().find_map(|ask| ask(bench, facts));
    capped(found.unwrap_or_else(|| {
        inconclusive(
            "no step ran to its end",
            "repeat the run with at least one whole step",
        )
    }))
}

fn factor(
    name: &str,
    title: String,
    reason: impl Into<String>,
    confidence: Confidence,
    evidence: impl IntoIterator<Item = Evidence>,
) -> LimitingFactor {
    LimitingFactor {
        factor: name.to_owned(),
        title,
        reason: reason.into(),
        confidence,
        evidence: evidence.into_iter().collect(),
        would_tell: None,
    }
}

fn inconclusive(why: &str, would_tell: &str) -> LimitingFactor {
    let mut answer = factor(
        "inconclusive",
        "inconclusive".to_owned(),
        why,
        Confidence::Low,
        [],
    );
    answer.would_tell = Some(would_tell.to_owned());
    answer
}

/// No confidence on figures that a warning spoils.
fn capped(mut answer: LimitingFactor) -> LimitingFactor {
    if answer.evidence.iter().any(|e| e.spoiled) {
        answer.confidence = Confidence::Low;
        answer.would_tell.get_or_insert_with(|| {
            "repeat the run without what the warnings name; see 'spoiled'".to_owned()
        });
    }
    answer
}

fn generator_threads(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    let (_, step) = bench.operating()?;
    let ratio = step.generator.cpu_ratio;
    let warned = bench
        .operating_warnings()
        .any(|(_, w)| w.code == WarningCode::GeneratorSaturated);
    // Threads that share a full machine with the server are judged with the machine's CPU.
    let machine_full = bench.cpu_past(facts.thresholds.cpu.critical_ratio) == Some(true);
    let full = step
        .generator
        .is_saturated(facts.thresholds.cpu.generator_ratio);
    if !(full || warned && !machine_full) {
        return None;
    }
    let title = format!(
        "the generator: its {} thread(s) were {} busy",
        step.generator.threads,
        share(ratio)
    );
    let mut answer = factor(
        "generator_cpu",
        title,
        "the load could not be made faster; the target may do more than was measured",
        Confidence::Medium,
        bench.step_evidence("generator's CPU", "generator/cpu_ratio"),
    );
    answer.would_tell =
        Some("more generator threads or processes, on a machine of their own".to_owned());
    Some(answer)
}

/// One full thread among idle ones, as where all users share a connection that one task drives.
fn generator_thread(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    let (_, step) = bench.operating()?;
    let bound = facts.thresholds.cpu.generator_ratio;
    let ratio = step.generator.full_thread(bound)?;
    let title = format!(
        "the generator: the busiest of its {} threads was {} busy",
        step.generator.threads,
        share(ratio)
    );
    let mut answer = factor(
        "generator_thread",
        title,
        "what one thread can drive was reached; the target may do more than was measured",
        Confidence::Medium,
        bench.step_evidence("busiest thread", "generator/busiest_thread_ratio"),
    );
    answer.would_tell =
        Some("more connections, so that more threads have something to drive".to_owned());
    Some(answer)
}

fn machine_cpu(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    cpu_past(facts.thresholds.cpu.critical_ratio, bench)
}

/// A CPU that is nearly used up, where nothing else explains the knee: processes that wake each
/// other leave gaps that nobody can fill. A quota of which nobody knows the use may be used up.
fn crowded_cpu(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    if let Some(cpu) = bench.cpu.as_ref().filter(|c| c.used_ratio().is_none()) {
        return Some(inconclusive(
            &format!(
                "the run may use {} of {} cores, and how much of them the server used is not known",
                plain(cpu.allowed_cores.unwrap_or(cpu.cores)),
                plain(cpu.cores)
            ),
            "the same run without a CPU quota, or sysmon record beside the server",
        ));
    }
    let mut answer = cpu_past(facts.thresholds.cpu.warning_ratio, bench)?;
    answer.confidence = answer.confidence.min(Confidence::Medium);
    Some(answer)
}

fn cpu_past(bound: f64, bench: &Bench<'_>) -> Option<LimitingFactor> {
    let cpu = bench.cpu.as_ref()?;
    if cpu.used_ratio()? < bound {
        return None;
    }
    let (whose, reason) = match cpu.owner() {
        Some(Owner::Server) => (
            ".server",
            "the server uses most of a CPU that is used up: more connections only queue for it",
        ),
        Some(Owner::Generator) => (
            ".generator",
            "the generator uses most of a CPU that is used up: the server may do more than was \
             measured",
        ),
        Some(Owner::Others) => (
            ".others",
            "programs that take no part use most of a CPU that is used up",
        ),
        None => ("", "the CPU is used up; whose it is was not recorded"),
    };
    let (name, title) = if cpu.quota_binds() {
        ("cpu_quota", "CPU quota")
    } else {
        ("machine_cpu", "machine CPU")
    };
    let name = format!("{name}{whose}");
    let title = format!("{title}: {}", cpu.sentence());
    let confidence = if cpu.busy.samples < 3 || cpu.owner().is_none() {
        Confidence::Medium
    } else {
        Confidence::High
    };
    let mut answer = factor(&name, title, reason, confidence, cpu.evidence.clone());
    if cpu.owner() != Some(Owner::Server) {
        answer.would_tell =
            Some("the same run with the generator on a machine of its own".to_owned());
    }
    Some(answer)
}

/// Redis executes commands on one thread: it can be full on a machine that is not.
fn main_thread(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    let (_, step) = bench.operating()?;
    let used_s = bench.server("cpu_main_thread_s")?;
    let ratio = used_s / Some(step.window.measured_s()).filter(|s| *s > 0.0)?;
    if ratio < facts.thresholds.cpu.main_thread_ratio {
        return None;
    }
    Some(factor(
        "redis_main_thread",
        format!(
            "Redis's main thread: busy {} of one core",
            share(ratio.min(1.0))
        ),
        "Redis executes commands one after another on this thread",
        Confidence::High,
        bench.server_evidence("cpu_main_thread_s"),
    ))
}

fn too_few_connections(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    let share_of_call = bench.time_model.as_ref()?.share("checkout")?;
    let waits = share_of_call >= facts.thresholds.pool.checkout_share_ratio;
    let room = bench.cpu_has_room(facts.thresholds.cpu.warning_ratio);
    if !waits || room == Some(false) || !bench.still_rising()? {
        return None;
    }
    let title = format!(
        "the pool: {} of a call is spent waiting for a connection",
        share(share_of_call)
    );
    let evidence = bench
        .time_model
        .as_ref()?
        .part("checkout")?
        .evidence
        .clone();
    Some(factor(
        "pool_size",
        title,
        "a larger pool carried more, or the largest that was tried more than the one before",
        Confidence::High,
        evidence,
    ))
}

/// The largest wait inside the server, where it is a large part of the call.
fn waits(bench: &Bench<'_>, facts: &Facts<'_>) -> Option<LimitingFactor> {
    let model = bench.time_model.as_ref()?;
    let limits = &facts.thresholds.waits;
    let kinds = [
        ("lock", "row or table locks", limits.lock_share_ratio),
        ("lwlock", "internal locks", limits.lwlock_share_ratio),
        ("io", "file I/O", limits.io_share_ratio),
    ];
    let (part, what, ratio) = kinds
        .into_iter()
        .filter_map(|(name, what, least)| {
            let part = model.part(name)?;
            let ratio = model.share_of_service(name)?;
            (ratio >= least.max(0.25)).then_some((part, what, ratio))
        })
        .max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some(factor(
        &format!("wait.{}", part.name),
        format!("{what}: {} of a call's service time", share(ratio)),
        "it is the largest wait inside the server, and no CPU is used up",
        Confidence::Medium,
        part.evidence.clone(),
    ))
}

/// Nothing is used up and nothing waits long: what is left is the round trip of each call and
/// the number of users or connections that make them.
fn round_trip(bench: &Bench<'_>, _: &Facts<'_>) -> Option<LimitingFactor> {
    let model = bench.time_model.as_ref()?;
    let Some(cpu) = &bench.cpu else {
        return Some(inconclusive(
            "nothing waits for long, and the machine's CPU was not recorded during the step",
            "run sysmon beside the bench (plimsoll run does)",
        ));
    };
    let largest = model.largest_of_service()?;
    let title = format!(
        "the round trip: {} of a call's service time is {}",
        share(model.share_of_service(&largest.name)?),
        largest.title
    );
    let reason = format!(
        "no resource is used up ({} {}), so the load is held by its {}",
        cpu.resource(),
        share(cpu.used_ratio()?),
        offered(bench)
    );
    let mut evidence = cpu.evidence.clone();
    evidence.extend(largest.evidence.iter().cloned());
    let mut answer = factor("round_trip", title, reason, Confidence::Medium, evidence);
    if bench.still_rising() == Some(true) {
        answer.would_tell = Some("a sweep to higher settings: more carried more".to_owned());
    }
    Some(answer)
}

fn offered(bench: &Bench<'_>) -> String {
    let load = bench.operating().map(|(_, step)| &step.load);
    match load {
        Some(Load::Closed { users, .. }) => format!("{users} user(s)"),
        Some(Load::Open { rate_per_s, .. }) => format!("rate of {}/s", plain(*rate_per_s)),
        None => "load".to_owned(),
    }
}

fn searched_limit(bench: &Bench<'_>) -> LimitingFactor {
    let Some(limit) = &bench.source.report.summary.limit else {
        return inconclusive(
            "the search for a limit did not come to an end",
            "let ws-bench limit run until a stop rule or a limit ends it",
        );
    };
    let (name, owner, confidence) = match limit.owner {
        LimitOwner::Target => ("target", "the server", Confidence::High),
        LimitOwner::Network => ("network", "the network", Confidence::High),
        LimitOwner::Generator => ("generator", "the generator", Confidence::Medium),
        LimitOwner::Bound => ("bound", "the bound that was set", Confidence::High),
        LimitOwner::Unknown => ("inconclusive", "not told", Confidence::Low),
    };
    let evidence = [
        ("level held", "/summary/limit/value"),
        ("whose limit", "/summary/limit/owner"),
    ];
    let evidence = evidence
        .into_iter()
        .filter_map(|(label, at)| bench.source.evidence(label, at));
    let unit = limit.parameter.replace('_', " ");
    let mut answer = factor(
        name,
        format!("{owner}: {} {unit} held", plain(limit.value)),
        limit.reason.clone(),
        confidence,
        evidence,
    );
    answer.would_tell = match limit.owner {
        LimitOwner::Bound => Some("a higher --max: the limit was not reached".to_owned()),
        LimitOwner::Generator => Some("a generator on another machine, or several".to_owned()),
        LimitOwner::Unknown => Some("the server's own evidence (run it locally)".to_owned()),
        LimitOwner::Target | LimitOwner::Network => None,
    };
    answer
}
