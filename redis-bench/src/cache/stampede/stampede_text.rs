//! Text about stampedes: calls of the back-end at an expiry, by guard.

use bench_cli::table::{self, Table};
use bench_report::Report;
use bench_report::names::{FigureName, steps};
use statistics::mean;

use crate::cli::BackendFlag;
use crate::results::group::{ClientGroup, groups};
use crate::run::workload::Variants;

/// Returns the table of the calls at an expiry; empty if no step was measured.
pub(super) fn text(report: &Report, variants: &Variants, backend: BackendFlag) -> String {
    let groups = groups(report, variants);
    let told: Vec<&ClientGroup<'_>> = groups
        .iter()
        .filter(|group| !group.figures(steps::STAMPEDE_EXPIRIES).is_empty())
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let is_only_client = told.iter().all(|group| group.client == told[0].client);
    let mut table = Table::new(&[
        "", "expiries", "calls", "expected", "worst", "at once", "stalled",
    ]);
    for group in told {
        let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), table::three_digits);
        let each = |name: FigureName| cell(mean(&group.figures(name)));
        let most = |name: FigureName| cell(group.figures(name).into_iter().max_by(f64::total_cmp));
        let name = match &group.variant {
            Some(guard) if is_only_client => guard.clone(),
            _ => group.name(),
        };
        table.row(&[
            name,
            each(steps::STAMPEDE_EXPIRIES),
            each(steps::STAMPEDE_CALLS_PER_EXPIRY),
            each(steps::STAMPEDE_EXPECTED_CALLS),
            most(steps::STAMPEDE_WORST_CALLS),
            most(steps::STAMPEDE_MOST_AT_ONCE),
            each(steps::STAMPEDE_STALLED_PER_EXPIRY),
        ]);
    }
    format!("\nExpiries of one hot key with a back-end of {backend} behind it:\n{table}")
        + &table::paragraph(
            "calls: of the back-end at an expiry, mean and worst; expected: the first one, and the \
             arrivals until its value is written, with a rate and without a guard; at once: most \
             calls at the same time; stalled: requests at an expiry that found no value. The first \
             fill of the key is left out, the warm-up is included.",
            0,
        )
}
