//! Lengths and periods of stalls that are known from the settings of systems.

/// Returns a sentence about what takes `length_ns` nanoseconds; `None` for a length that says nothing.
pub(super) fn of_length(length_ns: u64) -> Option<&'static str> {
    const MS: u64 = 1_000_000;
    let known = [
        (
            35..=60,
            "That is the length of a delayed acknowledgement (40 ms: Nagle's algorithm)",
        ),
        (
            190..=260,
            "That is the length after which TCP sends a lost packet again (200 ms and the way)",
        ),
        (
            950..=1_100,
            "That is the length of deadlock_timeout (1 s), or of a connection request that is sent again",
        ),
        (
            2_900..=3_200,
            "That is the length of a connection request that is sent a second time (3 s)",
        ),
        (
            4_900..=5_300,
            "That is the length of a name look-up that is tried again (5 s)",
        ),
        (
            6_900..=7_400,
            "That is the length of a connection request that is sent a third time (7 s)",
        ),
    ];
    let milliseconds = length_ns / MS;
    let found = known
        .iter()
        .find(|(range, _)| range.contains(&milliseconds));
    found.map(|(_, sentence)| *sentence)
}

/// Returns a sentence about what comes every `period_ns` nanoseconds; `None` for a period that says nothing.
pub(super) fn of_period(period_ns: f64) -> Option<&'static str> {
    let known = [
        (
            60.0,
            "That is the period of autovacuum_naptime, of Redis's save, and of cron",
        ),
        (
            300.0,
            "That is the period of checkpoint_timeout, and of Redis's save",
        ),
        (900.0, "That is a common period of checkpoint_timeout"),
        (
            3_600.0,
            "That is the period of Redis's save, and of hourly jobs",
        ),
    ];
    let seconds = period_ns / 1e9;
    let found = known
        .iter()
        .find(|(period, _)| (seconds / period - 1.0).abs() < 0.03);
    found.map(|(_, sentence)| *sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lengths_and_periods_are_told_and_others_are_not() {
        assert!(of_length(205_000_000).unwrap().contains("lost packet"));
        assert!(
            of_length(1_010_000_000)
                .unwrap()
                .contains("deadlock_timeout")
        );
        assert!(of_length(5_020_000_000).unwrap().contains("name look-up"));
        assert_eq!(of_length(430_000_000), None);
        assert!(of_period(60.4e9).unwrap().contains("autovacuum_naptime"));
        assert_eq!(of_period(17e9), None);
    }
}
