//! Little's law, which relates throughput, time in the system and number of requests.

/// Calculates the mean number of requests in the system by Little's law, L = X · R, from the
/// throughput per second and the mean time of a request in the system in nanoseconds. Finite
/// arguments never give NaN.
///
/// Source: Little, *A Proof for the Queuing Formula L = λW*, Operations Research 9(3), 1961.
pub(crate) fn little_concurrency(throughput_per_s: f64, residence_ns: f64) -> f64 {
    throughput_per_s * (residence_ns / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
            "{found} ≠ {expected}"
        );
    }

    #[test]
    fn a_thousand_a_second_for_two_milliseconds_are_two_at_once() {
        close(little_concurrency(1_000.0, 2e6), 2.0);
    }
}
