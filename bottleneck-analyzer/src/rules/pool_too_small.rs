//! Rule `pool_too_small`: calls wait for a connection of the pool, and more connections would help.
//!
//! Fires if waiting takes `pool.checkout_share_ratio` of a call or more, the connections are in use, no other
//! cause keeps the connections busy, and the CPU has room or a larger pool carried more. In all other cases
//! the queue before the pool only reflects the work of its connections. Sessions that wait for a CPU for most
//! of their time leave it open. Reads the pool's usage, the checkout
//! times, the sweep and the CPU use. The gain is the wait less the wait with twice the connections (Erlang's
//! C formula).

use crate::assessment::{EvidenceItem, Finding, FindingKind, ImpactOf, Rule, TimeModel};
use crate::bench_facts::BenchFacts;
use crate::capacity_gain::CapacityGain;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, rate, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::postgres::PostgresEvidence;
use crate::queueing::erlang_wait_ns;
use crate::run_facts::RunFacts;
use crate::step_cpu_use::StepCpuUse;
use crate::time_model::checkout::{FULL_RATIO, wait_ns};
use crate::{demand, target};

const RULE: Rule = Rule::PoolTooSmall;
/// Part of the time model in which the server's sessions are ready to run and have no CPU.
const RUNNABLE: &str = "server_runnable";
/// Share of the service time, from 0 to 1, in which sessions wait for a CPU, from which the pool is not known
/// to be the limit: the CPU may be short even if the machine has idle cores, which the server may not use.
const MOST_RUNNABLE: f64 = 0.5;

/// Rules about the time between client and server.
const WAYS: [Rule; 3] = [
    Rule::RoundTrips,
    Rule::RedisRoundTrips,
    Rule::RedisRecycling,
];

/// Pool at the operating point, with the figures that the rule judges.
struct PoolCase<'f> {
    model: &'f TimeModel,
    size: u64,
    in_use: f64,
    /// Mean time of a call's checkout, in nanoseconds: waiting, check of the connection and
    /// connecting.
    checkout_ns: f64,
    /// Mean wait of a call for a connection, in nanoseconds; `None` if the report does not separate
    /// it from the rest of the checkout.
    wait_ns: Option<f64>,
    evidence: Vec<EvidenceItem>,
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let benches = facts.benches.iter();
    for bench in benches.filter(|b| !b.component.holds_connections()) {
        if let Some(case) = case(bench) {
            judge(bench, &case, facts, out);
        }
    }
}

fn case<'f>(bench: &'f BenchFacts<'_>) -> Option<PoolCase<'f>> {
    let (_, step) = bench.operating_step()?;
    let pool = step.pool.as_ref()?;
    let model = bench.time_model.as_ref()?;
    let parts = model
        .parts
        .iter()
        .filter(|p| p.name.starts_with("checkout"));
    let checkout_ns: f64 = parts.clone().map(|part| part.ns).sum();
    let mut evidence: Vec<EvidenceItem> = parts.take(1).flat_map(|p| p.evidence.clone()).collect();
    for (label, field) in [
        ("connections in use", "pool/in_use_mean"),
        ("connections in the pool", "pool/max_size"),
        ("calls waiting for one", "pool/waiting_mean"),
    ] {
        evidence.extend(bench.step_evidence(label, field));
    }
    Some(PoolCase {
        model,
        size: pool.max_size,
        in_use: pool.in_use_mean,
        checkout_ns,
        wait_ns: wait_ns(step, checkout_ns),
        evidence,
    })
}

impl PoolCase<'_> {
    fn share(&self, ns: f64) -> f64 {
        ns / self.model.whole_ns
    }

    fn is_full(&self) -> bool {
        self.in_use >= FULL_RATIO * self.size as f64
    }
}

fn judge(bench: &BenchFacts<'_>, case: &PoolCase<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let least = facts.thresholds.pool.checkout_share_ratio;
    let fine = |out: &mut Conclusions, statement: String| {
        out.rule_out(RULE, bench.component, statement, case.evidence.clone());
    };
    let taken = share(case.share(case.checkout_ns));
    if case.share(case.checkout_ns) < least {
        let statement = format!(
            "taking a connection is {taken} of a call (bound {})",
            share(least)
        );
        return fine(out, statement);
    }
    let in_use = format!("{} of {} connections in use", plain(case.in_use), case.size);
    let Some(wait) = case.wait_ns else {
        if !case.is_full() {
            let statement = format!(
                "{in_use}: nobody has to wait for one; the {taken} of a call that taking one is are its \
                 check or connecting"
            );
            return fine(out, statement);
        }
        let question = format!(
            "what a checkout consists of: it is {taken} of a call, with {in_use}, and how many wait for a \
             place was not counted"
        );
        let to_find_out = "a driver whose pool tells who waits (deadpool)";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    };
    if case.share(wait) < least || !case.is_full() {
        let statement = format!(
            "waiting for a place in the pool is {} of a call, with {in_use}; the rest of the {taken} that \
             a checkout is are its check or connecting",
            share(case.share(wait))
        );
        return fine(out, statement);
    }
    behind_the_pool(bench, case, wait, facts, out);
}

