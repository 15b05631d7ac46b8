//! Tests of which gate is judged on what: settings, repeats, precedence, profiles and bands.

use bench_report::{Warning, WarningCode};

use super::super::common::{Plant, hist};
use super::super::gate;
use super::requests::open_load;
use super::{POSTGRES, judged, judged_by, judged_under, outcome, reason};
use crate::assessment::GateOutcome::{Fail, Pass, Unknown};
use crate::assessment::{BandLevel, ComponentKind, GateOrigin};

#[test]
fn a_gate_on_what_the_run_does_not_hold_is_unknown_and_not_passed() {
    let run = [Plant::default().postgres()];
    for about in [
        "component = \"redis\"",
        "scenario = \"scale\"",
        "operation = \"none\"",
        "component = \"postgres\"\nsetting = { pool_size = 3 }",
    ] {
        let gate = judged(&run, "p99 < 10s", about);
        assert_eq!(gate.outcome, Unknown, "{about}");
        assert!(gate.reason.is_some());
    }
}

#[test]
fn a_setting_is_judged_wherever_the_operating_point_lies() {
    let mut run = [Plant::default().postgres()];
    let about = format!("{POSTGRES}\nsetting = {{ driver = \"sqlx\", pool_size = 2 }}");
    assert_eq!(outcome(&run, "p90 < 1s", &about), Pass);
    let slow = |step: &mut bench_report::Step| {
        if step.name == "sqlx, pool of 2" {
            let read = step.operations.get_mut("read").unwrap();
            read.call = hist(3e9, read.succeeded);
        }
    };
    run[0].steps.iter_mut().for_each(slow);
    let gate = judged(&run, "p90 < 1s", &about);
    assert_eq!(gate.outcome, Fail);
    assert!(
        gate.requirement.contains("at driver sqlx, pool size 2"),
        "{gate:?}"
    );
    assert_eq!(outcome(&run, "p90 < 1s", POSTGRES), Pass);
}

#[test]
fn the_repeats_that_break_a_bound_are_counted() {
    let mut run = [Plant::default().postgres()];
    let third = run[0].steps[4].clone();
    run[0].steps.insert(4, third);
    run[0].summary.recommendations.clear();
    for index in [4, 6] {
        let read = run[0].steps[index].operations.get_mut("read").unwrap();
        read.call = hist(3e9, read.succeeded);
        read.throughput_per_s *= 2.0;
    }
    let gate = judged(&run, "p90 < 1s", POSTGRES);
    let repeats = gate.repeats.unwrap();
    assert_eq!(
        (gate.outcome, repeats.broken, repeats.judged),
        (Fail, 2, 3),
        "{gate:?}"
    );
    assert_eq!(reason(&gate), "in 2 of 3 repeats");
}

#[test]
fn a_spoiled_figure_is_unknown_in_gates_of_every_kind() {
    let mut report = open_load(0.6);
    let mut warning = Warning::new(WarningCode::GeneratorSaturated, "the generator was full");
    warning.spoils.push("/steps".into());
    report.warnings.push(warning);
    let run = [report];
    for bound in [
        "p50 < 1us",
        "mean < 1us",
        "max < 1us",
        "throughput > 9k/s",
        "carried >= 80%",
    ] {
        let gate = judged(&run, bound, POSTGRES);
        assert_eq!(
            (gate.outcome, reason(&gate)),
            (Unknown, "a warning spoils the figure")
        );
    }
}

