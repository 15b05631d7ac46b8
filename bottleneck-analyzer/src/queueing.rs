//! Formulas of queues: mean wait, and utilisation of a server by the length of its queue.

/// Returns the mean time that a call waits in the queue, in nanoseconds, by Erlang's C formula
/// (M/M/c): `rate_per_s` calls arrive per second, and each occupies one of `servers` for
/// `service_ns` nanoseconds. `None` if the servers cannot keep up.
pub(crate) fn erlang_wait_ns(servers: f64, rate_per_s: f64, service_ns: f64) -> Option<f64> {
    let offered = rate_per_s * service_ns / 1e9;
    if servers < 1.0 || offered >= servers {
        return None;
    }
    if offered <= 0.0 {
        return Some(0.0);
    }
    // Computes Erlang's B by recursion, because factorials would overflow.
    let mut blocked = 1.0;
    for n in 1..=servers as u64 {
        blocked = offered * blocked / (n as f64 + offered * blocked);
    }
    let waits = blocked / (1.0 - offered / servers * (1.0 - blocked));
    Some(waits * service_ns / (servers - offered))
}

/// Returns the mean time that a call waits for a single server, in nanoseconds (M/M/1): `rate_per_s` calls
/// arrive per second and each occupies it for `service_ns` nanoseconds. `None` if it cannot keep up.
pub(crate) fn single_server_wait_ns(rate_per_s: f64, service_ns: f64) -> Option<f64> {
    let used = rate_per_s * service_ns / 1e9;
    (used < 1.0).then(|| service_ns * used / (1.0 - used))
}

/// Returns the ratio of the wait for one of `servers` with `then` of them busy on average ÷ the wait with
/// `now` of them busy, for work in pieces of the same length (M/M/c). Servers that are nearly all busy count
/// as busy for 99 %, because the formula has no finite wait beyond. At most 1; 1 without servers.
pub(crate) fn shorter_queue_ratio(servers: f64, now: f64, then: f64) -> f64 {
    let servers = servers.floor();
    let at = |busy: f64| {
        let busy = busy.clamp(0.0, 0.99 * servers);
        // Pieces of one second: the rate is then the number of busy servers.
        erlang_wait_ns(servers, busy, 1e9)
    };
    match (at(now), at(then)) {
        (Some(now), Some(then)) if now > 0.0 => (then / now).min(1.0),
        _ => 1.0,
    }
}

/// Returns the utilisation, from 0 to 1, of a single server with a closed population of
/// `population` customers, of which `waiting` queue on average (the machine-repairman model,
/// M/M/1//N).
pub(crate) fn utilisation_behind(population: f64, waiting: f64) -> f64 {
    let population = population.round().max(1.0) as u64;
    let (mut low, mut high) = (-6.0_f64, 6.0_f64);
    // Bisects the logarithm of service time ÷ time away, because the queue grows with it.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if repairman(population, middle.exp()).1 < waiting {
            low = middle;
        } else {
            high = middle;
        }
    }
    repairman(population, low.exp()).0
}

/// Returns the utilisation of the server, from 0 to 1, and the mean number of customers in the
/// queue, without the one being served, for `population` customers. `ratio` is service time ÷ the
/// time for which a customer stays away.
fn repairman(population: u64, ratio: f64) -> (f64, f64) {
    // The sum of N! ÷ (N − n)! × ratio^n over n, by Horner's scheme from the inside.
    let weights = (1..=population).fold(1.0, |sum: f64, n| 1.0 + n as f64 * ratio * sum);
    let busy = 1.0 - 1.0 / weights;
    let queue = population as f64 - busy * (1.0 + 1.0 / ratio);
    (busy, queue.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_s_wait_is_the_textbook_s() {
        // One server: W = ρ ÷ (1 − ρ) × S.
        let one = erlang_wait_ns(1.0, 50.0, 1e7).unwrap();
        assert!((one - 1e7).abs() < 1.0, "{one}");
        // Two servers at ρ = 0.75: C = 0.643, W = C × S ÷ (c − a) = 1.2857 S.
        let two = erlang_wait_ns(2.0, 150.0, 1e7).unwrap();
        assert!((two / 1e7 - 1.2857).abs() < 1e-3, "{two}");
        assert_eq!(erlang_wait_ns(2.0, 200.0, 1e7), None);
        assert_eq!(erlang_wait_ns(8.0, 0.0, 1e7), Some(0.0));
        assert!(erlang_wait_ns(500.0, 100.0, 1e9).unwrap() < 1.0);
    }

    #[test]
    fn the_wait_for_one_server_is_the_textbook_s_and_a_freed_processor_shortens_the_queue() {
        let wait = single_server_wait_ns(500.0, 0.86e6).unwrap();
        assert!((wait / 0.649e6 - 1.0).abs() < 0.01, "{wait}");
        assert_eq!(single_server_wait_ns(500.0, 2e6), None);
        // Four processors, 3.6 of them busy, of which 1.2 are given back.
        let ratio = shorter_queue_ratio(4.0, 3.6, 2.4);
        assert!((0.05..0.15).contains(&ratio), "{ratio}");
        // What is used up beyond what the formula can tell stays as it is.
        assert!((shorter_queue_ratio(4.0, 4.5, 4.2) - 1.0).abs() < f64::EPSILON);
        assert!((shorter_queue_ratio(0.0, 1.0, 0.5) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_server_before_which_half_of_all_wait_is_nearly_always_busy() {
        let busy = utilisation_behind(8.0, 3.73);
        assert!((busy - 0.986).abs() < 0.01, "{busy}");
        assert!(utilisation_behind(8.0, 0.05) < 0.4);
        assert!(utilisation_behind(8.0, 6.9) > 0.999);
        assert!(utilisation_behind(300.0, 200.0) > 0.99);
        assert!(utilisation_behind(1.0, 0.0) >= 0.0);
    }
}
