//! Text about a finished run of a script: a table by sequence.

use bench_cli::table::{self, Table};
use bench_report::{Latency, Operation, Report};

use crate::results::group::groups;
use crate::run::workload::Variants;

/// Returns a table of the sequences for each way to connect, over all repeats; empty if nothing was
/// measured.
pub(super) fn told(report: &Report, variants: &Variants) -> String {
    let mut table = Table::new(&["sequence", "throughput", "p50", "p99", "errors"]);
    let mut is_empty = true;
    for group in groups(report, variants) {
        let completed: Vec<_> = group.completed().collect();
        let Some(first) = completed.first() else {
            continue;
        };
        for name in first.operations.keys() {
            let of_name = || {
                completed
                    .iter()
                    .filter_map(|step| step.operations.get(name))
            };
            let rates: Vec<f64> = of_name().map(|one| one.throughput_per_s).collect();
            let latency = Latency::from_operations(of_name()).ok();
            let at = |q: f64| table::quantile(latency.as_ref().and_then(|all| all.quantile(q)));
            let failures: u64 = of_name().map(Operation::failures).sum();
            table.row(&[
                format!("{name}, {}", group.name()),
                statistics::mean(&rates).map_or("–".to_owned(), table::rate),
                at(0.5),
                at(0.99),
                failures.to_string(),
            ]);
            is_empty = false;
        }
    }
    if is_empty {
        return String::new();
    }
    format!("\n{}", table.with_names_above(Some(80)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::summary::tests::report;

    #[test]
    fn each_sequence_is_told_for_each_way_to_connect() {
        let report = report(&[100.0, 120.0], &[200.0]);
        let told = told(&report, &Variants::default());
        assert!(told.contains("get, pool of 8"), "{told}");
        assert!(told.contains("110/s"), "{told}");
        assert!(told.contains("get, 1 shared connection"), "{told}");
        assert_eq!(
            super::told(&super::tests::report(&[], &[]), &Variants::default()),
            ""
        );
    }
}
