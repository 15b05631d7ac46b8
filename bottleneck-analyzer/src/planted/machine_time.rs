//! Tests of the machine's time model: the CPU by owner adds up, and the other resources stand beside it.

use crate::assessment::{Assessment, ComponentKind, TimeModel};

use super::common::server::Server;
use super::{assess_reports, factor};

fn model(assessment: &Assessment) -> Option<&TimeModel> {
    let mut all = assessment.components.iter();
    let machine = all.find(|c| c.component == ComponentKind::Machine)?;
    machine.time_model.as_ref()
}

#[test]
fn the_cpu_of_the_machine_is_divided_by_owner_and_adds_up() {
    let assessment = assess_reports(
        &Server {
            cpu: (0.90, 0.475, 0.125),
            outsider: Some(("report.py", 1.2)),
            ..Server::default()
        }
        .run(),
    );
    let model = model(&assessment).unwrap();
    // Four cores have four seconds of CPU time in a second.
    assert!((model.whole_ns - 4e9).abs() < 1.0);
    let sum: f64 = model.parts.iter().map(|part| part.ns).sum();
    assert!((sum / model.whole_ns - 1.0).abs() < 1e-6, "{model:?}");
    for (name, cores) in [
        ("server", 1.9),
        ("generator", 0.5),
        ("others.report.py", 1.2),
        ("idle", 0.4),
    ] {
        let part = model
            .part(name)
            .unwrap_or_else(|| panic!("{name}: {model:?}"));
        assert!((part.ns / 1e9 - cores).abs() < 0.05, "{name}: {part:?}");
        assert!(name == "generator" || !part.evidence.is_empty(), "{name}");
    }
    let notes = model.notes.join(" ");
    for told in ["in programs 63 %", "in the kernel 27 %", "memory used 35 %"] {
        assert!(notes.contains(told), "{told}: {notes}");
    }
    assert_ne!(factor(&assessment, ComponentKind::Machine), "inconclusive");
}

#[test]
fn a_machine_that_was_not_recorded_at_the_operating_point_has_no_model() {
    let mut reports = Server::default().run();
    for series in &mut reports[1].series {
        if series.name == "cpu.busy_ratio" {
            series.name = "cpu.something_else".to_owned();
        }
    }
    assert_eq!(model(&assess_reports(&reports)), None);
}