/// Judges a fully used pool for whose connections calls wait, for `wait` nanoseconds on average.
/// Adds a finding if a larger pool would help, a passed check if the work behind the pool makes
/// calls wait, and an open question if neither is known.
fn behind_the_pool(
    bench: &BenchFacts<'_>,
    case: &PoolCase<'_>,
    wait: f64,
    facts: &RunFacts<'_>,
    out: &mut Conclusions,
) {
    let waited = share(case.share(wait));
    let larger = bench.gain_past_operating();
    if larger.is_some_and(|gain| gain <= bench.noise_ratio()) || bench.still_rising() == Some(false)
    {
        let statement = format!(
            "calls wait {waited} of their time for a connection, but a larger pool carried no more: the \
             wait is for what is behind the pool"
        );
        return out.rule_out(RULE, bench.component, statement, case.evidence.clone());
    }
    let held_up = demand::held_up_ns(case.model);
    let left = wait_with(bench, case, 1.0, held_up).unwrap_or(wait);
    if case.share(left) < facts.thresholds.pool.checkout_share_ratio {
        let statement = format!(
            "calls wait {waited} of their time for a connection, but the connections are held up \
             themselves for {} of each call: without that the pool of {} is large enough{}",
            duration_ns(held_up),
            case.size,
            carries(bench, case, held_up)
        );
        return out.rule_out(RULE, bench.component, statement, case.evidence.clone());
    }
    if let Some(cause) = cause(bench, out) {
        let statement = format!(
            "calls wait {waited} of their time for a connection, as an echo of what holds the connections \
             up: {cause}"
        );
        return out.rule_out(RULE, bench.component, statement, case.evidence.clone());
    }
    let room = bench.cpu_has_room(facts.thresholds.cpu.warning_ratio);
    let ready = PostgresEvidence::of_operating_step(bench)
        .and_then(|server| server.ready_ns())
        .unwrap_or(0.0);
    let runnable = ready.min(case.model.sum_of(RUNNABLE));
    if larger.is_none() && runnable >= MOST_RUNNABLE * case.model.served_ns() {
        let question = format!(
            "whether a larger pool would help: calls wait {waited} of their time for a connection, and those \
             that have one wait for a CPU for {} of {}",
            duration_ns(runnable),
            duration_ns(case.model.served_ns())
        );
        let to_find_out =
            "which CPUs the server may use (taskset -cp, cpuset and quota of its control group)";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    if room != Some(false) && (larger.is_some() || room == Some(true)) {
        return out.add_finding(too_small(bench, case, wait, facts));
    }
    let (size, why) = (case.size, no_room(bench));
    out.cannot_judge(
        RULE,
        bench.component,
        format!("whether a pool larger than {size} is worth it: calls wait {waited} of their time for a connection, but {why}"),
        "larger pools, with sysmon beside them and the generator on a machine of its own",
    );
}

/// Describes what the pool could carry if a call held its connection for `less_ns` nanoseconds less, as the
/// end of a sentence; empty if the throughput is not known.
fn carries(bench: &BenchFacts<'_>, case: &PoolCase<'_>, less_ns: f64) -> String {
    let server = PostgresEvidence::of_operating_step(bench);
    let held_ns = case.model.served_ns() - less_ns;
    let Some(server) = server.filter(|s| s.calls_per_s() > 0.0 && held_ns > 0.0) else {
        return String::new();
    };
    let most = rate(case.size as f64 / held_ns * 1e9);
    format!(
        " (it carries {most}; {} were measured)",
        rate(server.calls_per_s())
    )
}

/// Returns the thing at fault in a problem that makes calls hold their connections longer; `None`
/// if no such problem was found. Network round trips are left out, because more connections hide
/// them.
fn cause(bench: &BenchFacts<'_>, out: &Conclusions) -> Option<String> {
    let id = bench.id();
    let slows = |f: &&Finding| {
        let of_response = f.impact.is_some_and(|i| i.of == ImpactOf::ResponseTime);
        let is_way = WAYS.contains(&f.rule());
        f.kind == FindingKind::Problem && f.is_sure() && f.is_about(&id) && of_response && !is_way
    };
    let found = out.findings.iter().find(slows);
    found.map(|f| f.thing.clone().unwrap_or_else(|| f.title.clone()))
}

/// Returns the reason why the CPU may have no room for more work, as the end of a sentence.
fn no_room(bench: &BenchFacts<'_>) -> &'static str {
    if bench.cpu.is_some() && target::is_elsewhere(bench.source) {
        return "the server is on another machine, whose CPU was not recorded";
    }
    match bench.cpu.as_ref().map(StepCpuUse::used_ratio) {
        Some(Some(_)) => "the CPU is nearly used up",
        Some(None) => "how much of the CPU quota was used is not known",
        None => "the machine's CPU was not recorded, so whether it has room is not known",
    }
}

fn too_small(
    bench: &BenchFacts<'_>,
    case: &PoolCase<'_>,
    wait: f64,
    facts: &RunFacts<'_>,
) -> FindingDraft {
    let PoolCase { model, size, .. } = case;
    let title = format!(
        "The pool of {size} is too small: {} of each call is waiting for a connection",
        duration_ns(wait)
    );
    let detail = explanation(bench, case, wait, facts);
    let least = facts.thresholds.pool.checkout_share_ratio;
    let mut draft = bench
        .finding(RULE, FindingKind::Problem)
        .thing(format!("the pool of {size}"))
        .says(title, detail)
        .saves(saved_ns(bench, case, wait), model.whole_ns)
        .confidence(confidence_past(
            case.share(wait),
            least,
            bench.noise_ratio(),
        ))
        .evidence(case.evidence.iter().cloned());
    let larger = bench.gain_past_operating();
    draft = draft.raises_capacity(larger.map(|ratio| CapacityGain { ratio, limit: None }));
    let tries = format!(
        "try larger pools (--pool-sizes {size},{},{}) and give the application the size that the sweep \
         recommends",
        2 * size,
        4 * size
    );
    let action = match larger {
        Some(_) => "give the application the size that the sweep recommends",
        None => &tries,
    };
    draft
        .advice(
            &[action],
            format!("up to {} of each call", duration_ns(wait)),
            "a call that waits for a connection does nothing; the server could already serve it",
        )
        .needs_restart()
}

/// Returns the finding's explanation: the rise of throughput, the use of the connections and of the CPU.
fn explanation(
    bench: &BenchFacts<'_>,
    case: &PoolCase<'_>,
    wait: f64,
    facts: &RunFacts<'_>,
) -> String {
    let PoolCase { model, size, .. } = case;
    let rose = bench.rise().map(|rise| {
        format!(
            "Throughput rose by {} from a pool of {} to one of {}. ",
            share(rise.gain_ratio),
            plain(rise.from),
            plain(rise.to)
        )
    });
    let room = match bench.cpu_has_room(facts.thresholds.cpu.warning_ratio) {
        Some(true) => {
            let cpu = bench
                .cpu
                .as_ref()
                .map_or(String::new(), StepCpuUse::sentence);
            format!("The CPU has room: {cpu}.")
        }
        _ => "A larger pool was measured, and carried more.".to_owned(),
    };
    let longest = model
        .parts
        .iter()
        .filter(|part| !TimeModel::is_queue(&part.name));
    let longest = longest.max_by(|a, b| a.ns.total_cmp(&b.ns));
    let mostly = longest.map_or(String::new(), |part| {
        format!(", of which {} is: {}", duration_ns(part.ns), part.title)
    });
    format!(
        "{}{} of {size} connections are in use. A call waits {} for one, and holds it for {}{mostly}. {room}",
        rose.unwrap_or_default(),
        plain(case.in_use),
        duration_ns(wait),
        duration_ns(model.served_ns())
    )
}

/// Returns the response time that a call gains with twice the connections at the same load, in
/// nanoseconds. `wait` is its present mean wait for a connection.
fn saved_ns(bench: &BenchFacts<'_>, case: &PoolCase<'_>, wait: f64) -> f64 {
    let left = wait_with(bench, case, 2.0, 0.0).unwrap_or(0.0);
    wait - left.min(wait)
}

/// Returns the mean wait for a connection, in nanoseconds, at the same load but with `times` as
/// many connections and a service time shorter by `less_ns` nanoseconds. `None` if the connections
/// could not keep up.
fn wait_with(bench: &BenchFacts<'_>, case: &PoolCase<'_>, times: f64, less_ns: f64) -> Option<f64> {
    let server = PostgresEvidence::of_operating_step(bench)?;
    let held = (case.model.served_ns() - less_ns).max(0.0);
    erlang_wait_ns(times * case.size as f64, server.calls_per_s(), held)
}
