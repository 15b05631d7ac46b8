//! Rule `generator_spoilt_results`: the load generator distorted the results at an operating point.
//!
//! Fires on the report's own warnings `generator_saturated`, `pacing_lag`, `generator_stalled` and
//! `in_flight_cap_reached` about the operating point, and if its threads used up the CPU time that the
//! hypervisor left (`cpu.generator_ratio`). Only a saturated generator is a problem. The impact
//! is the share of the response time in pacing lag or backlog, the longest stall ÷ measured time, or the
//! generator's CPU use.

use bench_report::{Histogram, Operation, Step, Warning, WarningCode};

use crate::assessment::{EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::demand;
use crate::figures::{counted, share};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::GeneratorSpoiltResults;

/// Codes of the warnings about the load generator itself.
const OWN_FAULT: [WarningCode; 4] = [
    WarningCode::GeneratorSaturated,
    WarningCode::PacingLag,
    WarningCode::GeneratorStalled,
    WarningCode::InFlightCapReached,
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating_step() else {
        return;
    };
    let used = bench.step_evidence("generator's CPU", "generator/cpu_ratio");
    let faults: Vec<_> = bench
        .operating_warnings()
        .filter(|(_, w)| OWN_FAULT.contains(&w.code))
        .collect();
    let costs = faults.iter().map(|(_, fault)| cost(step, fault.code));
    let Some((lost, of)) = costs.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        if let Some(draft) = short_of_cpu(bench, step, facts) {
            return out.add_finding(draft.evidence(used));
        }
        let statement = format!(
            "the generator kept its plan: {} of its threads busy, longest stall {}",
            share(step.generator.cpu_ratio),
            crate::figures::duration_ns(step.generator.worst_stall_ns as f64)
        );
        out.rule_out(RULE, bench.component, statement, used);
        return;
    };
    let messages: Vec<&str> = faults.iter().map(|(_, w)| w.message.as_str()).collect();
    let evidence = faults
        .iter()
        .filter_map(|(i, fault)| measured(bench, *i, fault));
    let mut draft = finding(bench, &messages.join("; "), (lost, of));
    let is_timed = |(_, fault): &(usize, &Warning)| fault.code != WarningCode::GeneratorStalled;
    // The model of a WebSocket bench divides the time of opening a connection, not the response time.
    let is_response = !bench.component.holds_connections();
    let model = bench.time_model.as_ref().filter(|_| is_response);
    let whole = model.filter(|m| !m.is_of_sessions());
    let timed = whole.filter(|_| of == ImpactOf::ResponseTime && faults.iter().all(is_timed));
    if let Some(model) = timed {
        draft = draft.saves(lost * model.whole_ns, model.whole_ns);
    }
    out.add_finding(draft.evidence(evidence).evidence(used));
}

/// Builds the finding about threads that used the CPU time which the hypervisor left to them. The bench
/// measures their share of all time and gives no warning. `None` if they had time left.
fn short_of_cpu(bench: &BenchFacts<'_>, step: &Step, facts: &RunFacts<'_>) -> Option<FindingDraft> {
    let used = demand::generator_used_of_left(bench)?;
    let cpu = bench.cpu.as_ref().filter(|cpu| cpu.left_ratio() < 1.0)?;
    // A machine that server and generator use up together is judged by `cpu_saturated`.
    let machine_full = bench.cpu_past(facts.thresholds.cpu.critical_ratio) == Some(true);
    if machine_full || used < facts.thresholds.cpu.generator_ratio {
        return None;
    }
    let message = format!(
        "the generator's {} were {} busy, and the hypervisor took {} of the machine's CPU time: they \
         used {} of what it left",
        counted(step.generator.threads as f64, "thread"),
        share(step.generator.cpu_ratio),
        share(1.0 - cpu.left_ratio()),
        share(used)
    );
    let draft = finding(bench, &message, (used, ImpactOf::Capacity));
    Some(draft.evidence(cpu.evidence.clone()))
}

/// Returns the value that the warning with this index in the report is about as evidence, or its
/// message if it is about no value.
fn measured(bench: &BenchFacts<'_>, index: usize, warning: &Warning) -> Option<EvidenceItem> {
    let at = |field: &str| {
        let pointer = format!("/warnings/{index}/{field}");
        bench.source.evidence(code_of(warning), &pointer)
    };
    at("value").or_else(|| at("message"))
}

/// Builds the finding about a generator that distorted the results. `lost` is the distorted share,
/// from 0 to 1, of the quantity `of`.
fn finding(bench: &BenchFacts<'_>, messages: &str, (lost, of): (f64, ImpactOf)) -> FindingDraft {
    // A late generator makes the target look slower than it is, so it is information. A generator that could
    // not send more hides how much the target can do, so it is a problem.
    let (kind, title) = match of {
        ImpactOf::Capacity => (
            FindingKind::Problem,
            "The generator was the limit, not the target",
        ),
        _ => (
            FindingKind::Information,
            "The generator sent late: part of the response time is its own, not the target's",
        ),
    };
    bench
        .finding(RULE, kind)
        .says(
            title,
            format!("{}. The target may be faster than was measured.", capitalised(messages)),
        )
        .impact(lost, of)
        .advice(
            &[
                "give the generator a machine of its own, or more threads (--runtime per-core)",
                "or offer less load, and repeat the run",
            ],
            "response times and throughput that are the target's alone",
            "a request that the generator sends late counts as slow, although the target did not delay it",
        )
}

