//! Rule `pool_too_large`: connections past the knee, which add latency and no throughput.
//!
//! Fires if the p99 of the sweep's largest setting is `pool.too_large_p99_ratio` times the p99 of the
//! operating point or more, while its throughput is higher by no more than the noise. Reads p99 and
//! throughput of both settings; the idle sessions of the largest are evidence. Where no larger setting was
//! measured, it fires if the server has used up the CPU and most of its many sessions only wait for it: a
//! smaller pool carries as much.

use crate::assessment::{ComponentKind, Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::json_pointer::escape;
use crate::postgres::PostgresEvidence;
use crate::requests::{request_operations, slowest};
use crate::run_facts::RunFacts;
use crate::step_cpu_use::{CpuOwner, StepCpuUse};
use crate::sweep::SweepSetting;
use bench_report::names;

const RULE: Rule = Rule::PoolTooLarge;
/// Smallest number of sessions for each core at which a pool is larger than the CPU can serve. Sessions that
/// wait for a disk or a lock meanwhile need a few for each core.
const CROWD: f64 = 8.0;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let largest = bench.past_operating().last();
    if let Some(crowd) = Crowd::of(bench, facts).filter(|_| largest.is_none()) {
        return out.add_finding(crowd.finding(bench));
    }
    let Some((sweep, place)) = bench.operating_sweep() else {
        return;
    };
    let here = &sweep.settings[place];
    let Some(largest) = largest else {
        out.cannot_judge(
            RULE,
            bench.component,
            format!(
                "what more than {} {} would cost: none was measured",
                plain(here.value),
                spoken(&sweep.parameter)
            ),
            "a sweep past the operating point",
        );
        return;
    };
    let (Some(now), Some(then)) = (here.p99_ns, largest.p99_ns) else {
        return;
    };
    let ratio = then / now;
    let gain = largest.throughput_per_s / here.throughput_per_s - 1.0;
    let limit = facts.thresholds.pool.too_large_p99_ratio;
    let evidence: Vec<EvidenceItem> = [here, largest]
        .into_iter()
        .flat_map(|setting| evidence_of(bench, setting))
        .collect();
    let what = spoken(&sweep.parameter);
    if ratio < limit || gain > bench.noise_ratio() {
        let statement = format!(
            "p99 with {} {what} instead of {}: {} instead of {}",
            plain(largest.value),
            plain(here.value),
            duration_ns(then),
            duration_ns(now)
        );
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    let finding =
        finding(bench, (here, now), (largest, then), gain, what).evidence(idle(bench, largest));
    let sure = confidence_past(ratio, limit, bench.noise_ratio());
    out.add_finding(finding.confidence(sure).evidence(evidence));
}

/// Returns the mean number of idle sessions of the server at `setting` as evidence; `None` if they were not
/// sampled.
fn idle(bench: &BenchFacts<'_>, setting: &SweepSetting) -> Option<EvidenceItem> {
    let server = PostgresEvidence::of_step(bench.source, *setting.steps.first()?)?;
    server.evidence(names::postgres::SESSIONS_IDLE_MEAN)
}

/// Sessions of the server that share cores which are used up.
struct Crowd<'f> {
    cpu: &'f StepCpuUse,
    /// Cores that the server may use.
    cores: f64,
    /// Mean number of sessions that execute a call, and of those among them that wait for a CPU.
    sessions: f64,
    waiting: f64,
    evidence: Vec<EvidenceItem>,
}

impl<'f> Crowd<'f> {
    /// Counts the sessions at the operating point by Little's law. `None` unless the server has used up the
    /// CPU, at least [`CROWD`] sessions share each core, and most of them wait for it.
    fn of(bench: &'f BenchFacts<'_>, facts: &RunFacts<'_>) -> Option<Self> {
        let cpu = bench.cpu.as_ref()?;
        let model = bench.time_model.as_ref().filter(|m| !m.is_of_sessions())?;
        let rate_per_s = PostgresEvidence::of_operating_step(bench)?.calls_per_s();
        let part = model.part("server_runnable")?;
        let cores = cpu.limit.as_ref().map_or(cpu.cores, |limit| limit.cores);
        let crowd = Self {
            cpu,
            cores,
            sessions: rate_per_s * model.served_ns() / 1e9,
            waiting: rate_per_s * part.ns / 1e9,
            evidence: part.evidence.clone(),
        };
        let is_full = bench.cpu_past(facts.thresholds.cpu.critical_ratio) == Some(true);
        let is_crowded = crowd.sessions >= CROWD * cores && crowd.waiting >= 0.5 * crowd.sessions;
        let is_servers = cpu.owner() == Some(CpuOwner::Server);
        (is_full && is_servers && is_crowded).then_some(crowd)
    }

