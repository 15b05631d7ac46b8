//! Figures of a cache in the client's memory: the share of the reads that it answers, what the server
//! invalidates, and reads of values that were no longer valid.

use std::time::Duration;

use bench_cli::table::{self, Table};
use bench_report::names::{FigureName, steps};
use bench_report::{Report, Series, Step, Warning, WarningCode};
use statistics::mean;

use super::cache_work::{HITS, LOCAL, STALE_LOCAL};
use super::hit_ratio_course::{DRIFT_BOUND, HitRatioCourse};
use crate::results::group::groups;
use crate::run::workload::Variants;

/// Name of the step parameter with the number of entries.
const CLIENT_CACHE: &str = "client_cache";

/// Returns the variants of a run with caches of `sizes` entries; 0 is a run without one.
pub(super) fn variants(sizes: &[u64]) -> Variants {
    let names = sizes.iter().map(|entries| match entries {
        0 => "no client cache".to_owned(),
        entries => format!("client cache {entries}"),
    });
    Variants {
        parameter: CLIENT_CACHE,
        names: names.collect(),
    }
}

/// Adds the figures of a finished step with a cache in the client's memory; none to any other.
pub(super) fn conclude(step: &mut Step) {
    if !step.operations.contains_key(LOCAL) {
        return;
    }
    let found = |name| step.operations.get(name).map_or(0, |hit| hit.succeeded);
    let misses = step.operations.get("miss");
    let misses = misses.map_or(0, |miss| miss.succeeded + miss.failures());
    let reads = HITS.into_iter().map(found).sum::<u64>() + misses;
    if reads == 0 {
        return;
    }
    let of_reads = |count: u64| count as f64 / reads as f64;
    let local = found(LOCAL) + found(STALE_LOCAL);
    let stale = found(STALE_LOCAL);
    step.figure(steps::CLIENT_CACHE_HIT_RATIO, of_reads(local));
    step.figure(steps::CLIENT_CACHE_STALE_RATIO, of_reads(stale));
}

/// Returns a warning about `step`, the step at `index`, if the share of the reads that the client answered
/// itself still changed in it: such a cache is empty when a step begins, and `ttl` is the life of a key.
pub(super) fn drift_doubt(
    step: &Step,
    index: usize,
    series: &[Series],
    ttl: Duration,
) -> Option<Warning> {
    step.operations.get(LOCAL)?;
    let drift = HitRatioCourse::of(step, series, &[LOCAL, STALE_LOCAL]).drift()?;
    let verb = if drift.change() < 0.0 { "fell" } else { "rose" };
    let told = format!(
        "the share of the reads that the client answered itself {verb} from {} in the first third of \
         the step to {} in the last: its cache is empty when a step begins; warm up for two times to \
         live ({})",
        table::ratio(drift.first),
        table::ratio(drift.last),
        table::duration_ns(2 * ttl.as_nanos() as u64),
    );
    drift.is_certain.then(|| {
        Warning::new(WarningCode::HitRatioDrifting, told)
            .with_figures(drift.change().abs(), DRIFT_BOUND)
            .about_step(index, &["figures/client_cache.hit_ratio"])
    })
}

/// Returns the table of the caches in the client's memory; empty if no step has them.
pub(super) fn text(report: &Report, variants: &Variants) -> String {
    let groups = groups(report, variants);
    if groups
        .iter()
        .all(|group| group.figures(steps::CLIENT_CACHE_HIT_RATIO).is_empty())
    {
        return String::new();
    }
    let mut table = Table::new(&["", "from memory", "stale", "invalidated", "evicted"]);
    for group in &groups {
        let figure = |name: FigureName, show: &dyn Fn(f64) -> String| {
            mean(&group.figures(name)).map_or_else(|| "–".to_owned(), show)
        };
        let count = |count: f64| format!("{count:.0}");
        table.row(&[
            group.name(),
            figure(steps::CLIENT_CACHE_HIT_RATIO, &table::ratio),
            figure(steps::CLIENT_CACHE_STALE_RATIO, &table::ratio),
            figure(steps::CLIENT_CACHE_INVALIDATIONS, &count),
            figure(steps::CLIENT_CACHE_EVICTIONS, &count),
        ]);
    }
    format!("\nCaches in the client's memory:\n{table}")
        + &table::paragraph(
            "from memory: reads that the client answered itself; stale: reads that it answered with \
             a value that a write of this process had replaced or whose life was over: the server \
             names a key when it removes it, not when it expires; invalidated: keys that the server \
             named; evicted: keys that made room for others. All are means over the repeats.",
            0,
        )
}
