//! Parts of a checkout: waiting for a place in the pool, the driver's check of a connection, and opening a
//! connection.

use bench_report::{Load, Step};

/// Connections in use ÷ pool size from which calls may wait for the pool.
pub(crate) const FULL_RATIO: f64 = 0.8;

/// Returns the mean time, in nanoseconds, that a call waits for a place in the pool, at most the mean
/// checkout time `checkout_ns`. `None` if the report does not separate it from the rest of a checkout.
pub(crate) fn wait_ns(step: &Step, checkout_ns: f64) -> Option<f64> {
    let pool = step.pool.as_ref()?;
    if let Some(parts) = &pool.checkout {
        return Some(parts.wait_mean_ns.min(checkout_ns));
    }
    let throughput = step.throughput_per_s();
    // Little's law: waiting calls ÷ calls per second is the wait of each call.
    let waiting = pool.waiting_mean.or_else(|| all_but_those_served(step))?;
    (throughput > 0.0).then(|| (waiting / throughput * 1e9).min(checkout_ns))
}

/// Returns the number of users without a connection, which all wait if the pool is in full use and users
/// make no pauses. `None` otherwise.
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

/// Returns the parts of a mean checkout: name, title and nanoseconds.
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
    // The three means were taken over all checkouts, the whole over those of successes.
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