/// Returns the share of `step`, from 0 to 1, that the fault can have distorted, and the quantity of
/// which it is a share.
fn cost(step: &Step, fault: WarningCode) -> (f64, ImpactOf) {
    let measured_ns = step.window.measured_s() * 1e9;
    match fault {
        // How much the target could do with a faster generator was not measured; the generator's CPU use
        // stands for it.
        WarningCode::GeneratorSaturated => (step.generator.cpu_ratio, ImpactOf::Capacity),
        WarningCode::PacingLag => (
            share_of_response(step, |o| o.pacing_lag.as_ref()),
            ImpactOf::ResponseTime,
        ),
        WarningCode::GeneratorStalled => (
            step.generator.worst_stall_ns as f64 / measured_ns,
            ImpactOf::ResponseTime,
        ),
        _ => (
            share_of_response(step, |o| o.backlog.as_ref()),
            ImpactOf::ResponseTime,
        ),
    }
}

/// Returns the share of all response time, from 0 to 1, that was spent in a phase; 0 if no response
/// was timed.
fn share_of_response(step: &Step, phase: fn(&Operation) -> Option<&Histogram>) -> f64 {
    let total = |of: &dyn Fn(&Operation) -> Option<f64>| -> f64 {
        let operations = step.operations.values();
        operations
            .filter_map(|o| Some(of(o)? * o.succeeded as f64))
            .sum()
    };
    let response = total(&|o| Some(o.response.as_ref()?.mean_ns));
    let phase = total(&|o| Some(phase(o)?.mean_ns));
    if response > 0.0 {
        phase / response
    } else {
        0.0
    }
}

/// Returns `text` with its first letter in upper case, as the beginning of a sentence.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Returns the name of the value that caused the warning.
fn code_of(warning: &Warning) -> &'static str {
    match warning.code {
        WarningCode::GeneratorSaturated => "use of the generator's threads",
        WarningCode::PacingLag => "lag of arrivals ÷ response time",
        WarningCode::GeneratorStalled => "longest delay of the generator's heartbeat",
        _ => "arrivals that waited for a place below the cap",
    }
}

#[cfg(test)]
mod tests {
    use bench_report::histogram::recording;
    use test_support::empty_step;

    use super::*;

    fn times(ns: u64) -> Option<Histogram> {
        let mut times = recording();
        times.saturating_record(ns);
        Histogram::from_recording(&times)
    }

    /// Creates a step of 2 s. Three reads take 1 ms each and one write 3 ms, from the time at which they were due.
    /// Each was sent 0.25 ms late, and the reads waited 0.5 ms for a place.
    fn late() -> Step {
        let mut step = empty_step("open");
        step.window.measure_end_ns = 2_000_000_000;
        step.generator.worst_stall_ns = 500_000_000;
        step.generator.cpu_ratio = 0.9;
        for (name, succeeded, response_ns, backlog) in [
            ("read", 3, 1_000_000, times(500_000)),
            ("write", 1, 3_000_000, None),
        ] {
            let operation = Operation {
                attempted: succeeded,
                succeeded,
                response: times(response_ns),
                pacing_lag: times(250_000),
                backlog,
                ..Operation::default()
            };
            step.operations.insert(name.into(), operation);
        }
        step
    }

    #[test]
    fn each_fault_of_the_generator_distorts_a_share_of_its_own() {
        let of_response = ImpactOf::ResponseTime;
        for (fault, share, of) in [
            (WarningCode::GeneratorSaturated, 0.9, ImpactOf::Capacity),
            // Four times 0.25 ms of 3 × 1 + 3 ms.
            (WarningCode::PacingLag, 1.0 / 6.0, of_response),
            // 0.5 s of 2 s.
            (WarningCode::GeneratorStalled, 0.25, of_response),
            // Three times 0.5 ms of 6 ms.
            (WarningCode::InFlightCapReached, 0.25, of_response),
        ] {
            let (lost, of_what) = cost(&late(), fault);
            assert!((lost / share - 1.0).abs() < 0.01, "{fault:?}: {lost}");
            assert_eq!(of_what, of, "{fault:?}");
        }
    }

    #[test]
    fn without_a_response_time_the_generator_lost_none_of_it() {
        let mut step = late();
        for operation in step.operations.values_mut() {
            operation.response = None;
        }
        let (lost, _) = cost(&step, WarningCode::PacingLag);
        assert!(lost.abs() < f64::EPSILON, "{lost}");
    }

    #[test]
    fn each_warning_has_words_of_its_own_for_its_value() {
        for (code, words) in [
            (
                WarningCode::GeneratorSaturated,
                "use of the generator's threads",
            ),
            (WarningCode::PacingLag, "lag of arrivals ÷ response time"),
            (
                WarningCode::GeneratorStalled,
                "longest delay of the generator's heartbeat",
            ),
            (
                WarningCode::InFlightCapReached,
                "arrivals that waited for a place below the cap",
            ),
        ] {
            assert_eq!(code_of(&Warning::new(code, "it was late")), words);
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital_letter() {
        assert_eq!(capitalised("the 4 threads"), "The 4 threads");
        assert_eq!(capitalised("ünder"), "Ünder");
        assert_eq!(capitalised(""), "");
    }
}