    fn finding(self, bench: &BenchFacts<'_>) -> FindingDraft {
        let pool = bench
            .operating_step()
            .and_then(|(_, step)| step.pool.as_ref());
        let (thing, lets) = match pool {
            Some(pool) => (
                format!("the pool of {}", pool.max_size),
                format!("The pool of {} lets them all in at once", pool.max_size),
            ),
            None => (
                "connections without a pool".to_owned(),
                format!(
                    "Without a pool, {} connections are in use at once",
                    plain(self.sessions.round())
                ),
            ),
        };
        let sizes = [1.0, 2.0, 4.0].map(|times| plain((times * self.cores).ceil()));
        bench
            .finding(RULE, FindingKind::Information)
            .thing(thing)
            .says(
                format!(
                    "{} sessions share {} cores that are used up: {} of them wait for a CPU",
                    plain(self.sessions.round()),
                    plain(self.cores),
                    plain(self.waiting.round())
                ),
                format!(
                    "{lets}. A smaller pool carries as much: calls then wait before the pool, where they hold no \
                     memory and no locks of the server."
                ),
            )
            .confidence(Confidence::Medium)
            .evidence(self.evidence)
            .evidence(self.cpu.evidence.clone())
            .advice(
                &[&format!("sweep smaller pools, as in --pool-sizes {}", sizes.join(","))],
                "the same throughput with fewer sessions, and locks that are held for a shorter time",
                "a core executes one session at a time; what is more than a few for each core only waits",
            )
    }
}

/// Builds the finding about settings past the operating point, with the p99 of the operating point
/// and of the largest setting in nanoseconds. `gain` is the relative rise of throughput between
/// them.
fn finding(
    bench: &BenchFacts<'_>,
    (here, now): (&SweepSetting, f64),
    (largest, then): (&SweepSetting, f64),
    gain: f64,
    what: &str,
) -> FindingDraft {
    let changed = if gain < 0.0 { "fell" } else { "rose" };
    let detail = format!(
        "From {} to {} {what} throughput {changed} by {} and p99 went from {} to {}.",
        plain(here.value),
        plain(largest.value),
        share(gain.abs()),
        duration_ns(now),
        duration_ns(then)
    );
    bench
        .finding(RULE, FindingKind::Information)
        .says(
            format!(
                "More than {} {what} make calls slower and carry no more",
                plain(here.value)
            ),
            detail,
        )
        .advice(
            &["keep the pools of all instances together at the recommended size"],
            format!(
                "p99 of {} instead of {} with {} {what}",
                duration_ns(now),
                duration_ns(then),
                plain(largest.value)
            ),
            "past the knee each connection only takes its share of what is used up already",
        )
}

fn spoken(parameter: &str) -> &'static str {
    if parameter == "pool_size" {
        "connections"
    } else {
        "users"
    }
}

/// Returns p99 and throughput of each repeat of a setting as evidence.
fn evidence_of(bench: &BenchFacts<'_>, setting: &SweepSetting) -> Vec<EvidenceItem> {
    let at = plain(setting.value);
    let mut evidence = Vec::new();
    for index in &setting.steps {
        let step = &bench.source.report.steps[*index];
        if let Some(slow) = slowest(step, |h| h.percentiles_ns.p99) {
            let label = format!("p99 of {} at {at}", slow.operation);
            evidence.extend(bench.source.evidence(label, &slow.pointer(*index, "p99")));
        }
        for (name, _) in request_operations(step) {
            let key = escape(name);
            let pointer = format!("/steps/{index}/operations/{key}/throughput_per_s");
            let label = format!("throughput of {name} at {at}");
            evidence.extend(bench.source.evidence(label, &pointer));
        }
    }
    evidence
}
