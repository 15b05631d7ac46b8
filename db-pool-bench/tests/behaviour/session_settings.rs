//! Tests that sessions begin with the same settings as those of psql, which uses libpq.

use std::fs;
use std::process::Output;

use test_support::TestDirectory;
use testbed::Postgres;

use crate::common::{PASSWORD, postgres, report, sweep};

const ALL: &str = "wire,direct,deadpool,sqlx";

/// Returns the value that psql shows for `setting` when it connects with these environment
/// variables; `None` if psql fails, for example because it gets no session.
fn of_psql(server: &Postgres, setting: &str, variables: &[(&str, &str)]) -> Option<String> {
    let place = TestDirectory::new();
    let show = format!("SELECT current_setting('{setting}')");
    let output: Output = place
        .command(
            server.bin_dir().join("psql"),
            &["-w", "-At", "-c", &show, server.url()],
        )
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| told.trim_end().to_owned())
}

/// Runs a sweep with `drivers` whose request divides by zero unless `setting` has `value`. Returns
/// the numbers of requests that succeeded and failed, for each step; or the text on stderr if the
/// program cannot run and ends with exit code 1.
fn asked(
    server: &Postgres,
    drivers: &str,
    (setting, value): (&str, &str),
    variables: &[(&str, &str)],
) -> Result<Vec<(u64, u64)>, String> {
    let place = TestDirectory::new();
    let ask = format!("SELECT 1 / (current_setting('{setting}') = '{value}')::int;\n");
    fs::write(place.path().join("ask.sql"), ask).unwrap();
    let output = sweep(
        &place,
        "--script ask.sql --pool-sizes 2 --users 2 --repeats 1 --warmup 0 --duration 200ms",
    )
    .args(["--driver", drivers, "--url", server.url()])
    .envs(variables.iter().copied())
    .output()
    .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    if output.status.code() == Some(1) {
        return Err(said);
    }
    let report = report(&place);
    let steps = report.steps.iter();
    let counts = steps.map(|step| {
        let operations = || step.operations.values();
        (
            operations().map(|o| o.succeeded).sum(),
            operations().map(bench_report::Operation::failures).sum(),
        )
    });
    Ok(counts.collect())
}

#[test]
fn a_session_begins_as_psql_begins_it_on_every_driver() {
    let server = postgres(&[]);
    let in_rome = ("PGOPTIONS", "-c TimeZone=Europe/Rome");
    for (setting, variables) in [
        ("TimeZone", vec![("PGTZ", "Asia/Tokyo")]),
        ("TimeZone", vec![("PGTZ", "<+03>-3")]),
        ("TimeZone", vec![("PGTZ", "Asia/Tokyo"), in_rome]),
        ("TimeZone", vec![("PGTZ", "DEFAULT"), in_rome]),
        ("DateStyle", vec![("PGDATESTYLE", "SQL, DMY")]),
        (
            "DateStyle",
            vec![("PGOPTIONS", r"--datestyle=German -c TimeZone=Asia/Tokyo")],
        ),
        (
            "extra_float_digits",
            vec![("PGOPTIONS", "-cextra_float_digits=0")],
        ),
        ("geqo", vec![("PGGEQO", "off")]),
    ] {
        let value = of_psql(&server, setting, &variables).unwrap();
        let counts = asked(&server, ALL, (setting, &value), &variables).unwrap();
        assert_eq!(counts.len(), ALL.split(',').count());
        for (succeeded, failed) in counts {
            assert!(
                succeeded > 0 && failed == 0,
                "{variables:?}: psql has {value}: {succeeded} succeeded, {failed} failed"
            );
        }
    }
    // The question can tell: with another answer all of them fail.
    let elsewhere = [("PGTZ", "Asia/Tokyo")];
    let counts = asked(&server, ALL, ("TimeZone", "Europe/Rome"), &elsewhere).unwrap();
    assert!(
        counts.iter().all(|(succeeded, _)| *succeeded == 0),
        "{counts:?}"
    );
}

#[test]
fn what_the_server_does_not_know_is_refused_as_it_is_for_psql() {
    let server = postgres(&[]);
    for (variable, value, setting) in [
        ("PGTZ", "Nowhere/At All", "TimeZone"),
        ("PGGEQO", "perhaps", "geqo"),
    ] {
        let variables = [(variable, value)];
        assert_eq!(of_psql(&server, "TimeZone", &variables), None, "{value}");
        let said = asked(&server, "direct", ("TimeZone", "UTC"), &variables).unwrap_err();
        assert!(
            said.contains(setting) && said.contains(variable),
            "the setting, and where it may come from: {said}"
        );
    }
}
