//! Test that every threshold decides something: some run is judged differently at one end of the threshold's
//! range.

use std::path::Path;

use bench_report::{PoolUsage, Report, Step};
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
    let failing = [0.03, 0.3].map(|errors| {
        let plant = Plant {
            errors,
            connections: (95.0, 100.0),
            ..Plant::default()
        };
        run_of(&[plant.postgres()])
    });
    plants
        .into_iter()
        .chain(servers)
        .chain(failing)
        .chain([run_of(&[evictions]), run_of(&[long])])
        .chain([run_of(&[slow_and_refused()]), run_of(&[pooled()])])
        .collect()
}

/// Returns a run of a WebSocket server with echoes of 3 s, of whose connections 18 % are refused.
fn slow_and_refused() -> Report {
    let mut report = Plant::default().websocket();
    for step in &mut report.steps {
        let connect = step.operations.get_mut("connect").unwrap();
        connect.errors = [("refused".to_owned(), connect.succeeded / 5)].into();
        connect.attempted = connect.succeeded + connect.failures();
        let echo = step.operations.get_mut("echo").unwrap();
        echo.call = super::common::hist(3e9, 8_000);
    }
    report
}

/// Returns a run of a pool of which 80 % was in use.
fn pooled() -> Report {
    let mut report = Plant::default().postgres();
    for step in &mut report.steps {
        step.pool = Some(PoolUsage {
            max_size: 10,
            in_use_mean: 8.0,
            samples: 100,
            ..PoolUsage::default()
        });
    }
    report
}

/// Returns the assessment of a run as JSON, without the thresholds that it lists.
fn conclusions(run: &RunReports, thresholds: &Thresholds) -> Value {
    let assessment = analysis::assess(run, thresholds, cli::tool());
    let mut value = serde_json::to_value(assessment).unwrap();
    value.as_object_mut().unwrap().remove("thresholds");
    value
}

/// Returns the shipped thresholds with one value changed; `None` if the value is refused, as one past
/// the next band is.
fn with(path: &Path, section: &str, name: &str, value: &str) -> Option<Thresholds> {
    std::fs::write(path, format!("[{section}]\n{name} = {value}\n")).unwrap();
    Thresholds::load(Some(path)).ok()
}

/// Returns values at the ends of a threshold's range, and nearer ones.
fn ends(name: &str, value: &toml::Value) -> Vec<String> {
    let Some(value) = value.as_float() else {
        return ["0", "1", "1000000000"].map(str::to_owned).into();
    };
    let highest = if name.ends_with("_ratio") { 1.0 } else { HIGH };
    let nearer = [value / 2.0, (value * 1.2).min(highest)];
    let ends = [0.0, 1e-6, highest].into_iter().chain(nearer);
    ends.map(|end| format!("{end:.6}")).collect()
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
    let sections = table.iter().filter(|(name, _)| *name != "profiles");
    for (section, values) in sections {
        for (name, value) in values.as_table().into_iter().flatten() {
            let mut ends = ends(name, value).into_iter();
            let decides = ends.any(|end| {
                let Some(thresholds) = with(&file, section, name, &end) else {
                    return false;
                };
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
