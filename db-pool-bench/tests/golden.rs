//! Reports of each scenario as they were written once: they must stay readable, with what they say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use bench_report::{Report, Status, store};

fn golden(scenario: &str) -> Report {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/examples/scenarios");
    let report = store::load(&place.join(format!("db-pool-bench.{scenario}.json"))).unwrap();
    assert_eq!(report.file_stem(), format!("db-pool-bench.{scenario}"));
    assert_eq!(report.status, Status::Complete);
    report
}

#[test]
fn a_report_of_scale_says_where_waiting_began_and_how_many_users_are_in_time() {
    let report = golden("scale");
    let figures = &report.summary.figures;
    assert!((figures["deadpool.wait_begins_users"] - 8.0).abs() < f64::EPSILON);
    assert!(figures["deadpool.little_discrepancy_ratio"].abs() < 0.05);
    let most = &report.summary.recommendations[0];
    assert_eq!(most.parameter, "users");
    let checkout = |step: &bench_report::Step| {
        let mean = |o: &bench_report::Operation| o.checkout.as_ref().unwrap().mean_ns;
        step.operations.values().map(mean).fold(0.0, f64::max)
    };
    let at = |users: f64| {
        let mut steps = report.steps.iter();
        steps.find(|s| s.parameter("users") == Some(users)).unwrap()
    };
    assert!(checkout(at(8.0)) > 10.0 * checkout(at(2.0)));
}

#[test]
fn a_report_of_exhaust_names_the_deadlock_and_what_the_server_saw_of_it() {
    let report = golden("exhaust");
    assert!(
        report
            .summary
            .headline
            .contains("nested-checkout deadlock")
    );
    let held = &report.steps[1];
    assert_eq!(held.parameters["part"].to_string(), "held");
    assert!(held.figures["deadlock.times"] >= 1.0);
    let waiting: u64 = held.operations.values().map(|o| o.failures()).sum();
    assert!(waiting > 0, "users gave up meanwhile");
    // Taken out and doing nothing: that is how a deadlock in the client looks from the server.
    let server = &held.server.as_ref().unwrap().figures;
    assert!(server["sessions.idle_mean"] > server["sessions.cpu_mean"]);
}

#[test]
fn a_report_of_lifecycle_names_the_processes_that_never_came_back() {
    let report = golden("lifecycle");
    assert!(report.summary.headline.contains("leak: 2 of 8"));
    let last = report.steps.last().unwrap();
    let named = last.figures.keys().filter(|name| name.contains("pid_"));
    assert_eq!(named.count(), 2);
    assert!(report.summary.figures["connect.login_ns"] > 0.0);
}
