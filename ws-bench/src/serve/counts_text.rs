//! Counts of a server that has ended, as lines for people.

use std::collections::BTreeMap;

use super::counters::ServeCounts;

/// Returns the counts as a line for each kind, with a line break at the end of each.
pub(crate) fn text(counts: &ServeCounts) -> String {
    let refused = &counts.refused;
    let lines = [
        format!(
            "accepted    {}: {} opened, {} refused, {} without an upgrade",
            counts.accepted,
            counts.opened,
            refused.sum(),
            counts.without_upgrade
        ),
        format!(
            "refused     full (503): {}, per address (403): {}, rate (429): {}",
            refused.full, refused.per_address, refused.rate_limit
        ),
        format!(
            "open        at most {} at once, {} at the end",
            counts.most_open, counts.open_at_end
        ),
        format!(
            "closed      by clients: {}",
            by_code(&counts.closed.by_client)
        ),
        format!(
            "            by the server: {}",
            by_code(&counts.closed.by_server)
        ),
        format!(
            "messages    in: {} ({} bytes), out: {} ({} bytes)",
            counts.messages_in, counts.bytes_in, counts.messages_out, counts.bytes_out
        ),
        format!(
            "answers     left out: {}, sent twice: {}, missed by slow readers: {}",
            counts.dropped, counts.duplicated, counts.skipped
        ),
    ];
    lines.map(|line| line + "\n").concat()
}

/// Returns the number of connections for each close code: `3 with 1000, 1 with 1006`.
fn by_code(counts: &BTreeMap<u16, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    let counted = counts
        .iter()
        .map(|(code, count)| format!("{count} with {code}"));
    counted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::counters::{ClosedCounts, RefusedCounts};

    #[test]
    fn each_kind_is_a_line() {
        let counts = ServeCounts {
            accepted: 16,
            opened: 11,
            most_open: 9,
            open_at_end: 2,
            refused: RefusedCounts {
                full: 1,
                per_address: 2,
                rate_limit: 0,
            },
            without_upgrade: 2,
            closed: ClosedCounts {
                by_client: BTreeMap::from([(1000, 5), (1006, 1)]),
                by_server: BTreeMap::from([(1001, 3)]),
            },
            messages_in: 40,
            bytes_in: 800,
            messages_out: 37,
            bytes_out: 740,
            dropped: 4,
            duplicated: 1,
            skipped: 0,
        };
        insta::assert_snapshot!(text(&counts), @r"
        accepted    16: 11 opened, 3 refused, 2 without an upgrade
        refused     full (503): 1, per address (403): 2, rate (429): 0
        open        at most 9 at once, 2 at the end
        closed      by clients: 5 with 1000, 1 with 1006
                    by the server: 3 with 1001
        messages    in: 40 (800 bytes), out: 37 (740 bytes)
        answers     left out: 4, sent twice: 1, missed by slow readers: 0
        ");
        let none = text(&ServeCounts::default());
        assert!(
            none.contains("by clients: none\n            by the server: none\n"),
            "{none}"
        );
    }
}