#[test]
fn a_more_specific_gate_takes_the_place_of_a_less_specific_one() {
    let run = [Plant::default().postgres(), Plant::default().redis()];
    let text = r#"
        [[gate]]
        bound = "p90 < 1us"
        [[gate]]
        bound = "p90 < 1s"
        component = "postgres"
        [[gate]]
        bound = "p90 < 2s"
        component = "postgres"
        scenario = "sweep"
    "#;
    let assessment = judged_by(&run, text);
    let of = |name: &str| gate(&assessment, name);
    let specific = of("postgres.sweep.p90");
    assert!((specific.threshold - 2e9).abs() < 1.0, "{specific:?}");
    assert_eq!(
        (specific.outcome, specific.origin),
        (Pass, GateOrigin::Thresholds)
    );
    let general = of("redis.cache.p90");
    assert_eq!(
        (general.outcome, general.origin),
        (Fail, GateOrigin::Thresholds)
    );
    assert_eq!(of("postgres.sweep.errors").origin, GateOrigin::Shipped);
    let p90 = assessment.gates.iter().filter(|g| g.name.ends_with("p90"));
    assert_eq!(p90.count(), 2);
}

#[test]
fn an_operation_with_a_gate_of_its_own_is_left_out_of_the_gate_on_all() {
    let mut run = [Plant::default().postgres()];
    for step in &mut run[0].steps {
        let write = step.operations.get_mut("write").unwrap();
        write.call = hist(1e9, write.succeeded);
    }
    let shipped = judged_by(&run, "");
    assert_eq!(gate(&shipped, "postgres.sweep.p90").outcome, Fail);
    let text = "[[gate]]\nbound = \"p90 < 5s\"\noperation = \"write\"\n";
    let own = judged_by(&run, text);
    assert_eq!(gate(&own, "postgres.sweep.p90").outcome, Pass);
    assert_eq!(gate(&own, "postgres.sweep.write.p90").outcome, Pass);
}

#[test]
fn a_requirement_with_an_id_judges_operations_that_have_gates_of_their_own_as_well() {
    let mut run = [Plant::default().postgres()];
    for step in &mut run[0].steps {
        let write = step.operations.get_mut("write").unwrap();
        write.call = hist(1e9, write.succeeded);
    }
    // Nine tenths of the writes take up to 1.52 s.
    let text = r#"
        [[gate]]
        bound = "p90 < 5s"
        operation = "write"
        [[gate]]
        id = "9.4"
        bound = "p90 < 1s"
        [[gate]]
        bound = "p90 < 900ms"
    "#;
    let assessment = judged_by(&run, text);
    for (name, wanted) in [
        ("postgres.sweep.write.p90", Pass),
        ("postgres.sweep.p90.9.4", Fail),
        ("postgres.sweep.p90", Pass),
    ] {
        assert_eq!(gate(&assessment, name).outcome, wanted, "{name}");
    }
}

#[test]
fn a_requirement_with_an_id_is_shown_everywhere_and_never_dropped() {
    let run = [Plant::default().postgres()];
    let text = r#"
        [[gate]]
        id = "9.3"
        title = "responses under 5 s"
        bound = "p99 < 1us"
        [[gate]]
        bound = "p99 < 9s"
        component = "postgres"
    "#;
    let assessment = judged_by(&run, text);
    let broken = gate(&assessment, "postgres.sweep.p99.9.3");
    assert_eq!((broken.id.as_deref(), broken.outcome), (Some("9.3"), Fail));
    assert_eq!(gate(&assessment, "postgres.sweep.p99").outcome, Pass);
    let told = "9.3 responses under 5 s: p99 below";
    assert!(
        assessment.verdict.reasons[0].contains(told),
        "{:?}",
        assessment.verdict
    );
    let shown = crate::render::terminal::render(&assessment);
    let joined: Vec<&str> = shown.split_whitespace().collect();
    assert!(joined.join(" ").contains(told), "{shown}");
}

