//! Percentiles of the time in each command, as the server keeps them since it started or its statistics
//! were reset (`INFO latencystats`, since version 7.0). They are not those of the step.

use std::collections::BTreeSet;

use bench_report::names::redis::{call_percentiles, commands};
use bench_report::{EvidenceRow, ServerEvidence};

use crate::server::info::Info;

/// Beginning of the fields' names.
const PREFIX: &str = "latency_percentiles_usec_";
/// Percentiles that are shown, by their names in the fields. A setting of the server may have others.
const SHOWN: [&str; 3] = ["p50", "p99", "p99.9"];

/// Adds a table with the percentiles of the commands that were called in the step, according to the
/// table of commands in `evidence`.
pub(super) fn add(evidence: &mut ServerEvidence, info: &Info) {
    let called = evidence.rows(commands::TABLE).unwrap_or_default().iter();
    let called: BTreeSet<&str> = called
        .filter_map(|row| row.label(commands::COMMAND))
        .collect();
    let rows = called.into_iter().filter_map(|command| {
        let field = format!("{PREFIX}{command}");
        let [p50, p99, p999] = SHOWN.map(|percentile| info.part(&field, percentile));
        p50.or(p99).or(p999)?;
        let told = |us: Option<f64>| us.unwrap_or(f64::NAN);
        Some(EvidenceRow::new(
            [(call_percentiles::COMMAND, command.to_owned())],
            [
                (call_percentiles::P50_US, told(p50)),
                (call_percentiles::P99_US, told(p99)),
                (call_percentiles::P999_US, told(p999)),
            ],
        ))
    });
    let rows: Vec<EvidenceRow> = rows.collect();
    if !rows.is_empty() {
        evidence.table(call_percentiles::TABLE, rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_step_have_those_percentiles_that_the_server_keeps() {
        let info = Info::parse(
            "latency_percentiles_usec_get:p50=1.003,p99=5.023,p99.9=11.007\n\
             latency_percentiles_usec_config|get:p50=9.023,p90=9.5\n\
             latency_percentiles_usec_keys:p50=700.5,p99=900.5,p99.9=901.1\n",
        );
        let mut evidence = ServerEvidence::default();
        let row = |name: &str| EvidenceRow::new([(commands::COMMAND, name.to_owned())], []);
        let called = ["get", "config|get", "set"].map(row);
        evidence.table(commands::TABLE, called.to_vec());
        add(&mut evidence, &info);
        let rows = evidence.rows(call_percentiles::TABLE).unwrap();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(rows[0].label(call_percentiles::COMMAND), Some("config|get"));
        assert_eq!(rows[0].value(call_percentiles::P99_US), None);
        assert_eq!(rows[1].value(call_percentiles::P999_US), Some(11.007));
    }
}
