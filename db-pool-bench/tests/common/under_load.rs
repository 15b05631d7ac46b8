//! A load of 3 s on a server of the test's own, and what the step's evidence holds afterwards.
#![allow(dead_code)] // Each test file uses its part.

use bench_report::{EvidenceRow, ServerEvidence};
use test_support::{RunningProgram, TestDirectory};

use crate::common::{Talk, report, sweep};
use crate::scripting::write;

/// Runs `script` for 3 s with four users on the server at `url`, and calls `beside` as soon as the
/// step is being measured. Returns the evidence of that step.
pub(crate) fn under_load(url: &str, script: &str, beside: impl FnOnce()) -> ServerEvidence {
    let place = TestDirectory::new();
    write(&place, "load.sql", script);
    let args = "--script load.sql --driver deadpool --pool-sizes 4 --users 4 --repeats 1 \
                --warmup 0 --duration 3s";
    let mut running = RunningProgram::start(sweep(&place, args).env("DATABASE_URL", url));
    running.wait_for("phase: measure");
    beside();
    let end = running.end();
    assert_eq!(end.code, Some(0), "{end:?}");
    report(&place).steps[0].server.clone().unwrap()
}

pub(crate) fn table<'e>(evidence: &'e ServerEvidence, name: &str) -> &'e [EvidenceRow] {
    let rows = evidence.tables.get(name);
    rows.unwrap_or_else(|| panic!("no table {name}: {:?}", evidence.unavailable))
}

/// Returns the first row of the table `of` whose label `label` contains `text`. Panics if there is
/// none.
pub(crate) fn row<'e>(
    evidence: &'e ServerEvidence,
    of: &str,
    label: &str,
    text: &str,
) -> &'e EvidenceRow {
    let rows = table(evidence, of);
    let found = rows.iter().find(|row| row.labels[label].contains(text));
    found.unwrap_or_else(|| panic!("no {text} in {of}: {rows:#?}"))
}

pub(crate) fn version(talk: &Talk) -> i64 {
    talk.names("SELECT current_setting('server_version_num')")[0]
        .parse::<i64>()
        .unwrap()
        / 10_000
}

pub(crate) const STOCK: &str = "CREATE TABLE stock (id int PRIMARY KEY, n int);
    INSERT INTO stock SELECT i, 0 FROM generate_series(1, 5000) i;
    ANALYZE stock";
