//! Parts of a checkout: waiting for a place in the pool, the driver's check of a connection, and opening a
//! connection.

use bench_report::{Load, Step};

/// Connections in use ÷ pool size. From this ratio on, calls may wait for the pool.
pub(crate) const FULL_RATIO: f64 = 0.8;

/// Returns the mean time that a call waits for a place in the pool, in nanoseconds. It is at most
/// `checkout_ns`, the mean time of a whole checkout. `None` if the report does not separate the wait from the
/// rest of a checkout.
pub(crate) fn wait_ns(step: &Step, checkout_ns: f64) -> Option<f64> {
    let pool = step.pool.as_ref()?;
    if let Some(parts) = &pool.checkout {
        return Some(parts.wait_mean_ns.min(checkout_ns));
    }
    let throughput = step.throughput_per_s();
    // Little's law: the mean wait of a call is waiting calls ÷ calls per second.
    let waiting = pool.waiting_mean.or_else(|| all_but_those_served(step))?;
    (throughput > 0.0).then(|| (waiting / throughput * 1e9).min(checkout_ns))
}

/// Returns the mean number of users that wait for a connection, computed as those without one. This
/// holds if the pool is fully used and users do not pause; otherwise `None`.
fn all_but_those_served(step: &Step) -> Option<f64> {
    let pool = step.pool.as_ref()?;
    let full = pool.samples > 0 && pool.in_use_mean >= FULL_RATIO * pool.max_size as f64;
    match step.load {
        Load::Closed {
            users,
            think_time_ns: 0,
        } if full => Some((users as f64 - pool.in_use_mean).max(0.0)),
        _ => None,
    }
}

/// Returns the parts of a mean checkout of `checkout_ns` nanoseconds, each with name, title and
/// length in nanoseconds.
pub(super) fn parts(step: &Step, checkout_ns: f64) -> Vec<(&'static str, &'static str, f64)> {
    const WAIT: (&str, &str) = ("checkout", "waiting for a place in the pool");
    let Some(wait) = wait_ns(step, checkout_ns) else {
        let title = "taking a connection (waiting, check and connecting not told apart)";
        return vec![("checkout", title, checkout_ns)];
    };
    let rest = (checkout_ns - wait).max(0.0);
    let told = step.pool.as_ref().and_then(|pool| pool.checkout);
    let Some(parts) = told.filter(|p| p.check_mean_ns + p.connect_mean_ns > 0.0) else {
        let title = "taking a free connection from the pool (its check, connecting)";
        return vec![(WAIT.0, WAIT.1, wait), ("checkout_other", title, rest)];
    };
    // The parts' means are over all checkouts, the whole is over those of successful calls: the parts are
    // scaled to fit.
    let scale = (rest / (parts.check_mean_ns + parts.connect_mean_ns)).min(1.0);
    let (check, connect) = (parts.check_mean_ns * scale, parts.connect_mean_ns * scale);
    let other = rest - check - connect;
    let mut found = vec![
        (WAIT.0, WAIT.1, wait),
        (
            "checkout_check",
            "the driver's check of a connection",
            check,
        ),
        ("checkout_connect", "opening a connection", connect),
    ];
    if other > 0.01 * checkout_ns {
        found.push(("checkout_other", "taking a connection, otherwise", other));
    }
    found
}
