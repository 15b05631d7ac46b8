//! Redis executes commands on one thread: it can be full on a machine that is not.

use super::Bound;
use crate::assessment::Confidence;
use crate::facts::{Bench, Facts};
use crate::figures::share;

pub(super) fn main_thread(bench: &Bench<'_>, _: &Facts<'_>) -> Option<Bound> {
    let (_, step) = bench.operating()?;
    let used_s = bench.server("cpu_main_thread_s")?;
    let ratio = used_s / Some(step.window.measured_s()).filter(|s| *s > 0.0)?;
    Some(Bound {
        factor: "redis_main_thread".to_owned(),
        title: format!(
            "Redis's main thread: busy {} of one core",
            share(ratio.min(1.0))
        ),
        reason: "Redis executes commands one after another on this thread".to_owned(),
        used_ratio: ratio,
        confidence: Confidence::High,
        evidence: bench
            .server_evidence("cpu_main_thread_s")
            .into_iter()
            .collect(),
        would_tell: None,
    })
}
