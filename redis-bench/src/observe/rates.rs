//! Figures of a watched server that follow from its counters: rates, hit ratio, use of its thread.

use bench_report::names::redis::{self, commands};
use bench_report::{EvidenceRow, ServerEvidence};

use crate::evidence::ThreadTime;

/// Adds to the evidence of a time the figures that follow from its counters. A figure whose counters
/// are not known, of which only a lower bound is known, or that has no value, such as a hit ratio
/// without reads, is left out.
pub(super) fn add_to(seen: &mut ServerEvidence) {
    let Some(seconds) = seen.value(redis::INTERVAL_S).filter(|s| *s > 0.0) else {
        return;
    };
    let others = seen
        .value(redis::COMMANDS_PROCESSED)
        .map(|all| (all - own_calls(seen)).max(0.0));
    let hits = seen.value(redis::KEYSPACE_HITS);
    let reads = hits.zip(seen.value(redis::KEYSPACE_MISSES));
    let hit_ratio = reads.and_then(|(hits, misses)| {
        let reads = hits + misses;
        (reads > 0.0).then(|| hits / reads)
    });
    let rate = |counted: Option<f64>| Some(counted? / seconds);
    let figures = [
        (redis::COMMANDS_PER_S, rate(others)),
        (
            redis::MAIN_THREAD_BUSY_RATIO,
            ThreadTime::of(seen)
                .filter(|time| !time.is_lower_bound)
                .map(|time| time.busy),
        ),
        (redis::KEYSPACE_HIT_RATIO, hit_ratio),
        (
            redis::EXPIRED_KEYS_PER_S,
            rate(seen.value(redis::EXPIRED_KEYS)),
        ),
        (
            redis::EVICTED_KEYS_PER_S,
            rate(seen.value(redis::EVICTED_KEYS)),
        ),
        (
            redis::NET_OUTPUT_BYTES_PER_S,
            rate(seen.value(redis::NET_OUTPUT_BYTES)),
        ),
    ];
    for (name, value) in figures {
        if let Some(value) = value {
            seen.figure(name, value);
        }
    }
}

/// Returns true if this program itself sent the commands of a row of the table of commands.
pub(super) fn is_own(row: &EvidenceRow) -> bool {
    row.label(commands::WHOSE) == Some("bench")
}

/// Returns the number of commands that this program itself sent.
fn own_calls(seen: &ServerEvidence) -> f64 {
    let rows = seen.rows(commands::TABLE).unwrap_or_default().iter();
    rows.filter(|row| is_own(row))
        .filter_map(|row| row.value(commands::CALLS))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_commands_do_not_count_and_what_was_not_read_has_no_figure() {
        let mut seen = ServerEvidence::default();
        seen.figure(redis::INTERVAL_S, 2.0);
        seen.figure(redis::COMMANDS_PROCESSED, 1_040.0);
        seen.figure(redis::KEYSPACE_HITS, 0.0);
        seen.figure(redis::KEYSPACE_MISSES, 0.0);
        seen.figure(redis::EXPIRED_KEYS, 8.0);
        let own = EvidenceRow::new(
            [(commands::WHOSE, "bench".to_owned())],
            [(commands::CALLS, 40.0)],
        );
        seen.table(commands::TABLE, vec![own]);
        add_to(&mut seen);
        assert_eq!(seen.value(redis::COMMANDS_PER_S), Some(500.0));
        assert_eq!(seen.value(redis::EXPIRED_KEYS_PER_S), Some(4.0));
        assert_eq!(seen.value(redis::KEYSPACE_HIT_RATIO), None, "no read");
        assert_eq!(seen.value(redis::EVICTED_KEYS_PER_S), None);
        assert_eq!(seen.value(redis::MAIN_THREAD_BUSY_RATIO), None);
    }
}
