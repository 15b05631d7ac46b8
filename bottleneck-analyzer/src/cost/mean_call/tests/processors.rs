//! Tests of the processors that calls may use, by the CPU use of their step.

use super::super::Processors;
use crate::core_limit::{CoreLimit, CoreLimitKind};
use crate::series_reading::SeriesReading;
use crate::step_cpu_use::StepCpuUse;

fn reading(mean: f64) -> SeriesReading {
    SeriesReading {
        series: 0,
        mean,
        max: mean,
        samples: 10,
        covered_ns: 1,
        typical: 0,
        peak: 0,
    }
}

/// Creates the CPU use of a step on four cores. The generator uses an eighth of them.
fn cpu_use(busy: f64, server_ratio: Option<f64>) -> StepCpuUse {
    StepCpuUse {
        cores: 4.0,
        limit: None,
        busy: reading(busy),
        stolen: None,
        server_ratio,
        generator_ratio: 0.125,
        evidence: Vec::new(),
    }
}

#[test]
fn processors_are_those_of_the_machine_less_what_others_and_the_hypervisor_take() {
    let of = |cpu: &StepCpuUse| {
        let processors = Processors::of(cpu).unwrap();
        let Processors { count, busy, .. } = processors;
        [count, busy, processors.ours, processors.left_for_us].map(|n| (n * 1e3) as u64)
    };
    // Of three busy cores, 2.5 are the server's and the generator's, and half a core is that of others.
    let known = cpu_use(0.75, Some(0.5));
    assert_eq!(of(&known), [4_000, 3_000, 2_500, 3_500]);
    let stolen = StepCpuUse {
        stolen: Some(reading(0.25)),
        ..known
    };
    assert_eq!(of(&stolen), [4_000, 3_000, 2_500, 2_500]);
    // Without the server's use, what is idle is left for it.
    assert_eq!(of(&cpu_use(0.75, None)), [4_000, 3_000, 3_000, 4_000]);
}

#[test]
fn a_limit_on_the_cores_counts_where_it_is_used_up_first() {
    // Server and generator use 1.5 of the two cores that they share.
    let limited = |busy: f64| {
        let shared = CoreLimit {
            cores: 2.0,
            kind: CoreLimitKind::SharedAffinity,
            evidence: None,
        };
        Processors::of(&StepCpuUse {
            limit: Some(shared),
            ..cpu_use(busy, Some(0.25))
        })
    };
    let two = Processors {
        count: 2.0,
        busy: 1.5,
        ours: 1.5,
        left_for_us: 2.0,
    };
    assert_eq!(limited(0.5), Some(two));
    let four = Processors {
        count: 4.0,
        busy: 3.5,
        ours: 1.5,
        left_for_us: 2.0,
    };
    assert_eq!(limited(0.875), Some(four));
}
