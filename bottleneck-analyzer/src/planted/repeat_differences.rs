//! Tests of repeats that disagree, and of the recovery from a spike.

use bench_report::{CurveUnit, SpikeRecovery, StepCurve};

use super::common::server::Server;
use super::{assess_reports, finding, is_unknown};
use crate::assessment::Assessment;

/// Assesses three repeats, of which the second carries `slower` less, after a checkpoint.
fn with_slower(slower: f64) -> Assessment {
    assess_reports(&Server::default().run_with(|repeat, step| {
        let server = step.server.as_mut().unwrap();
        let count = if repeat == 1 { 2.0 } else { 0.0 };
        server
            .figures
            .insert("checkpointer.requested".into(), count);
        if repeat == 1 {
            for operation in step.operations.values_mut() {
                operation.throughput_per_s *= 1.0 - slower;
            }
        }
    }))
}

#[test]
fn repeats_that_disagree_are_told_with_what_else_differed() {
    let assessment = with_slower(0.4);
    let found = finding(&assessment, "repeats_disagree").unwrap();
    assert!(
        found.title.contains("1.20 k/s in repeat 2, 40 % less"),
        "{}",
        found.title
    );
    assert!(
        found
            .detail
            .contains("requested checkpoints: 2 in the worse one, none in the other"),
        "{}",
        found.detail
    );
    let agree = with_slower(0.05);
    assert!(finding(&agree, "repeats_disagree").is_none());
    assert!(agree.ruled_out.iter().any(|r| r.rule == "repeats_disagree"));
}

/// Assesses three repeats with a spike and this recovery from it.
fn recovered(recovery: &SpikeRecovery) -> Assessment {
    assess_reports(&Server::default().run_with(|_, step| {
        step.curve = Some(StepCurve {
            unit: CurveUnit::Users,
            written: "spike:4,40/1s".into(),
            first: 4.0,
            peak: 40.0,
            spawn_per_s: None,
            changes: Vec::new(),
            recovery: Some(recovery.clone()),
        });
    }))
}

#[test]
fn a_recovery_is_told_with_its_time_and_none_is_told_as_none() {
    let back = SpikeRecovery {
        base_p99_ns: Some(2_000_000),
        after_ns: Some(3_400_000_000),
        measured_ns: 20_000_000_000,
        ..SpikeRecovery::default()
    };
    let assessment = recovered(&back);
    let found = finding(&assessment, "spike_recovery").unwrap();
    assert!(
        found
            .title
            .starts_with("The target recovers from the spike"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("base of 2.00 ms after 3.40 s"),
        "{}",
        found.detail
    );
    let never = SpikeRecovery {
        after_ns: None,
        ..back.clone()
    };
    let assessment = recovered(&never);
    let found = finding(&assessment, "spike_recovery").unwrap();
    assert!(found.title.contains("does not recover"), "{}", found.title);
    assert!(
        found.detail.contains("within the 20.0 s measured"),
        "{}",
        found.detail
    );
    let unknown = SpikeRecovery {
        unknown: Some("too few requests before the spike".into()),
        ..never
    };
    assert!(is_unknown(&recovered(&unknown), "spike_recovery"));
}