#[test]
fn a_profile_past_normal_is_judged_by_its_own_expectations() {
    let failing = [Plant {
        errors: 0.1,
        ..Plant::default()
    }
    .postgres()];
    let shipped = judged_by(&failing, "");
    assert_eq!(gate(&shipped, "postgres.sweep.errors").outcome, Fail);
    let stress = judged_under(&failing, "", Some("stress"));
    let names: Vec<&str> = stress.gates.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "postgres.sweep.successful.stress",
            "postgres.sweep.p95.stress"
        ]
    );
    assert!(
        stress
            .gates
            .iter()
            .all(|g| g.outcome == Pass && g.origin == GateOrigin::Profile)
    );
    // Under the load of every day the objectives hold as well.
    let normal = judged_under(&failing, "", Some("normal"));
    assert_eq!(gate(&normal, "postgres.sweep.errors").outcome, Fail);
    assert_eq!(
        gate(&normal, "postgres.sweep.successful.normal").outcome,
        Fail
    );
    // A spike that was never made is not a recovery.
    let spike = judged_under(&failing, "", Some("spike"));
    assert_eq!(
        gate(&spike, "postgres.sweep.recovery.spike").outcome,
        Unknown
    );
    let endurance = judged_under(&failing, "", Some("endurance"));
    assert_eq!(
        gate(&endurance, "machine.memory_growth.endurance").outcome,
        Unknown
    );
    let own = "[profiles.stress]\nexpect = [\"success > 95%\"]\n";
    let own = judged_under(&failing, own, Some("stress"));
    assert_eq!(gate(&own, "postgres.sweep.successful.stress").outcome, Fail);
}

#[test]
fn a_finding_judges_by_the_bound_of_the_gate() {
    let slow = [Plant {
        service_ns: 6e8,
        users: 64,
        ..Plant::default()
    }
    .postgres()];
    let slow = slow.map(|mut report| {
        for step in &mut report.steps {
            for operation in step.operations.values_mut() {
                operation.call = hist(9e8, 1_000);
            }
        }
        report
    });
    let failing = [Plant {
        errors: 0.1,
        ..Plant::default()
    }
    .postgres()];
    let found = |run, text: &str, profile, rule| {
        let assessment = judged_under(run, text, profile);
        super::super::named(&assessment).contains(&rule)
    };
    let (late, failed) = ("latency_past_objective", "errors_past_objective");
    assert!(found(&slow, "", None, late) && found(&failing, "", None, failed));
    let own = "[[gate]]\nbound = \"p90 < 9s\"\ncomponent = \"postgres\"\n";
    assert!(!found(&slow, own, None, late));
    let other = "[[gate]]\nbound = \"p90 < 9s\"\ncomponent = \"redis\"\n";
    assert!(found(&slow, other, None, late));
    assert!(!found(&slow, "", Some("stress"), late));
    assert!(!found(&failing, "", Some("stress"), failed));
    let success = "[[gate]]\nbound = \"success > 80%\"\n";
    assert!(!found(&failing, success, None, failed));
}

#[test]
fn each_figure_has_its_band() {
    let band_of = |plant: &Plant, figure: &str| {
        let run = [plant.postgres(), plant.sysmon()];
        let assessment = judged_by(&run, "");
        let found = assessment.bands.iter().find(|b| b.figure == figure);
        found.unwrap().level
    };
    for (errors, wanted) in [
        (0.0, BandLevel::Good),
        (0.03, BandLevel::Acceptable),
        (0.1, BandLevel::Warning),
        (0.3, BandLevel::Critical),
    ] {
        let plant = Plant {
            errors,
            ..Plant::default()
        };
        assert_eq!(band_of(&plant, "errors"), wanted, "{errors}");
    }
    for (busy, wanted) in [
        (0.4, BandLevel::Good),
        (0.8, BandLevel::Warning),
        (0.95, BandLevel::Critical),
    ] {
        let plant = Plant {
            cpu: (busy, 0.3, 0.1),
            ..Plant::default()
        };
        assert_eq!(band_of(&plant, "cpu"), wanted, "{busy}");
    }
    let few = Plant {
        service_ns: 9e8,
        ..Plant::default()
    };
    assert_eq!(band_of(&few, "p90"), BandLevel::Unknown);
    let machine = judged_by(&[Plant::default().sysmon()], "");
    assert!(
        machine
            .bands
            .iter()
            .all(|b| b.component == ComponentKind::Machine)
    );
}
