//! Test of a sweep with the bare protocol.

use bench_report::{Histogram, Status};
use test_support::TestDirectory;

use crate::common::{PASSWORD, Talk, postgres, report, sweep};

#[test]
fn the_phases_add_up_without_a_driver_too() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let args = "--driver wire --pool-sizes 4 --rate 400 --pacing poisson --repeats 1 --warmup 100ms --duration 1s";
    let output = sweep(&place, args)
        .env("DATABASE_URL", server.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = report(&place);
    assert_eq!(report.status, Status::Complete, "{said}");
    assert!(!said.contains(PASSWORD));
    let mean = |histogram: &Option<Histogram>| histogram.as_ref().map_or(0.0, |h| h.mean_ns);
    for operation in report.steps[0].operations.values() {
        assert!(operation.succeeded > 0 && operation.errors.is_empty());
        let parts = mean(&operation.pacing_lag) + mean(&operation.backlog) + mean(&operation.call);
        assert!((parts / mean(&operation.response) - 1.0).abs() < 0.005);
        assert!(operation.checkout.is_none(), "there is no pool");
    }
    Talk::to(server.url()).assert_nothing_is_left();
}
