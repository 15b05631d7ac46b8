//! Short sweep of a server that is reached by a given address and environment variables.

use std::fs;

use bench_report::Report;
use test_support::TestDirectory;

use crate::common::{PASSWORD, REPORT, report, sweep};

const SHORT: &str =
    "--pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 200ms --workload read-heavy";

/// Runs a short sweep at `url` with these drivers and environment variables. Returns its report, or
/// the text on stderr if the exit code is not 0. Panics if the password is shown, or if a step has
/// no success or an error.
pub(crate) fn tried(
    url: &str,
    drivers: &str,
    variables: &[(&str, &str)],
) -> Result<Report, String> {
    let place = TestDirectory::new();
    let mut command = sweep(&place, SHORT);
    command
        .args(["--driver", drivers, "--url", url])
        .env("HOME", place.path());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    if output.status.code() != Some(0) {
        return Err(said);
    }
    assert!(
        !fs::read_to_string(place.path().join(REPORT))
            .unwrap()
            .contains(PASSWORD)
    );
    let report = report(&place);
    for step in &report.steps {
        assert!(
            step.throughput_per_s() > 0.0,
            "{}: {:?}",
            step.name,
            step.end
        );
        assert_eq!(
            step.error_ratio(),
            Some(0.0),
            "{}: {:?}",
            step.name,
            step.failures
        );
    }
    Ok(report)
}

pub(crate) fn tls(report: &Report) -> &str {
    report.config["tls"].as_str().unwrap()
}
