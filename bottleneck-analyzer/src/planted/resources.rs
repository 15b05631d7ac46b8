//! Tests of the table of resources: utilisation, saturation and errors at an operating point.

use super::common::{Plant, Recorded, save};
use super::{assess, assess_at};
use crate::assessment::{Assessment, ComponentKind, ResourceKind, ResourceUse};
use crate::render::terminal;

fn row(assessment: &Assessment, component: ComponentKind, resource: ResourceKind) -> &ResourceUse {
    let mut components = assessment.components.iter();
    let of = components.find(|c| c.component == component).unwrap();
    let mut rows = of.resources.iter();
    rows.find(|row| row.resource == resource).unwrap()
}

#[test]
fn each_resource_has_a_row_with_its_figures_and_their_units() {
    let assessment = assess(&Plant::default());
    let cpu = row(&assessment, ComponentKind::Postgres, ResourceKind::Cpu);
    assert_eq!(cpu.utilisation.shown, "62 % busy");
    assert_eq!(cpu.utilisation.unit.as_deref(), Some("ratio"));
    assert!(!cpu.utilisation.evidence.is_empty());
    let pool = row(&assessment, ComponentKind::Postgres, ResourceKind::Pool);
    assert_eq!(pool.title(), "pool of 8 connections");
    assert_eq!(pool.utilisation.shown, "100 % in use: 8 of 8 connections");
    assert_eq!(pool.saturation.value, Some(0.0));
    let connections = row(
        &assessment,
        ComponentKind::Postgres,
        ResourceKind::Connections,
    );
    assert_eq!(connections.utilisation.shown, "12 of 100 in use at most");
    let thread = row(&assessment, ComponentKind::Redis, ResourceKind::RedisThread);
    assert_eq!(thread.utilisation.shown, "55 % busy");
    let text = terminal::render(&assessment);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("use: CPU of 4 cores 62 % busy, 19 % of the time some task waited for it"),
        "{text}"
    );
}

#[test]
fn the_fuller_direction_of_a_link_is_its_use() {
    let link = |name, ratio| Recorded::flat(name, &[("interface", "eth0")], ratio);
    let assessment = assess(&Plant {
        recorded: vec![
            link("network.receive_used_ratio", 0.1),
            link("network.transmit_used_ratio", 0.4),
        ],
        ..Plant::default()
    });
    let network = row(&assessment, ComponentKind::Postgres, ResourceKind::Network);
    assert_eq!(network.utilisation.shown, "40 % of the link's speed sent");
    assert_eq!(network.thing.as_deref(), Some("eth0"));
}

#[test]
fn a_failure_of_the_pool_is_an_error_of_the_pool_only() {
    let mut report = Plant::default().postgres();
    for step in &mut report.steps {
        for operation in step.operations.values_mut() {
            operation.errors.insert("timeout.wait".into(), 3);
            operation.attempted += 3;
        }
    }
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &report);
    let assessment = assess_at(home.path());
    let errors = |resource| {
        row(&assessment, ComponentKind::Postgres, resource)
            .errors
            .value
    };
    assert_eq!(errors(ResourceKind::Pool), Some(6.0));
    assert_eq!(errors(ResourceKind::Connections), Some(0.0));
}

#[test]
fn without_a_recording_the_machine_s_cells_say_why_they_are_empty() {
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &Plant::default().postgres());
    let assessment = assess_at(home.path());
    for resource in [
        ResourceKind::Cpu,
        ResourceKind::Memory,
        ResourceKind::Disk,
        ResourceKind::Network,
    ] {
        let row = row(&assessment, ComponentKind::Postgres, resource);
        for cell in row.cells() {
            assert!(
                cell.value.is_none() && cell.shown.starts_with("not known: "),
                "{row:?}"
            );
        }
        assert!(
            row.utilisation.shown.contains("was not recorded"),
            "{row:?}"
        );
    }
}
