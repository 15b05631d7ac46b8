//! Tests that every scenario with load keeps the same promises: complete figures of the generator,
//! figures over the time of each step, counts and phases that add up, unanswered requests counted
//! as censored, and a stop rule that ends a step whose server hangs.
//!
//! Nothing depends on the speed of the machine: each run creates a light load, and bounds allow for
//! the generator's own stalls, which it reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod scenarios;

use std::collections::BTreeSet;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use checks::{CHECKS, Check, Observed, RULE, RULE_BOUND, RULE_NOTICES_WITHIN};
use common::{binary, tool};
use nix::sys::signal::Signal;
use scenarios::{KNOWN_GAPS, SCENARIOS, Scenario, WITHOUT_LOAD};
use test_support::{RunningProgram, TestDirectory};
use testbed::{Postgres, PostgresOptions, Redis, RedisOptions, WebSocketServer};

/// Longest time from the end of a step's load to the end of the step, in which requests in flight
/// may finish.
const DRAIN: Duration = Duration::from_secs(8);
/// Time from the first request to the freeze of the server.
const BEFORE_THE_FREEZE: Duration = Duration::from_millis(500);

/// Throwaway server of the kind that a bench needs.
enum Server {
    Postgres(Postgres),
    Redis(Redis),
    WebSocket(WebSocketServer),
}

impl Server {
    fn start(bench: &str) -> Self {
        match bench {
            "db-pool-bench" => {
                Self::Postgres(Postgres::start(&PostgresOptions::default()).unwrap())
            }
            "redis-bench" => Self::Redis(Redis::start(&RedisOptions::default()).unwrap()),
            "ws-bench" => {
                Self::WebSocket(WebSocketServer::start(&binary("ws-bench"), &[]).unwrap())
            }
            other => panic!("no server for {other}"),
        }
    }

    /// Returns the name of the environment variable for the server's URL, and the URL.
    fn address(&self) -> (&'static str, &str) {
        match self {
            Self::Postgres(server) => ("DATABASE_URL", server.url()),
            Self::Redis(server) => ("REDIS_URL", server.url()),
            Self::WebSocket(server) => ("WS_URL", server.url()),
        }
    }

    fn freeze(&self) {
        match self {
            Self::Postgres(server) => server.pause(),
            Self::Redis(server) => server.pause(),
            Self::WebSocket(server) => server.pause(),
        }
    }

    fn thaw(&self) {
        match self {
            Self::Postgres(server) => server.resume(),
            Self::Redis(server) => server.resume(),
            Self::WebSocket(server) => server.resume(),
        }
    }
}

/// Starts the scenario on `server` with the additional flags `further`; it writes its report to
/// `report.json` in `place`.
fn start(
    place: &TestDirectory,
    scenario: &Scenario,
    server: &Server,
    further: &str,
) -> RunningProgram {
    let flags = format!("{} {} {further}", scenario.name, scenario.flags);
    let mut args: Vec<&str> = flags.split_whitespace().collect();
    args.extend(["--output", "report.json"]);
    let (variable, url) = server.address();
    let mark = testbed::token::mark([url]);
    let mut command = tool(place, scenario.bench, &args);
    command.env(variable, url).env(testbed::token::ENV, mark);
    RunningProgram::start(&mut command)
}

fn observe(scenario: &Scenario) -> Observed {
    let server = Server::start(scenario.bench);
    let place = TestDirectory::new();
    let ended = start(&place, scenario, &server, scenario.brief).end();
    assert_eq!(
        ended.code,
        Some(0),
        "{}: {}",
        scenario.full_name(),
        ended.said
    );
    let brief = place.report("report.json");
    let place = TestDirectory::new();
    let long = format!("{} --stop-on {RULE}", scenario.long);
    let mut running = start(&place, scenario, &server, &long);
    running.wait_for(scenario.under_load);
    std::thread::sleep(BEFORE_THE_FREEZE);
    let frozen_ns = monotonic_ns();
    server.freeze();
    let bound = RULE_BOUND + RULE_NOTICES_WITHIN + DRAIN;
    if running.wait_for_within("phase: save", bound).is_none() {
        running.signal(Signal::SIGINT);
        running.wait_for("phase: save");
    }
    server.thaw();
    let ended = running.end();
    assert!(
        !ended.said.contains("panicked"),
        "{}: {}",
        scenario.full_name(),
        ended.said
    );
    Observed {
        brief,
        hung: place.report("report.json"),
        frozen_ns,
    }
}

/// Returns a sentence for each check that fails and is no known gap, and for each known gap whose
/// check passes.
fn complaints(scenario: &Scenario, observed: &Observed) -> Vec<String> {
    let full_name = scenario.full_name();
    let complaint = |(name, check): &(&str, Check)| {
        let known = |(of, gap, _): &&(&str, &str, &str)| *of == full_name && gap == name;
        let gap = KNOWN_GAPS.iter().find(known);
        match (check(observed), gap) {
            (Ok(()), None) | (Err(_), Some(_)) => None,
            (Err(why), None) => Some(format!("{full_name}: {name}: {why}")),
            (Ok(()), Some((_, _, missing))) => Some(format!(
                "{full_name}: {name}: the gap has closed, take it from the list ({missing})"
            )),
        }
    };
    CHECKS.iter().filter_map(complaint).collect()
}

#[test]
fn every_scenario_keeps_the_promises_of_all() {
    // One thread for each server that runs at a time: four runs share the machine.
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let lanes = [0, 1, 2, 3].map(|lane| {
            scope.spawn(move || -> Vec<String> {
                let scenarios = SCENARIOS.iter().skip(lane).step_by(4);
                scenarios
                    .flat_map(|scenario| complaints(scenario, &observe(scenario)))
                    .collect()
            })
        });
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().unwrap())
            .collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Every subcommand either creates load and is in `SCENARIOS`, or creates none. `plimsoll list`
/// must name the former, and known gaps must be of scenarios and checks that exist.
#[test]
fn every_scenario_has_a_row() {
    let place = TestDirectory::new();
    let rows: BTreeSet<String> = SCENARIOS.iter().map(Scenario::full_name).collect();
    let benches: BTreeSet<&str> = SCENARIOS.iter().map(|row| row.bench).collect();
    let mut found = BTreeSet::new();
    for bench in benches {
        let help = printed(&place, bench, "--help");
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = commands.map_while(|line| line.split_whitespace().next());
        found.extend(names.map(|name| match name {
            "help" => name.to_owned(),
            name => format!("{bench} {name}"),
        }));
    }
    found.retain(|name| !WITHOUT_LOAD.contains(&name.as_str()));
    assert_eq!(found, rows);
    let list = printed(&place, "plimsoll", "list");
    for row in &rows {
        assert!(list.contains(row), "{row}: {list}");
    }
    for (scenario, check, _) in KNOWN_GAPS {
        assert!(rows.contains(scenario), "{scenario}");
        assert!(CHECKS.iter().any(|(name, _)| *name == check), "{check}");
    }
}

fn printed(place: &TestDirectory, program: &str, arg: &str) -> String {
    let output = tool(place, program, &[arg]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
