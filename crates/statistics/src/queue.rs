//! Little's law and the M/M/c queue: what a pool of c connections should do, to hold against what
//! it does.

/// Number of requests in the system: L = X · R. Finite arguments never give NaN.
///
/// Source: Little, *A Proof for the Queuing Formula L = λW*, Operations Research 9(3), 1961.
pub fn little_concurrency(throughput_per_s: f64, residence_ns: f64) -> f64 {
    throughput_per_s * (residence_ns / 1e9)
}

/// The probability that an arrival must wait, with `servers` busy on `offered_load` erlangs
/// (arrival rate × service time), from Erlang's B by recursion.
///
/// `None` without servers, for a load below zero or not finite, and for a load that the servers
/// cannot carry (at or above their number: the queue grows without end).
///
/// Source: Cooper, *Introduction to Queueing Theory*, 2nd ed. 1981, §3.4 (C from B) and §3.3
/// (the recursion 1/B(c) = 1 + (c/a)/B(c − 1)).
pub fn erlang_c(servers: usize, offered_load: f64) -> Option<f64> {
    if servers == 0 || !(0.0..servers as f64).contains(&offered_load) {
        return None;
    }
    let mut inverse_b = 1.0;
    for server in 1..=servers {
        inverse_b = 1.0 + server as f64 / offered_load * inverse_b;
        if f64::is_infinite(inverse_b) {
            return Some(0.0);
        }
    }
    let b = 1.0 / inverse_b;
    let utilisation = offered_load / servers as f64;
    Some((b / (1.0 - utilisation * (1.0 - b))).clamp(0.0, 1.0))
}

/// The mean wait for a server, in nanoseconds, of an M/M/c queue: C ÷ (c·μ − λ).
///
/// `None` where [`erlang_c`] is, and for a service time that is not above zero.
///
/// Source: Cooper 1981, §3.4; Kleinrock, *Queueing Systems* vol. 1, 1975, §3.5.
pub fn mmc_wait(servers: usize, arrivals_per_s: f64, service_ns: f64) -> Option<f64> {
    if service_ns.is_nan() || service_ns <= 0.0 {
        return None;
    }
    let offered_load = arrivals_per_s * (service_ns / 1e9);
    let waiting = erlang_c(servers, offered_load)?;
    Some(waiting * service_ns / (servers as f64 - offered_load))
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

    /// One server: C = ρ. Two servers: C = 2ρ²/(1 + ρ). Three servers at 2 erlangs: 4/9 (Cooper,
    /// §3.4, by hand from the definition).
    #[test]
    fn erlang_c_matches_its_closed_forms() {
        close(erlang_c(1, 0.7).unwrap(), 0.7);
        close(erlang_c(2, 1.5).unwrap(), 2.0 * 0.75 * 0.75 / 1.75);
        close(erlang_c(3, 2.0).unwrap(), 4.0 / 9.0);
        close(erlang_c(4, 0.0).unwrap(), 0.0);
        assert_eq!(erlang_c(1_000_000_000, 1.0), Some(0.0));
    }

    /// M/M/1 at ρ = ½ with a service of 1 ms waits ρ/(1 − ρ) = 1 service time.
    #[test]
    fn waits_match_the_single_server_formula() {
        close(mmc_wait(1, 500.0, 1e6).unwrap(), 1e6);
        close(mmc_wait(1, 900.0, 1e6).unwrap(), 9e6);
        close(mmc_wait(3, 2_000.0, 1e6).unwrap(), 4.0 / 9.0 * 1e6);
    }

    #[test]
    fn an_overloaded_or_senseless_queue_gives_none() {
        assert_eq!(erlang_c(0, 0.0), None);
        assert_eq!(erlang_c(2, 2.0), None);
        assert_eq!(erlang_c(2, -0.1), None);
        assert_eq!(erlang_c(2, f64::NAN), None);
        assert_eq!(mmc_wait(2, 2_000.0, 1e6), None);
        assert_eq!(mmc_wait(2, 10.0, f64::NAN), None);
    }
}
