//! Test that every threshold decides something: some run is judged differently at one end of the threshold's
//! range.

use std::path::Path;

use bench_report::{Report, Step};
use serde_json::Value;

use super::common::server::Server;
use super::common::{Plant, held_for, save};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli};

/// Value above every figure of a run; used for thresholds that are not shares.
const HIGH: f64 = 1e12;

fn run_of(reports: &[Report]) -> RunReports {
    let home = tempfile::tempdir().unwrap();
    for report in reports {
        save(home.path(), report);
    }
    RunReports::load(&[home.path().to_owned()]).unwrap()
}

/// Returns a healthy Redis run after `plant` changed its steps.
fn redis(plant: impl Fn(&mut Step)) -> Report {
    let mut report = Plant::default().redis();
    for step in &mut report.steps {
        plant(step);
    }
    report
}

/// Returns runs of which one at least has a figure near, above or below each threshold.
fn runs() -> Vec<RunReports> {
    let healthy = Plant::default();
    let sick = Plant {
        cpu: (0.95, 0.30, 0.35),
        outsider: Some(("backup".to_owned(), 1.0)),
        steal: 0.08,
        memory: 0.9,
        memory_pressure: 0.2,
        swap_in: 4e6,
        evicted: 0.5,
        connections: (75.0, 100.0),
        multiplexed_gain: 1.4,
        ..Plant::default()
    };
    let plants = [healthy, sick].map(|plant| {
        run_of(&[
            plant.postgres(),
            plant.redis(),
            plant.websocket(),
            plant.sysmon(),
        ])
    });
    let evictions = redis(|step| {
        let figures = &mut step.server.as_mut().unwrap().figures;
        figures.insert("evicted_keys".into(), 900.0);
    });
    let servers = [
        Server {
            waits: vec![("Lock.transactionid", 0.3), ("LWLock.WALWrite", 0.1)],
            ..Server::default()
        },
        Server {
            waits: vec![("LWLock.LockManager", 0.3), ("IO.DataFileRead", 0.2)],
            ..Server::default()
        },
        Server {
            waits: vec![("IO.WalSync", 0.3), ("IO.DataFileRead", 0.3)],
            ..Server::default()
        },
    ];
    let long = held_for(Plant::default().postgres(), 60);
    let servers = servers.map(|server| run_of(&server.run()));
    plants
        .into_iter()
        .chain(servers)
        .chain([run_of(&[evictions]), run_of(&[long])])
        .collect()
}

/// Returns the assessment of a run as JSON, without the thresholds that it lists.
fn conclusions(run: &RunReports, thresholds: &Thresholds) -> Value {
    let assessment = analysis::assess(run, thresholds, cli::tool());
    let mut value = serde_json::to_value(assessment).unwrap();
    value.as_object_mut().unwrap().remove("thresholds");
    value
}

fn with(path: &Path, section: &str, name: &str, value: &str) -> Thresholds {
    std::fs::write(path, format!("[{section}]\n{name} = {value}\n")).unwrap();
    Thresholds::load(Some(path)).unwrap()
}

#[test]
fn every_threshold_decides_something() {
    let runs = runs();
    let shipped = Thresholds::load(None).unwrap();
    let judged = runs.into_iter().map(|run| {
        let usual = conclusions(&run, &shipped);
        (run, usual)
    });
    let judged: Vec<_> = judged.collect();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    let table: toml::Table = include_str!("../../thresholds.toml").parse().unwrap();
    let mut without_effect = Vec::new();
    for (section, values) in &table {
        for (name, value) in values.as_table().into_iter().flatten() {
            let ends = match value {
                toml::Value::Integer(_) => ["0".to_owned(), "1000000000".to_owned()],
                _ if name.ends_with("_ratio") => ["0.0".to_owned(), "1.0".to_owned()],
                _ => ["0.0".to_owned(), format!("{HIGH:.1}")],
            };
            let decides = ends.iter().any(|end| {
                let thresholds = with(&file, section, name, end);
                let mut judged = judged.iter();
                judged.any(|(run, usual)| conclusions(run, &thresholds) != *usual)
            });
            if !decides {
                without_effect.push(format!("{section}.{name}"));
            }
        }
    }
    assert_eq!(without_effect, Vec::<String>::new());
}
